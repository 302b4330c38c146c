"""A release as a reviewer checks it, each made again from what is released and this code.

`make verify PROFILE=paper` runs these tests of one profile. Not checked: what the PDF prints, but for its
hash; trainings; samples of those whose weights are not released; checkpoints before the last; ways to sample
other than the model's own; measures of samples; figures; records of notebooks.
"""

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import diffusion as d
from diffusion import runtime
from diffusion.evaluation.frechet import to_uint8
from diffusion.files import write_bytes
from diffusion.processes.samplers import sampler_of
from diffusion.training.sampling import walk
from report import profile as profiles
from report.files import read_json
from report.jobs import plan as jobs
from report.jobs import release
from report.jobs.release import RELEASED, SHOWN
from report.pages import build, render
from report.results.kept import MANIFEST, read_kept, verify
from report.results.settings import make, open_training, vary
from report.results.views import load

FIRST = 8  # samples of a model that are drawn again
# Share of pixels that differ by at most so many of 255 grey levels. Walks go apart in another precision or on
# another processor: here 0.87 and more, in fp32 of zooms in bf16, and at most 0.75 of unrelated samples.
ALIKE, LEVELS = 0.8, 8
# A sample is nearer to the kept one than this (root of the mean square, of 255), or than any other kept one:
# so are 99 of 100 zooms that are drawn again in fp32, and 1 of 200 unrelated images.
APART = 40

NAMES = sorted(path.parent.name for path in RELEASED.glob(f"*/{MANIFEST}"))


def list_without_job(folder: Path) -> set[str]:
    """Records and kept images of a release that no job of the profile of its name makes."""
    made = {file for job in jobs.plan_jobs(profiles.read(folder.name)).values() for file in job.makes}
    return {path.relative_to(folder).as_posix() for path in folder.glob("[mk]e*/*.*")} - made


@pytest.mark.parametrize("name", NAMES)
def test_each_of_its_records_is_made_by_a_job(name):
    assert not list_without_job(RELEASED / name)


@pytest.mark.parametrize("file", ["metrics/planted.json", "kept/planted.npz", "metrics/measure_zoom-4.json"])
def test_a_record_without_a_job_is_listed(file, tmp_path):
    shutil.copytree(RELEASED / "paper", tmp_path / "paper", ignore=shutil.ignore_patterns("runs"))
    (tmp_path / "paper" / file).write_text("{}")
    assert list_without_job(tmp_path / "paper") == {file}


@pytest.mark.parametrize("name", NAMES)
def test_its_runs_are_sampled_as_the_profile_says(name):
    known = load(RELEASED / name).trainings
    for run, (_, parameters) in profiles.read(name).trainings.items():
        if run in known:
            described = vary({}, parameters)
            assert known[run].train.unread["sampler"] == described["sampler"], run
            if (folder := RELEASED / name / "runs" / known[run].name).is_dir():
                opened = d.open(folder)
                calls, opened.sampler = opened.calls, make(described)[0]
                assert opened.calls == calls, run


@pytest.mark.parametrize("name", NAMES)
def test_its_files_are_those_of_its_manifest(name):
    files = (path for path in (RELEASED / name).rglob("*") if path.is_file())
    there = {path.relative_to(RELEASED / name).as_posix() for path in files}
    assert {*verify(RELEASED / name), MANIFEST} == there


@pytest.mark.parametrize("name", NAMES)
def test_its_trainings_are_described_as_their_runs_are(name):
    for one in load(RELEASED / name).trainings.values():
        if (path := RELEASED / name / one.train.run / "run.json").is_file():
            assert one.settings.unread == read_json(path)["settings"]


def rounded(text: str) -> float:
    """A number to nine digits: the last ones differ from processor to processor."""
    return 0.0 if abs(float(text)) < 1e-9 else float(f"{float(text):.9g}")


def told(path: Path) -> list[dict]:
    """The rows of a file, with sources in one order, whichever is read first."""
    found = json.loads(path.read_bytes(), parse_float=rounded, parse_constant=str)
    for row in found:
        if isinstance(row.get("sources"), list):  # not the number of a row that has the same ones
            row["sources"].sort(key=str)
    return found


def again(folder: Path, out: Path, profile: Path) -> None:
    """Make the report of a release in `out`, with pictures in place of figures, beside which some is told."""
    release.unpack(folder, out)
    for path in map(Path, read_json(folder / SHOWN)):
        blank = render.TEMPLATES / f"missing{'.svg' if path.suffix == '.svg' else '.png'}"
        write_bytes(out / "figures" / path.name, b"" if path.suffix == ".csv" else blank.read_bytes())
    build.build(out, profile)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if (RELEASED / name / SHOWN).is_file()])
def test_its_report_has_the_same_numbers_and_verdicts(name, tmp_path, monkeypatch):
    """What becomes of the text of the paper is left to the fixture `made_out`, and to `make site`."""
    folder = RELEASED / name
    for convert in ("html", "typst_source", "pdf") if name == "paper" else ():
        monkeypatch.setattr(render, convert, lambda *given: b"")
    again(folder, tmp_path, profiles.read(name).where)
    for file in ("numbers.json", "ledger.json"):
        if (folder / file).is_file():  # models of one's own have no ledger
            assert told(tmp_path / file) == told(folder / file)


# --- samples ---


class First(nn.Sequential):
    """A network that is asked for the first images alone, and is silent on the others."""

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return torch.cat([self[0](x[:FIRST], t[:FIRST]), torch.zeros_like(x[FIRST:])])


def alike(drawn: Tensor, kept: Tensor) -> bool:
    """Samples (k, 28, 28) equal the first k kept ones in most pixels; each is near to its own, or nearest."""
    same = float(((drawn - kept[: len(drawn)]).abs() <= LEVELS).float().mean())
    exact = {"compute_mode": "donot_use_mm_for_euclid_dist"}
    apart = torch.cdist(drawn.flatten(1).float(), kept.flatten(1).float(), **exact) / 28  # (k, N), of 255
    return same >= ALIKE and bool((apart.diagonal() <= apart.amin(1).clamp(min=APART)).all())


FITS: dict[tuple, dict] = {}  # process -> priors that are fitted to its latents, once for all models
WITH_WEIGHTS = [
    pytest.param(name, one, id=f"{name}-{one.name}")
    for name in NAMES
    for one in load(RELEASED / name).trainings.values()
    if one.measured and (RELEASED / name / one.train.weights.file).is_file()
]


@pytest.mark.long
@pytest.mark.parametrize(("name", "one"), WITH_WEIGHTS)
def test_its_weights_draw_the_samples_that_are_kept(name, one, mnist_dir, monkeypatch):
    """The first ones, with the noise of the whole set: drawn when it was measured, or in training."""
    facts, folder, randn = one.measured.facts, RELEASED / name, torch.randn
    kept = torch.from_numpy(read_kept(folder, f"samples_{one.name}")).int()
    _, parameters = profiles.read(name).trainings[one.model, one.seed]
    here = runtime.affordable(facts.environment.precision, runtime.device())
    run = open_training(folder, one.train, here)
    of, run.fits = (one.seed, here), FITS.setdefault((type(run.process), run.process.T), {})

    def first(n: int) -> Tensor:
        few = run.process.predicts == "noise"  # of noise all is drawn, and what belongs to the first is used
        if few:
            monkeypatch.setattr(torch, "randn", lambda shape, **how: randn((n, *shape[1:]), **how)[:FIRST])
        at = First(run.network()), run.process, sampler_of(run.sampler, run.process), run.fitted()
        return dict(walk(*at, FIRST if few else n, *of, n))[0][:FIRST]

    sets = dict.fromkeys((facts.settings.n_final, parameters["n_keep"]))
    assert any(alike(to_uint8(first(n))[:, 0].int(), kept) for n in sets)


def test_samples_are_alike_where_most_pixels_are_and_each_is_nearest_to_its_own():
    draw = torch.Generator().manual_seed(0)
    kept = torch.randint(0, 256, (50, 28, 28), generator=draw, dtype=torch.int)
    drawn = kept[:8].clone()
    assert alike(drawn + 8, kept)
    assert not alike(drawn + 9, kept)
    drawn[5] = kept[20]
    assert not alike(drawn, kept)  # one of another place
    drawn[5] = kept[5]
    drawn[:, :4] += 20  # a seventh of the pixels
    assert alike(drawn, kept)
    drawn[:, 4:7] += 20  # a quarter
    assert not alike(drawn, kept)
    assert not alike(kept[8:16], kept)
