"""What notebooks 07, 08, 10, 12 and 13 define; and that what no run of the workflow executes runs."""

import functools
from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats

from diffusion import data
from diffusion.evaluation.evaluator import Evaluator
from diffusion.processes import DDPM, linear
from diffusion.processes.samplers import Ancestral
from helpers import PAPER, defined
from report.results import table
from report.results.table import Record

# --- 07: real images as a yardstick ---


@pytest.mark.parametrize("divergence", [0.02, 0.4])
def test_a_mix_of_classes_has_the_divergence_that_is_asked_for(divergence):
    prior = np.arange(1.0, 11) / 55
    tilted = defined("07_yardstick", "mixed")["tilted"]
    share = tilted(prior, np.random.default_rng(0).normal(size=10), divergence)
    assert stats.entropy(share, prior) == pytest.approx(divergence, rel=1e-6)


# --- 08: images read by eye ---


def test_the_released_labels_give_the_released_rows():
    job = Record(PAPER, "blind")
    cells = defined("08_by_eye", "protocol", "labels", "shares", released="paper")
    rows = cells["shares"](**cells["facts"], labels=dict(job.facts.labels))
    assert [one[4] for one in rows] == [one.value for one in job.rows]
    assert len(rows) > 40


# --- 10: the study's own files ---


@pytest.mark.parametrize("variance", [2e-5, 0.01])
def test_the_noise_that_a_network_was_trained_on_is_found(variance):
    """The best prediction for images that are all black: the latent over the noise's standard deviation."""
    eps = torch.randn((8, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    learnt = defined("10_files", "learnt", "scores")["noise_learnt"]
    found = learnt(lambda x, t: x / variance**0.5, torch.zeros_like(eps), eps, 1, 1000)
    assert found == pytest.approx(variance, rel=0.02)


# --- 12: effects ---


def test_an_effect_is_the_mean_of_what_has_a_change_minus_the_mean_of_what_has_not(tmp_path):
    """Numbers made of known effects: their sum is found again, each by itself."""
    models = [f"{kind}{noise}" for kind in ("zoom", "blur", "pixelate") for noise in ("", "_noise")]
    for seed, model in product((0, 1, 2), models):
        trained, rows = model.endswith("_noise"), []
        for start, noise in product(("independent", "joint"), ("0", "0.15")):
            value = 0.2 + 0.01 * seed**2 + 0.3 * trained + 0.1 * (start == "joint")
            value += 0.05 * model.startswith("blur") - 0.07 * (noise == "0.15")
            found = dict.fromkeys(("frechet", "frechet_autoencoder"), np.exp(value))
            rows += table.lines(found | {"digit": value, "coverage": value}, way=f"{start}, {noise}")
        worse = np.exp(0.2 * trained)  # from the deepest level
        rows += table.lines({"restoration_error": {1.0: 0.5, 24.0: 0.1 * worse}})
        facts = {"model": model, "seed": seed, "environment": {"precision": "fp32"}}
        table.write(tmp_path, f"effects_{model}-{seed}", facts, rows)
    defined("12_effects", models=models, seeds=[0, 1, 2], out_dir=str(tmp_path))
    found = Record(tmp_path, "effects")
    expected = {"training noise": 0.3, "joint start": 0.1, "sampling noise": -0.07, "blur for zoom": 0.05}
    for name, value in expected.items():
        one = found[f"{name}, all"]
        assert one["digit"].value == pytest.approx(value)
        assert one["frechet"].value == pytest.approx(np.exp(value))
        assert one["digit"].low == pytest.approx(one["digit"].high)  # a seed shifts all of its sets alike
    assert found["training noise, in the zoom"]["restoration_error"].value == pytest.approx(np.exp(0.2))
    assert found["mean, joint, 0.15"]["digit"].n == 3


def test_sixteen_numbers_stand_for_the_deepest_level_of_each_degradation(mnist_dir):
    cells = defined("12_effects", "degradations", "blur", "starts")
    x, _ = data.load("mnist", "train", str(mnist_dir), 300)
    pixelate, blur = cells["Pixelate"](), cells["Blur"]()
    blur.prepare(x)
    for one in (pixelate, blur):
        pixels, deepest = one.to_pixels(x), one.degrade(x, torch.full((len(x),), 24))
        assert pixels.shape == (300, 1, 4, 4)
        left = (one.from_pixels(pixels) - deepest).square().mean() / (
            deepest - deepest.mean(0)
        ).square().mean()
        assert left < 0.05
    means = x.unfold(2, 7, 7).unfold(3, 7, 7).mean((-1, -2))
    torch.testing.assert_close(pixelate.to_pixels(x), means)
    start = cells["STARTS"]["independent"]
    start.fit(means)
    drawn = start.draw(400, torch.Generator().manual_seed(0)).flatten(1)
    assert all(torch.isin(one, known).all() for one, known in zip(drawn.T, means.flatten(1).T, strict=True))
    beside = [torch.corrcoef(one.T)[7, 8].abs() for one in (means.flatten(1), drawn)]
    assert beside[0] > 0.5 > 0.2 > beside[1]


# --- 13: an intervention ---


def test_what_a_network_misses_of_an_offset_is_added_to_its_prediction():
    """Of a network that sees a part rho of an offset the corrected prediction has all of it."""
    Levelled = defined("13_intervention", "sampler")["Levelled"]
    process, t, rho, delta = DDPM(linear()), 900, 0.3, 0.5
    a = float(process.schedule.alpha_bar[t])
    x_t = torch.full((2, 1, 28, 28), a**0.5 * -0.4 + delta)  # of images of a mean grey of -0.4
    seen = torch.full_like(x_t, rho * delta / (1 - a) ** 0.5)
    sampler = Levelled([1.0, 100.0], [1, 1000], [[rho, rho], [rho, rho]], -0.4, 10)
    noise = [torch.Generator().manual_seed(0) for _ in range(2)]
    found = sampler.step(process, x_t, seen, t, 800, noise[0])
    whole = Ancestral(steps=10).step(process, x_t, seen / rho, t, 800, noise[1])
    torch.testing.assert_close(found, whole)


# --- all ---


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("06_beyond", {"n": 16, "components": 3}),
        ("14_changes", {"models": ["linear", "zoom"]}),
        ("07_yardstick", {"n": 32, "n_per_distortion": 16, "n_real": 100, "n_test": 256}),
        ("10_files", {"n_source": 120, "n_test": 100}),
    ],
)
def test_what_no_run_of_the_workflow_executes_runs(tmp_path, mnist_dir, monkeypatch, name, given):
    """08 and 09 do above; 12 and 13, as cells of a kernel; the others, in the run of e2e/test_workflow.py."""
    monkeypatch.chdir(tmp_path)
    few = functools.partial(Evaluator.for_dataset, n_digits=100, n_per_distortion=16)
    monkeypatch.setattr(Evaluator, "for_dataset", staticmethod(few))
    at = {} if name in ("06_beyond", "14_changes") else {"out_dir": "out"}
    assert defined(name, **given, **at)["shown"]
    assert [path.name for path in tmp_path.iterdir()] == [*at.values()]
