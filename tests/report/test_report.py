"""The report of a made-up run: its content, and what a build refuses."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import made_report
import synthetic
from report import build, pages
from report.verdicts.judge import claims
from study import records

FIGURES, EQUATIONS = 14, 11  # of the study


def ids(report, kind=""):
    return [tag["id"] for tag in report.select("[id]") if tag["id"].startswith(kind)]


def links(report):
    return [tag["href"] for tag in report.select("a[href]")]


# --- the page ---


def test_the_page_is_whole(report):
    text = report.get_text()
    assert re.search("Abstract.*Contents.*Introduction.*Conclusion.*Errata.*Reproducibility", text, re.DOTALL)
    assert not re.findall(r"<<|>>|:::|\{#|\{\.|@fig|@tbl|@eq|@sec|\?\?", text)
    assert not re.search(r"\b(null|nan|Traceback)\b|\.json|/tmp", text)
    assert len(ids(report)) == len(set(ids(report)))


def test_figures_are_numbered_as_in_the_study(report):
    study = (
        "schedules latents losses fid linear-samples cosine-samples zoom centre zoom-losses reconstructions"
    )
    study = [f"fig:{name}" for name in (study + " level24 trajectory fid-all zoom-samples").split()]
    found = [i for i in ids(report) if i.startswith("fig:") and report.find(id=i).name == "figure"]
    assert found[:FIGURES] == study
    captions = re.findall(r"Figure\s(\d+)\.", " ".join(c.get_text() for c in report.select("figcaption")))
    assert [int(n) for n in captions] == list(range(1, len(found) + 1))


def test_equations_and_algorithms_are_numbered(report):
    assert ids(report, "alg:") == ["alg:train", "alg:sample"]
    assert [tag.get_text() for tag in report.select(".eqno")] == [f"({n})" for n in range(1, EQUATIONS + 1)]


def test_every_link_within_the_page_arrives_and_every_figure_and_table_is_mentioned(report):
    inside = {href[1:] for href in links(report) if href.startswith("#")}
    assert inside <= set(ids(report))
    assert not {i for i in ids(report) if i.startswith(("fig:", "tbl:", "alg:"))} - inside
    beside = {href for href in links(report) if not href.startswith(("#", "https://", "notebooks/"))}
    assert beside <= {"report.pdf", "ledger.json", "cold-zoom.html"}


def test_all_trainings_are_in_the_tables_and_one_s_own_model_has_its_section(made_out, report):
    def rows(label):
        return [
            [cell.get_text() for cell in row.select("th, td")]
            for row in report.find(id=label).select("tbody tr")
        ]

    names = ["DDPM, linear", "DDPM, cosine", "Cold Zoom, seed 0", "Cold Zoom, seed 1", "Cold diffusion, blur"]
    assert list(dict.fromkeys(row[0] for row in rows("tbl:distances"))) == names
    assert [row[0] for row in rows("tbl:measures")] == [*names, "Real images"]
    section = " ".join(report.find(id="sec:model-blur").get_text().split())
    assert "Blurs more from level to level." in section
    final = records.load_results(made_out).first("blur").measure.final
    ends = f"{final.frechet.value:.1f} [{final.frechet.low:.1f}, {final.frechet.high:.1f}]"
    assert f"from the data is {ends} in digit features" in section
    first, second = sorted(range(10), key=lambda c: -final.classes.share[c].value)[:2]
    assert f"Most often it reads {first} and {second}" in section
    assert {f"fig:{k}-blur" for k in ("degradation", "loss", "samples", "trajectory")} <= set(ids(report))


def test_the_ledger_is_a_file_too(made_out, report):
    rows = json.loads((made_out / "ledger.json").read_text())
    assert len(rows) == len(report.find(id="tbl:claims").select("tbody tr")) == len(claims())
    assert len(report.select("details.claim > summary")) == len(rows)
    assert {"id", "section", "text", "verdict", "effect", "trainings", "reason", "why"} <= rows[0].keys()
    assert {"lean", "needed", "measured", "rule", "rule_changed"} <= rows[0].keys()
    assert all(e["low"] <= e["value"] <= e["high"] for e in (row["effect"] for row in rows) if e)
    zoom = next(row for row in rows if row["id"] == "comparable")
    assert zoom["verdict"] == "undecided at this scale"
    assert "20 of the 50 epochs" in zoom["why"]


def test_notebooks_of_the_run_are_rendered_and_linked_others_left_alone(made_out, report):
    assert {h for h in links(report) if h.startswith("notebooks/")} == {
        f"notebooks/{name}.html" for name in made_report.NOTEBOOKS
    }
    assert not (made_out / "notebooks" / f"{made_report.STALE}.html").exists()


def test_something_else_than_a_notebook_is_refused(tmp_path):
    (tmp_path / "x.ipynb").write_text("no notebook")
    with pytest.raises(ValueError, match="is not a notebook"):
        pages.page(tmp_path / "x.ipynb")


# --- the same again, and what is refused ---


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> Path:
    """A run of one model with two seeds, without its report; its profile lies in it."""
    folder = tmp_path_factory.mktemp("few")
    synthetic.synthetic_results(folder, epochs=3, models=["zoom"])
    made_report.profile(folder / "few.yaml", ["zoom"], epochs=3)
    return folder


@pytest.mark.long
def test_another_time_place_and_hash_seed_give_the_same_bytes(few, tmp_path, root):
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    for folder in (here, elsewhere):
        shutil.copytree(few, folder)
    written = build.build(here, here / "few.yaml")
    surroundings = {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "LC_ALL": "C", "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "report.build", "--out", elsewhere, "--profile", elsewhere / "few.yaml"]
    subprocess.run(command, cwd=tmp_path, env=os.environ | surroundings, check=True, capture_output=True)
    names = [path.relative_to(here) for path in written]
    assert {"report.html", "report.pdf", "ledger.json"} <= {str(name) for name in names}
    for name in names:
        assert (elsewhere / name).read_bytes() == (here / name).read_bytes(), name
    assert not [path.name for path in elsewhere.iterdir() if path.name.startswith(".")]


def refusal(capsys, out, profile) -> str:
    """The one line of a build that fails."""
    assert build.main(["--out", str(out), "--profile", str(profile)]) == 1
    said = capsys.readouterr()
    assert not said.out
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    return said.err


def test_a_folder_or_a_profile_that_is_not_there_is_refused(few, tmp_path, capsys):
    assert "does not exist" in refusal(capsys, tmp_path / "none", few / "few.yaml")
    assert "is not a profile" in refusal(capsys, few, "nothing")


def test_a_run_of_other_settings_than_the_profile_s_is_refused(few, tmp_path, capsys):
    other = made_report.profile(tmp_path / "other.yaml", ["zoom"], epochs=30)
    assert "epochs was 3, is 30" in refusal(capsys, few, other)
    text = yaml.safe_load((few / "few.yaml").read_text())
    for section, said in {
        "schedules": ({"T": 50}, "the schedules in .*: T was 1000, is 50"),
        "analyse": ({"n_way": 16}, "there is no analysis of zoom-0"),
    }.items():
        other.write_text(yaml.safe_dump(text | {"profile": "other", section: said[0]}))
        assert re.search(said[1], refusal(capsys, few, other))


def test_images_that_are_not_kept_are_named(few, tmp_path, capsys):
    shutil.copytree(few, tmp_path / "run")
    (tmp_path / "run/kept/quality_zoom-0.npz").unlink()
    assert "fig14_zoom_samples.png" in refusal(capsys, tmp_path / "run", few / "few.yaml")
