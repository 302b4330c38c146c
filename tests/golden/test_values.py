"""Golden values of the code: training steps, samples of released weights, and what is measured.

    fp32, bf16   what a short training or a short sampling yields
    rows         of schedules, of three networks that stay untrained, and of given images that stand in for
                 their samples: no training and no long sampling decides a row

`make golden` writes values.json again, with one thread on the CPU.
It refuses values that have changed by more than rounding, unless CHANGED names their cases:
make golden CHANGED="fp32/zoom rows"
"""

import ast
import json
import sys
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch

import diffusion as d
import helpers
from diffusion import data, own
from diffusion.places import PACKAGE
from diffusion.runtime import affordable
from golden import golden
from golden.golden import Numbers
from report.measures import measure
from report.results import kept
from report.results.table import Record

FILE = Path(__file__).with_name("values.json")
TRAINED = {  # what is trained, and how
    "linear": (lambda: d.DDPM(d.linear()), {}),
    "zoom": (d.ColdZoom, {}),
    "blur": (d.ColdBlur, {}),
    "crop": (d.ColdCrop, {}),
    "noisy-unet": (lambda: d.ColdZoom(interpolation="bilinear", image_noise=0.1), {"network": "unet"}),
    "dilated": (d.ColdZoom, {"network_options": {"norm": "rms", "dilations": [1, 2, 4, 1]}}),
}
SAMPLED = {  # a released model, a sampler and a prior
    "linear-samples": ("paper/linear-0", d.Ancestral(steps=20), None),
    "cosine-samples": ("paper/cosine-0", d.Ancestral(steps=20, clip_x0=True), None),
    "ddim-samples": ("paper/linear-0", d.DDIM(steps=20), None),
    "zoom-samples": ("paper/zoom-0", d.Naive(), d.Pixels()),
    "noisy-samples": ("paper/zoom-0", d.Naive(noise=0.5, levels=12), d.Mixture(5)),
    "noisy-improved-samples": ("paper/zoom-0", d.Improved(noise=0.1), d.Pixels()),
    "unet-samples": ("beyond/zoom_unet-0", d.Naive(), d.Patches()),
}
BF16 = ("small", "study", "zoom-samples")
IN_ROWS = (
    "schedules",
    *(f"{kind}_{one}-3" for one in ("linear", "zoom", "grey") for kind in ("train", "measure")),
)
CLOCK = {"seconds", "epoch_seconds"}  # measures of the time


def numbers(x: torch.Tensor) -> list[float | None]:
    """Mean, sd and the first four of a tensor, enough to notice a change."""
    x = x.detach().double().flatten()
    return [float(x.mean()), float(x.std()), *x[:4].tolist()]


def of_run(run: d.Run) -> Numbers:
    weights = torch.cat([v.flatten() for v in run.network().state_dict().values()])
    return {
        "losses": [run.history[-1][f"{split}_loss"] for split in ("train", "test")],
        "weights": numbers(weights),
    }


def in_fp32(name: str) -> Numbers:
    """A training of five steps, or samples of released weights."""
    if name in SAMPLED:
        released, sampler, prior = SAMPLED[name]
        run = d.released(released, precision="fp32")
        return {"samples": numbers(run.sample(8, seed=0, sampler=sampler, prior=prior))}
    x, x_test = d.load(n=320)[0], d.load(split="test", n=64)[0]
    options = {"learning_rate": 2e-4, "lr_schedule": "constant", "seed": 3, "precision": "fp32"}
    process, how = TRAINED[name]
    return of_run(d.fit(process(), x, x_test, epochs=1, batch_size=64, **options, **how))


def in_bf16(name: str) -> Numbers:
    """Samples of the zoom, or two steps of a small network or of the study's."""
    if name == "zoom-samples":
        return {"samples": numbers(d.released("paper/zoom-0", precision="bf16").sample(8))}
    x, how = d.load(n=128)[0], {"network_options": {"channels": [4]}} if name == "small" else {}
    return of_run(d.fit(d.ColdZoom(), x, x[:16], epochs=1, batch_size=64, seed=3, precision="bf16", **how))


class Given:
    """Samples of the released paper in place of those that an untrained network draws: `kept.Drawn`."""

    def __init__(self, folder: Path, run: d.Run, seed: int):
        self.name = run.name
        model = {"linear-3": "linear-0", "zoom-3": "zoom-0"}.get(run.name, "cosine-0")
        self.images = torch.from_numpy(kept.read_kept(helpers.PAPER, f"samples_{model}"))[:, None]

    def __call__(
        self, n: int, of: Any = None, way: str = "", epoch: int | None = None, average: int = 1
    ) -> torch.Tensor:
        first = zlib.crc32(f"{self.name} {way} {epoch}".encode()) % (len(self.images) - n)
        return self.images[first : first + n].float() / 255 - 0.5


def rows(out: Path) -> Numbers:
    """The rows of a run whose networks stay as they begin: their rate is lost in the rounding of weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "Drawn", Given)
        measure.evaluator_of.cache_clear()  # features are computed again where sums are rounded otherwise
        helpers.tiny(out, data.folder(), learning_rate=1e-30)
        measure.evaluator_of.cache_clear()
    found = {}
    for name in IN_ROWS:
        for r in Record(out, name).rows:
            place = " | ".join(str(part) for part in (name, r.way, r.epoch, r.measure, r.x))
            if r.measure not in CLOCK:
                assert place not in found
                found[place] = [r.value, r.low, r.high, r.n, r.sd]
    return found


def rows_in_a_new_folder() -> Numbers:
    with TemporaryDirectory() as folder:
        return rows(Path(folder) / "run")


CASES: dict[str, Callable[[], Numbers]] = {
    **{f"fp32/{name}": partial(in_fp32, name) for name in (*TRAINED, *SAMPLED)},
    **{f"bf16/{name}": partial(in_bf16, name) for name in BF16},
    "rows": rows_in_a_new_folder,
}


@pytest.fixture(scope="module")
def same_machine() -> bool:
    return golden.probe() == json.loads(FILE.read_text())["probe"]


@pytest.mark.parametrize("name", CASES)
def test_golden_values(mnist_dir, monkeypatch, same_machine, name):
    slow = name.startswith("bf16/") and name != "bf16/small"
    if slow and affordable("bf16", torch.device("cpu")) == "fp32":
        pytest.skip("bf16 is emulated on this machine, which takes minutes")
    monkeypatch.setenv("COLD_ZOOM_DEVICE", "cpu")
    case = json.loads(FILE.read_text())["cases"][name]
    different = golden.differences(CASES[name](), case, exact=same_machine)
    assert not different, f"{len(different)} differ; if that is meant: make golden CHANGED={name}"


def test_a_change_of_more_than_rounding_is_refused_unless_its_case_is_named(tmp_path, capsys):
    file, cases = tmp_path / "values.json", {"a": lambda: {"x": [1.0]}, "b": lambda: {"x": [2.0, None]}}
    assert golden.write(file, cases, []) == ["a", "b"]  # new ones must be named
    assert golden.write(file, cases, ["a", "b"]) == []
    before = file.read_bytes()
    cases["a"] = lambda: {"x": [1.001]}
    assert golden.write(file, cases, ["b"]) == ["a"]
    assert file.read_bytes() == before
    assert "x was 1.0, is 1.001" in capsys.readouterr().out
    cases["a"] = lambda: {"x": [1.0000001]}
    assert golden.write(file, cases, []) == []
    assert json.loads(file.read_text())["cases"]["a"]["values"] == {"x": [1.0000001]}


# What the code of weights imports without being determined by it: checks, files, and how samples are drawn.
NO_ARITHMETIC = {
    "arguments.py",
    "names.py",
    "data.py",
    "files.py",
    "pixels.py",
    "processes/samplers.py",
    "processes/priors.py",
}


@pytest.mark.parametrize("name", own.TRAINING)
def test_what_the_code_of_weights_imports_counts_too(name):
    names = helpers.imports(ast.walk(ast.parse((PACKAGE / name).read_text())))
    files = {f"{one.removeprefix('diffusion.').replace('.', '/')}.py" for one in names}
    ours = {one for one in files if (PACKAGE / one).is_file()}
    assert ours <= {*own.TRAINING, *NO_ARITHMETIC}


if __name__ == "__main__":
    torch.set_num_threads(1)
    if refused := golden.write(FILE, CASES, sys.argv[1:]):
        sys.exit(f"Nothing is written. If these changes are meant: make golden CHANGED='{' '.join(refused)}'")
