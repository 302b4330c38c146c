"""The history of rules and claims in the text, against the ledgers that git keeps."""

import json
import re
import subprocess
from collections import Counter

import pytest

from helpers import PAPER, ROOT
from paper.claims import judge, ledger
from paper.contents import TEXT
from report import profile as profiles
from report.pages.names import read

FILE = "released/paper/ledger.json"
SECTION = (TEXT / "50_claims.md").read_text("utf-8").partition("{#sec:deviations}")[2]
ROWS = [line.strip("| ").split(" | ") for line in SECTION.splitlines() if re.match(r"\| \d", line)]
MERGED = {
    *("linear_falling", "cosine_falling", "five_as_zero", "seven_as_zero", "dark_as_zero", "dark_as_nine"),
    *("pixels_less_biased", "pixels_more_varied", "pixels_no_digit", "less_reach", "more_biased", "lacks"),
}


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def ledger_of(commit: str) -> dict[str, dict]:
    try:
        return {one["id"]: one for one in json.loads(git("show", f"{commit}:{FILE}"))}
    except subprocess.CalledProcessError:
        pytest.skip(f"git has no {commit}")


@pytest.fixture(scope="module")
def history() -> dict[str, dict[str, dict]]:
    """The ledger of each commit that changed it, until 2 December, the oldest first."""
    last = "b11c36b8"
    ledger_of(last)
    commits = git("log", "--reverse", "--format=%h", "--abbrev=8", last, "--", FILE).split()
    return {commit: ledger_of(commit) for commit in commits}


def kind(verdict: str) -> str:
    return ledger.SAME if verdict.startswith(ledger.SAME) else verdict


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_verdicts_and_ratios_of_the_main_claim_are_those_of_the_ledgers(row):
    _, commits, seen, before, after = row
    old, *new = (ledger_of(commit)["comparable"] for commit in re.findall(r"`(\w+)`", commits))
    for told, one in ((before, old), *((after, one) for one in new)):
        assert re.findall(r"\*(.+?)\.?\*", told)[0].lower() == kind(one["verdict"])
    if ratio := re.findall(r"\d+\.\d+", seen):
        deciding = old["effect"] if "effect" in old else old["parts"][0]
        assert ratio == [f"{deciding[end]:.2f}" for end in ("value", "low", "high")]


def test_the_main_claim_has_a_row_for_each_change_of_its_verdict(history):
    verdicts = [one["comparable"]["verdict"] for one in history.values()]
    changes = [commit for commit, a, b in zip([*history][1:], verdicts, verdicts[1:], strict=False) if a != b]
    assert {*changes} <= {re.findall(r"`(\w+)`", row[1])[-1] for row in ROWS}


def test_verdicts_of_other_claims_that_changed_without_new_runs_are_counted(history):
    changed, ledgers = [], [*history.items()]
    for (_, before), (commit, after) in zip(ledgers, ledgers[1:], strict=False):
        files = git("show", "--name-only", "--format=", commit).split()
        if not any(file.startswith("released/paper/metrics") for file in files):
            both = (before.keys() & after.keys()) - {"comparable"}
            changed += [n for n in both if kind(before[n]["verdict"]) != kind(after[n]["verdict"])]
    assert f"changed {len(changed)} verdicts of {len({*changed})} other claims" in SECTION


def test_verdicts_that_change_since_are_named(history):
    verdicts = judge.judge_all(read(PAPER, profiles.read("paper")))
    old = [*history.values()][-1]
    changed = {name for name in old if old[name]["verdict"] != verdicts[name].verdict}
    assert ledger_of("39e89bd4")["darker"]["verdict"] == ledger.OPEN  # before pairs were formed
    assert changed == {"comparable", "more_realistic", "less_varied"}
    for name in changed - {"comparable"}:
        words = f"changed from \\*{old[name]['verdict']}\\* to \\*{verdicts[name].verdict}\\*"
        assert re.search(f"verdicts.{name}.number >> {words}", SECTION)


def test_claims_that_were_left_out_are_counted_and_those_that_held_are_listed():
    old, new = ledger_of("0c84ff27"), ledger_of("9c5f8a4b")
    gone = {name: old[name]["verdict"] for name in old if name not in new}
    counts, left_out = Counter(gone.values()), {name: gone[name] for name in gone if name not in MERGED}
    assert f"{len(old)} claims became {len(new)}" in SECTION
    held, others = (
        counts["holds"],
        f"{counts['does not hold']} did not, and {counts['undecided']} were undecided",
    )
    assert f"Of {len(gone)} old claims, {held} held, {others}" in SECTION
    added, ended = len(new.keys() - old.keys()), len(left_out)
    assert f"merged {len(MERGED)} of them into {added} new ones and left out {ended}" in SECTION
    assert f"These {Counter(left_out.values())['holds']} held" in SECTION
    assert (
        len(re.findall(r"^(?:and )?\(\d+\) ", SECTION, re.MULTILINE)) == Counter(left_out.values())["holds"]
    )
    ended = {"extreme_centres": "undecided"}
    before, after = ledger_of("39e89bd4"), ledger_of("f98b0a49")
    assert {n: one["verdict"] for n, one in before.items() if n not in after} == ended
