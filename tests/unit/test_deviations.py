"""The table of deviations: its history against git's ledgers."""

import json
import subprocess

import pytest
import yaml

from helpers import ROOT
from paper.claims import judge, ledger
from paper.deviations import FILE

ENTRIES = yaml.safe_load(FILE.read_text("utf-8"))
LEDGER = "released/paper/ledger.json"


def ledger_of(commit: str) -> dict[str, dict]:
    found = subprocess.run(["git", "show", f"{commit}:{LEDGER}"], cwd=ROOT, capture_output=True, check=False)
    if found.returncode:
        pytest.skip(f"git has no {commit}")
    return {one["id"]: one for one in json.loads(found.stdout)}


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
