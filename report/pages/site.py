"""Copy the files that the Pages workflow publishes to build/site (`make site`).

    python -m report.pages.site

Files keep their paths from the checkout, so links between pages work on the site as well.
"""

import shutil
import sys
from pathlib import Path

from report.places import ROOT

REPORT = ("*.html", "*.pdf", "*.csv", "numbers.json", "ledger.json", "figures/*", "metrics/*", "kept/*")
REPORT += ("notebooks/*.html",)
PARTS = [f"{out}/{part}" for out in ("build/quick", "build/released/paper") for part in REPORT]
PARTS += ["build/page/*", "released/page/notebooks/*", "released/*/metrics/*"]
PARTS += ["released/paper/report.pdf", "docs/images/unfold.gif", "README.md"]


def collect(project: Path, site: Path) -> None:
    """Copy the published files of a built project to a folder, after emptying it."""
    shutil.rmtree(site, ignore_errors=True)
    for path in (path for part in PARTS for path in project.glob(part)):
        copy = site / path.relative_to(project)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    shutil.copyfile(project / "docs" / "site.html", site / "index.html")


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(__doc__)
    collect(ROOT, ROOT / "build" / "site")
    print("Site ready: build/site (play page, paper, quick report, notebooks, API reference)")
