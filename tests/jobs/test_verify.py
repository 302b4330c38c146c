"""What `make verify` finds in a release that was changed, its manifest sealed again."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from diffusion.files import read_json, sha256, write_json
from study.records import load_results
from study.settings import read_profile
from workflow import jobs, release, verify


@pytest.fixture
def folder(tmp_path) -> Path:
    """A copy of the smallest release."""
    return Path(shutil.copytree(release.RELEASED / "starts", tmp_path / "starts"))


def sealed(folder: Path) -> None:
    manifest = read_json(folder / release.MANIFEST)
    manifest["files"] = {name: sha256(folder / name) for name in manifest["files"]}
    write_json(folder / release.MANIFEST, manifest)


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def wrong(checks) -> list[str]:
    return [check.what for check in checks if not check.how]


def test_a_release_as_it_is_agrees(folder):
    assert wrong(verify.files(folder)) == []


def test_a_changed_file_and_other_weights_are_named(folder):
    weights = next(folder.glob("runs/linear-1*/weights/*"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    name = weights.relative_to(folder).as_posix()
    assert f"file {name}" in wrong(verify.files(folder))
    sealed(folder)
    assert wrong(verify.files(folder)) == ["weights of linear-1"]


def test_a_row_that_differs_is_named_with_what_differs_in_it():
    old = [{"id": "a", "value": 1.0, "bound": 2.0}, {"id": "b", "value": 3.0}]
    new = [{"id": "a", "value": 1.0, "bound": 2.5}]
    found = [*verify.rows("ledger", old, new, lambda row: row["id"])]
    assert [check.what for check in found] == ["ledger a, bound", "ledger b, id", "ledger, 2 in all"]
    assert not any(check.how for check in found)
    assert [c.how for c in verify.rows("ledger", old, old, lambda row: row["id"])] == [verify.TO_THE_BIT]
    near = [{**old[0], "value": 1.0 + 1e-15}, old[1]]
    assert [c.how for c in verify.rows("ledger", old, near, lambda row: row["id"])] == [verify.ROUNDING]


def test_numbers_agree_to_the_bit_or_within_rounding():
    assert verify.compared("x", 1.0, 1.0).how == verify.TO_THE_BIT
    assert verify.compared("x", 1.0, 1.0001).how == verify.ROUNDING
    assert verify.compared("x", 1.0, 1.1).how == ""


def test_samples_agree_to_the_bit_within_rounding_by_chance_or_not():
    draw = torch.Generator().manual_seed(0)
    kept = torch.randint(0, 256, (50, 28, 28), generator=draw, dtype=torch.int)
    again = kept[:8].clone()
    assert verify.likeness(again, kept) == (1.0, verify.TO_THE_BIT)
    assert verify.likeness(again + 2, kept) == (1.0, verify.ROUNDING)
    again[:, :4] += 20  # a seventh of the pixels
    assert verify.likeness(again, kept) == (pytest.approx(6 / 7), verify.CHANCE)
    assert verify.likeness(again, kept, chance=False)[1] == ""  # of the same precision and processor
    again[5] = kept[20]
    assert verify.likeness(again, kept)[1] == ""  # one of another place
    assert verify.likeness(kept[8:16], kept)[1] == ""


def test_a_changed_measure_is_found(folder, mnist_dir):
    path = folder / "metrics" / "measure_linear-1.json"

    def found() -> list[str]:
        return wrong(verify.measures(load_results(folder).trainings["linear", 1], folder))

    assert found() == []
    record = read_json(path)
    for of, measure in ((record["final"], "frechet"), (record["final"], "low_confidence")):
        of[measure]["value"] *= 1.01
        write_json(path, record)
        assert len(found()) == 1, measure
        of[measure]["value"] /= 1.01


def test_each_check_says_its_number_and_what_is_to_be_expected():
    said, one = [], verify.compared("x", 1.0, 1.0)
    planned = [verify.Step(name, verify.CHANCE, lambda: [one, one]) for name in ("first", "second")]
    assert verify.carried_out(planned, said.append) == [one] * 4
    assert said[0] == "check 1 of 2, first; to be expected: within chance"
    assert said[3] == "check 2 of 2, second; to be expected: within chance"
    assert len(said) == 6


def test_all_of_a_release_is_planned():
    planned = verify.steps(read_profile("paper", jobs.PROFILES))
    assert len(planned) == 2 + 2 * 6 + 1  # files, report; measures and samples of each training; an epoch
    assert all(step.expected for step in planned)


@pytest.mark.long
def test_a_changed_record_number_or_bound_is_found(folder, tmp_path):
    profile, record = read_profile("starts", jobs.PROFILES), folder / "metrics" / "measure_linear-1.json"

    def found() -> list[str]:
        sealed(folder)
        return wrong(verify.report(profile, folder, tmp_path / "out"))

    [*verify.report(profile, folder, tmp_path / "out")]
    for name in verify.NAMES:  # as it is made today
        shutil.copy(tmp_path / "out" / f"{name}.json", folder)
    (folder / "figures").mkdir(exist_ok=True)
    shutil.copy(tmp_path / "out" / "figures" / "distances.csv", folder / "figures")
    assert found() == []
    value = read_json(record)["final"]["frechet"]["value"]
    changed(record, json.dumps(value), json.dumps(value * 1.01))
    assert any(what.startswith(("numbers", "table linear")) for what in found())
    changed(record, json.dumps(value * 1.01), json.dumps(value))
    line = read_json(record)["curve"][1]["frechet"]["value"]
    changed(record, json.dumps(line), json.dumps(line * 1.01))
    assert any(what.startswith("figures/distances.csv") for what in found())
    changed(record, json.dumps(line * 1.01), json.dumps(line))
    number = read_json(folder / "numbers.json")[0]
    changed(folder / "numbers.json", f'"value": {json.dumps(number["value"])}', '"value": 12345.0')
    assert f"numbers 1, {number['text']}, value" in found()
    shutil.copy(tmp_path / "out" / "numbers.json", folder)
    changed(folder / "ledger.json", '"bound": 0.1', '"bound": 0.2')
    assert any(what.startswith("ledger ") for what in found())
