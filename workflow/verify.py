"""Check a released paper, as a reviewer would: `make verify PROFILE=paper`.

    python -m workflow.verify PROFILE

From what is released and this code it makes again: the hashes of all files; the numbers and the verdicts of
the report, from the table; and the first samples of each finished model, from the weights. A table says what
is printed, what came out, and whether the two agree. The first lines say what is not checked; anything that
disagrees makes it end with an error.
"""

import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from diffusion import runtime
from diffusion.evaluation.frechet import to_uint8
from diffusion.files import read_json, sha256, write_bytes
from diffusion.processes.samplers import sampler_of
from diffusion.training import sampling
from report import build, render
from study import profile as profiles
from study.kept import MANIFEST, VERIFIED, read_kept, verify
from study.results import Training, load
from study.settings import opened
from workflow import jobs, release

NOT_CHECKED = """Not checked: what the PDF prints, but for its hash; trainings; samples of those whose
weights are not released; checkpoints before the last; ways to sample other than the model's own; measures of
samples; figures; the analyses, the yardstick, the reading of images, the effects and the intervention, of
which rows are kept."""
FIRST = 8  # samples of a model that are drawn again
# Share of pixels that differ by at most so many of 255 grey levels. Walks go apart in another precision or on
# another processor: here 0.87 and more, in fp32 of zooms in bf16, and at most 0.75 of unrelated samples.
ALIKE, LEVELS = 0.8, 8
# A sample is nearer to the kept one than this (root of the mean square, of 255), or than any other kept one:
# so are 99 of 100 zooms that are drawn again in fp32, and 1 of 200 unrelated images.
APART = 40


class Check(NamedTuple):
    """One thing that was made again."""

    what: str
    printed: Any
    again: Any
    agrees: bool

    def __str__(self) -> str:
        return f"{'ok  ' if self.agrees else 'DIFFERS'} {self.what}: {self.printed} | {self.again}"


def checks(profile: profiles.Profile) -> Iterator[Check]:
    """The checks of a release, the quickest first; ValueError: a file is not what was released."""
    folder, again = release.RELEASED / profile.name, jobs.ROOT / "build" / "verify" / profile.name
    names = verify(folder)
    yield Check("files of the manifest", len(names), len(names), True)
    yield from report(profile, folder, again)
    for one in sorted(load(folder).trainings.values(), key=lambda one: one.process == "ddpm"):
        if one.measured and one.train.weights.file in names:
            yield samples(one, folder, profile.file.data_dir)


# --- what is printed ---


def report(profile: profiles.Profile, folder: Path, out: Path) -> Iterator[Check]:
    """The report made again in `out`: every number and verdict."""
    shutil.rmtree(out, ignore_errors=True)
    release.unpack(folder, out)
    blank_figures(folder, out)
    build.build(out, profile.where)
    for name in ("numbers.json", "ledger.json"):
        if (folder / name).is_file():  # models of one's own have no ledger
            yield from rows(name, told(folder / name), told(out / name))


def blank_figures(folder: Path, out: Path) -> None:
    """Pictures in place of the figures of a release, beside which alone some parts are told."""
    for path in map(Path, read_json(folder / release.SHOWN)):
        blank = render.TEMPLATES / f"missing{'.svg' if path.suffix == '.svg' else '.png'}"
        write_bytes(out / "figures" / path.name, b"" if path.suffix == ".csv" else blank.read_bytes())


def told(path: Path) -> list[dict[str, Any]]:
    """The rows of a file: numbers to nine digits, and sources in one order, whichever is read first."""
    found = json.loads(path.read_bytes(), parse_float=rounded, parse_constant=str)
    for row in found:
        if isinstance(row.get("sources"), list):  # not the number of a row that has the same ones
            row["sources"].sort(key=str)
    return found


def rounded(text: str) -> float:
    """A number to nine digits: the last ones differ from processor to processor."""
    return 0.0 if abs(float(text)) < 1e-9 else float(f"{float(text):.9g}")


def rows(name: str, printed: list[dict[str, Any]], again: list[dict[str, Any]]) -> Iterator[Check]:
    """Each row that is not as it was, by what it prints or its id; and how many there are."""
    for old, new in zip(printed, again, strict=False):
        if key := next((key for key in old if old[key] != new.get(key)), None):
            yield Check(f"{name}, {old.get('text') or old.get('id')}, {key}", old[key], new.get(key), False)
    yield Check(f"rows of {name}", len(printed), len(again), printed == again)


# --- what the samples are ---


class First(nn.Sequential):
    """A network that is asked for the first images alone, and is silent on the others."""

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return torch.cat([self[0](x[:FIRST], t[:FIRST]), torch.zeros_like(x[FIRST:])])


def samples(one: Training, folder: Path, data_dir: str | None = None) -> Check:
    """The first samples of a model drawn again, with the noise of the whole set, against the kept ones."""
    facts, kept = one.measured.facts, torch.from_numpy(read_kept(folder, f"samples_{one.name}")).int()
    here = runtime.affordable(facts.environment.precision, runtime.device())
    run, seed = opened(folder, one.train, data_dir, here), facts.settings.get("sample_seed")
    at = run.process, First(run.network()), sampler_of(run.sampler, run.process), run.fitted()
    seed = one.seed if seed is None else seed
    trained = one.settings.get("n_keep", len(kept))
    for n in dict.fromkeys((trained, facts.settings.n_final)):  # drawn in training, or when it was measured
        again = sampling.draw(one.name, *at, n, seed, here)[:FIRST]
        share, agrees = alike(to_uint8(again)[:, 0].int(), kept)
        if agrees:
            break
    what = f"{one.name}, share of equal pixels (to {LEVELS} of 255) of {FIRST} samples drawn again in {here}"
    return Check(what, 1, round(share, 4), agrees)


def alike(again: Tensor, kept: Tensor) -> tuple[float, bool]:
    """Share of the pixels in which samples (k, 28, 28) equal the first k kept ones; whether these are they.

    Each is nearer to its own kept sample than to any other, or near to it.
    """
    share = float(((again - kept[: len(again)]).abs() <= LEVELS).float().mean())
    exact = {"compute_mode": "donot_use_mm_for_euclid_dist"}
    apart = torch.cdist(again.flatten(1).float(), kept.flatten(1).float(), **exact) / 28  # (k, N), of 255
    near = bool((apart.diagonal() <= apart.amin(1).clamp(min=APART)).all())
    return share, share >= ALIKE and near


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    profile, begun, wrong = profiles.read(sys.argv[1]), time.monotonic(), 0
    manifest = release.RELEASED / profile.name / MANIFEST
    if not manifest.is_file():
        raise ValueError(f"released/{profile.name} is not there; verify takes a released profile")
    head = f"released/{profile.name}, whose manifest is {sha256(manifest)}"
    lines = [head, NOT_CHECKED, "what: printed | again"]
    print("\n".join(lines[1:]), flush=True)
    for check in checks(profile):
        wrong += not check.agrees
        lines.append(str(check))
        print(lines[-1], flush=True)
    n, seconds = len(lines) - 3, time.monotonic() - begun
    lines.append(f"{n} checks in {seconds:.0f} s; {wrong} disagree")
    print(lines[-1])
    write_bytes(release.unpacked(profile) / VERIFIED, "\n".join([*lines, ""]).encode())
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
