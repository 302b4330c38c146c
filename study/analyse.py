"""The analysing job: a finished training sampled in other ways, and probed.

    python -m study.analyse --out build/quick --model zoom --seed 0 --settings 'n_way: 500'

writes OUT/metrics/analyse_<model>-<seed>.json. It takes up the samples that measuring kept. Others are drawn
with the training's seed: all ways begin with the same noise, or from the same prior.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from diffusion import identity
from diffusion.evaluation.evaluator import Evaluator, Seen
from diffusion.evaluation.frechet import to_uint8
from diffusion.evaluation.measures import Value, definitions, taken
from diffusion.files import digest
from diffusion.processes import DDPM, ColdDiffusion
from diffusion.processes.samplers import DDIM, SAMPLERS, Ancestral, Improved, Naive
from diffusion.training.run import Run
from study import distances, probes
from study.kept import kept_path, read_kept
from study.measure import Filling, Part, command, evaluator_of, of_run, open_trained
from study.settings import Analyse
from study.table import Facts, Job, path_of

OF_WAY = ("frechet", "kid", "class_share", "divergence", "digit")
OF_FINISHED = ("mix_frechet", "mix_reweighted", "copies", "copies_in_class")
OF_NETWORK = ("response", "recovered")


def analyse(out: Path, model: str, seed: int, P: Analyse) -> Job:
    """Analyse one finished training; returns its file, which is then on disk, or raises as `measure` does."""
    out, P, name = Path(out), P.model_copy(update={"seed": seed}), f"{model}-{seed}"
    train = Job(out, f"train_{name}").facts
    run = open_trained(out, train, P)
    ways = {_name(_how(one)): one for one in (run, *_other_ways(run, P))}
    facts = of_run(run, train, P) | {
        "ways": {way: _how(one) for way, one in ways.items()},
        "code": digest([identity.code("samples"), definitions(parts, probed, _samples, _other_ways)], 16),
    }
    file = Filling(out, f"analyse_{name}", facts, {*OF_WAY, *OF_FINISHED, *OF_NETWORK})
    if file.whole:
        return Job(out, file.name)
    evaluator, x = evaluator_of(P), _samples(out, run, train, P.n_way)
    return file.fill([*parts(run, evaluator, x, ways, P), *probed(run, evaluator, P, seed)])


def parts(run: Run, evaluator: Evaluator, x: Tensor, ways: Mapping[str, Run], P: Analyse) -> Iterator[Part]:
    """Measures of samples: x (n, 1, 28, 28) of the finished model, and of other `ways` by name."""
    for way, of in ways.items():

        def take(only: Collection[str], of: Run = of) -> Mapping[str, Value]:
            return taken(Seen(evaluator, x if of is run else of.sample(P.n_way), only=only), only)

        yield Part(way, None, OF_WAY, take)
    seen, test = cache(lambda: Seen(evaluator, x)), evaluator.test.labels

    def mix(_: Any) -> Mapping[str, Value]:
        of, repeats = evaluator.digits.reference, evaluator.interval_repeats
        if seen().one_image:  # which has no distance
            return {}
        return distances.split(of, seen().features, seen().labels, test, repeats)

    def copies(_: Any) -> Mapping[str, Value]:
        n, x_train = len(x), to_uint8(run.images)
        near, of_test = (probes.nearest(to_uint8(of), x_train) for of in (x, evaluator.x_test[:n]))
        return probes.memorised((near, seen().labels), (of_test, test[:n]))

    yield Part("", None, OF_FINISHED[:2], mix)
    yield Part("", None, OF_FINISHED[2:], copies)


def probed(run: Run, evaluator: Evaluator, P: Analyse, seed: int) -> Iterator[Part]:
    """Measures of the network of a DDPM."""
    if not isinstance(run.process, DDPM):
        return
    at, x, labels = (run.process, run.network()), evaluator.x_test[: P.n_probe], evaluator.labels[: P.n_probe]
    for size in (1.0, *probes.LARGER):

        def take(_: Any, size: float = size) -> Mapping[str, Value]:
            seen = x if size == 1 else x[: P.n_probe // 5]
            return {"response": probes.response(*at, seen, run.precision, seed, size=size)}

        yield Part(f"shift {size:g}", None, OF_NETWORK[:1], take)
    reading = evaluator.classifier, x, labels, run.precision, seed
    yield Part("", None, OF_NETWORK[1:], lambda _: {"recovered": probes.recovered(*at, *reading)})


def _samples(out: Path, run: Run, train: Facts, n: int) -> Tensor:
    """n samples as the model was trained to draw them: those that measuring kept, as bytes, or drawn."""
    one = f"{run.name}-{run.seed}"
    if path_of(out, f"measure_{one}").is_file() and kept_path(out, f"samples_{one}").is_file():
        facts, kept = Job(out, f"measure_{one}").facts, read_kept(out, f"samples_{one}")
        own = facts.settings.get("sample_seed") is None
        if own and facts.weights_sha256 == train.weights.sha256 and len(kept) >= n:
            return torch.from_numpy(kept[:n]).float()[:, None] / 255 - 0.5
    return run.sample(n)


def _other_ways(run: Run, P: Analyse) -> Iterator[Run]:
    """The training with other samplers than its own; of cold diffusion, each with one thing changed."""
    own, T = run.way.sampler, run.process.T
    others: list[Any] = []
    if run.process.predicts == "noise":
        clip, steps = getattr(own, "clip_x0", False), [k for k in P.calls if k < T]
        others = [cls(k, clip) for k in steps for cls in (Ancestral, DDIM)]
    elif isinstance(run.process, ColdDiffusion):
        base = own if isinstance(own, Naive) else Naive()
        others = [replace(base, levels=k) for k in P.levels if k < T]
        others += [replace(base, noise=sd) for sd in P.noise] + [Improved(**vars(base))]
    for sampler in others:
        if sampler != own:
            yield replace(run, way=replace(run.way, sampler=sampler))


def _how(run: Run) -> dict[str, Any]:
    """The sampler of a training."""
    sampler = run.way.sampler
    return {
        "sampler": next((name for name, cls in SAMPLERS.items() if type(sampler) is cls), "own"),
        "calls": run.calls,
        "noise": getattr(sampler, "noise", 0.0),
        "clip_x0": getattr(sampler, "clip_x0", False),
    }


def _name(how: Mapping[str, Any]) -> str:
    """The name of a way to sample, from `_how`: "ancestral, 100 calls, clipped"."""
    said = [how["sampler"], f"{how['calls']} calls"]
    said += [f"noise {how['noise']:g}"] if how["noise"] else []
    return ", ".join(said + ["clipped"] * how["clip_x0"])


def main(arguments: list[str] | None = None) -> None:
    command(Analyse, analyse, arguments)


if __name__ == "__main__":
    main()
