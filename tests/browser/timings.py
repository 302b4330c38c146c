"""Speed of the play page in Chromium, best of several: a call and a digit of each network, the first digit
after opening.

python tests/browser/timings.py [PAGE]

Beside the time on the clock stands that of the browser's process, which means more on a busy machine.
"""

import shutil
import sys
from collections import defaultdict
from pathlib import Path

from playwright.sync_api import CDPSession, sync_playwright

PAGE = Path(__file__).resolve().parents[2] / "released/page/cold-zoom.html"
LOADS, DIGITS = 8, 25
NETWORKS = {"cnn": "zoom-0", "unet": "zoom_unet_noise-0"}
DIGIT = """(name) => {
    const before = performance.now();
    coldZoom.zoom(name, coldZoom.seed());
    return performance.now() - before;
}"""
FIRST = "performance.getEntriesByName('first digit')[0].startTime"


def spent(session: CDPSession) -> float:
    """Milliseconds of processor time of the page's process so far."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return 1000 * next(one["value"] for one in metrics if one["name"] == "ProcessTime")


def main() -> None:
    path = Path(sys.argv[1]) if sys.argv[1:] else PAGE
    found: dict[str, list[float]] = defaultdict(list)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        print("Chromium", browser.version)
        for _ in range(LOADS):
            page = browser.new_page()
            session = page.context.new_cdp_session(page)
            session.send("Performance.enable")
            page.goto(path.resolve().as_uri())
            page.locator("html.ready").wait_for(timeout=300_000)
            found["first digit"].append(page.evaluate(FIRST))
            found["opening, processor"].append(spent(session))
            for name, training in NETWORKS.items():
                before = spent(session)
                found[f"{name}, digit"] += [page.evaluate(DIGIT, training) for _ in range(DIGITS)]
                found[f"{name}, digit, processor"].append((spent(session) - before) / DIGITS)
            page.close()
        browser.close()
    for name in [name for name in found if ", digit" in name]:
        found[name.replace("digit", "call")] = [one / 24 for one in found[name]]
    for name, values in found.items():
        ordered = sorted(values)
        print(
            f"{name}: best {ordered[0]:.1f} ms, median {ordered[len(ordered) // 2]:.1f} ms, of {len(values)}"
        )


if __name__ == "__main__":
    main()
