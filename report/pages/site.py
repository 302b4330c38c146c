"""Files that the Pages workflow publishes: `make site` copies them to build/site.

    python -m report.pages.site

Files keep their places from the checkout, so that each link between pages leads to the same file on the site.
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
    """Copy what a built project publishes to the folder of a site, which is made anew."""
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
    print("build/site has the page, the paper, a run of the profile quick and the page of the public names")
