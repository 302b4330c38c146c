"""A report as it is built: whole, the same again, and what is refused."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from helpers import ROOT
from report import build


def ids(report):
    return [tag["id"] for tag in report.select("[id]")]


def test_the_page_is_whole_and_its_figures_and_tables_are_numbered(report):
    text = report.get_text()
    assert re.search("Abstract.*Contents.*Introduction.*Conclusion.*Errata.*Reproducibility", text, re.DOTALL)
    assert not re.findall(r"<<|>>|:::|\{#|\{\.|@fig|@tbl|@eq|@sec|\?\?", text)
    assert not re.search(r"\b(null|nan|Traceback)\b|/tmp", text)
    assert len(ids(report)) == len({*ids(report)})
    captions = " ".join(one.get_text() for one in report.select("figcaption"))
    for kind in ("Figure", "Table"):
        for series in ("", "S"):  # of the page alone
            found = re.findall(rf"{kind}\s{series}(\d+)\.", captions)
            assert found == [f"{n}" for n in range(1, len(found) + 1)]
            assert len(found) > 2


def test_every_link_arrives_and_every_figure_and_table_is_mentioned(made_out, report):
    links = {tag["href"] for tag in report.select("a[href]")}
    inside = {href[1:] for href in links if href.startswith("#")}
    assert inside <= {*ids(report)}
    assert not {i for i in ids(report) if i.startswith(("fig:", "tbl:", "alg:"))} - inside
    places = [x.partition("#") for x in links if not x.startswith(("#", "https://", "data:text/csv,"))]
    assert {file for file, _, _ in places} >= {"report.pdf", "ledger.json", "numbers.json", "results.csv"}
    assert [file for file, _, _ in places if not (made_out / file).is_file()] == []
    rows = (made_out / "rows.html").read_text()
    assert all(f'id="{place}"' in rows for file, _, place in places if file == "rows.html" and place)
    shown = {file for file, _, _ in places if file.startswith("notebooks/")}
    assert shown == {f"notebooks/{path.name}" for path in (made_out / "notebooks").glob("*.html")}
    assert len(shown) == 3  # and none of the stale one


def test_settings_are_told_in_words(report):
    rows = [[x.get_text() for x in row.select("th, td")] for row in report.select("[id='tbl:parameters'] tr")]
    training = {first: others for first, *others in rows}
    expected = {"seed": "0, 1", "epochs": "100", "learning_rate": "0.0002", "n_train": "all"}
    assert {name: training[name] for name in expected} == {name: [x] * 3 for name, x in expected.items()}
    assert training["interpolation"] == ["–", "–", "nearest"]


@pytest.mark.long
def test_another_time_place_and_hash_seed_give_the_same_bytes(short, tmp_path):
    out = tmp_path / short.name  # a row names its folder
    for part in ("metrics", "kept", "notebooks"):
        shutil.copytree(short / part, out / part)
    surroundings = {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "LC_ALL": "C", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "report.build", "--out", out, "--profile", short / "short.yaml"]
    subprocess.run(command, cwd=tmp_path, env=os.environ | surroundings, check=True, capture_output=True)
    for name in ("report.html", "report.pdf", "ledger.json", "results.csv", "rows.html"):
        again, before = ((at / name).read_bytes() for at in (out, short))
        up = rb"(\.\./)+"  # links to the releases, from another depth
        assert re.sub(up, b"", again) == re.sub(up, b"", before), name


def test_a_folder_a_profile_or_settings_that_do_not_belong_together_are_refused_in_a_line(
    short, tmp_path, capsys
):
    def refusal(out, profile) -> str:
        assert build.main(["--out", str(out), "--profile", str(profile)]) == 1
        said = capsys.readouterr()
        assert (said.out, said.err[:7], said.err.count("\n")) == ("", "error: ", 1)
        return said.err

    assert "none" in refusal(tmp_path / "none", short / "short.yaml")
    text = yaml.safe_load((short / "short.yaml").read_text()) | {"profile": "other"}
    other = tmp_path / "other.yaml"
    for changes, said in (
        ({"training": text["training"] | {"epochs": 30}}, "epochs was 100, is 30"),
        ({"analyse": text["analyse"] | {"calls": [7]}}, "analysis of .*calls"),
    ):
        other.write_text(yaml.safe_dump(text | changes))
        assert re.search(said, refusal(short, other))
    shutil.copytree(short / "metrics", tmp_path / "out" / "metrics")
    (tmp_path / "out" / "metrics" / "analyse_zoom-1.json").unlink()
    assert "no analysis of zoom-1" in refusal(tmp_path / "out", short / "short.yaml")
