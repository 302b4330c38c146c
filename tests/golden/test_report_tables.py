"""Tables of pages: each cell is under the head, and in the row, of what it is; the PDF prints the page."""

import json
import re
import shutil
import statistics
import subprocess
from math import exp, log

import pytest
from bs4 import BeautifulSoup

from drawn import LABELS, STUDY, TRAININGS, file, measured, number, rows, titled
from helpers import PAPER
from report.pages.sources import render_rows
from report.results.table import Record

BEYOND = PAPER.parent / "beyond"


def cells(page, place):
    """Rows of a table, a dictionary of cells by their heads each, in order."""
    part = page.find(id=place)
    result = part if part.name == "table" else part.find("table")
    head, *body = (
        [" ".join(cell.get_text().replace("\xad", "").split()) for cell in row.select("th, td")]
        for row in result.select("tr")
    )
    assert len({*head}) == len(head)
    return [dict(zip(head, line, strict=True)) for line in body]


def under(row, *words):
    """The cell under the only head that has these words."""
    (result,) = (cell for head, cell in row.items() if all(word in head.lower() for word in words))
    return result


def numbers(cell):
    """Printed numbers with half of their last digit."""
    result = re.findall(r"[−-]?\d[\d,]*(?:\.\d+)?", cell.replace("95%", ""))
    plain = [one.replace("−", "-").replace(",", "") for one in result]
    return [(float(one), 0.5000001 * 10.0 ** -len(one.partition(".")[2])) for one in plain]


def says(cell, *values):
    """Whether a cell has these numbers, in this order, and no further ones."""
    result = numbers(cell)
    return len(result) == len(values) and all(
        abs(one - value) <= half for (one, half), value in zip(result, values, strict=True)
    )


@pytest.fixture(scope="module")
def page(made_out):
    return BeautifulSoup((made_out / "report.html").read_text("utf-8"), "html.parser")


def late(model, seed):
    of = rows(measured(model, seed), way="checkpoint", measure="frechet")
    return exp(statistics.fmean(log(row.value) for row in of if row.epoch >= 80))


# --- the paper ---


def test_the_table_of_the_question_has_each_model_in_its_column(page):
    table = iter(cells(page, "tbl:question"))
    heads = {"frechet": "Distance, digit features", "frechet_autoencoder": "Distance, autoencoder features"}
    for condition in ("long", "short", "unet"):
        next(table)  # the head of a condition
        for process in ("linear", "cosine", "zoom", "joint"):
            row = next(table)
            published = {"published"} if process in ("zoom", "joint") and condition == "long" else set()
            for measure, head in heads.items():
                known = rows("paper/question", measure=measure, model=process)
                values = [log(one.value) for one in known if one.way in {condition, *published}]
                assert says(row[head], exp(statistics.fmean(values)))
                assert row["Runs"] == str(len(values))
        next(table), next(table)  # ratios
    assert next(table)["Runs"] == ""  # real digits


def test_each_training_has_its_measures_under_their_heads(page):
    table = {row["Run"]: row for row in cells(page, "tbl:trainings")}
    ones = {titled(*one): ("paper", *one) for one in TRAININGS}
    ones |= {f"{LABELS[model]}, published": ("original", model, 0) for model in STUDY}
    assert table.keys() == ones.keys() | {"Real digits"}
    for name, (release, model, seed) in ones.items():
        row, job = table[name], measured(model, seed, release)
        final = {m: number(job, m) for m in ("frechet", "frechet_autoencoder", "coverage", "divergence")}
        losses = rows(f"{release}/train_{model}-{seed}", measure="test_loss")
        assert says(under(row, "loss"), losses[-1].value)
        assert says(under(row, "final"), *final["frechet"][4:7])
        assert says(under(row, "autoencoder"), final["frechet_autoencoder"].value)
        assert says(under(row, "digits"), 100 * number(job, "digit").value)
        assert says(under(row, "coverage"), final["coverage"].value)
        assert says(under(row, "divergence"), final["divergence"].value)
        assert says(under(row, "late"), *([late(model, seed)] if release == "paper" else []))
    real, first = table["Real digits"], measured("linear", 0)
    assert says(under(real, "late"), number(first, "floor", "checkpoint").value)
    assert says(under(real, "final"), number(first, "floor").value)
    assert says(under(real, "autoencoder"), number(first, "floor_autoencoder").value)
    assert says(under(real, "digits"), 100 * number(first, "digit", "real").value)
    assert says(under(real, "coverage"), number(first, "coverage", "real").value)


def test_a_row_of_changes_is_of_one_way_to_sample_one_model(page):
    """The way is known by its distances; then calls, the other distance and the share are its own."""
    ways = {}
    for path in BEYOND.glob("metrics/measure_*-0.json"):
        model = path.stem.removeprefix("measure_").removesuffix("-0")
        variants = file(f"beyond/{path.stem}")["settings"].get("variants") or {}
        for way in ("", *variants):
            ones = [f"beyond/measure_{model}-{seed}" for seed in (0, 1)]
            ones = [one for one in ones if (BEYOND / "metrics" / f"{one[7:]}.json").is_file()]
            ways[model, way] = {
                m: [row.value for one in ones for row in rows(one, measure=m, way=way)]
                for m in ("frechet", "frechet_autoencoder", "digit", "calls")
            }
    table = cells(page, "tbl:beyond")
    assert len(table) == 8
    for row in table:
        (of,) = (
            one
            for one in ways.items()
            if one[1]["frechet"] and says(under(row, "digits", "distance"), *one[1]["frechet"])
        )
        (model, way), values = of
        train = file(f"beyond/train_{model}-0")
        assert ("Zoom" if train["process"] == "zoom" else "DDPM") in row["Model"]
        assert ("U-Net" in row["Model"]) == train["settings"]["network"].endswith("UNet")
        changed = (file(f"beyond/measure_{model}-0")["settings"].get("variants") or {}).get(way, {})
        assert ("DDIM" in row["Model"]) == (changed.get("sampler") == "ddim")
        assert says(under(row, "autoencoder"), *values["frechet_autoencoder"])
        share = [100 * statistics.fmean(values["digit"])] if values["digit"] else []
        assert says(under(row, "recognised"), *share)
        options = changed.get("sampler_options", {})
        calls = {24} if train["process"] == "zoom" else {train["sampler"]["steps"]}
        calls = {options["steps"]} if "steps" in options else calls
        assert says(row["Calls"], *(values["calls"][:1] or calls))


def test_both_procedures_of_the_study_have_their_columns(page):
    table, job = cells(page, "tbl:scores"), "paper/photographs"
    kinds = {"digits": "frechet", "autoencoder": "frechet_autoencoder", "photographs": "frechet_photographs"}
    for row in table:
        source = row["Images"].replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
        source = source.replace(", published", ", original weights")  # as its rows have it
        for kind, measure in kinds.items():
            done = number(job, measure, f"{source}, as the code does")
            assert says(under(row, kind, ": code"), done.value, done.sd)
            text = number(job, measure, f"{source}, as the text says").value
            assert says(under(row, kind, ": text"), text)
    ways = {row.way for row in rows(job) if row.way.endswith(", as the code does")}
    assert len(table) == len(ways) == 5


def test_each_claim_has_its_rule_verdict_and_numbers(page, made_out):
    ledger = json.loads((made_out / "ledger.json").read_text("utf-8"))
    table, ours = cells(page, "tbl:claims"), cells(page, "tbl:conditions")
    claims = [claim for claim in ledger if claim["section"]]
    assert [row["No."] for row in table] == [str(i + 1) for i in range(len(claims))]
    links = [row.find("a")["href"] for row in page.find(id="tbl:claims").select("tbody tr")]
    assert links == [f"#claim-{claim['id']}" for claim in claims]
    for row, claim in zip(table + ours, ledger, strict=True):
        assert row["Verdict"].startswith(claim["verdict"])
        if claim["section"] and "$" not in claim["rule"]:
            assert letters(claim["rule"]) in letters(under(row, "rule"))
        heading = "numbers" if claim["section"] else "distance"
        told, parts = " ".join(under(row, heading).split()), claim["parts"]
        assert bool(parts) == (told != "–"), claim["id"]
        for part in parts:
            (value, half), *_ = numbers(told.split(part["name"] + ":", 1)[1])
            assert any(abs(value - scale * part["value"]) <= half for scale in (1, 100)), claim["id"]
        if row["n"] != "–":
            assert int(row["n"]) in {len(of) for part in parts for of in part["trainings"].values()}


def in_words(name, value):
    """How a table of settings writes a value."""
    if value is None:
        return "all" if name.startswith("n_") else "default"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value).rpartition(":")[2]


@pytest.mark.parametrize("place", ["tbl:parameters", "tbl:measuring"])
def test_each_setting_is_the_models_of_its_column(page, place):
    table = {row.pop("Setting"): row for row in cells(page, place)}
    for model in STUDY:
        train = file(f"paper/train_{model}-0")
        known = train["settings"] | train["data"] | {name: train[name] for name in ("T", "epochs")}
        known = file(measured(model, 0))["settings"] if place == "tbl:measuring" else known
        known = {name: value for name, value in known.items() if not isinstance(value, dict | list)}
        names = (known.keys() & table.keys()) - {"seed", "network"}
        assert len(names) > 5
        assert table["seed"][model] == ", ".join(map(str, STUDY[model]))
        for name in names:
            cell, value = table[name][model], known[name]
            number = isinstance(value, int | float) and not isinstance(value, bool)
            assert float(cell) == value if number else in_words(name, value) in cell, name
        if place == "tbl:parameters":
            assert table["notebook"][model] == train["job"]
            assert table["schedule"][model] == (model if model != "zoom" else "–")


def test_costs_and_weights_are_those_of_the_training_in_the_row(page):
    table = {row["Model"]: row for row in cells(page, "tbl:cost")}
    assert table.keys() == {titled(*one) for one in TRAININGS}
    for model, seed in TRAININGS:
        row, train = table[titled(model, seed)], file(f"paper/train_{model}-{seed}")
        seconds = sum(one.value for one in rows(f"paper/train_{model}-{seed}", measure="epoch_seconds"))
        assert says(row["Steps"], train["steps"])
        assert under(row, "weights").rstrip("…") == train["weights"]["sha256"][:12]
        value, unit = row["Time"].split()
        assert float(value) == pytest.approx(seconds / {"s": 1, "min": 60, "h": 3600}[unit], rel=0.06)


# --- the rows ---


def test_cells_of_the_page_of_rows_stand_under_their_heads():
    """Of files with other columns each; what is left out is in the name of the file."""
    some = [
        row
        for name in ("measure_zoom-0", "effects", "level", "train_linear-0")
        for row in Record(PAPER, name).rows[:: 1 if name == "level" else 97]
    ]
    page, known = BeautifulSoup(render_rows(some), "html.parser"), {one.source: one for one in some}
    for heading, part in zip(page.select("h2"), page.select("table"), strict=True):
        head, *lines = part.select("tr")
        names = [cell.get_text() for cell in head.select("th")]
        for line in lines:
            one = known.pop(f"{heading.get_text().rstrip('#')}#{line['id'].rpartition('.')[2]}")
            result = dict(zip(names, [cell.get_text() for cell in line.select("td")], strict=True))
            for name, cell in result.items():
                value = getattr(one, name)
                said = f"{value:.6g}" if isinstance(value, float) else str(value)
                assert cell == ("" if value is None else said)
            left_out = {n for n in one._fields if getattr(one, n) not in (None, "")} - result.keys()
            assert left_out <= {"run", "source", "model", "seed"}
    assert not known


# --- a report of ones own models ---


def test_ones_own_models_have_their_measures_under_their_heads(alone):
    page = BeautifulSoup((alone / "report.html").read_text("utf-8"), "html.parser")
    table = cells(page, "tbl:models")
    ways = [("dim", ""), ("dim", "two"), ("grey", "")]  # in order; the last one draws one image only
    assert len(table) == 1 + len(ways)
    of = {}
    for row, (model, way) in zip(table, ways, strict=False):
        lines = json.loads((alone / "metrics" / f"measure_{model}-3.json").read_text())["rows"]
        train = alone / "metrics" / f"train_{model}-3.json"
        of[model, way] = {line[2]: line for line in lines if line[0] == way and line[3] is None}
        assert row["Model"].endswith(f", {way}") == bool(way)
        assert says(row["Steps"], json.loads(train.read_text())["steps"])
        assert says(row["Distance ↓"], *of[model, way].get("frechet", ())[4:7])
        assert says(row["Share of digits ↑"], *(100 * one for one in of[model, way].get("digit", ())[4:7]))
    assert table[2]["Distance ↓"] == "one image"
    assert says(table[-1]["Distance ↓"], of["dim", ""]["floor"][4])
    for row, (model, way) in zip(cells(page, "tbl:sampling"), ways, strict=True):
        assert row["Model"].endswith(f", {way}") == bool(way)
        assert ("T = 3" in under(row, "degradation")) == (model == "dim")
        assert ("pixels" in row["Prior"]) == (model == "dim")
        assert ("Linear" in row["Network"]) == (model == "dim")
        assert ("improved" in row["Sampler"]) == (way == "two")
        assert says(row["Calls"], *of[model, way].get("calls", ())[4:5])


# --- the PDF ---


def letters(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", text)


def test_each_row_of_the_table_of_claims_leads_to_its_place_on_the_page(made_out, report):
    linked = {*re.findall(rb"/URI\s*\(report\.html#(claim-[\w-]+)\)", (made_out / "report.pdf").read_bytes())}
    known = {one["id"] for one in report.select("details.claim[id^=claim-]")}
    assert len(known) > 20
    assert {one.decode() for one in linked} == known


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="needs pdftotext, of poppler-utils")
def test_the_pdf_says_what_the_page_says(made_out, report):
    said = subprocess.check_output(["pdftotext", made_out / "report.pdf", "-"], text=True)
    for aside in report.select("math, .page, [id='sec:sources'], [id='sec:claims'], [id='sec:page']"):
        aside.decompose()
    sentences = [
        one for p in report.select("main p, main li") for one in re.split(r"(?<=[.:;])\s", p.get_text())
    ]
    told = [one for one in map(letters, sentences) if len(one) > 50]
    assert len(told) > 120
    printed = letters(said)
    assert sum(one in printed for one in told) > 0.85 * len(told)  # the others have formulas, or a page ends
    assert not re.search(r"<<|>>|%%|\{#|@fig|@tbl|\?\?", said)
