"""Check a released paper, as a reviewer would: `make verify PROFILE=paper`.

    python -m workflow.verify PROFILE

From what is released and this code it makes again: the hashes of all files; the numbers and the verdicts of
the report, from the table; measures of the finished models, from the kept samples; and the first samples of
each, from the weights. A table says what is printed, what came out, and whether the two agree. The last lines
say what was not checked; anything that disagrees makes it end with an error.
"""

import json
import math
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
from diffusion.evaluation.measures import MEASURES
from diffusion.evaluation.statistics import Interval
from diffusion.files import sha256, write_bytes
from diffusion.processes.samplers import sampler_of
from diffusion.training import sampling
from diffusion.training.folder import RunError
from report import build
from study import profile as profiles
from study.kept import VERIFIED, read_kept, verify
from study.measure import evaluator_of, opened
from study.results import Training, load
from workflow import jobs, release

TO_THE_BIT, ROUNDING, CHANCE = "to the bit", "within rounding", "within chance"
NOT_CHECKED = """Not checked: trainings; checkpoints before the last; ways to sample other than the model's
own; measures of more samples than are kept, and in InceptionV3's features; figures; the analyses, the
yardstick, the reading of images, the effects and the intervention, of which rows and samples are kept."""
FIRST = 8  # samples of a model that are drawn again
CLOSE = 1e-3  # relative difference that rounding may make of a measure
ALIKE, LEVELS = 0.97, 8  # share of the pixels that differ by at most so many of 255 grey levels
# The same where walks go apart, in another precision or on another processor: here 0.87 and more, in fp32 of
# zooms in bf16, and at most 0.75 of unrelated samples, black for the most part as they are.
ALIKE_BY_CHANCE = 0.8
# A sample is nearer to the kept one than this (root of the mean square, of 255), or than any other kept one:
# so are 99 of 100 zooms that are drawn again in fp32, and 1 of 200 unrelated images.
APART = 40


class Check(NamedTuple):
    """One thing that was made again; `how` says in which way the two agree, and is empty if they do not."""

    what: str
    printed: Any
    again: Any
    how: str

    def line(self) -> str:
        shown = [f"{x:.6g}" if isinstance(x, float) else x for x in (self.printed, self.again)]
        return f"{'ok  ' if self.how else 'DIFFERS'} {self.what}: {shown[0]} | {shown[1]} | {self.how or '-'}"


# --- what is there, and what is printed ---


def files(folder: Path) -> Iterator[Check]:
    """Every file of the manifest; ValueError: one is not as it was released."""
    names = verify(folder)
    yield Check("files of the manifest", len(names), len(names), TO_THE_BIT)


def report(profile: profiles.Profile, folder: Path, out: Path) -> Iterator[Check]:
    """The report made again in `out`: every number and verdict."""
    shutil.rmtree(out, ignore_errors=True)
    release.unpack(folder, out)
    shutil.copytree(folder / "figures", out / "figures")  # beside which alone some parts are told
    build.build(out, profile.where)
    for name in ("numbers.json", "ledger.json"):
        if (folder / name).is_file():  # models of one's own have no ledger
            yield from rows(name, told(folder / name), told(out / name))


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
            what = f"{name}, {old.get('text') or old.get('id')}, {key}"
            yield Check(what, old[key], new.get(key), "")
    yield Check(f"rows of {name}", len(printed), len(again), ROUNDING * (printed == again))


# --- what the samples are ---


def measures(one: Training, folder: Path, data_dir: str | None = None) -> Iterator[Check]:
    """Measures of the kept samples of a finished model, those that were taken of as many."""
    facts, kept = one.measured.facts, read_kept(folder, f"samples_{one.name}")
    settings, final = facts.settings, {k: x for k, x in one.final.items() if isinstance(x, Interval)}
    printed = {k: x.value for k, x in final.items() if (x.n or settings.n_final) == len(kept)}
    of = {name: settings[name] for name in ("n_test", "interval_repeats")} | dict(facts.recogniser or {})
    evaluator = evaluator_of(settings.dataset, data_dir, **of)
    seen = printed.keys() - {"border"}  # what is darker than black is not in bytes
    for name, found in evaluator.measure(torch.from_numpy(kept)[:, None] / 255 - 0.5, only=seen).items():
        if name not in printed:
            continue
        before, again = printed[name], getattr(found, "value", found)
        # Of a share of images, as bytes one may lie on the other side of a bound; a mean of greys is no such.
        whole = MEASURES[name].unit == "share" and math.isclose(len(kept) * before, round(len(kept) * before))
        near = math.isclose(before, again, rel_tol=CLOSE, abs_tol=1.01 / len(kept) if whole else 0)
        how = TO_THE_BIT if before == again else ROUNDING * near
        yield Check(f"{one.name}, {name} of {len(kept)} kept samples", before, again, how)


class First(nn.Sequential):
    """A network that is asked for the first images alone, and is silent on the others."""

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return torch.cat([self[0](x[:FIRST], t[:FIRST]), torch.zeros_like(x[FIRST:])])


def samples(one: Training, folder: Path, data_dir: str | None = None) -> Iterator[Check]:
    """The first samples of a model drawn again, with the noise of the whole set, against the kept ones."""
    facts, kept = one.measured.facts, torch.from_numpy(read_kept(folder, f"samples_{one.name}")).int()
    here = runtime.affordable(facts.environment.precision, runtime.device())
    run, seed = opened(folder, one.train, data_dir, here), facts.settings.get("sample_seed")
    at = run.process, First(run.network()), sampler_of(run.sampler, run.process), run.fitted()
    seed = one.seed if seed is None else seed
    for n in dict.fromkeys((len(kept), facts.settings.n_final)):  # drawn in training, or when it was measured
        again = sampling.draw(one.name, *at, n, seed, here)[:FIRST]
        alike, how = likeness(to_uint8(again)[:, 0].int(), kept)
        if how:
            break
    what = f"{one.name}, share of equal pixels (to {LEVELS} of 255) of {FIRST} samples drawn again in {here}"
    yield Check(what, 1.0, alike, how)


def likeness(again: Tensor, kept: Tensor) -> tuple[float, str]:
    """Share of the pixels in which samples (k, 28, 28) equal the first k kept ones, and how the two agree.

    Within chance, as in another precision or on another processor: each is nearer to its own kept sample than
    to any other, or near to it.
    """
    own = kept[: len(again)]
    alike = float(((again - own).abs() <= LEVELS).float().mean())
    exact = {"compute_mode": "donot_use_mm_for_euclid_dist"}
    apart = torch.cdist(again.flatten(1).float(), kept.flatten(1).float(), **exact) / 28  # (k, N), of 255
    near = bool((apart.diagonal() <= apart.amin(1).clamp(min=APART)).all())
    how = ROUNDING if alike >= ALIKE else CHANCE if alike >= ALIKE_BY_CHANCE and near else ""
    return alike, TO_THE_BIT if torch.equal(again, own) else how


# --- all of it ---


def checks(profile: profiles.Profile) -> dict[str, Iterator[Check]]:
    """The checks of a release by what they are of, the quickest first."""
    folder, data_dir = release.RELEASED / profile.name, profile.file.data_dir
    again = jobs.ROOT / "build" / "verify" / profile.name
    found = {"files": files(folder), "numbers and verdicts": report(profile, folder, again)}
    ones = [one for one in load(folder).trainings.values() if one.measured]
    found |= {f"measures of the kept samples of {one.name}": measures(one, folder, data_dir) for one in ones}
    return found | {f"samples of {one.name}, drawn again": samples(one, folder, data_dir) for one in ones}


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    profile, begun = profiles.read(sys.argv[1]), time.monotonic()
    manifest = release.RELEASED / profile.name / release.MANIFEST
    if not manifest.is_file():
        raise ValueError(f"released/{profile.name} is not there; verify takes a released profile")
    lines = [f"released/{profile.name}, whose manifest is {sha256(manifest)}"]
    found: list[Check] = []

    def say(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    say("what: printed | again | agrees")
    planned = checks(profile)
    for number, (what, made) in enumerate(planned.items(), 1):
        say(f"check {number} of {len(planned)}, {what}")
        try:
            for check in made:
                say(f"  {check.line()}")
                found.append(check)
        except (ValueError, LookupError, OSError, RunError) as error:
            found.append(Check(what, "made", f"refused: {error}", ""))
            say(f"  {found[-1].line()}")
    wrong = sum(not check.how for check in found)
    say(f"{NOT_CHECKED}\n{len(found)} checks in {time.monotonic() - begun:.0f} s; {wrong} disagree")
    write_bytes(release.unpacked(profile) / VERIFIED, "\n".join([*lines, ""]).encode())
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
