"""A small made-up run: records and kept images of linear, cosine, zoom (seeds 0, 1) and an own model, blur.

Nothing here comes from training. The numbers are deterministic, and about as large as in the study.
"""

import hashlib
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from diffusion import records, settings
from diffusion.processes import schedules

MODELS = {"linear": "DDPM, linear", "cosine": "DDPM, cosine", "zoom": "Cold Zoom"}
MODELS["blur"] = "Cold diffusion, blur"
TRAININGS = [("linear", 0), ("cosine", 0), ("zoom", 0), ("zoom", 1), ("blur", 0)]
ENVIRONMENT = {"python": "3.11.9", "platform": "Linux x86_64", "precision": "bf16", "commit": "0123456789ab"}
ENVIRONMENT |= {"torch": "2.13.0", "torchvision": "0.28.0", "torchmetrics": "1.9.0"}
ENVIRONMENT |= {"device": "cpu", "device_name": "a test CPU", "cores": 2, "threads": 2}
REAL = [0.098, 0.1135, 0.1032, 0.101, 0.0982, 0.0892, 0.0958, 0.1028, 0.0974, 0.1009]
SHARES = {
    "linear": [0.09, 0.11, 0.09, 0.11, 0.10, 0.09, 0.09, 0.11, 0.10, 0.11],
    "cosine": [0.10, 0.12, 0.10, 0.10, 0.10, 0.08, 0.09, 0.11, 0.10, 0.10],
    "zoom": [0.12, 0.21, 0.04, 0.05, 0.06, 0.03, 0.07, 0.10, 0.16, 0.16],
    "blur": [0.14, 0.10, 0.08, 0.10, 0.09, 0.07, 0.10, 0.10, 0.11, 0.11],
}
DISTANCE = {"linear": 9.0, "cosine": 5.0, "zoom": 9.4, "blur": 12.0}  # at the end
LOSS = {"linear": 0.040, "cosine": 0.032, "zoom": 0.024, "blur": 0.012}
NOT_DIGIT = {"linear": 0.21, "cosine": 0.12, "zoom": 0.26, "blur": 0.3}
DARK = {"linear": 0.09, "cosine": 0.03, "zoom": 0.004, "blur": 0.02}
VARIETY = {"linear": (0.71, 0.68, 0.60), "cosine": (0.80, 0.74, 0.72)}  # precision, recall, coverage
VARIETY |= {"zoom": (0.66, 0.41, 0.35), "blur": (0.5, 0.3, 0.3)}


def synthetic_results(
    out: Path,
    epochs: int = 20,
    every: int = 2,
    n: int = 100,
    inception: bool = True,
    models: Iterable[str] = MODELS,
) -> records.Results:
    """Write a run to `out`, records and kept images, and read it again.

    Args:
        epochs: of every training.
        every: epochs between two measured checkpoints; the zoom is measured after each.
        n: samples of a checkpoint and of the finished model.
        inception: whether there are distances in Inception features too.
        models: those of `MODELS` that the run has.
    """
    pairs = [pair for pair in TRAININGS if pair[0] in models]
    schedules_record().save(records.schedules_path(out))
    for model, seed in pairs:
        train_record(model, seed, epochs).save(records.train_path(out, model, seed))
        steps = 1 if model == "zoom" else every
        measure_record(model, seed, epochs, steps, n, inception).save(records.measure_path(out, model, seed))
    for name, images in kept_images(pairs).items():
        records.keep(out, name, images)
    return records.load_results(out, pairs)


def train_settings(model: str, seed: int = 0, epochs: int = 20) -> settings.Training:
    """The settings of one training."""
    common = {"model": model, "seed": seed, "epochs": epochs}
    if model == "zoom":
        return settings.TrainZoom.read(common)
    if model == "blur":
        return settings.TrainOwn.read(common)
    return settings.TrainDDPM.read(common | {"schedule": model})


def sha256(model: str, seed: int, epoch: int) -> str:
    """The hash of weights that do not exist."""
    return hashlib.sha256(f"{model}-{seed}-{epoch}".encode()).hexdigest()


# --- records ---


def schedules_record() -> records.SchedulesRecord:
    """Notebook 01 at T = 1000."""
    both, found, early = {"linear": schedules.linear(), "cosine": schedules.cosine()}, {}, {}
    for name, schedule in both.items():
        beta, alpha_bar = schedule.beta.tolist(), schedule.alpha_bar.tolist()
        clipped = sum(b == 0.02 for b in beta[:-1])
        signal_T = math.sqrt(alpha_bar[-1])
        found[name] = records.Schedule(
            beta=beta, alpha_bar=alpha_bar, clipped_steps=clipped, signal_T=signal_T
        )
        signal, noise = math.sqrt(alpha_bar[300]), math.sqrt(1 - alpha_bar[300])
        r = 0.31 * signal / math.hypot(0.31 * signal, noise)
        early[name] = {"alpha_bar": alpha_bar[300], "signal": signal, "noise": noise}
        early[name] |= {"correlation": r, "correlation_sd": 0.05}
    return records.SchedulesRecord(
        job="01_schedules",
        settings=settings.Schedules.read({}).values(),
        environment=ENVIRONMENT,
        T=1000,
        **found,
        early=records.EarlyStep(t=300, **early),
        mean_step={name: float(one.alpha_bar[1:].mean()) for name, one in both.items()},
        informative_steps={name: schedules.informative_steps(one) for name, one in both.items()},
        misprint_eq9={"min_beta": 1.0002, "max_beta": 24000.0, "share_above_one": 1.0},
        usual_cap={"beta_max": 0.999, "signal_T": 4.9e-5},
        zoom={"T": 24, "interpolation": "nearest", "sizes": [28 - t for t in range(25)]},
    )


def train_record(model: str, seed: int = 0, epochs: int = 20) -> records.TrainRecord:
    """One training."""
    history = []
    for e in range(1, epochs + 1):
        test = LOSS[model] + 0.08 / e + 0.0004 * math.sin(7 * e + seed)
        line = {"epoch": e, "train_loss": test + 0.10 / e**2 - 0.0003, "test_loss": test, "seconds": 43}
        history.append(records.HistoryLine(**line, sha256=sha256(model, seed, e)))
    P = train_settings(model, seed, epochs)
    run = f"runs/{model}-{seed}-0123456789ab"
    file = f"{run}/weights/epoch-{epochs:04d}.safetensors"
    return records.TrainRecord(
        job=P.notebook,
        settings=P.values(),
        environment=ENVIRONMENT,
        model=model,
        seed=seed,
        process=settings.PROCESS[type(P)],
        label=MODELS[model],
        about="Blurs more from level to level." if model == "blur" else "",
        run=run,
        epochs=epochs,
        steps=469 * epochs,
        history=history,
        weights=records.Weights(file=file, sha256=sha256(model, seed, epochs)),
        seconds_per_step=0.091,
        parameters_count=146961,
        ddpm=ddpm_probes(model) if model in ("linear", "cosine") else None,
        zoom=zoom_probes() if model == "zoom" else None,
    )


def ddpm_probes(model: str) -> records.DDPMProbes:
    """What notebook 02 measures beside the training."""

    def trial(rate: float, last: float) -> dict[str, Any]:
        losses = {"first_loss": 1.15, "last_loss": last}
        return {"learning_rate": rate, "finite": True} | losses

    shift, mean = (0.6, 0.051) if model == "linear" else (0.8, 0.047)
    levels = [round(0.05 + 0.1 * i, 2) for i in range(10)]
    return records.DDPMProbes(
        learning_rate_check={
            "steps": 20,
            "printed": trial(0.0625, 1.02),
            "used": trial(2e-4, 0.31),
        },
        offset={"shift": 1 / 28, "response": shift / 28},
        timestep_loss={
            "t": [20, 200, 400, 600, 900],
            "alpha_bar": [0.99, 0.8, 0.5, 0.2, 0.01],
            "test_loss": [mean * k for k in (6, 1.6, 0.8, 0.4, 0.2)],
        },
        common_loss={
            "mean": mean,
            "each": [mean * k for k in (1.01, 1.01, 0.99, 0.99)],
            "levels": levels,
            "by_level": [mean * (0.5 + a) for a in levels],
        },
    )


def zoom_probes() -> records.ZoomProbes:
    """What notebook 03 measures beside the training."""
    matrix = [[80 if i == j else 2 for j in range(10)] for i in range(10)]
    for i in (2, 4, 5, 6):
        matrix[i] = [38 if j == i else 30 if j == 0 else 4 for j in range(10)]
    matrix[5][0], matrix[5][5], matrix[7][0] = 45, 23, 1
    total = sum(map(sum, matrix))
    levels, right = range(1, 25), sum(matrix[i][i] for i in range(10)) / total
    mse, sd = [0.001 * t**1.3 for t in levels], [0.0005 * t for t in levels]
    counts = [40000] + [120] * 254 + [30000]
    return records.ZoomProbes(
        reconstruction={"levels": list(levels), "mse": mse, "sd": sd, "n": 1000},
        centre_pixels={"counts": counts, "black": 0.31, "white": 0.42, "extreme": 0.78},
        confusion={"matrix": matrix, "accuracy": right, "n": total, "real_accuracy": 0.993},
        dark_centre={
            "n": 240,
            "share": [0.42, 0.0, 0.03, 0.02, 0.08, 0.02, 0.08, 0.06, 0.01, 0.28],
            "true_share": [0.25, 0.0, 0.06, 0.05, 0.15, 0.09, 0.11, 0.12, 0.02, 0.15],
        },
        five_as_zero=matrix[5][0] / sum(matrix[5]),
        seven_as_zero=matrix[7][0] / sum(matrix[7]),
    )


def frechet(fid: float, spread: bool = True) -> records.Frechet:
    low, high, bias = (0.94 * fid, 1.06 * fid, 0.02 * fid) if spread else (None, None, None)
    return records.Frechet(fid=fid, low=low, high=high, bias=bias, kid=fid / 40, kid_sd=fid / 400)


def floors(n: int, inception: bool) -> dict[str, records.Floor | None]:
    def floor(fid: float) -> records.Floor:
        return records.Floor(n=n, repeats=10, fid_mean=fid, fid_sd=fid / 6, kid_mean=0.0001, kid_sd=0.0004)

    return {"digits": floor(390 / n), "inception": floor(3600 / n) if inception else None}


def classes(share: list[float]) -> records.Classes:
    kl = sum(p * math.log(p / q) for p, q in zip(share, REAL, strict=True) if p > 0)
    return records.Classes(
        share=share,
        low=[max(0.0, p - 0.012) for p in share],
        high=[p + 0.012 for p in share],
        divergence=kl,
        divergence_low=max(0.0, kl - 0.01),
        divergence_high=kl + 0.01,
    )


def recognised(share: list[float], n: int) -> records.Recognised:
    found = classes(share)
    return records.Recognised(n=n, share=found.share, low=found.low, high=found.high)


def variety(precision: float, recall: float, coverage: float, n: int) -> records.Variety:
    ends = {"recall_low": recall - 0.03, "recall_high": recall + 0.03}
    ends |= {"coverage_low": coverage - 0.03, "coverage_high": coverage + 0.03}
    return records.Variety(precision=precision, recall=recall, coverage=coverage, n=n, **ends)


def not_digit(p: float) -> records.NotDigit:
    return records.NotDigit(share=p, low=max(0.0, p - 0.02), high=min(1.0, p + 0.02), threshold=0.9973)


def looks(model: str, factor: float = 1.0) -> dict[str, Any]:
    """Fields of `records.Looks`; `factor` scales what clipping changes."""
    dark = DARK[model] * factor
    return {
        "not_digit": not_digit(NOT_DIGIT[model] * factor),
        "background": records.Grey(mean=dark, low=0.9 * dark, high=1.1 * dark),
        "border": records.Border(mean=0.05 * factor, sd=0.1),
    }


def checkpoint(model: str, seed: int, epoch: int, epochs: int, n: int, inception: bool) -> records.Checkpoint:
    """The measures of n samples after an epoch; the distance falls and the classes swing a little."""
    swing = 1.5 * math.sin(2.3 * epoch + seed) if model == "zoom" and epoch < epochs else 0.0
    fid = DISTANCE[model] * (1 + 4 / epoch - 4 / epochs + 0.1 * seed) + swing
    share = np.array(SHARES[model]) * (1 + 0.3 * np.sin(epoch + seed + np.arange(10)) * (epoch < epochs))
    share = (share / share.sum()).tolist()
    return records.Checkpoint(
        epoch=epoch,
        digits=frechet(fid),
        inception=frechet(9 * fid, spread=False) if inception else None,
        classes=classes(share),
        recognised=recognised(share, n),
        variety=variety(*VARIETY[model], n),
        centre=records.Centre(n=10000, dark=0.2, white=0.1),
        **looks(model),
    )


def ablation(model: str, n: int, factor: float) -> records.Ablation:
    """Without and with a change that multiplies the distance."""
    first, second = (
        records.Variant(n=n, digits=frechet(DISTANCE[model] * f), **looks(model, f)) for f in (1.0, factor)
    )
    change, grey = DISTANCE[model] * (factor - 1), DARK[model] * (factor - 1)
    gap = {"digits": {"mean": change, "low": change - 0.3, "high": change + 0.3}}
    gap["background"] = {"mean": grey, "low": grey - 0.003, "high": grey + 0.003}
    return records.Ablation(first=first, second=second, gap=gap)


def prior_ablation(curve: list[records.Checkpoint], n: int) -> records.PriorAblation:
    """The zoom started from patches: fewer failures, better mix of classes."""

    def side(shares: str, unread: float, *v: float) -> dict[str, Any]:
        return {"classes": classes(SHARES[shares]), "variety": variety(*v, n), "not_digit": not_digit(unread)}

    better, worse = side("cosine", 0.08, 0.7, 0.55, 0.6), side("zoom", NOT_DIGIT["zoom"], *VARIETY["zoom"])
    return records.PriorAblation(
        independent=records.PriorSide(n=n, **worse),
        patches=records.PriorSide(n=n, **better),
        curve=[row.model_copy(update=better) for row in curve],
    )


def measure_record(
    model: str, seed: int = 0, epochs: int = 20, every: int = 2, n: int = 100, inception: bool = True
) -> records.MeasureRecord:
    """The samples of one training, measured."""
    points = sorted({1, epochs} | set(range(every, epochs + 1, every)))
    curve = [checkpoint(model, seed, e, epochs, n, inception) for e in points]
    n_classes = 5 * n if model == "zoom" else n
    final = records.Final(
        **curve[-1].model_dump(), n=n, n_classes=n_classes, floor=floors(n, inception), constant=False
    )
    digit_features = {"dimension": 64, "sha256": "cd" * 32, "test_accuracy": 0.9934}
    extractors = {
        "digits": {"available": True, "reason": ""} | digit_features,
        "inception": {"available": inception, "reason": "" if inception else "inception_weights is off"},
    }
    ddpm, zoom = model in ("linear", "cosine"), model == "zoom"
    P = settings.Measure.read(
        {"seed": seed, "n_samples": n, "n_final": n_classes, "n_distance": n, "distance_every": every}
    )
    late = [row for row in curve if row.epoch >= (1 - records.LATE) * epochs]
    return records.MeasureRecord(
        job="measure",
        settings=P.values(),
        environment=ENVIRONMENT,
        model=model,
        seed=seed,
        weights_sha256=sha256(model, seed, epochs),
        reference={"split": "test", "n": 10000},
        extractors=extractors,
        floor=floors(n, inception),
        curve=curve,
        final=final,
        real=records.Real(
            classes={"share": REAL},
            recognised=recognised(REAL, 9500),
            not_digit=not_digit(0.05),
            background={"mean": 0.0002, "low": 0.0001, "high": 0.0003},
            border={"mean": 0.0002, "sd": 0.002},
            centre={"n": 10000, "dark": 0.15, "white": 0.08},
            divergence_floor={"mean": 0.0092, "sd": 0.004, "n": n},
            variety=variety(0.88, 0.87, 0.96, n),
        ),
        ablations=records.Ablations(
            clipping=ablation(model, n, 0.6) if ddpm else None,
            float32=ablation(model, n, 1.001),
            prior=prior_ablation(late, n) if zoom else None,
        ),
        quality_rule="High-quality samples are drawn from the tenth that the classifier is most sure of.",
    )


# --- kept images ---

SEGMENTS = {  # of a seven-segment display: rows and columns
    "a": (slice(4, 6), slice(9, 19)),
    "b": (slice(5, 14), slice(17, 19)),
    "c": (slice(14, 23), slice(17, 19)),
    "d": (slice(22, 24), slice(9, 19)),
    "e": (slice(14, 23), slice(9, 11)),
    "f": (slice(5, 14), slice(9, 11)),
    "g": (slice(13, 15), slice(9, 19)),
}
LIT = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")


def digits(n: int, first: int = 0) -> np.ndarray:
    """The digits first, first + 1, ... (n, 28, 28), uint8, as a seven-segment display shows them."""
    images = np.zeros((n, 28, 28), np.uint8)
    for i, image in enumerate(images):
        for segment in LIT[(first + i) % 10]:
            image[SEGMENTS[segment]] = 230
    return images


def faded(images: np.ndarray, weights: np.ndarray, seed: int = 0) -> np.ndarray:
    """Images (k, ...) mixed with noise: (len(weights), *images.shape); weight 1 is the image, 0 the noise."""
    noise = np.random.default_rng(seed).integers(0, 256, images.shape)
    w = weights.reshape(-1, *[1] * images.ndim)
    return np.rint(w * images + (1 - w) * noise).astype(np.uint8)


def kept_images(pairs: list[tuple[str, int]]) -> dict[str, np.ndarray]:
    """Name -> images, for all names in `diffusion.records`."""
    one = digits(1, 3)[0]
    down = np.linspace(1, 0, 11)
    found = {
        "latents": np.stack([faded(one, down**2), faded(one, down)]),
        "zoom": faded(one, np.linspace(1, 0.5, 25)),
    }
    for model, seed in pairs:
        name = f"{model}-{seed}"
        found[f"samples_{name}"] = faded(digits(100, seed), np.array([0.9]), seed)[0]
        found[f"quality_{name}"] = np.stack([digits(16), faded(digits(16), np.array([0.5]), seed)[0]])
        if model in ("zoom", "blur"):
            found[f"trajectory_{name}"] = faded(digits(10), np.linspace(0, 1, 9), seed)
        if model == "zoom":
            rows = [np.stack([one] * 8), faded(one, np.linspace(0.9, 0.1, 8)), np.stack([one] * 8)]
            deepest = [digits(10), faded(digits(10), np.array([0.1]))[0], digits(10)]
            found |= {f"reconstructions_{name}": np.stack(rows), f"deepest_{name}": np.stack(deepest)}
        if model == "blur":
            found[f"degradation_{name}"] = faded(one, np.linspace(1, 0.2, 11))
    return found
