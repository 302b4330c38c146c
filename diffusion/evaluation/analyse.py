"""The analysing job: a finished training sampled in other ways, and probed.

    python -m diffusion.evaluation.analyse --out build/quick --model zoom --seed 0 --settings 'n_samples: 500'

writes OUT/metrics/analyse_<model>-<seed>.json, and kept images (see `diffusion.records`). It takes up the
samples that measuring kept. Others are drawn with the training's seed: all ways begin with the same noise, or
from the same prior.
"""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from diffusion import data, runtime
from diffusion.evaluation import class_mix, classifier, diagnostics, memorisation, samples
from diffusion.evaluation.evaluator import Evaluator
from diffusion.evaluation.frechet import to_uint8
from diffusion.evaluation.measure import command, open_trained
from diffusion.evaluation.recogniser import DigitRecogniser
from diffusion.evaluation.statistics import share_of
from diffusion.processes import DDPM, ColdDiffusion, DegradationProcess
from diffusion.records import (
    AnalyseRecord,
    Border,
    Drawn,
    Flips,
    TrainRecord,
    analyse_path,
    keep,
    kept_path,
    read_kept,
    train_path,
)
from diffusion.settings import Analyse
from diffusion.training.fit import Run

ANALYSES = 1  # raised when a change alters what is analysed
FLOORS = 10  # draws behind a real-vs-real floor
SHOWN = 16  # samples kept beside their nearest training images: half the nearest of all, half the first


def analyse(out: Path, model: str, seed: int, P: Analyse) -> AnalyseRecord:
    """Analyse one finished training; returns the record, which is then on disk with the kept images.

    Raises:
        ValueError: the training has no record, or is of another data set.
        RunError: its weights are missing or changed.
    """
    out, P = Path(out), P.model_copy(update={"seed": seed})
    train = TrainRecord.load(train_path(out, model, seed))
    run = open_trained(out, train, P)
    real = _Real.of(P)
    x = _finished(out, run, P.n_samples)
    images = to_uint8(x)
    features = real.evaluator.features(x)
    labels = real.evaluator.read_features(features)[0]
    found = {}
    if isinstance(run.process, DDPM):
        network, test = run.network(), (real.x_test[: P.n_probe], real.labels[: P.n_probe])
        at = run.process, network
        found = {
            "response": diagnostics.response(*at, test[0], run.precision, seed=seed),
            "recoverable": diagnostics.recoverable(
                *at, real.evaluator.classifier, *test, run.precision, seed=seed
            ),
            "flips": _flips(run, real.evaluator, min(P.clip_calls, run.process.T), P.n_samples, seed),
        }
    x_train = data.load("train", P.data_dir, train.settings.get("n_train"), P.dataset)[0]
    near = memorisation.nearest(images, to_uint8(x_train))
    of_test = memorisation.nearest(to_uint8(real.x_test[: P.n_samples]), to_uint8(x_train))[0]
    record = AnalyseRecord(
        job="analyse",
        settings=P.values(),
        environment=runtime.environment(run.precision, run.device),
        model=model,
        seed=seed,
        weights_sha256=train.weights.sha256,
        drawn=[_drawn(run, real, way, y, P.n_samples) for way, y in _ways(run, x, P)],
        floor=real.evaluator.floor("digits", P.n_samples),
        mix=class_mix.split(
            real.evaluator.references["digits"],
            features,
            labels,
            real.of_training,
            real.evaluator.read,
            P.interval_repeats,
        ),
        memorised=memorisation.memorised(
            (near[0], labels), (of_test, real.evaluator.read[: P.n_samples]), len(x_train)
        ),
        recogniser=real.recogniser.record(x),
        **found,
        analyses=ANALYSES,
    )
    order = near[0].argsort()[: SHOWN // 2].tolist()
    shown = order + [i for i in range(len(x)) if i not in order][: SHOWN - len(order)]
    pairs = torch.stack([images[shown], to_uint8(x_train[near[1][shown]])])[:, :, 0]  # (2, SHOWN, 28, 28)
    keep(out, f"nearest_{model}-{seed}", pairs.numpy())
    record.save(analyse_path(out, model, seed))
    return record


@dataclass(frozen=True)
class _Real:
    """Real images, and what is measured by them."""

    evaluator: Evaluator
    recogniser: DigitRecogniser
    x_test: Tensor
    labels: Tensor
    of_training: tuple[Tensor, Tensor]  # features, and classes as read

    @classmethod
    def of(cls, P: Analyse) -> "_Real":
        x_train, _ = data.load("train", P.data_dir, max(P.n_real, P.n_samples), P.dataset)
        x_test, labels = data.load("test", P.data_dir, dataset=P.dataset)
        evaluator = Evaluator(
            x_train,
            x_test[: P.n_test],
            labels[: P.n_test],
            labels,
            classifier_weights=classifier.weights_for(P.dataset, data.folder(P.data_dir)),
            floor_repeats=FLOORS,
            interval_repeats=P.interval_repeats,
            device=runtime.device(),
        )
        features = evaluator.training_features()
        recogniser = DigitRecogniser.fit(
            evaluator.classifier, x_train[: P.n_real], x_test[: P.n_test], labels[: P.n_test], P.n_kind
        )
        read = evaluator.read_features(features)[0]
        return cls(evaluator, recogniser, x_test[: P.n_test], labels[: P.n_test], (features, read))


@dataclass(frozen=True)
class _Way:
    """One way to sample."""

    sampler: str
    calls: int
    noise: float = 0.0
    clip_x0: bool = False

    @classmethod
    def of(cls, process: DegradationProcess) -> "_Way":
        return cls(
            getattr(process, "sampler", "own"),
            process.reverse_steps(),
            getattr(process, "noise", 0.0) if isinstance(process, ColdDiffusion) else 0.0,
            getattr(process, "clip_x0", False),
        )


def _finished(out: Path, run: Run, n: int) -> Tensor:
    """n samples as the model was trained to draw them: those that measuring kept, as bytes, or drawn."""
    name = f"samples_{run.name}-{run.seed}"
    kept = read_kept(out, name) if kept_path(out, name).is_file() else ()
    if len(kept) >= n:
        return torch.from_numpy(kept[:n]).float()[:, None] / 255 - 0.5
    return run.sample(n, run.seed)


def _ways(run: Run, finished: Tensor, P: Analyse) -> Iterator[tuple[_Way, Tensor]]:
    """Every way to sample with its samples (n, 1, 28, 28), the model's own first."""
    own = run.process
    yield _Way.of(own), finished
    others: list[DegradationProcess] = []
    if isinstance(own, DDPM):
        steps = [k for k in P.calls if k < own.T]
        others = [DDPM(own.schedule, own.clip_x0, k, s) for k in steps for s in ("ancestral", "ddim")]
    elif isinstance(own, ColdDiffusion):
        walks = [{"sampling_levels": k} for k in P.levels if k < own.T]
        walks += [{"noise": sd} for sd in P.noise] + [{"sampler": "improved"}]
        others = [copy(own).walk(**walk) for walk in walks]
    for process in others:
        if process.sampling_settings() != own.sampling_settings():
            yield _Way.of(process), replace(run, process=process).sample(len(finished), run.seed)


def _drawn(run: Run, real: _Real, way: _Way, x: Tensor, n: int) -> Drawn:
    evaluator = real.evaluator
    features = evaluator.features(x)
    labels, confidence = evaluator.read_features(features)
    raw = bool((x.abs() > 0.5).any())  # what was kept as bytes has lost it
    found = Drawn(
        **vars(way),
        n=n,
        digits=evaluator.distances(features),
        digit=share_of(real.recogniser.accepts(x)),
        not_digit=samples.not_digit(confidence, evaluator.threshold),
        variety=evaluator.variety(features),
        classes=samples.class_shares(labels, evaluator.all_labels, seed=evaluator.seed),
        border=samples.border_before_clamping(x) if raw else None,
        start_to_border=_start_to_border(run, x) if raw and isinstance(run.process, DDPM) else None,
    )
    print(
        f"{run.name}-{run.seed}: {way.sampler}, {way.calls} calls, noise {way.noise:g}: "
        f"Fréchet distance {found.digits.fid:.2f}",
        flush=True,
    )
    return found


def _start_to_border(run: Run, x: Tensor) -> float | None:
    """Correlation of the mean of the starting noise with the border's of the sample: level that is kept."""
    start = torch.randn(x.shape, generator=runtime.generator(run.seed, "sample"))  # as `DDPM.reverse` begins
    border = x[:, 0, samples.RING].mean(1)
    found = torch.corrcoef(torch.stack([start.mean((1, 2, 3)), border]))[0, 1]
    return float(found) if found.isfinite() else None


def _flips(run: Run, evaluator: Evaluator, calls: int, n: int, seed: int) -> Flips:
    """Samples from the same noise without and with clipping, in few steps."""
    both = [DDPM(run.process.schedule, clip, calls) for clip in (False, True)]
    off, on = (replace(run, process=process).sample(n, seed) for process in both)
    (of_off, sure_off), (of_on, sure_on) = (evaluator.read_features(evaluator.features(x)) for x in (off, on))
    was, is_ = sure_off >= evaluator.threshold, sure_on >= evaluator.threshold
    share = lambda mask: float(mask.double().mean())  # noqa: E731
    return Flips(
        calls=calls,
        n=n,
        border=[Border.model_validate(samples.border_before_clamping(x)) for x in (off, on)],
        not_digit=[1 - share(was), 1 - share(is_)],
        lost=share(was & ~is_),
        gained=share(~was & is_),
        class_changed=share(of_off != of_on),
    )


def main(arguments: list[str] | None = None) -> None:
    command(Analyse, analyse, True, arguments)


if __name__ == "__main__":
    main()
