"""Values that the code must go on giving: schedules, training steps, losses and samples of released weights,
and what is measured of these samples.

`golden.json` holds them as the first edition gave them (fp32, one thread, CPU). Where a change alters them on
purpose, raise RECIPE (training), SAMPLER (samples) or MEASURES (measuring) and write the file anew:

    python tests/test_golden.py
"""

import functools
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import diffusion as d
from diffusion.evaluation import classifier, features, frechet, samples
from diffusion.evaluation.frechet import to_uint8
from diffusion.runtime import generator

GOLDEN = Path(__file__).with_name("golden.json")
TRAINED = {"linear": lambda: d.DDPM(d.linear()), "cosine": lambda: d.DDPM(d.cosine()), "zoom": d.ColdZoom}
TRAINED["blur"] = d.ColdBlur
SAMPLED = {
    "linear": lambda: d.DDPM(d.linear(), sampling_steps=20),
    "cosine": lambda: d.DDPM(d.cosine(), clip_x0=True, sampling_steps=20),
    "zoom": d.ColdZoom,
    "patches": lambda: d.ColdZoom(prior="patches"),
}


def numbers(x: torch.Tensor) -> dict[str, Any]:
    """What is kept of a tensor: enough to notice a change, and to tolerate another CPU's rounding."""
    x = x.detach().double().flatten()
    return {"mean": float(x.mean()), "sd": float(x.std()), "first": x[:4].tolist()}


def schedule(name: str) -> dict[str, Any]:
    made = {"linear": d.linear, "cosine": d.cosine}[name]()
    return {"beta": numbers(made.beta), "alpha_bar": numbers(made.alpha_bar)}


def five_steps(name: str) -> dict[str, Any]:
    x, x_test = d.load(n=320)[0], d.load(split="test", n=64)[0]
    options = {"learning_rate": 2e-4, "lr_schedule": "constant", "seed": 3, "precision": "fp32"}
    run = d.fit(TRAINED[name](), x, x_test, epochs=1, batch_size=64, **options)
    weights = torch.cat([v.flatten() for v in run.network().state_dict().values()])
    return {k: run.history[0][k] for k in ("train_loss", "test_loss")} | {"weights": numbers(weights)}


@functools.cache
def model(name: str) -> tuple[torch.nn.Module, d.DegradationProcess]:
    process = SAMPLED[name]()
    process.prepare(d.load()[0])
    return d.released("paper", {"patches": "zoom"}.get(name, name)).network(), process


@functools.cache
@torch.inference_mode()
def drawn(name: str) -> torch.Tensor:
    network, process = model(name)
    return process.sample(network, 64, generator(0, "sample"))


@torch.inference_mode()
def released(name: str) -> dict[str, Any]:
    network, process = model(name)
    batches = d.load(split="test", n=512)[0].split(128)
    losses = [process.loss(network, x, generator(0, "test", i)).item() for i, x in enumerate(batches)]
    return {"test_loss": sum(losses) / 4, "samples": numbers(drawn(name))}


# --- measures of the zoom's samples ---


@functools.cache
def features_of(name: str, n: int) -> torch.Tensor:
    """Digit features of samples, or of real images: "train", "test"."""
    images = drawn(name) if name in SAMPLED else d.load(split=name)[0]
    return features.digits().features(to_uint8(images[:n]))


def distance() -> dict[str, Any]:
    reference, found = frechet.Reference(features_of("test", 2000)), features_of("zoom", 64)
    interval = frechet.frechet_interval(reference, found, 20, 0)
    gap = frechet.frechet_gap(reference, found, features_of("patches", 64), 20, 0)
    return {
        "fid": frechet.frechet_distance(reference, found),
        "interval": [interval.low, interval.high, interval.sd, interval.bias],
        "kid": list(frechet.kid(reference, found)),
        "gap": [gap.mean, gap.low, gap.high],
        "floor": frechet.floor(features_of("train", 640), reference, 64, 5, 0).model_dump(),
    }


def variety() -> dict[str, Any]:
    real, found = features_of("test", 2000), features_of("zoom", 64)
    return samples.precision_recall_coverage(real, found, 64, 0).model_dump()


def classes() -> dict[str, Any]:
    images = to_uint8(drawn("zoom")).float() / 255 - 0.5
    labels, confidence = samples.read(classifier.logits(classifier.load(), images))
    found = samples.class_shares(labels, d.load(split="test")[1])
    return {
        "labels": labels.tolist(),
        "confidence": confidence.mean().item(),
        "divergence": [found.divergence, found.divergence_low, found.divergence_high],
        "share of 3": [found.low[3], found.high[3]],
    }


def border() -> dict[str, Any]:
    grey = samples.border_grey(to_uint8(drawn("linear")))
    raw = samples.border_before_clamping(drawn("linear"))
    return {"grey": [grey.mean, grey.low, grey.high], "before clamping": [raw.mean, raw.sd]}


MEASURED = {"distance": distance, "variety": variety, "classes": classes, "border": border}


def measured(name: str) -> dict[str, Any]:
    return MEASURED[name]()


PARTS = {
    "schedules": (schedule, ("linear", "cosine")),
    "five_steps": (five_steps, TRAINED),
    "released": (released, SAMPLED),
    "measured": (measured, MEASURED),
}
# What is raised where a part is to change.
RAISED = dict.fromkeys(("schedules", "five_steps"), "RECIPE (training/fit.py)")
RAISED |= {"released": "SAMPLER (training/sampling.py)", "measured": "MEASURES (evaluation/measure.py)"}
# Sampling adds up another CPU's rounding.
TOLERANCE = {"released": dict(rel=1e-3, abs=1e-3), "measured": dict(rel=1e-4, abs=1e-6)}
CASES = [(part, name) for part, (_, names) in PARTS.items() for name in names]


@pytest.mark.parametrize(("part", "name"), CASES)
def test_golden_values(mnist_dir, one_thread, monkeypatch, part, name):
    monkeypatch.setenv("COLD_ZOOM_DEVICE", "cpu")
    expected, found = json.loads(GOLDEN.read_text())[part][name], PARTS[part][0](name)
    number, tolerance = RAISED[part], TOLERANCE.get(part, dict(rel=1e-4, abs=2e-5))
    assert flat(found) == pytest.approx(flat(expected), **tolerance), (
        f"{part} of {name} is no longer what it was. If that is a mistake, mend it. If it is meant, raise "
        f"{number}, so that older results are not taken for new ones, and run `python tests/test_golden.py`"
    )


def flat(value: Any, prefix: str = "") -> dict[str, float]:
    """Nested numbers by path."""
    if isinstance(value, dict):
        return {k: v for key, one in value.items() for k, v in flat(one, f"{prefix}/{key}").items()}
    if isinstance(value, list):
        return {k: v for i, one in enumerate(value) for k, v in flat(one, f"{prefix}/{i}").items()}
    return {prefix: value}


if __name__ == "__main__":
    torch.set_num_threads(1)
    made = {part: {name: make(name) for name in names} for part, (make, names) in PARTS.items()}
    kept = json.loads(GOLDEN.read_text()) if GOLDEN.is_file() else {}
    GOLDEN.write_text(json.dumps(kept | made, indent=1) + "\n")
    sys.exit(0)
