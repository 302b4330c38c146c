"""The report of the released paper: its content; and what a build refuses."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

import made_report
from report import build, pages


def ids(report):
    return [tag["id"] for tag in report.select("[id]")]


def links(report):
    return [tag["href"] for tag in report.select("a[href]")]


# --- the page ---


def test_the_page_is_whole(report):
    text = report.get_text()
    assert re.search("Abstract.*Contents.*Introduction.*Conclusion.*Errata.*Reproducibility", text, re.DOTALL)
    assert not re.findall(r"<<|>>|:::|\{#|\{\.|@fig|@tbl|@eq|@sec|\?\?", text)
    assert not re.search(r"\b(null|nan|Traceback)\b|\.json|/tmp", text)
    assert len(ids(report)) == len(set(ids(report)))


def test_figures_are_numbered_those_of_the_page_alone_by_themselves(report):
    captions = re.findall(
        r"(Figure|Table)\s(S?)(\d+)\.", " ".join(c.get_text() for c in report.select("figcaption"))
    )
    for kind in ("Figure", "Table"):
        for series in ("", "S"):
            found = [int(n) for k, s, n in captions if (k, s) == (kind, series)]
            assert found == list(range(1, len(found) + 1))
            assert len(found) > 2


def test_every_link_arrives_and_every_figure_and_table_is_mentioned(made_out, report):
    inside = {href[1:] for href in links(report) if href.startswith("#")}
    assert inside <= set(ids(report))
    assert not {i for i in ids(report) if i.startswith(("fig:", "tbl:", "alg:"))} - inside
    beside = {
        href
        for href in links(report)
        if not href.startswith(("#", "https://", "notebooks/", "data:text/csv,"))
    }
    assert {"report.pdf", "ledger.json", "cold-zoom.html"} <= beside
    places = [href.partition("#") for href in beside]
    assert [file for file, _, _ in places if not (made_out / file).is_file()] == []
    rows = (made_out / "rows.html").read_text()
    assert all(f'id="{place}"' in rows for file, _, place in places if file == "rows.html" and place)


def test_all_trainings_are_in_the_tables(report):
    rows = report.find(id="tbl:finals").select("tbody tr")
    names = [f"{model}, seed {n}" for model in ("DDPM, linear", "DDPM, cosine", "Cold Zoom") for n in (0, 1)]
    assert [row.find("th").get_text() for row in rows] == [*names, "Real images"]


def test_notebooks_of_the_run_are_rendered_and_linked_others_left_alone(made_out, report):
    assert {h.partition("#")[0] for h in links(report) if h.startswith("notebooks/")} == {
        f"notebooks/{name}.html" for name in made_report.NOTEBOOKS
    }
    assert not (made_out / "notebooks" / f"{made_report.STALE}.html").exists()


def test_something_else_than_a_notebook_is_refused(tmp_path):
    (tmp_path / "x.ipynb").write_text("no notebook")
    with pytest.raises(ValueError, match="is not a notebook"):
        pages.page(tmp_path / "x.ipynb")


# --- the same again, and what is refused ---


@pytest.mark.long
def test_another_time_place_and_hash_seed_give_the_same_bytes(short, tmp_path, root):
    out = tmp_path / short.name  # a row names its folder
    for part in ("metrics", "kept", "notebooks"):
        shutil.copytree(short / part, out / part)
    surroundings = {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "LC_ALL": "C", "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "report.build", "--out", out, "--profile", short / "own.yaml"]
    subprocess.run(command, cwd=tmp_path, env=os.environ | surroundings, check=True, capture_output=True)
    for name in ("report.html", "report.pdf", "ledger.json", "results.csv", "rows.html"):
        again, before = ((at / name).read_bytes() for at in (out, short))
        up = rb"(\.\./)+"  # links to the releases, from another depth
        assert re.sub(up, b"", again) == re.sub(up, b"", before), name


def refusal(capsys, out, profile) -> str:
    """The one line of a build that fails."""
    assert build.main(["--out", str(out), "--profile", str(profile)]) == 1
    said = capsys.readouterr()
    assert not said.out
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    return said.err


def test_a_folder_or_a_profile_that_is_not_there_is_refused(short, tmp_path, capsys):
    assert "does not exist" in refusal(capsys, tmp_path / "none", short / "own.yaml")
    assert "is not a profile" in refusal(capsys, short, "nothing")


def test_a_run_of_other_settings_than_the_profile_s_is_refused(short, tmp_path, capsys):
    other = made_report.profile(tmp_path / "other.yaml", ["zoom", "linear", "blur"], epochs=30)
    assert "epochs was 3, is 30" in refusal(capsys, short, other)
    text = yaml.safe_load((short / "own.yaml").read_text())
    for section, said in {
        "schedules": ({"T": 50}, "the schedules in .*: T was 1000, is 50"),
        "analyse": ({"n_way": 16}, "there is no analysis of [a-z]+-0"),
    }.items():
        other.write_text(yaml.safe_dump(text | {"profile": "other", section: said[0]}))
        assert re.search(said[1], refusal(capsys, short, other))
