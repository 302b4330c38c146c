"""The table of deviations: its history against git's ledgers, and former rules on today's and former rows."""

import json
import subprocess
from dataclasses import replace

import pytest

from helpers import PAPER, ROOT
from paper.claims import former, judge, ledger
from paper.deviations import list_deviations, read_entries
from report.results.views import Results, load

ENTRIES = read_entries()
LEDGER = "released/paper/ledger.json"


@pytest.fixture(scope="module")
def released() -> Results:
    beside = {name: load(ROOT / "released" / name) for name in ("beyond", "starts", "original")}
    return replace(load(PAPER), beside=beside)


@pytest.fixture(scope="module")
def table(released):
    return list_deviations(released, judge.judge_all(released))


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
    assert {entry["today"] for entry in ENTRIES if "today" in entry} <= former.RULES.keys()


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


@pytest.mark.parametrize(("change", "message"), [("colour: red", "colour"), ("today: nothing", "nothing")])
def test_unknown_keys_and_rules_are_refused(tmp_path, change, message):
    file = tmp_path / "deviations.yaml"
    file.write_text(f"- {{date: 2026-11-28, claims: [comparable], {change}}}")
    with pytest.raises(ValueError, match=message):
        read_entries(file)


# --- former rules ---


def test_the_pooled_rule_gives_what_its_ledger_had_on_its_rows(released):
    """With two zooms, as then: both claims that the rule decided, to the last printed digit."""
    two = former._first_zooms(released)
    known = ledger_of("f55e798d")
    for name, claim in (
        ("shared_epochs_pooled", "comparable"),
        ("cosine_in_shared_epochs", "cosine_below_zoom"),
    ):
        found, then = former.judge_today(name, two), known[claim]
        part = found.parts[0].found
        expected = [then["parts"][0][end] for end in ("value", "low", "high")]
        assert [part.value, part.low, part.high] == pytest.approx(expected)
        assert found.verdict == then["verdict"]


def test_two_zooms_give_what_the_ledger_of_two_zooms_had(released):
    found, then = former.judge_today("two_zooms", released), ledger_of("e4930a43")["comparable"]
    part = found.parts[0].found
    assert [part.value, part.low, part.high] == pytest.approx(
        [then["parts"][0][end] for end in ("value", "low", "high")]
    )
    assert found.verdict == then["verdict"] == ledger.OPEN


def test_each_former_rule_is_judged_by_its_own_parts(released, table):
    found = {name: former.judge_today(name, released) for name in former.RULES}
    assert found["narrow_in_all_features"].parts[0].margin == 1.25
    assert {part.name for part in found["narrow_in_all_features"].parts} == {
        "distance (digits), zoom : linear",
        "distance (autoencoder), zoom : linear",
    }
    assert found["factor_of_two"].parts[0].found == judge.judge_all(released)["comparable"].parts[0].found
    assert not any(part.pairs for part in found["unpaired_grey"].parts)
    assert len(found["three_measures"].parts) == 6
    assert former.judge_today("without_grey_noise", replace(released, beside={})) is None


def test_a_row_has_its_verdicts_and_the_number_that_was_seen(table):
    second = table[1]
    assert (second.date, second.verdict, second.then) == (
        "28\N{NO-BREAK SPACE}Nov",
        "undecided",
        "holds",
    )
    assert "1.26 [0.84," in second.seen
    assert second.before.endswith("*Undecided.*")
    assert second.changed
    left_out = table[-1]
    assert (left_out.claims, left_out.then, left_out.today) == ("–", "", "–")
    graded = next(row for row in table if "smallest of 1.25" in row.after)
    assert graded.after.endswith("*No difference beyond a factor of 2.*")
