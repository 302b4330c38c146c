"""The analysing job: a finished training sampled in other ways, and probed.

    python -m study.analyse --out build/quick --model zoom --seed 0 --settings 'n_way: 500'

writes OUT/metrics/analyse_<model>-<seed>.json. It takes up the samples that measuring kept. Others are drawn
with the training's seed: all ways begin with the same noise, or from the same prior.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from diffusion.evaluation.evaluator import Evaluator, Seen
from diffusion.evaluation.frechet import to_uint8
from diffusion.evaluation.recogniser import DigitRecogniser
from diffusion.evaluation.statistics import share_of
from diffusion.processes import DDPM, ColdDiffusion
from diffusion.processes.samplers import DDIM, SAMPLERS, Ancestral, Improved, Naive
from diffusion.training.run import Run
from study import class_mix, probes
from study.measure import command, of_run, open_trained, trained_as
from study.records import (
    AnalyseRecord,
    Drawn,
    MeasureRecord,
    TrainRecord,
    read_kept,
)
from study.settings import Analyse


def analyse(out: Path, model: str, seed: int, P: Analyse) -> AnalyseRecord:
    """Analyse one finished training; returns the record, which is then on disk.

    Raises:
        ValueError: the training has no record, or is of another data set.
        RunError: its weights are missing or changed.
    """
    out, P = Path(out), P.model_copy(update={"seed": seed})
    train = TrainRecord.load(TrainRecord.path(out, model, seed))
    run = open_trained(out, train, P)
    evaluator = Evaluator.of(
        *(P.dataset, P.data_dir),
        n_train=P.n_real,
        n_test=P.n_test,
        interval_repeats=P.interval_repeats,
    )
    x_test, y_test = evaluator.x_test, evaluator.labels
    recogniser = DigitRecogniser.fit(evaluator.classifier, evaluator.x_train, x_test, y_test, P.n_kind)
    measured = _measured(out, train)
    x = _finished(out, run, measured, P.n_way)
    seen, found = Seen(evaluator, x), {}
    if isinstance(run.process, DDPM):
        at, probed = (run.process, run.network()), x_test[: P.n_probe]
        reading = evaluator.classifier, probed, y_test[: P.n_probe]
        found = {
            "response": probes.response(*at, probed, run.precision, seed),
            "larger": [
                probes.response(*at, probed[: P.n_probe // 5], run.precision, seed, size=size)
                for size in probes.LARGER
            ],
            "recoverable": probes.recoverable(*at, *reading, run.precision, seed),
        }

    def drawn_as(changes: dict) -> Drawn:
        way = replace(run, way=trained_as(train).way(changes))
        return _drawn(way, evaluator, recogniser, way.sample(P.n_way))

    x_train = to_uint8(run.images)
    near, of_test = (probes.nearest(to_uint8(one), x_train) for one in (x, x_test[: P.n_way]))
    record = AnalyseRecord(
        **of_run(run, train, P),
        drawn=[
            _drawn(run, evaluator, recogniser, x),
            *(_drawn(way, evaluator, recogniser, way.sample(P.n_way)) for way in _other_ways(run, P)),
        ],
        ways={name: drawn_as(one.changes) for name, one in measured.ways.items()} if measured else {},
        mix=class_mix.split(
            evaluator.digits.reference, seen.features, seen.labels, evaluator.test.labels, P.interval_repeats
        ),
        memorised=probes.memorised((near, seen.labels), (of_test, evaluator.test.labels[: P.n_way])),
        **found,
    )
    record.save(AnalyseRecord.path(out, model, seed))
    return record


def _measured(out: Path, train: TrainRecord) -> MeasureRecord | None:
    """The measures of the same weights, if there are any."""
    record = MeasureRecord.load_if_there(out, train.model, train.seed)
    return record if record and record.weights_sha256 == train.weights.sha256 else None


def _finished(out: Path, run: Run, measured: MeasureRecord | None, n: int) -> Tensor:
    """n samples as the model was trained to draw them: those that measuring kept, as bytes, or drawn."""
    if measured:
        kept = read_kept(out, f"samples_{run.name}-{run.seed}")
        if len(kept) >= n:
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


def _drawn(run: Run, evaluator: Evaluator, recogniser: DigitRecogniser, x: Tensor) -> Drawn:
    """The measures of samples x (n, 1, 28, 28) of a training."""
    sampler, seen = run.way.sampler, Seen(evaluator, x)
    found = Drawn(
        sampler=next((name for name, cls in SAMPLERS.items() if type(sampler) is cls), "own"),
        calls=run.calls,
        noise=getattr(sampler, "noise", 0.0),
        clip_x0=getattr(sampler, "clip_x0", False),
        frechet=evaluator.main.distance(seen.features),
        digit=share_of(recogniser.accepts(x)),
        classes=seen.classes(),
    )
    print(
        f"{run.name}-{run.seed}: {found.sampler}, {found.calls} calls, noise {found.noise:g}: "
        f"Fréchet distance {found.frechet.value:.2f}",
        flush=True,
    )
    return found


def main(arguments: list[str] | None = None) -> None:
    command(Analyse, analyse, True, arguments)


if __name__ == "__main__":
    main()
