"""The repository's address, and what is written where there is one."""

import shutil

import nbformat
import pytest
import yaml

from workflow import publish


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name in ("CITATION.cff", "README.md"):
        shutil.copy(publish.ROOT / name, tmp_path)
    shutil.copytree(publish.ROOT / "notebooks", tmp_path / "notebooks")
    monkeypatch.setattr(publish, "ROOT", tmp_path)
    return tmp_path


def test_a_second_address_takes_the_place_of_the_first(project):
    publish.publish("https://github.com/me/first.git")
    publish.publish("https://github.com/me/second/")
    cited = yaml.safe_load((project / "CITATION.cff").read_text())
    assert cited["repository-code"] == "https://github.com/me/second"
    readme = (project / "README.md").read_text()
    assert "github.com/me/first" not in readme
    assert "https://github.com/me/second/actions/workflows/ci.yml/badge.svg" in readme
    assert "https://me.github.io/second/paper/report.html" in readme
    for name in publish.HOSTED:
        cells = nbformat.read(project / "notebooks" / f"{name}.ipynb", as_version=4).cells
        assert [cell.id for cell in cells].count("hosted") == 1
        assert "git+https://github.com/me/second" in cells[0].source


def test_another_host_has_no_badge_and_nonsense_is_refused(project):
    publish.publish("https://example.org/me/code")
    assert "badge" not in (project / "README.md").read_text()
    before = (project / "CITATION.cff").read_bytes()
    with pytest.raises(ValueError, match="needed: https://HOST/NAME/PROJECT"):
        publish.publish("git@example.org:me")
    assert (project / "CITATION.cff").read_bytes() == before
