"""Check a released paper, as a reviewer would: `make verify PROFILE=paper`.

    python -m workflow.verify PROFILE

From what is released and this code it makes again: the hashes of all files; the numbers and the verdicts of
the report, and the numbers that its figures draw, from the records; measures of the finished models, from the
kept samples; some samples, from the weights; the first epoch of the zoom's training. A table says what is
printed, what came out, and whether the two agree. The last lines say what was not checked; anything that
disagrees makes it end with an error.
"""

import csv
import itertools
import math
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import diffusion as d
from diffusion import data, runtime
from diffusion.evaluation.frechet import to_uint8
from diffusion.files import read_json, sha256, write_bytes
from diffusion.processes.priors import prior_of
from diffusion.processes.samplers import sampler_of
from diffusion.provenance import environment
from diffusion.training import sampling
from report import build
from report.values import VERIFIED
from study.measure import evaluator_of, open_trained, trained_as
from study.records import Trained, load_results, read_kept
from study.settings import Measure, Profile, read_profile
from workflow import jobs, release

HEAD = "what: printed | again | agrees"
TO_THE_BIT, ROUNDING, CHANCE = "to the bit", "within rounding", "within chance"
NOT_CHECKED = """Not checked: trainings, but for the zoom's first epoch; checkpoints before the last; ways to
sample other than the model's own; the analyses, the yardstick and the reading of images."""
FIRST = 8  # samples of a model that are drawn again
CLOSE = 1e-3  # relative difference that rounding may make of a measure
ALIKE, LEVELS = 0.97, 8  # share of the pixels that differ by at most so many of 255 grey levels
# The same where walks go apart, in another precision or on another processor: here 0.87 and more, in fp32 of
# zooms in bf16, and at most 0.75 of unrelated samples, black for the most part as they are.
ALIKE_BY_CHANCE = 0.8
# A sample is nearer to the kept one than this (root of the mean square, of 255), or than any other kept one:
# so are 99 of 100 zooms that are drawn again in fp32, and 1 of 200 unrelated images.
APART = 40
ROUNDED = 1e-9  # the same of a number computed again from the same records
SHOWN = 1e-5  # the same of one of six digits
LOSS = 0.02  # relative difference of an epoch's loss in another precision or on another machine
NAMES: dict[str, Callable[[Mapping], str]] = {  # what a row of a file of the report is called
    "numbers": lambda row: f"{row['number']}, {row['text']}",
    "ledger": lambda row: row["id"],
    "table": lambda row: row["name"],
}
SIGMAS = 4.5  # of a share among some of the samples from that among all: one alarm in 10^5


@dataclass(frozen=True)
class Check:
    """One thing that was made again.

    Attributes:
        how: in which way the two agree; empty: they do not.
    """

    what: str
    printed: Any
    again: Any
    how: str

    def line(self) -> str:
        shown = [f"{x:.6g}" if isinstance(x, float) else str(x) for x in (self.printed, self.again)]
        return f"{'ok  ' if self.how else 'DIFFERS'} {self.what}: {shown[0]} | {shown[1]} | {self.how or '-'}"


def compared(what: str, printed: float, again: float, close: float = CLOSE) -> Check:
    """A number and the same made again, equal or nearly so."""
    how = TO_THE_BIT if printed == again else ROUNDING if math.isclose(printed, again, rel_tol=close) else ""
    return Check(what, printed, again, how)


# --- what is there ---


def files(folder: Path) -> Iterator[Check]:
    """Every file of the manifest, and the weights that the records name."""
    known = read_json(folder / release.MANIFEST)["files"]
    wrong = [n for n, h in known.items() if not (folder / n).is_file() or sha256(folder / n) != h]
    yield from (Check(f"file {name}", known[name][:12], "another or none", "") for name in wrong)
    yield Check("files of the manifest", len(known), len(known) - len(wrong), "" if wrong else TO_THE_BIT)
    results = load_results(folder)
    for (model, seed), one in results.trainings.items():
        named = one.train.weights.sha256
        path = folder / one.train.weights.file
        found = {"file": sha256(path) if path.is_file() else "none", "history": one.train.history[-1].sha256}
        bad = ", ".join(where for where, digest in found.items() if digest != named)
        how = "" if bad else TO_THE_BIT
        yield Check(f"weights of {model}-{seed}", named[:12], bad or named[:12], how)


# --- what is printed ---


def agree(a: Any, b: Any, close: float = ROUNDED) -> bool:
    """Two rows, or parts of them, are equal but for the rounding of their numbers on another machine."""
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=close, abs_tol=close) or math.isnan(a) and math.isnan(b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(agree(a[key], b[key], close) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(agree(x, y, close) for x, y in zip(a, b, strict=True))
    return a == b


def rows(
    what: str, printed: Sequence[Mapping], again: Sequence[Mapping], name: Callable, close: float = ROUNDED
) -> Iterator[Check]:
    """Each row that is not as it was, and how many are."""
    wrong = 0
    for old, new in itertools.zip_longest(printed, again, fillvalue={}):
        for key in dict.fromkeys((*old, *new)):
            if not agree(old.get(key), new.get(key), close):
                wrong += 1
                yield Check(f"{what} {name(old or new)}, {key}", old.get(key), new.get(key), "")
                break
    how = "" if wrong else TO_THE_BIT if printed == again else ROUNDING
    yield Check(f"{what}, {len(printed)} in all", len(printed), len(again) - wrong, how)


def drawn(released: Path, again: Path) -> Iterator[Check]:
    """The numbers behind a figure, of which many stand in no sentence."""
    tables = []
    for path in (released, again):
        with path.open(newline="", encoding="utf-8") as file:
            tables.append(
                [{key: _number(one) for key, one in row.items()} for row in csv.DictReader(file, restval="")]
            )
    yield from rows(f"figures/{released.name}", *tables, lambda row: f"{row['series']} at {row['x']}", SHOWN)


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def report(profile: Profile, folder: Path, out: Path) -> Iterator[Check]:
    """The report made again in `out`: every number, verdict and row of the table of models."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(folder, out, ignore=shutil.ignore_patterns(*jobs.OF_REPORT))
    try:
        build.build(out, profile.where)
    except ValueError as error:
        yield Check("the report", "made", f"refused: {error}", "")
        return
    for what, name in NAMES.items():
        if (folder / f"{what}.json").is_file():  # models of one's own have no ledger
            yield from rows(what, *(read_json(at / f"{what}.json") for at in (folder, out)), name)
    for path in sorted((folder / "figures").glob("*.csv")):
        yield from drawn(path, out / "figures" / path.name)


# --- what the samples are ---


def measures(one: Trained, folder: Path) -> Iterator[Check]:
    """Measures of the kept samples of a finished model: those of as many, and shares of all of them."""
    name, final, P = f"{one.model}-{one.seed}", one.measure.final, Measure.read(one.measure.settings)
    kept = torch.from_numpy(read_kept(folder, f"samples_{name}"))[:, None]  # (n, 1, 28, 28) uint8
    x = kept.float() / 255 - 0.5
    found = evaluator_of(P).measure(x, len(x), every=True)
    told = {"digits": (final.frechet, found.frechet)}
    told |= {
        key: (old, found.distances[key]) for key, old in final.distances.items() if key in found.distances
    }
    for key, (old, new) in told.items():
        if old.n == len(x):
            yield compared(f"{name}, distance in {key} of {len(x)} kept samples", old.value, new.value)
    for key in ("low_confidence", "background"):
        old, new = getattr(final, key), getattr(found, key)
        if old and old.n == len(x):
            yield compared(f"{name}, {key} of {len(x)} kept samples", old.value, new.value)
    share, again = final.low_confidence, found.low_confidence.value
    if (n := final.n_classes) > len(x):
        sd = math.sqrt(share.value * (1 - share.value) * (1 / len(x) + 1 / n))
        how = CHANCE if abs(again - share.value) <= SIGMAS * sd + 1 / len(x) else ""
        what = f"{name}, low confidence of {n} samples, and of {len(x)} kept ones"
        yield Check(what, share.value, again, how)


class First(nn.Module):
    """A network that is asked for the first images alone, and is silent on the others."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        found = torch.zeros_like(x)
        found[:FIRST] = self.network(x[:FIRST], t[:FIRST])
        return found


def samples(one: Trained, folder: Path) -> Check:
    """The first samples of a model drawn again, with the noise of the whole set, against the kept ones.

    In the record's precision where this machine is fast in it, and in fp32, which rounds alike everywhere.
    """
    name, P = f"{one.model}-{one.seed}", Measure.read(one.measure.settings)
    run = replace(open_trained(folder, one.train, P), keeps=False)
    prior = run.way.prior if run.way.prior is not None else run.process.prior
    begin, sampler = run.fitted(prior_of(prior)), sampler_of(run.way.sampler, run.process)
    kept = torch.from_numpy(read_kept(folder, f"samples_{name}")).int()
    what = f"{name}, share of equal pixels (to {LEVELS} of 255) of {FIRST} samples drawn again in "
    best = Check("", 1.0, -1.0, "")
    here = runtime.affordable(precision_of(one), run.device)
    same = made_here(one, precision_of(one), here)
    for precision in (here,) if same else dict.fromkeys((here, "fp32")):
        for n in dict.fromkeys((len(kept), P.n_final)):  # those of the training, or the first measured
            at = run.process, First(run.network()), sampler, begin, n, P.seed, precision, name, n
            alike, how = likeness(to_uint8(sampling.draw(*at)[:FIRST])[:, 0].int(), kept, chance=not same)
            found = Check(what + precision, 1.0, alike, how)
            if how:
                return found
            best = max(best, found, key=lambda check: check.again)
    return best


def likeness(again: Tensor, kept: Tensor, chance: bool = True) -> tuple[float, str]:
    """Share of the pixels in which samples (k, 28, 28) equal the first k kept ones, and how the two agree.

    Args:
        chance: whether they may agree within chance: each is nearer to its own kept sample than to any
            other, or near to it. Not so where precision and processor are those of the kept ones.
    """
    own = kept[: len(again)]
    alike = float(((again - own).abs() <= LEVELS).float().mean())
    if torch.equal(again, own):
        return 1.0, TO_THE_BIT
    if alike >= ALIKE:
        return alike, ROUNDING
    exact = {"compute_mode": "donot_use_mm_for_euclid_dist"}
    apart = torch.cdist(again.flatten(1).float(), kept.flatten(1).float(), **exact) / 28  # (k, N), of 255
    near = apart.diagonal() <= apart.amin(1).clamp(min=APART)
    return alike, CHANCE if chance and alike >= ALIKE_BY_CHANCE and near.all() else ""


def made_here(one: Trained, then: str, here: str) -> bool:
    """True where both precisions are one, and a training was measured on a device of this name."""
    name = environment(on=runtime.device())["device_name"]
    return then == here and one.measure.environment["device_name"] == name


def precision_of(one: Trained) -> str:
    """The precision in which a training's samples were drawn."""
    return one.measure.environment["precision"]


def first_epoch(one: Trained) -> Check:
    """The first epoch of a training again: its loss."""
    P, train = trained_as(one.train), one.train.settings
    x = data.load(train["dataset"], "train", P.data_dir, train["n_train"])[0]
    run = d.fit(P.process(), x, **(P.fitting() | {"epochs": 1}))
    name = f"{one.model}-{one.seed}, training loss of the first epoch, trained again in {run.precision}"
    return compared(name, one.train.history[0].train_loss, run.history[0]["train_loss"], LOSS)


# --- all of it ---


class Step(NamedTuple):
    """A part of the checks: what is checked, in which way it should agree on this machine, and the checks."""

    what: str
    expected: str
    made: Callable[[], Iterable[Check]]


def steps(profile: Profile) -> list[Step]:
    """Everything, the quickest first."""
    folder = release.RELEASED / profile.name
    ones = [one for one in load_results(folder).trainings.values() if one.measure]
    again = jobs.ROOT / "build" / "verify" / profile.name
    found = [
        Step("files, and the weights that records name", TO_THE_BIT, lambda: files(folder)),
        Step(
            "numbers, verdicts and figures, from the records",
            ROUNDING,
            lambda: report(profile, folder, again),
        ),
    ]
    for one in ones:
        what = f"measures of the kept samples of {one.model}-{one.seed}"
        found.append(Step(what, expected(one, "fp32", "fp32"), lambda one=one: measures(one, folder)))
    for one in ones:
        then = precision_of(one)
        here = runtime.affordable(then, runtime.device())
        what = f"samples of {one.model}-{one.seed}, of {then}, drawn again in {here}"
        found.append(Step(what, expected(one, then, here), lambda one=one: [samples(one, folder)]))
    zooms = [one for one in ones if one.train.process == "zoom"]
    if zooms and zooms[0].train.settings["lr_schedule"] == "constant":
        found.append(
            Step("the first epoch of a zoom, trained again", ROUNDING, lambda: [first_epoch(zooms[0])])
        )
    return found


def expected(one: Trained, then: str, here: str) -> str:
    """The way in which what was computed in a precision agrees with the same in that of this machine."""
    if made_here(one, then, here):
        return f"{TO_THE_BIT} on the same processor"
    return ROUNDING if then == here == "fp32" else CHANCE


def carried_out(planned: Sequence[Step], say: Callable[[str], None]) -> list[Check]:
    """All checks, each said as it is made, with its number among those that are planned."""
    found = []
    for number, step in enumerate(planned, 1):
        say(f"check {number} of {len(planned)}, {step.what}; to be expected: {step.expected}")
        for check in step.made():
            found.append(check)
            say(f"  {check.line()}")
    return found


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    profile, begun = read_profile(sys.argv[1], jobs.PROFILES), time.monotonic()
    if not (release.RELEASED / profile.name).is_dir():
        raise ValueError(f"released/{profile.name} is not there; verify takes a released profile")
    edition = sha256(release.RELEASED / profile.name / release.MANIFEST)
    lines = [f"released/{profile.name}, whose manifest is {edition}"]

    def say(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    say(HEAD)
    found = carried_out(steps(profile), say)
    wrong = [check for check in found if not check.how]
    say(f"{NOT_CHECKED}\n{len(found)} checks in {time.monotonic() - begun:.0f} s; {len(wrong)} disagree")
    write_bytes(release.unpacked(profile) / VERIFIED, "\n".join([*lines, ""]).encode())
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
