"""Values that the code must go on giving: schedules, training steps, losses and samples of released weights.

`golden.json` holds them as the first edition gave them (fp32, one thread, CPU). Where a change alters them on
purpose, raise RECIPE (training), SAMPLER (samples) or MEASURES (measuring) and write the file anew:

    python tests/test_golden.py
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import diffusion as d
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


def released(name: str) -> dict[str, Any]:
    network, process = d.released("paper", {"patches": "zoom"}.get(name, name)).network(), SAMPLED[name]()
    process.prepare(d.load()[0])
    batches = d.load(split="test", n=512)[0].split(128)
    with torch.inference_mode():
        losses = [process.loss(network, x, generator(0, "test", i)).item() for i, x in enumerate(batches)]
    samples = process.sample(network, 64, generator(0, "sample"))
    return {"test_loss": sum(losses) / 4, "samples": numbers(samples)}


PARTS = {
    "schedules": (schedule, ("linear", "cosine")),
    "five_steps": (five_steps, TRAINED),
    "released": (released, SAMPLED),
}
CASES = [(part, name) for part, (_, names) in PARTS.items() for name in names]


@pytest.mark.parametrize(("part", "name"), CASES)
def test_golden_values(mnist_dir, one_thread, monkeypatch, part, name):
    monkeypatch.setenv("COLD_ZOOM_DEVICE", "cpu")
    expected, found = json.loads(GOLDEN.read_text())[part][name], PARTS[part][0](name)
    # Sampling adds up another CPU's rounding.
    tolerance = dict(rel=1e-3, abs=1e-3) if part == "released" else dict(rel=1e-4, abs=2e-5)
    number = "SAMPLER (training/sampling.py)" if part == "released" else "RECIPE (training/fit.py)"
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
