"""What is published: no link of the paper leaves the site."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from bs4 import BeautifulSoup

from helpers import ROOT


def test_no_link_of_the_paper_leaves_the_site(made_out, tmp_path):
    project = tmp_path / "project"
    target = project / "build" / "site"
    (project / "docs").mkdir(parents=True)
    shutil.copy(ROOT / "docs" / "site.html", project / "docs")
    shutil.copy(ROOT / "README.md", project)
    shutil.copytree(ROOT / "docs" / "images", project / "docs" / "images")
    (project / "released").symlink_to(ROOT / "released")
    out = Path(shutil.copytree(made_out, project / "build" / "released" / "paper"))
    make = ["make", "-e", "-C", project, "-f", ROOT / "Makefile", "site"]  # its pages are there
    subprocess.run(make, env=os.environ | {"PYTHON": "true", "RUN": "true"}, check=True)
    left = 0
    for page in out.glob("*.html"):
        assert (target / page.relative_to(project)).read_bytes() == page.read_bytes()
        links = {
            tag["href"].partition("#")[0]
            for tag in BeautifulSoup(page.read_text(), "html.parser").select("a[href]")
        }
        for link in (link for link in links if link.startswith("..")):  # to what is released
            place = (made_out / page.parent.relative_to(out) / link).resolve().relative_to(ROOT)
            assert (target / place).is_file(), place
            left += 1
    assert left > 10
    copied = (target / "build/released/paper/cold-zoom.html").read_text("utf-8")
    assert len(re.findall(r'<a href="\.\.', copied)) == 4  # to README and paper
    front = BeautifulSoup((target / "index.html").read_text(), "html.parser")
    links = {tag["href"] for tag in front.select("a:not([href^=https])")} - {"api/diffusion.html"}
    assert {"build/page/cold-zoom.html", "build/page/models.html", "build/quick/report.html"} == {
        link for link in links if not (target / link).is_file()
    }  # which are not built here
    pictures = [target / tag["src"] for tag in front.select("img")]
    assert pictures
    assert [picture for picture in pictures if not picture.is_file()] == []
