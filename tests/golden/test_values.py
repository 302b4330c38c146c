"""Values that the code must go on giving: schedules, training steps, losses and samples of released weights,
and what is measured of these samples.

`values.json` holds them (fp32, one thread, CPU), most as the first edition gave them, and three in bf16, of
which two are left out where it is slow. Where they are to change,
`PYTHONPATH=.:tests python tests/golden/test_values.py` writes them anew.
"""

import ast
import functools
import json
from pathlib import Path
from typing import Any

import pytest
import torch

import diffusion as d
import helpers
from diffusion import identity
from diffusion.evaluation import features, frechet
from diffusion.evaluation.frechet import to_uint8
from diffusion.files import write_json
from diffusion.runtime import affordable, generator
from diffusion.training import sampling
from study import distances

GOLDEN = Path(__file__).with_name("values.json")
TRAINED = {  # what is trained, and how
    "linear": (lambda: d.DDPM(d.linear()), {}),
    "cosine": (lambda: d.DDPM(d.cosine()), {}),
    "zoom": (d.ColdZoom, {}),
    "blur": (d.ColdBlur, {}),
    "noisy unet": (lambda: d.ColdZoom(interpolation="bilinear", image_noise=0.1), {"network": "unet"}),
    "dilated": (d.ColdZoom, {"network_options": {"norm": "rms", "dilations": [1, 2, 4, 1]}}),
}
SAMPLED = {  # a released model, a sampler and a prior
    "linear": ("paper", "linear", d.Ancestral(steps=20), None),
    "cosine": ("paper", "cosine", d.Ancestral(steps=20, clip_x0=True), None),
    "ddim": ("paper", "linear", d.DDIM(steps=20), None),
    "zoom": ("paper", "zoom", d.Naive(), d.Pixels()),
    "patches": ("paper", "zoom", d.Naive(), d.Patches()),
    "noisy": ("paper", "zoom", d.Naive(noise=0.5, levels=12), d.Mixture(5)),
    "noisy improved": ("paper", "zoom", d.Improved(noise=0.1), d.Pixels()),
    "unet": ("beyond", "zoom_unet", d.Naive(), d.Patches()),
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
    process, how = TRAINED[name]
    return of_run(d.fit(process(), x, x_test, epochs=1, batch_size=64, **options, **how))


def of_run(run: d.Run) -> dict[str, Any]:
    weights = torch.cat([v.flatten() for v in run.network().state_dict().values()])
    return {k: run.history[-1][k] for k in ("train_loss", "test_loss")} | {"weights": numbers(weights)}


@functools.cache
def model(name: str) -> d.Run:
    return d.released(*SAMPLED[name][:2])


@functools.cache
def drawn(name: str) -> torch.Tensor:
    run, (_, _, sampler, prior) = model(name), SAMPLED[name]
    n = 64 if name in ("linear", "zoom", "patches") else 8  # of the others nothing is measured
    return sampling.draw(name, run.process, run.network(), sampler, run.fitted(prior), n, 0, "fp32")


@torch.inference_mode()
def released(name: str) -> dict[str, Any]:
    network = (run := model(name)).network()
    batches = d.load(split="test", n=512)[0].split(128)
    losses = [run.process.loss(network, x, generator(0, "test", i)).item() for i, x in enumerate(batches)]
    return {"test_loss": sum(losses) / 4, "samples": numbers(drawn(name))}


def in_bf16(name: str) -> dict[str, Any]:
    """Samples of the zoom, or two steps of a small network or of the study's."""
    if name == "zoom":
        return numbers(d.released("paper", "zoom", precision="bf16").sample(8))
    x, how = d.load(n=128)[0], {"network_options": {"channels": [4]}} if name == "small" else {}
    run = d.fit(d.ColdZoom(), x, x[:16], epochs=1, batch_size=64, seed=3, precision="bf16", **how)
    return of_run(run)


@functools.cache
def features_of(name: str, n: int) -> torch.Tensor:
    """Digit features of samples, or of real images: "train", "test"."""
    images = drawn(name) if name in SAMPLED else d.load(split=name)[0]
    return features.extractors()["digits"].features(to_uint8(images[:n]))


def distance() -> dict[str, Any]:
    reference, found = frechet.Reference(features_of("test", 2000)), features_of("zoom", 64)
    interval = frechet.distance(reference, found, 20, 0)
    gap = distances.frechet_gap(reference, found, features_of("patches", 64), 20, 0)
    kid, floor = frechet.kid(reference, found), frechet.floor(features_of("train", 640), reference, 64, 5, 0)
    return {
        "fid": frechet.frechet_distance(reference, found),
        "interval": [interval.low, interval.high, interval.sd],
        "kid": [kid.value, kid.sd],
        "gap": [gap.value, gap.low, gap.high],
        "floor": {"n": floor.n, "fid_mean": floor.value, "fid_sd": floor.sd},
    }


PARTS = {
    "schedules": (schedule, ("linear", "cosine")),
    "five_steps": (five_steps, TRAINED),
    "released": (released, SAMPLED),
    "measured": (lambda name: distance(), ("distance",)),
    "bf16": (in_bf16, ("small", "study", "zoom")),
}
# Sampling adds up another CPU's rounding.
TOLERANCE = {"released": dict(rel=1e-3, abs=1e-3), "measured": dict(rel=1e-4, abs=1e-6)}
TOLERANCE["bf16"] = dict(rel=2e-2, abs=4e-3)  # eight bits of mantissa
CASES = [(part, name) for part, (_, names) in PARTS.items() for name in names]


@pytest.mark.parametrize(("part", "name"), CASES)
def test_golden_values(mnist_dir, monkeypatch, part, name):
    if part == "bf16" and name != "small" and affordable("bf16", torch.device("cpu")) == "fp32":
        pytest.skip("bf16 is emulated on this machine, which takes minutes")
    monkeypatch.setenv("COLD_ZOOM_DEVICE", "cpu")
    expected, found = json.loads(GOLDEN.read_text())[part][name], PARTS[part][0](name)
    assert flat(found) == near(part, expected), (
        f"{part} of {name} is no longer what it was. If that is a mistake, mend it. If it is meant, run "
        "`PYTHONPATH=.:tests python tests/golden/test_values.py`"
    )


def near(part: str, expected: Any) -> Any:
    """Equal to these values, but for another CPU's rounding."""
    return pytest.approx(flat(expected), **TOLERANCE.get(part, dict(rel=1e-4, abs=2e-5)))


# What the code of weights imports without being determined by it: checks, files, and how samples are drawn.
NO_ARITHMETIC = {"bounds.py", "data.py", "files.py", "training/__init__.py"}
NO_ARITHMETIC |= {"processes/__init__.py", "processes/samplers.py", "processes/priors.py"}


def test_what_the_code_of_weights_imports_counts_too():
    counted = {*identity.TRAINING}
    missing = {name: imported(identity.PACKAGE / name) - counted - NO_ARITHMETIC for name in counted}
    assert not any(missing.values()), missing


def imported(path: Path) -> set[str]:
    """The files of the package that a file of it imports."""
    names = helpers.imports(ast.walk(ast.parse(path.read_text())))
    ours = [name.replace(".", "/") for name in names if name.startswith("diffusion")]
    paths = [identity.PACKAGE.parent / name for name in ours]
    files = {path.with_suffix(".py") for path in paths} | {path / "__init__.py" for path in paths}
    return {path.relative_to(identity.PACKAGE).as_posix() for path in files if path.is_file()}


def flat(value: Any, prefix: str = "") -> dict[str, float]:
    """Nested numbers by path."""
    if isinstance(value, dict):
        return {k: v for key, one in value.items() for k, v in flat(one, f"{prefix}/{key}").items()}
    if isinstance(value, list):
        return {k: v for i, one in enumerate(value) for k, v in flat(one, f"{prefix}/{i}").items()}
    return {prefix: value}


def write_anew() -> None:
    """Write the values as they are now; those that are near to what they were stay."""
    torch.set_num_threads(1)
    kept = json.loads(GOLDEN.read_text())
    for part, name in CASES:
        found = PARTS[part][0](name)
        if flat(found) != near(part, kept.setdefault(part, {}).get(name, {})):
            kept[part][name] = found
            print(f"{part} of {name} is another one")
    write_json(GOLDEN, kept)


if __name__ == "__main__":
    write_anew()
