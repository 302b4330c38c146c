"""Values that the code must go on giving: training steps, and samples of released weights. What is measured:
unit/test_measure.py.

`values.json` holds them (fp32, one thread, CPU), most as the first edition gave them, and three in bf16, of
which two are left out where it is slow. Where they are to change,
`PYTHONPATH=.:tests python tests/golden/test_values.py` writes them anew.
"""

import ast
import json
from pathlib import Path
from typing import Any

import pytest
import torch

import diffusion as d
import helpers
from diffusion import identity
from diffusion.files import write_json
from diffusion.runtime import affordable

GOLDEN = Path(__file__).with_name("values.json")
TRAINED = {  # what is trained, and how
    "linear": (lambda: d.DDPM(d.linear()), {}),
    "zoom": (d.ColdZoom, {}),
    "blur": (d.ColdBlur, {}),
    "crop": (d.ColdCrop, {}),
    "noisy unet": (lambda: d.ColdZoom(interpolation="bilinear", image_noise=0.1), {"network": "unet"}),
    "dilated": (d.ColdZoom, {"network_options": {"norm": "rms", "dilations": [1, 2, 4, 1]}}),
}
SAMPLED = {  # a released model, a sampler and a prior
    "linear": ("paper", "linear", d.Ancestral(steps=20), None),
    "cosine": ("paper", "cosine", d.Ancestral(steps=20, clip_x0=True), None),
    "ddim": ("paper", "linear", d.DDIM(steps=20), None),
    "zoom": ("paper", "zoom", d.Naive(), d.Pixels()),
    "noisy": ("paper", "zoom", d.Naive(noise=0.5, levels=12), d.Mixture(5)),
    "noisy improved": ("paper", "zoom", d.Improved(noise=0.1), d.Pixels()),
    "unet": ("beyond", "zoom_unet", d.Naive(), d.Patches()),
}


def numbers(x: torch.Tensor) -> list[float]:
    """What is kept of a tensor: mean, sd and the first four, enough to notice a change."""
    x = x.detach().double().flatten()
    return [float(x.mean()), float(x.std()), *x[:4].tolist()]


def five_steps(name: str) -> list[float]:
    x, x_test = d.load(n=320)[0], d.load(split="test", n=64)[0]
    options = {"learning_rate": 2e-4, "lr_schedule": "constant", "seed": 3, "precision": "fp32"}
    process, how = TRAINED[name]
    return of_run(d.fit(process(), x, x_test, epochs=1, batch_size=64, **options, **how))


def of_run(run: d.Run) -> list[float]:
    """Both losses, and numbers of all weights."""
    weights = torch.cat([v.flatten() for v in run.network().state_dict().values()])
    return [run.history[-1]["train_loss"], run.history[-1]["test_loss"], *numbers(weights)]


def released(name: str) -> list[float]:
    release, model, sampler, prior = SAMPLED[name]
    run = d.released(release, model, precision="fp32")
    return numbers(run.sample(8, seed=0, sampler=sampler, prior=prior))


def in_bf16(name: str) -> list[float]:
    """Samples of the zoom, or two steps of a small network or of the study's."""
    if name == "zoom":
        return numbers(d.released("paper", "zoom", precision="bf16").sample(8))
    x, how = d.load(n=128)[0], {"network_options": {"channels": [4]}} if name == "small" else {}
    run = d.fit(d.ColdZoom(), x, x[:16], epochs=1, batch_size=64, seed=3, precision="bf16", **how)
    return of_run(run)


PARTS = {
    "five_steps": (five_steps, TRAINED),
    "released": (released, SAMPLED),
    "bf16": (in_bf16, ("small", "study", "zoom")),
}
# Sampling adds up another CPU's rounding.
TOLERANCE = {"released": dict(rel=1e-3, abs=1e-3)}
TOLERANCE["bf16"] = dict(rel=2e-2, abs=4e-3)  # eight bits of mantissa
CASES = [(part, name) for part, (_, names) in PARTS.items() for name in names]


@pytest.mark.parametrize(("part", "name"), CASES)
def test_golden_values(mnist_dir, monkeypatch, part, name):
    if part == "bf16" and name != "small" and affordable("bf16", torch.device("cpu")) == "fp32":
        pytest.skip("bf16 is emulated on this machine, which takes minutes")
    monkeypatch.setenv("COLD_ZOOM_DEVICE", "cpu")
    expected, found = json.loads(GOLDEN.read_text())[part][name], PARTS[part][0](name)
    assert found == near(part, expected), (
        f"{part} of {name} is no longer what it was. If that is a mistake, mend it. If it is meant, run "
        "`PYTHONPATH=.:tests python tests/golden/test_values.py`"
    )


def near(part: str, expected: list[float]) -> Any:
    """Equal to these values, but for another CPU's rounding."""
    return pytest.approx(expected, **TOLERANCE.get(part, dict(rel=1e-4, abs=2e-5)))


# What the code of weights imports without being determined by it: checks, files, and how samples are drawn.
NO_ARITHMETIC = {"bounds.py", "data.py", "files.py", "processes/samplers.py", "processes/priors.py"}


@pytest.mark.parametrize("name", identity.TRAINING)
def test_what_the_code_of_weights_imports_counts_too(name):
    names = helpers.imports(ast.walk(ast.parse((identity.PACKAGE / name).read_text())))
    files = {f"{one.removeprefix('diffusion.').replace('.', '/')}.py" for one in names}
    ours = {one for one in files if (identity.PACKAGE / one).is_file()}
    assert ours <= {*identity.TRAINING, *NO_ARITHMETIC}


def write_anew() -> None:
    """Write the values as they are now; those that are near to what they were stay."""
    torch.set_num_threads(1)
    kept = json.loads(GOLDEN.read_text())
    for part, name in CASES:
        found = PARTS[part][0](name)
        if found != near(part, kept.setdefault(part, {}).get(name, [])):
            kept[part][name] = found
            print(f"{part} of {name} is another one")
    write_json(GOLDEN, kept)


if __name__ == "__main__":
    write_anew()
