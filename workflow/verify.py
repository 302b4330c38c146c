"""Check a released paper, as a reviewer would: `make verify PROFILE=paper`.

    python -m workflow.verify PROFILE

From what is released and this code it makes again: the hashes of all files; the numbers and the verdicts of
the report, from the table; measures of the finished models, from the kept samples; some samples, from the
weights; the first epoch of the zoom's training. A table says what is printed, what came out, and whether the
two agree. The last lines say what was not checked; anything that disagrees makes it end with an error.
"""

import csv
import itertools
import math
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import diffusion as d
from diffusion import data, runtime
from diffusion.evaluation.evaluator import codes
from diffusion.evaluation.frechet import to_uint8
from diffusion.evaluation.measures import MEASURES
from diffusion.evaluation.statistics import Interval
from diffusion.files import read_json, sha256, write_bytes
from diffusion.processes.samplers import sampler_of
from diffusion.provenance import environment
from diffusion.training import sampling
from report import build, figures
from study.kept import VERIFIED, read_kept
from study.measure import evaluator_of, open_trained, seed_of, trained_as
from study.results import Training, load, plain
from study.settings import Measure, Profile, read_profile
from workflow import jobs, release

HEAD = "what: printed | again | agrees"
TO_THE_BIT, ROUNDING, CHANCE = "to the bit", "within rounding", "within chance"
NOT_CHECKED = """Not checked: trainings, but for the zoom's first epoch; checkpoints before the last; ways to
sample other than the model's own; distances in InceptionV3's features, whose weights would be downloaded;
the analyses, the yardstick, the reading of images, the effects and the intervention, of which rows and some
samples are kept."""
FIRST = 8  # samples of a model that are drawn again
CLOSE = 1e-3  # relative difference that rounding may make of a measure
ALIKE, LEVELS = 0.97, 8  # share of the pixels that differ by at most so many of 255 grey levels
# The same where walks go apart, in another precision or on another processor: here 0.87 and more, in fp32 of
# zooms in bf16, and at most 0.75 of unrelated samples, black for the most part as they are.
ALIKE_BY_CHANCE = 0.8
# A sample is nearer to the kept one than this (root of the mean square, of 255), or than any other kept one:
# so are 99 of 100 zooms that are drawn again in fp32, and 1 of 200 unrelated images.
APART = 40
ROUNDED = 1e-9  # the same of a number computed again from the same rows
LOSS = 0.02  # relative difference of an epoch's loss in another precision or on another machine
SIGMAS = 4.5  # of a share among some of the samples from that among all: one alarm in 10^5
Step = tuple[str, Callable]  # what is checked, and the checks
UNSEEN = ("border",)  # what is darker than black, and so not in bytes
FILES = {"numbers": ("number", "text"), "ledger": ("id",)}  # of the report; what names a row of each


class Check(NamedTuple):
    """One thing that was made again; `how` says in which way the two agree, and is empty if they do not."""

    what: str
    printed: Any
    again: Any
    how: str

    def line(self) -> str:
        shown = [f"{x:.6g}" if isinstance(x, float) else str(x) for x in (self.printed, self.again)]
        return f"{'ok  ' if self.how else 'DIFFERS'} {self.what}: {shown[0]} | {shown[1]} | {self.how or '-'}"


def compared(what: str, printed: float, again: float, close: float = CLOSE, apart: float = 0.0) -> Check:
    """A number and the same made again: equal, or nearly so, by their ratio or difference."""
    near = math.isclose(printed, again, rel_tol=close, abs_tol=apart)
    return Check(what, printed, again, TO_THE_BIT if printed == again else ROUNDING if near else "")


def counted(what: str, right: Sequence[bool]) -> Check:
    """Things by number, and how many of them are as they were."""
    return Check(what, len(right), sum(right), TO_THE_BIT if all(right) else "")


# --- what is there ---


def files(folder: Path) -> Iterator[Check]:
    """Every file of the manifest, and the weights that the trainings' files name."""
    known = read_json(folder / release.MANIFEST)["files"]
    right = {n: (folder / n).is_file() and sha256(folder / n) == known[n] for n in known}
    yield from (Check(f"file {n}", known[n][:12], "another or none", "") for n in known if not right[n])
    yield counted("files of the manifest", [*right.values()])
    for one in load(folder).trainings.values():
        named, last = one.train.weights.sha256, one.train.sha256.get(str(one.train.epochs))
        path = folder / one.train.weights.file
        found = {"file": sha256(path) if path.is_file() else "none", "history": last or named}
        bad = ", ".join(where for where, digest in found.items() if digest != named)
        yield Check(f"weights of {one.name}", named[:12], bad or named[:12], "" if bad else TO_THE_BIT)


# --- what is printed ---


def report(profile: Profile, folder: Path, out: Path) -> Iterator[Check]:
    """The report made again in `out`: every number and verdict, and the rows behind the figures."""
    shutil.rmtree(out, ignore_errors=True)
    try:
        release.unpack(folder, out)
        if (folder / "figures").is_dir():  # the text tells some parts only beside their figures
            shutil.copytree(folder / "figures", out / "figures")
        build.build(out, profile.where)
    except ValueError as error:
        yield Check("the report", "made", f"refused: {error}", "")
        return
    for what, name in FILES.items():
        if (folder / f"{what}.json").is_file():  # models of one's own have no ledger
            yield from rows(what, *(read_json(at / f"{what}.json") for at in (folder, out)), name)
    for path in sorted((folder / "figures").glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            right = [_stands(one, folder) for one in csv.DictReader(file) if one.get("source") != ""]
        if right:  # some figures are drawn of no rows
            yield counted(f"rows of figures/{path.name}", right)


def rows(
    what: str, printed: Sequence[Mapping], again: Sequence[Mapping], names: Sequence[str]
) -> Iterator[Check]:
    """Each row that is not as it was, called by what it has under `names`; and how many are."""
    wrong = 0
    for old, new in itertools.zip_longest(printed, again, fillvalue={}):
        if key := next((k for k in {**old, **new} if not agree(old.get(k), new.get(k))), None):
            wrong += 1
            name = ", ".join(str((old or new)[part]) for part in names)
            yield Check(f"{what} {name}, {key}", old.get(key), new.get(key), "")
    how = "" if wrong else TO_THE_BIT if printed == again else ROUNDING
    yield Check(f"{what}, {len(printed)} in all", len(printed), len(again) - wrong, how)


def agree(a: Any, b: Any) -> bool:
    """Two rows, or parts of them, are equal but for the rounding of their numbers on another machine."""
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=ROUNDED, abs_tol=ROUNDED) or math.isnan(a) and math.isnan(b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(agree(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(agree, a, b))
    return a == b


def _stands(drawn: Mapping[str, str], folder: Path) -> bool:
    """A number behind a figure is that of the row which it names."""
    try:
        return str(figures.row_at(drawn["source"], folder).value) == drawn["value"]
    except (KeyError, ValueError):
        return False


# --- what the samples are ---


def measures(one: Training, folder: Path) -> Iterator[Check]:
    """Measures of the kept samples of a finished model, by the code of today; a changed one is named."""
    P, then = _settings(one), plain(one.measured.facts.get("codes", {}))
    kept = torch.from_numpy(read_kept(folder, f"samples_{one.name}"))[:, None]  # (n, 1, 28, 28) uint8
    n, final = len(kept), one.final
    of_as_many = {
        name: printed.value
        for name, printed in final.items()
        if isinstance(printed, Interval) and (printed.n or P.n_final) == n and name not in UNSEEN
    }
    only = {*of_as_many, "low_confidence"}
    found = evaluator_of(P).measure(kept.float() / 255 - 0.5, n, only=only)
    for name, code in codes([name for name in of_as_many if name in found]).items():
        since = ", whose code changed since" if then.get(name, code) != code else ""
        again = found[name].value if isinstance(found[name], Interval) else found[name]
        printed, images = of_as_many[name], n * of_as_many[name]
        # Of a share of images, as bytes one may lie on the other side of a bound; a mean of greys is no such.
        whole = MEASURES[name].unit == "share" and math.isclose(images, round(images), abs_tol=1e-6)
        what = f"{one.name}, {name} of {n} kept samples{since}"
        yield compared(what, printed, again, apart=1.01 / n if whole else 0.0)
    share, again = final["low_confidence"].value, found["low_confidence"].value
    if (of := final["low_confidence"].n or P.n_final) > n:
        sd = math.sqrt(share * (1 - share) * (1 / n + 1 / of))
        how = CHANCE if abs(again - share) <= SIGMAS * sd + 1 / n else ""
        yield Check(f"{one.name}, low_confidence of {of} samples, and of {n} kept ones", share, again, how)


def _settings(one: Training) -> Measure:
    return Measure.read(plain(one.measured.facts.settings) | {"inception_weights": "off"})  # a download


class First(nn.Module):
    """A network that is asked for the first images alone, and is silent on the others."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        found = torch.zeros_like(x)
        found[:FIRST] = self.network(x[:FIRST], t[:FIRST])
        return found


def samples(one: Training, folder: Path) -> Iterator[Check]:
    """The first samples of a model drawn again, with the noise of the whole set, against the kept ones."""
    P = _settings(one)
    run = replace(open_trained(folder, one.train, P), keeps=False)
    begin, sampler = run.fitted(), sampler_of(run.way.sampler, run.process)
    kept = torch.from_numpy(read_kept(folder, f"samples_{one.name}")).int()
    then, here = precisions(one)
    name, found = environment(on=runtime.device())["device_name"], []
    same = then == here and one.measured.facts.environment["device_name"] == name
    numbers = dict.fromkeys((len(kept), P.n_final))  # those of the training, or the first measured
    for precision, n in itertools.product((here,) if same else dict.fromkeys((here, "fp32")), numbers):
        at = run.process, First(run.network()), sampler, begin, n, seed_of(P), precision, one.name, n
        alike, how = likeness(to_uint8(sampling.draw(*at)[:FIRST])[:, 0].int(), kept, chance=not same)
        what = f"{one.name}, share of equal pixels (to {LEVELS} of 255) of {FIRST} samples drawn again in "
        found.append(Check(what + precision, 1.0, alike, how))
        if how:
            break
    yield max(found, key=lambda check: (check.how != "", check.again))


def likeness(again: Tensor, kept: Tensor, chance: bool = True) -> tuple[float, str]:
    """Share of the pixels in which samples (k, 28, 28) equal the first k kept ones, and how the two agree.

    They may agree within `chance` where precision or processor are others: each is nearer to its own kept
    sample than to any other, or near to it.
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


def precisions(one: Training) -> tuple[str, str]:
    """The precision in which a training's samples were drawn, and the one in which they are drawn here."""
    then = one.measured.facts.environment["precision"]
    return then, runtime.affordable(then, runtime.device())


def first_epoch(one: Training) -> Iterator[Check]:
    """The first epoch of a training again: its loss."""
    P = trained_as(one.train)
    x = data.load(P.dataset, "train", P.data_dir, P.n_train)[0]
    run = d.fit(P.process(), x, **(P.fitting() | {"epochs": 1, "steps": None}))
    name = f"{one.name}, training loss of the first epoch, trained again in {run.precision}"
    yield compared(name, one.history[0]["train_loss"].value, run.history[0]["train_loss"], LOSS)


# --- all of it ---


def steps(profile: Profile) -> Iterator[Step]:
    """Everything, the quickest first."""
    folder, again = release.RELEASED / profile.name, jobs.ROOT / "build" / "verify" / profile.name
    ones = [one for one in load(folder).trainings.values() if one.measured]
    yield "files, and the weights that they name", partial(files, folder)
    yield "numbers and verdicts, from the table", partial(report, profile, folder, again)
    for one in ones:
        yield f"measures of the kept samples of {one.name}", partial(measures, one, folder)
    for one in ones:
        then, here = precisions(one)
        yield f"samples of {one.name}, of {then}, drawn again in {here}", partial(samples, one, folder)
    zoom = next((one for one in ones if one.process == "zoom"), None)
    if zoom and zoom.settings["lr_schedule"] == "constant":
        yield "the first epoch of a zoom, trained again", partial(first_epoch, zoom)


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
    found, planned = [], [*steps(profile)]
    for number, (what, made) in enumerate(planned, 1):
        say(f"check {number} of {len(planned)}, {what}")
        for check in made():
            found.append(check)
            say(f"  {check.line()}")
    wrong = sum(not check.how for check in found)
    say(f"{NOT_CHECKED}\n{len(found)} checks in {time.monotonic() - begun:.0f} s; {wrong} disagree")
    write_bytes(release.unpacked(profile) / VERIFIED, "\n".join([*lines, ""]).encode())
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
