"""The picture of a report in the README: the top of its page, in few colours.

python tests/picture.py build/quick/report.html docs/images/report.png     needs chromium
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

MARGIN = 24  # pixels around the text and the table
EDGES = "table => { const box = table.getBoundingClientRect(); return [box.left, box.right, box.bottom] }"

if __name__ == "__main__":
    page_path, picture_path = map(Path, sys.argv[1:])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900}, offline=True, color_scheme="light")
        page.goto(page_path.resolve().as_uri())
        page.add_style_tag(content="#contents, .subtitle, .facts, .cite, .play { display: none }")
        left, right, bottom = page.locator("table").first.evaluate(EDGES)
        picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    picture = picture.crop((int(left) - MARGIN, 0, int(right) + MARGIN, int(bottom) + MARGIN))
    picture.quantize(32).save(picture_path, optimize=True)
