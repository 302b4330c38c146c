"""The report and notebook pages in a browser: on a phone and a desktop, by touch, mouse and keyboard."""

import pytest

UNFOLD = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
# Numbers and words of table cells that are broken over two lines.
BROKEN = """[...document.querySelectorAll("td, th")].flatMap((cell) => {
  const found = [], walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) for (const part of walk.currentNode.data.matchAll(/[\\w.,−%]+/g)) {
    const range = document.createRange();
    range.setStart(walk.currentNode, part.index);
    range.setEnd(walk.currentNode, part.index + part[0].length);
    if (new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1) found.push(part[0]);
  }
  return found;
})"""


@pytest.mark.long
@pytest.mark.parametrize("name", ["report.html", "notebooks/01_schedules.html"])
def test_it_shuts_nobody_out(made_out, open_page, accessible, name):
    page = open_page(made_out / name)
    page.evaluate(UNFOLD)
    accessible(page)


def test_a_phone_has_contents_whole_numbers_and_large_figures(made_out, open_page):
    page = open_page(made_out / "report.html", 390, has_touch=True)
    link = page.locator("#contents").get_by_role("link", name="Conclusion")
    assert not link.is_visible()
    page.locator("#contents summary").tap()
    link.tap()
    page.wait_for_timeout(100)
    assert not link.is_visible()
    assert "Conclusion" in page.locator("#contents .here").inner_text()
    image = page.locator("figure img").first
    small = image.bounding_box()["width"]
    image.tap()
    assert page.locator("dialog img").bounding_box()["width"] > 1.5 * small  # which is wider than the phone
    page.get_by_role("button", name="Close").tap()
    assert not page.locator("dialog").is_visible()
    page.evaluate(UNFOLD)
    assert page.evaluate(BROKEN) == []


def test_claims_unfold_figures_open_by_keyboard_and_paper_shows_all(made_out, open_page):
    page = open_page(made_out / "report.html")
    square = page.locator(".squares a").nth(7)
    claim = page.locator(f"[id='{square.get_attribute('href')[1:]}'] > :not(summary)").first
    assert not claim.is_visible()
    square.click()
    assert claim.is_visible()
    button = page.get_by_role("button", name="Enlarge Figure 1", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("dialog", name="Figure").is_visible()
    page.keyboard.press("Escape")
    assert button.evaluate("(button) => button === document.activeElement")
    page.emulate_media(media="print", color_scheme="dark")
    ink = page.evaluate("getComputedStyle(document.body).color.match(/\\d+/g).map(Number)")
    assert max(ink[:3]) < 60
    assert page.locator("details.claim > :not(summary)").last.bounding_box()["height"] > 10
