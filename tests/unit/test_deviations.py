"""The table of deviations: its history against git's ledgers."""

import json
import subprocess
from dataclasses import replace

import pytest
import yaml

from helpers import PAPER, ROOT
from paper.claims import judge, ledger
from paper.deviations import FILE, list_deviations
from report.results.views import Results, load

ENTRIES = yaml.safe_load(FILE.read_text("utf-8"))
LEDGER = "released/paper/ledger.json"


@pytest.fixture(scope="module")
def released() -> Results:
    beside = {name: load(ROOT / "released" / name) for name in ("beyond", "starts", "original")}
    return replace(load(PAPER), beside=beside)


@pytest.fixture(scope="module")
def verdicts(released):
    return judge.judge_all(released)


def ledger_of(commit: str) -> dict[str, dict]:
    found = subprocess.run(["git", "show", f"{commit}:{LEDGER}"], cwd=ROOT, capture_output=True, check=False)
    if found.returncode:
        pytest.skip(f"git has no {commit}")
    return {one["id"]: one for one in json.loads(found.stdout)}


# --- the history ---


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry['date']}-{entry['claims'][0]}")
def test_verdicts_and_ratios_are_those_of_the_ledgers_in_git(entry):
    first, ledgers = entry["claims"][0], entry["ledgers"]
    before = ledger_of(ledgers[0])[first]
    assert before["verdict"] == entry["verdict"]
    if ratio := entry.get("ratio"):
        deciding = before["effect"] if "effect" in before else before["parts"][0]
        assert [deciding[end] for end in ("value", "low", "high")] == pytest.approx(ratio, abs=6e-4)
    if "then" in entry:
        assert ledger_of(ledgers[1])[first]["verdict"] == entry["then"]


def test_changes_are_in_the_order_of_their_dates_and_name_known_claims():
    dates = [entry["date"] for entry in ENTRIES]
    assert dates == sorted(dates)
    known = {one.id for one in judge.list_claims()}
    named = {name for entry in ENTRIES for name in entry["claims"]}
    assert named - known == {"extreme_centres"}  # which is left out


def test_the_main_claim_has_a_line_for_each_change_of_its_verdict():
    """The verdicts of all ledgers of git, in their order, occur in the table."""
    log = ["git", "log", "--reverse", "--format=%h", "--", LEDGER]
    commits = subprocess.run(log, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    if len(commits) < 20:
        pytest.skip("git has no history here")
    verdicts = [ledger_of(commit).get("comparable", {}).get("verdict") for commit in commits]
    ours = [e for e in ENTRIES if e["claims"][0] == "comparable"]
    told = [e["verdict"] for e in ours] + [ours[-2]["then"]]

    def changes(words: list) -> list:
        return [b for a, b in zip([None, *words], words, strict=False) if a != b]

    known = [word for word in verdicts if word in (ledger.OPEN, ledger.HOLDS)]
    assert changes(told) == changes(known)[: len(changes(told))]


# --- the table ---


def test_a_row_has_its_verdicts_and_the_number_that_was_seen(verdicts):
    rows = list_deviations(verdicts)
    assert rows[1]["date"] == "28\N{NO-BREAK SPACE}Nov"
    assert "1.26 [0.84," in rows[1]["seen"]
    assert (rows[1]["before"][-12:], rows[1]["after"][-8:]) == ("*Undecided.*", "*Holds.*")
    graded = next(row for row in rows if "smallest of 1.25" in row["after"])
    assert graded["after"].endswith("*No difference beyond a factor of 2.*")  # today's verdict
    assert (rows[-1]["claims"], rows[-1]["after"][-1]) == ("–", ".")  # the claim is left out
