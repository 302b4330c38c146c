"""The measuring job: the samples of one finished training, against the held-out test split.

    python -m study.measure OUT zoom-0 'n_checkpoint: 500'

writes OUT/metrics/measure_<model>-<seed>.json, and kept images (see `study.kept`). Samples are drawn with the
training's seed, or with `sample_seed`. What is measured of real images does not depend on it: all trainings
are measured against one floor, and with the same halves and resamples.

A file that is there is filled in: with settings, weights, samples and versions as they were, only those
measures are taken whose code is new or changed. No training is repeated for it.
"""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import yaml
from pydantic import Field
from torch import Tensor

import diffusion as d
from diffusion import data, runtime
from diffusion.bounds import Count, Seed, checked
from diffusion.evaluation.evaluator import Evaluator, Seen
from diffusion.evaluation.frechet import to_uint8
from diffusion.evaluation.measures import FEATURES, MEASURES, Value, code, register, taken
from diffusion.evaluation.statistics import Interval
from diffusion.files import differences
from diffusion.identity import code_of
from diffusion.processes import DDPM, ColdDiffusion, ColdZoom
from diffusion.processes.priors import Patches
from diffusion.processes.samplers import DDIM, SAMPLERS, Ancestral, Improved, Naive
from diffusion.runtime import Precision
from diffusion.training.folder import RunError
from diffusion.training.run import Run
from study import confidence, distances, divergence, probes, table
from study import pixels as pixels  # whose measures are taken, too
from study.environment import MEASURING, environment
from study.kept import Drawn, keep, kept_path
from study.results import LATE, trainings_in
from study.settings import plain, sampling
from study.table import CHECKPOINT, PATCHES, REAL, Facts, Job

N_PROBED = 500  # test images whose latents are raised and lowered
FLOORS = tuple(f"floor{end}" for end in FEATURES)
SLOW = "_inception"  # features too slow for every set of samples
COST = ("calls", "seconds")
OF_WAY = ("frechet", "kid", "class_share", "divergence", "digit")  # measures of other ways to sample
OF_FINISHED = ("mix_frechet", "mix_reweighted", "copies", "copies_in_class")
OF_NETWORK = ("response", "recovered")
BESIDE = ("threshold", "divergence_floor", "frechet_gap")  # measures of no set of samples
GAPS = {"clipping": ("clipping off", "clipping on"), "float32": ("bf16", "fp32")}  # before, after
KEPT = ("samples", "late", "quality")  # images
EXAMPLES = 16  # of good and of bad samples
# Of an environment, what changes numbers.
COMPUTES = ("torch", "numpy", *MEASURING, "device", "precision")
evaluator_of = lru_cache(maxsize=2)(
    Evaluator.of
)  # models measured alike share one: real images take its time
Images = Annotated[int, Field(ge=12, le=60_000)]


@checked
def measure(
    out: Path,
    name: str,
    *,
    dataset: str = "mnist",
    data_dir: str | None = None,
    n_test: Images | None = None,
    n_checkpoint: Images = 500,
    n_final: Images = 2000,
    n_distance: Images | None = None,
    distance_every: Count = 5,
    floor_repeats: Annotated[int, Field(ge=2)] = 20,
    interval_repeats: Annotated[int, Field(ge=2)] = 1000,
    n_kind: Images = 500,
    n_real: Annotated[int, Field(ge=100, le=60_000)] = 10_000,
    ablations: bool = True,
    ways: dict[str, dict[str, Any]] | None = None,
    n_way: Images | None = None,
    calls: list[Annotated[int, Field(ge=2)]] = [10, 24, 50, 100, 250],  # noqa: B006 - only read
    levels: list[Count] = [1, 2, 3, 4, 6, 8, 12],  # noqa: B006
    noise: list[Annotated[float, Field(gt=0, le=10)]] = [0.02, 0.05, 0.1, 0.2],  # noqa: B006
    n_probe: Images = 1000,
    sample_seed: Seed | None = None,
    inception_weights: Literal["auto", "off"] = "off",
    precision: Precision = "auto",
) -> Job:
    """Measure one finished training of `out`, such as "zoom-0"; its file and kept images are then on disk.

    Args:
        n_test: test images; None: all.
        n_checkpoint, distance_every: images of each measured checkpoint, and epochs between two of these.
        n_final, n_distance: images of the finished model; of these, the first that distances are taken of,
            None: 2000, or all where these are fewer.
        floor_repeats, interval_repeats: draws behind a real-vs-real floor, and behind an interval.
        n_kind, n_real: of the recogniser, see `Evaluator`.
        ablations: draw again with one thing changed: clipping, precision, prior.
        ways: name -> another way to sample: sampler, prior, their options; average: over so many last epochs.
        n_way: images of each way of an analysis; None: it is not analysed. Of a DDPM the ways are numbers of
            `calls`, with two samplers; of cold diffusion numbers of `levels`, and `noise` in each step.
        n_probe: test images of the probes of a DDPM.
        sample_seed: of the samples; None: that of the training.
        inception_weights: InceptionV3's, from torch's cache or a download; or "off".

    ValueError: it has no file, is of another data set, or its samples are not finite. RunError: its weights
    are missing or changed.
    """
    settings = {k: v for k, v in locals().items() if k not in ("out", "name", "data_dir")}
    n_distance = min(n_final, 2000) if n_distance is None else n_distance
    if n_distance > n_final:
        raise ValueError(f"n_distance = {n_distance} exceeds n_final = {n_final}")
    train = Job(out, f"train_{name}").facts
    if train.settings["dataset"] != dataset:
        raise ValueError(
            f"{name} was trained on {train.settings['dataset']}, not on {dataset}; measure it there"
        )
    run, seed = opened(out, train, data_dir, precision), train.seed if sample_seed is None else sample_seed
    n_train = max(n_checkpoint, n_distance) * floor_repeats
    how = {"n_test": n_test, "n_kind": n_kind, "interval_repeats": interval_repeats}
    how |= {"floor_repeats": floor_repeats, "inception_weights": inception_weights}
    evaluator = evaluator_of(dataset, str(data.folder(data_dir)), n_train, n_digits=n_real, **how)
    draw = Drawn(out / "samples" / name, run, seed)
    others = other_ways(run, calls, levels, noise) if n_way else {}
    facts = {
        "job": "measure",
        "settings": settings | {"n_distance": n_distance, "seed": train.seed},
        "environment": environment(run.precision, run.device),
        "model": train.model,
        "seed": train.seed,
        "weights_sha256": train.weights.sha256,
        "reference": {"split": "test", "n": len(evaluator.x_test)},
        **described(evaluator),
        "ways": {way: described_sampler(of) for way, of in others.items()},
        "code": code_of([Path(__file__)]),
    }
    names = {one for one, registered in MEASURES.items() if registered.of}
    file = Filling(
        out, f"measure_{name}", facts, {*names, *FLOORS, *COST, *BESIDE, *OF_FINISHED, *OF_NETWORK}
    )
    if file.whole and all(kept_path(out, f"{kind}_{name}").is_file() for kind in KEPT):
        return Job(out, file.name)
    samples = draw(n_final)
    seen = Seen(evaluator, samples)
    if seen.one_image:
        print(f"{name}: all samples are one image, so they have no distance and are no digits", flush=True)
    epochs = checkpoints(train, distance_every)
    late = [draw(n_checkpoint, epoch=e) for e in epochs if e >= (1 - LATE) * train.epochs]
    grey = to_uint8(samples)
    chosen = confidence.rank_by_quality(seen.confidence, min(EXAMPLES, len(samples) // 2), seed)
    keep(out, f"samples_{name}", grey[:, 0].numpy())
    keep(out, f"late_{name}", np.stack([to_uint8(one)[:, 0].numpy() for one in late]))
    keep(out, f"quality_{name}", np.stack([grey[of, 0].numpy() for of in chosen]))  # (2, 16, 28, 28)

    of_samples = Sets(evaluator, draw, names, n_checkpoint, n_final, n_distance)
    parts = of_samples.of_training(run, epochs, seed)
    if ablations and not seen.one_image:
        parts += of_samples.of_ablations(run, [e for e in epochs if e >= (1 - LATE) * train.epochs])
    for way, changes in (ways or {}).items():
        sampler, prior = sampling(plain(train.settings), changes)
        of = replace(run, sampler=sampler, prior=prior)
        parts += of_samples.of_way(way, of, changes.get("average", 1))
    if n_way:
        parts += analysis(evaluator, draw, others, samples[:n_way], n_way)
        parts += probed(evaluator, run, n_probe, train.seed)
    return file.fill(parts)


def measured(out: Path, models: Sequence[str] | None, *, n: int, **how: Any) -> None:
    """Measure those trainings of `out` that are not measured yet: n samples of each, a quick look."""
    for model, seed in trainings_in(out, models):
        name = f"{model}-{seed}"
        train, path = Job(out, f"train_{name}").facts, table.path_of(out, f"measure_{name}")
        if not path.is_file() or Job(out, path.stem).facts.weights_sha256 != train.weights.sha256:
            measure(out, name, n_checkpoint=n, n_final=n, interval_repeats=50, ablations=False, **how)


# --- what is measured ---


class Part(NamedTuple):
    """A piece of the measuring: `take` gives some measures by name; others may be among them."""

    way: str
    epoch: int | None
    measures: Collection[str]
    take: Callable[[Collection[str]], Mapping[str, Value]]


class Sets(NamedTuple):
    """The sets of samples of a training, and how they are measured."""

    evaluator: Evaluator
    draw: Drawn
    names: Collection[str]  # measures of samples
    n_checkpoint: int
    n_final: int
    n_distance: int

    def part(self, way: str, of: Run, n: int, last: int, epoch: int | None = None, average: int = 1) -> Part:
        """The measures of a set; those that are slow only of the finished model."""
        n_distance = self.n_distance if n == self.n_final else n

        def take(only: Collection[str]) -> Mapping[str, Value]:
            x = self.draw(n, of, "" if way == CHECKPOINT else way, epoch, average)
            return taken(Seen(self.evaluator, x, n=n_distance, only=only), only)

        return Part(way, epoch or last, {one for one in self.names if not (way and one.endswith(SLOW))}, take)

    def of_training(self, run: Run, epochs: list[int], seed: int) -> list[Part]:
        """Checkpoints, the finished model, its cost, and real images."""
        evaluator, last, T = self.evaluator, run.epochs, run.process.T
        probed = evaluator.x_test[:N_PROBED]

        def response(epoch: int, _: Any) -> Mapping[str, Value]:
            at = run.process, run.network(epoch), probed, run.precision, seed, [T]
            return {"response": probes.response(*at)[T]}

        quick = [one for one in FLOORS if not one.endswith(SLOW)]
        found = [Part(CHECKPOINT, None, quick, partial(evaluator.floors, self.n_checkpoint))]
        for epoch in epochs:
            found.append(self.part(CHECKPOINT, run, self.n_checkpoint, last, epoch))
            if isinstance(run.process, DDPM):
                found.append(Part(CHECKPOINT, epoch, ["response"], partial(response, epoch)))
        found.append(Part("", None, FLOORS, partial(evaluator.floors, self.n_distance)))
        found += self.of_way("", run)
        found.append(Part(REAL, None, self.names, lambda _: evaluator.real(self.n_distance)))
        if evaluator.classes:
            of = evaluator.all_labels, self.n_distance, evaluator.classes, evaluator.seed

            def beside(_: Any) -> Mapping[str, Value]:
                shares = divergence.shares(evaluator.all_labels, evaluator.classes, 0).tolist()
                return {
                    "threshold": confidence.threshold(evaluator),
                    "divergence_floor": divergence.divergence_floor(*of),
                    "class_share": [Interval(share) for share in shares],
                }

            found.append(Part(REAL, None, [*BESIDE[:2], "class_share"], beside))
        return found

    def of_way(self, way: str, of: Run, average: int = 1) -> list[Part]:
        """The finished model sampled in a way, and what that costs."""
        drawn = self.part(way, of, self.n_final, of.epochs, average=average)
        return [drawn, Part(way, of.epochs, COST, lambda _: cost(of))]

    def of_ablations(self, run: Run, late: list[int]) -> list[Part]:
        """The finished model with one thing changed, and what that changes from the same noise."""
        changed: dict[str, Run] = {}
        if isinstance(run.sampler, Ancestral):
            for way, on in zip(GAPS["clipping"], (False, True), strict=True):
                changed[way] = replace(run, sampler=replace(run.sampler, clip_x0=on))
        if type(run.process) is ColdZoom:
            changed[PATCHES] = replace(run, prior=Patches())
        if run.precision == "bf16":
            changed |= {"bf16": run, "fp32": replace(run, precision="fp32")}

        def gap(before: str, after: str, _: Any) -> Mapping[str, Value]:
            a, b = (self.draw(self.n_checkpoint, changed[way], way) for way in (before, after))
            a, b = (Seen(self.evaluator, x).features for x in (a, b))
            how = self.evaluator.interval_repeats, self.evaluator.seed
            return {"frechet_gap": distances.frechet_gap(self.evaluator.main.reference, b, a, *how)}

        found = []
        for way, of in changed.items():
            for epoch in late if way == PATCHES else [None]:
                found.append(self.part(way, of, self.n_checkpoint, run.epochs, epoch))
        for name, pair in GAPS.items():
            if pair[1] in changed:
                found.append(Part(name, run.epochs, ["frechet_gap"], partial(gap, *pair)))
        return found


def analysis(evaluator: Evaluator, draw: Drawn, others: Mapping[str, Run], x: Tensor, n: int) -> list[Part]:
    """Other ways to sample by name, the first of which is the training's own, of which x are samples."""
    own = next(iter(others))

    def take(way: str, only: Collection[str]) -> Mapping[str, Value]:
        of = x if way == own and len(x) == n else draw(n, others[way], way)
        return taken(Seen(evaluator, of, only=only), only)

    seen, test = cache(lambda: Seen(evaluator, x)), evaluator.test.labels

    def mix(_: Any) -> Mapping[str, Value]:
        if seen().one_image:  # which has no distance
            return {}
        reference, repeats = evaluator.main.reference, evaluator.interval_repeats
        with contextlib.suppress(ValueError):  # too few images of the classes that there are
            return distances.split(reference, seen().features, seen().labels, test, repeats)
        return {}

    def copies(_: Any) -> Mapping[str, Value]:
        images = to_uint8(others[own].images)
        near, of_test = (probes.nearest(to_uint8(one), images) for one in (x, evaluator.x_test[: len(x)]))
        return probes.memorised((near, seen().labels), (of_test, test[: len(x)]))

    found = [Part(way, None, OF_WAY, partial(take, way)) for way in others]
    return [*found, Part("", None, OF_FINISHED[:2], mix), Part("", None, OF_FINISHED[2:], copies)]


def probed(evaluator: Evaluator, run: Run, n: int, seed: int) -> list[Part]:
    """Measures of the network of a DDPM; none of another one's."""
    if not isinstance(run.process, DDPM):
        return []
    at, x, labels = (run.process, run.network()), evaluator.x_test[:n], evaluator.labels[:n]

    def response(size: float, _: Any) -> Mapping[str, Value]:
        some = x if size == 1 else x[: n // 5]
        return {"response": probes.response(*at, some, run.precision, seed, size=size)}

    def recovered(_: Any) -> Mapping[str, Value]:
        return {"recovered": probes.recovered(*at, evaluator.classifier, x, labels, run.precision, seed)}

    found = [
        Part(f"shift {size:g}", None, ["response"], partial(response, size)) for size in (1.0, *probes.LARGER)
    ]
    return [*found, Part("", None, ["recovered"], recovered)]


# --- ways to sample ---


def other_ways(run: Run, calls: list[int], levels: list[int], noise: list[float]) -> dict[str, Run]:
    """A training as it is sampled, and with other samplers, of cold diffusion each with one thing changed."""
    own, T = run.sampler, run.process.T
    others: list[Any] = []
    if run.process.predicts == "noise":
        clip = getattr(own, "clip_x0", False)
        others = [cls(k, clip) for k in calls if k < T for cls in (Ancestral, DDIM)]
    elif isinstance(run.process, ColdDiffusion):
        base = own if isinstance(own, Naive) else Naive()
        others = [replace(base, levels=k) for k in levels if k < T]
        others += [replace(base, noise=sd) for sd in noise] + [Improved(**vars(base))]
    runs = [run, *(replace(run, sampler=sampler) for sampler in others if sampler != own)]
    return {_name(described_sampler(one)): one for one in runs}


def described_sampler(run: Run) -> dict[str, Any]:
    """The sampler of a training."""
    return {
        "sampler": next((name for name, cls in SAMPLERS.items() if type(run.sampler) is cls), "own"),
        "calls": run.calls,
        "noise": getattr(run.sampler, "noise", 0.0),
        "clip_x0": getattr(run.sampler, "clip_x0", False),
    }


def _name(how: Mapping[str, Any]) -> str:
    """The name of a way to sample: "ancestral, 100 calls, clipped"."""
    said = [how["sampler"], f"{how['calls']} calls"]
    said += [f"noise {how['noise']:g}"] if how["noise"] else []
    return ", ".join(said + ["clipped"] * how["clip_x0"])


@register(
    calls=("calls", "of the network for one image"),
    seconds=("seconds", "of the processor for one sample, all threads together"),
)
def cost(run: Run, n: int = 128) -> dict[str, Value]:
    """The cost of a sample; its time is that of n drawn anew."""
    begin = time.process_time()
    run.sample(n)
    return {"calls": run.calls, "seconds": (time.process_time() - begin) / n}


def checkpoints(train: Facts, every: int) -> list[int]:
    """The measured epochs, the first, every so many and the last, whose weights are there."""
    last = train.epochs
    return [e for e in sorted({1, *range(every, last + 1, every), last}) if str(e) in train.sha256]


def opened(out: Path, train: Facts, data_dir: str | None, precision: str) -> Run:
    """The finished training of a file, as it is to be sampled."""
    folder = (Path(out) / train.run).resolve()
    if not folder.is_relative_to(Path(out).resolve()):
        raise ValueError(
            f"the file of {train.model}-{train.seed} names {train.run!r}, a place outside of {out}"
        )
    run = d.open(folder, precision=runtime.resolve_precision(precision, runtime.device()))
    if run.weights_sha256() != train.weights.sha256:
        raise RunError(
            f"the weights of {folder} are not those that its training's file names; train it again"
        )
    run.network()  # refuses weights that are lost or damaged, also where samples of them are kept
    run.images = data.load(train.settings["dataset"], "train", data_dir, train.settings.get("n_train"))[0]
    run.sampler, run.prior = sampling(plain(train.settings), {})
    return run


def described(evaluator: Evaluator) -> dict[str, Any]:
    """Identity of what measures, as JSON: features by name, and the recogniser's calibration, if any."""
    unknown = {"dimension": None, "sha256": None, "test_accuracy": None}
    found = {"inception": {"available": False, **unknown}}
    found |= {name: {"available": True, **unknown, **one.info} for name, one in evaluator.extractors.items()}
    if evaluator.classes:
        right = evaluator.test.labels == evaluator.labels
        found["digits"]["test_accuracy"] = float(right.double().mean())
    calibrated = {"n_digits": len(evaluator.x_digits), "n_kind": evaluator.n_kind}
    return {"features": found, "recogniser": calibrated if evaluator.test.recognisable else None}


# --- the file ---


class Filling:
    """The file of a job in the making: rows that are there and still right are taken over.

    Args:
        facts: all that decides the numbers beside the code of measures, and the environment.
        measures: names of all that the job measures; `stale` are those that have to be taken.
    """

    def __init__(self, out: Path, name: str, facts: dict[str, Any], measures: Collection[str]):
        self.out, self.name, self.facts = out, name, json.loads(json.dumps(facts))
        self.codes, self.rows = {one: code(one) for one in sorted(measures)}, []
        self.stale, self.whole = {*self.codes}, False
        if not table.path_of(out, name).is_file():
            return
        try:
            job = Job(out, name)
        except ValueError as error:
            print(f"{name} is measured again: {error}", flush=True)
            return
        recorded = plain(job.facts)
        if why := next(differences(_deciding(recorded), _deciding(self.facts)), None):
            print(f"{name} is measured again: {why}", flush=True)
            return
        known = recorded.get("codes", {})
        self.whole = known == self.codes
        self.stale = {one for one, found in self.codes.items() if known.get(one) != found}
        kept = [row for row in job.rows if row.measure in self.codes.keys() - self.stale]
        self.rows = [[getattr(row, cell) for cell in table.IN_FILE] for row in kept]

    def fill(self, parts: Iterable[Part]) -> Job:
        """Take what is stale of the parts, and write the file; returns it."""
        for part in parts:
            if only := self.stale.intersection(part.measures):
                values = {name: one for name, one in part.take(only).items() if name in only}
                self.rows += table.lines(values, part.way, part.epoch)
                if distance := values.get("frechet"):
                    at = f"{self.name} {part.way} {part.epoch or ''}"
                    print(f"{' '.join(at.split())}: Fréchet distance {distance.value:.2f}", flush=True)
        table.write(self.out, self.name, self.facts | {"codes": self.codes}, self.rows)
        return Job(self.out, self.name)


def _deciding(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Of a file's facts those that decide its numbers; of the environment what changes numbers."""
    computes = {name: facts.get("environment", {}).get(name) for name in COMPUTES}
    return {k: v for k, v in facts.items() if k != "codes"} | {"environment": computes}


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    out, name, options = sys.argv[1:]
    try:
        measure(Path(out), name, **(yaml.safe_load(options) or {}))
    except (ValueError, RunError, OSError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
