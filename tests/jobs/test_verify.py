"""What `make verify` finds in a release that was changed, its manifest sealed again."""

import json
import shutil
from pathlib import Path

import pytest
import torch

import synthetic
from diffusion.files import read_json, sha256, write_bytes, write_json
from report import figures
from study.results import load
from study.settings import read_profile
from study.table import Job
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
    found = [*verify.rows("ledger", old, new, ["id"])]
    assert [check.what for check in found] == ["ledger a, bound", "ledger b, id", "ledger, 2 in all"]
    assert not any(check.how for check in found)
    assert [c.how for c in verify.rows("ledger", old, old, ["id"])] == [verify.TO_THE_BIT]
    near = [{**old[0], "value": 1.0 + 1e-15}, old[1]]
    assert [c.how for c in verify.rows("ledger", old, near, ["id"])] == [verify.ROUNDING]


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


def spoilt(folder: Path, measure: str, way: str) -> None:
    """The first number of a measure of linear-1 becomes another one."""
    job = Job(folder, "measure_linear-1")
    place = next(i for i, row in enumerate(job.rows) if (row.measure, row.way) == (measure, way))
    job.rows[place] = job.rows[place]._replace(value=1.01 * job.rows[place].value)
    synthetic.written(folder, job.name, job)
    figures._job.cache_clear()


@pytest.mark.parametrize("measure", ["frechet", "low_confidence"])
def test_a_changed_measure_is_found(folder, mnist_dir, measure):
    def found() -> list[str]:
        return wrong(verify.measures(load(folder).trainings["linear", 1], folder))

    assert found() == []
    spoilt(folder, measure, "")
    assert len(found()) == 1


def test_each_check_says_its_number_and_what_is_to_be_expected(tmp_path, monkeypatch, capsys):
    one = verify.compared("x", 1.0, 1.0)
    bad = one._replace(how="")
    planned = [("first", verify.CHANCE, lambda: [one, one]), ("second", verify.ROUNDING, lambda: [bad])]
    monkeypatch.setattr(verify, "steps", lambda profile: planned)
    monkeypatch.setattr(release, "unpacked", lambda profile: tmp_path)
    monkeypatch.setattr("sys.argv", ["verify", "starts"])
    with pytest.raises(SystemExit):
        verify.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "check 1 of 2, first; to be expected: within chance"
    assert lines[4:6] == ["check 2 of 2, second; to be expected: within rounding", "  DIFFERS x: 1 | 1 | -"]
    assert lines[-1].startswith("3 checks in 0 s; 1 disagree")
    edition = sha256(release.RELEASED / "starts" / release.MANIFEST)
    assert (tmp_path / verify.VERIFIED).read_text().splitlines()[0].endswith(edition)


def test_all_of_a_release_is_planned():
    planned = [*verify.steps(read_profile("paper", jobs.PROFILES))]
    assert len(planned) == 2 + 2 * 6 + 1  # files, report; measures and samples of each training; an epoch
    assert all(expected for _, expected, _ in planned)


@pytest.mark.long
def test_a_changed_row_number_or_bound_is_found(folder, tmp_path):
    profile, out = read_profile("starts", jobs.PROFILES), tmp_path / "out"

    def found() -> list[str]:
        sealed(folder)
        return wrong(verify.report(profile, folder, out))

    shutil.rmtree(folder / "figures")
    [*verify.report(profile, folder, out)]
    for name in verify.FILES:  # as it is made today
        shutil.copy(out / f"{name}.json", folder)
    row = next(row for row in Job(folder, "measure_linear-1").rows if row.measure == "frechet")
    write_bytes(folder / "figures" / "distances.csv", f"value,source\n{row.value},{row.source}\n".encode())
    assert found() == []
    whole = (folder / "metrics" / "measure_linear-1.json").read_bytes()
    spoilt(folder, "frechet", row.way)
    assert any(what.startswith("rows of figures/distances.csv") for what in found())
    write_bytes(folder / "metrics" / "measure_linear-1.json", whole)
    spoilt(folder, "frechet", "")
    assert any(what.startswith("numbers ") for what in found())
    write_bytes(folder / "metrics" / "measure_linear-1.json", whole)
    figures._job.cache_clear()
    number = next(one for one in read_json(folder / "numbers.json") if isinstance(one["value"], float))
    changed(folder / "numbers.json", f'"value": {json.dumps(number["value"])}', '"value": 12345.0')
    assert f"numbers {number['number']}, {number['text']}, value" in found()
    shutil.copy(out / "numbers.json", folder)
    changed(folder / "ledger.json", '"bound": 0.1', '"bound": 0.2')
    assert any(what.startswith("ledger ") for what in found())
