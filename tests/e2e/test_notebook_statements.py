"""What notebooks 00 to 03 show and say, against values from data, rows and formulas."""

from ast import literal_eval

import numpy as np
import pytest
import torch
from papermill import execute_notebook
from scipy.ndimage import gaussian_filter
from scipy.stats import norm

import diffusion as d
import drawn
from diffusion.runtime import generator, seeded
from drawn import (
    as_bytes,
    heads,
    legend,
    near,
    pictures,
    points,
    rows,
    same,
    shown,
    tick_pairs,
    ticks,
    visible,
)
from helpers import NOTEBOOKS, PAPER, defined
from report.figures import lessons
from report.measures.notebook_rows import first_losses


def zoomed(x, t):
    """An image (28, 28) at a zoom level: rows and columns of its centre, repeated."""
    at = (np.arange(28) * (28 - t) // 28) + (t + 1) // 2
    return np.asarray(x).reshape(28, 28)[np.ix_(at, at)]


def alpha_bars(T=1000):
    """The noise schedules in closed form, alpha_bar of steps 0 to T."""
    linear = np.cumprod(np.r_[1, 1 - np.linspace(1e-5, 0.02, T)])
    f = np.cos((np.arange(T + 1) / T + 0.008) / 1.008 * np.pi / 2) ** 2
    cosine = np.cumprod(np.r_[1, 1 - np.minimum(1 - f[1:] / f[:-1], 0.02)])
    return {"linear": linear, "cosine": cosine}


# --- 00: ten lines ---


SMALL = {"steps": 2, "batch_size": 4, "width": 8, "noise": 0.0}


def test_ten_lines_zoom_as_the_package_and_start_from_digits(mnist_dir):
    cells = ("load", "degrade", "degraded", "network", "train", "sample")
    found = defined("00_ten_lines", *cells, **SMALL)
    x, zoom, (images, _) = found["x"], found["zoom"], d.load("mnist")
    assert torch.equal(x, images)
    assert (zoom(x[3:4], torch.tensor([7]))[0, 0].numpy() == zoomed(x[3], 7)).all()
    assert len(found["losses"]) == 2
    first, second, _ = found["samples"].chunk(3)
    assert torch.equal(first, second)  # Try it 1: without noise a start leads to one digit
    assert len(found["starts"].unique(dim=0)) > 1
    patches = found["starts"][:, :, ::7, ::7]
    assert (patches.repeat_interleave(7, 2).repeat_interleave(7, 3) == found["starts"]).all()


@pytest.mark.long
def test_ten_lines_run_to_their_end_by_papermill(mnist_dir, tmp_path):
    """Its class of a network is found again only in a notebook."""
    done = execute_notebook(
        NOTEBOOKS["00_ten_lines"],
        tmp_path / "out.ipynb",
        SMALL | {"data_dir": str(mnist_dir)},
        progress_bar=False,
    )
    shown = {cell["id"]: cell["outputs"] for cell in done["cells"] if cell["cell_type"] == "code"}
    for cell in ("00-degraded", "00-sample", "00-package"):
        assert any("image/png" in one.get("data", {}) for one in shown[cell]), cell
    (counted,) = (one["data"]["text/plain"] for one in shown["00-digits"] if "data" in one)
    assert {*literal_eval(counted)} == {"real", "at once", "PyTorch", "diffusion"}


# --- 01: schedules ---


@pytest.fixture(scope="module")
def degraded(mnist_dir):
    return defined("01_schedules", released="paper", n_test=200)


def test_half_of_the_variance_is_left_at_the_steps_that_are_told(degraded):
    found = shown(degraded, "01-half")
    expected = {name: int(np.argmax(a <= 0.5)) for name, a in alpha_bars().items()}
    assert found == expected
    assert found["linear"] < found["cosine"]  # "gets there first"
    figure = shown(degraded, "fig-schedules")
    left, right = figure.axes
    for name, handle in legend(figure).items():
        (curve,) = (one for one in right.lines if drawn.look(one)[:2] == drawn.look(handle)[:2])
        assert np.allclose(curve.get_ydata(), alpha_bars()[name], atol=1e-7)
        assert ("alpha" in heads(right).y, "beta" in heads(left).y) == (True, True)


def test_less_than_half_as_much_of_an_image_is_left_at_three_tenths_under_the_linear_schedule(degraded):
    found, x = shown(degraded, "01-correlation"), degraded["x_test"].double()
    eps = torch.randn(x.shape, generator=generator(0, "early")).double()
    for name, a in alpha_bars().items():
        x_t = np.sqrt(a[300]) * x + np.sqrt(1 - a[300]) * eps
        by_image = [np.corrcoef(*map(np.ravel, pair))[0, 1] for pair in zip(x, x_t, strict=True)]
        assert found[name] == pytest.approx(np.mean(by_image), abs=6e-4)  # three digits of it are told
    assert found["linear"] < 0.5 * found["cosine"]


def test_rows_of_the_schedules_are_those_of_their_closed_forms(mnist_dir):
    cells = ("checked", "data", "linear", "cosine", "fig-schedules", "half", "correlation", "rows")
    told = defined("01_schedules", *cells, n_test=20, out_dir=None)["rows"]
    of = {(way, measure): value for way, _, measure, x, value, *_ in told if x is None}
    for name, a in alpha_bars().items():
        expected = {
            "signal_T": a[-1] ** 0.5,
            "mean_alpha_bar": a[1:].mean(),
            "informative_steps": ((a > 0.05) & (a < 0.95)).sum(),
            "clipped_steps": (1 - a[1:] / a[:-1] > 0.02 - 1e-12).sum() if name == "cosine" else 0,
        }
        assert {key: of[name, key] for key in expected} == pytest.approx(expected, rel=1e-9)
        by_step = {(measure, x): value for way, _, measure, x, value, *_ in told if way == name}
        assert [by_step["alpha_bar", t] for t in range(1001)] == pytest.approx(a, rel=1e-9)
        assert [by_step["beta", t] for t in range(1, 1001)] == pytest.approx(1 - a[1:] / a[:-1], rel=1e-6)
    a = alpha_bars()["cosine"][1:]
    beta = 1 / (1 - a)  # of the printed 1 - a / (a - 1)
    printed = {"share_above_one": (beta > 1).mean(), "min_beta": beta.min(), "max_beta": beta.max()}
    assert {key: of["Eq. (9) as printed", key] for key in printed} == pytest.approx(printed, rel=1e-6)


def test_latents_are_of_the_row_and_the_step_beside_them(degraded):
    images, under = pictures(shown(degraded, "01-noise-figure"), 11)
    assert under == ["$t = 0$", *(str(100 * i) for i in range(1, 11))]
    x, noise = degraded["x"][0, 0], degraded["noise"][0, 0]
    for name, a in alpha_bars().items():
        a = torch.tensor(a[::100]).view(-1, 1, 1).float()
        assert same(images[name], a.sqrt() * x + (1 - a).sqrt() * noise)
    scaled, under = pictures(shown(degraded, "fig-latents"), 7)
    assert under == ["$t = 0$", *(str(100 * i) for i in range(1, 7))]
    assert scaled.keys() == images.keys()
    for name, a in alpha_bars().items():
        assert (
            scaled[name] == lessons.noised(x, a[:601:100])
        ).all()  # its own test: unit/test_drawn_report.py


def test_a_zoom_shows_the_centre_of_its_level(degraded):
    (axes,) = shown(degraded, "fig-zoom").axes
    images, x = drawn.tiles(axes, 13), degraded["images"][61]
    for image, t, (label, _) in zip(images, range(0, 25, 2), tick_pairs(axes, "x"), strict=True):
        assert f"t = {t}$" in label
        assert same(image, zoomed(x, t))
    strips, under = pictures(shown(degraded, "01-slider"), 9)
    assert under == ["$t = 0$", *map(str, range(3, 25, 3))]
    assert all(same(strips["zoom"][i], zoomed(x, 3 * i)) for i in range(9))
    blurred = gaussian_filter(x[0].numpy(), 0.4 * 10, mode="nearest", truncate=8)
    apart = [np.abs(strips["blur"][i] - as_bytes(blurred)[0]).mean() for i in range(9)]
    assert np.argmin(apart) == 4  # half of the way


def test_exercises_of_the_schedules_have_their_answers(degraded):
    assert shown(degraded, "01-solution-1") == pytest.approx(0.5, abs=0.002)
    assert shown(degraded, "01-solution-2") == 9  # 19 x 19 of 28 x 28
    assert shown(degraded, "01-solution-3") > 0.01
    outside = shown(degraded, "01-range")
    assert outside["linear"] == pytest.approx(2 * (1 - norm.cdf(0.5)), abs=0.06)  # of noise alone


# --- 02: the DDPM ---


@pytest.fixture(scope="module")
def ddpm(mnist_dir):
    """Visible cells, which need no hidden ones."""
    few = {"n_test": 40, "n_train": None, "n_keep": 16, "batch_size": 128, "sampler_options": {"steps": 20}}
    return defined("02_train_ddpm", *visible("02_train_ddpm"), released="paper", **few)


def test_the_loss_of_test_images_is_dashed_and_told_beside_that_of_common_levels(ddpm):
    figure = shown(ddpm, "fig-loss")
    (axes,), key = figure.axes, legend(figure)
    lines = {
        label: [one for one in axes.lines if drawn.look(one) == drawn.look(handle)]
        for label, handle in key.items()
    }
    losses = rows("paper/train_linear-0", measure="test_loss")
    (test,), (train,) = lines["test"], lines["train"]
    assert points(test) == [near((row.epoch, row.value)) for row in losses if row.epoch >= 5]
    means = dict(ddpm["run"].losses)
    assert [y for _, y in points(train)] == near([y for step, y in means.items() if step / 469 >= 5])
    told = shown(ddpm, "02-common")
    own, common = told.values()
    assert own == losses[-1].value
    by_level = shown(ddpm, "02-by-step-code")
    assert common == pytest.approx(by_level.mean(), abs=1e-4)


@torch.inference_mode()
def test_losses_are_at_the_levels_beside_them(ddpm):
    g, a = ddpm["run"].network(), torch.tensor(alpha_bars()["linear"])
    x, by_level = ddpm["x_test"], shown(ddpm, "02-by-step-code")
    eps = torch.randn(x.shape, generator=generator(0, "levels"))
    for level, loss in by_level.items():
        t = int((a - level).abs().argmin())
        x_t = (a[t].sqrt() * x + (1 - a[t]).sqrt() * eps).float()
        own = (g(x_t, torch.full((len(x),), t / 1000)) - eps).square().mean().item()
        assert loss == pytest.approx(own, abs=6e-5)  # four digits of it are told
    assert by_level.is_monotonic_increasing  # "nearly clean latents are the hard ones"


def test_predictions_are_in_their_rows(ddpm):
    images, under = pictures(shown(ddpm, "02-predict-figure"), 10)
    assert under == ["$t = 1$", *(str(round(1 + 111 * i)) for i in range(1, 10))]
    a = torch.tensor(alpha_bars()["linear"])[[1 + 111 * i for i in range(10)]].view(-1, 1, 1, 1)
    x, eps = ddpm["x_test"][:1], torch.randn((1, 1, 28, 28), generator=generator(0, "predict"))
    x_t = a.sqrt() * x + (1 - a).sqrt() * eps
    with torch.inference_mode():
        predicted = ddpm["run"].network()(
            x_t.float(), (torch.tensor([1 + 111 * i for i in range(10)]) / 1000).float()
        )
    expected = {"latent": x_t, "noise": eps.expand_as(x_t) / 6, "predicted": predicted / 6}
    expected["image"] = (x_t - (1 - a).sqrt() * predicted) / a.sqrt()
    assert images.keys() == expected.keys()
    for name, known in expected.items():
        assert np.abs(images[name] - as_bytes(known)).mean() < 1.5, name


def test_the_lines_of_the_ddpm_are_the_studys(ddpm):
    """Each of its visible lines, against the process and what is released."""
    few = {"n_train": 100, "n_test": 20, "sampler_options": {"steps": 20}}
    predict = defined("02_train_ddpm", "data", "fit", "predict", "walk", released="paper", **few)
    first = defined("02_train_ddpm", "data", "fit", "predict", released="paper", **few)
    g, alpha_bar = ddpm["g"], ddpm["alpha_bar"]

    def has_noise(x_t, x_hat, eps, t):
        """These are the latents of images that are to have this noise."""
        a = alpha_bar[t].view(-1, 1, 1, 1)
        torch.testing.assert_close(a.sqrt() * x_hat + (1 - a).sqrt() * eps, x_t, atol=1e-4, rtol=1e-4)

    has_noise(*(first[name] for name in ("x_t", "x_hat", "eps_hat", "t")))
    times = torch.tensor(predict["times"])
    with torch.inference_mode():
        for x_t, x_hat in zip(predict["x_t"], predict["x_hat"], strict=True):
            has_noise(x_t, x_hat, g(x_t, times / 1000), times)
    off = (alpha_bar[1:, None] - torch.tensor(ddpm["levels"])).abs()
    assert ddpm["steps"] == (off.argmin(0) + 1).tolist()


def test_without_fresh_noise_a_latent_has_too_little(ddpm):
    """All factors: sqrt(alpha_bar_T / alpha_bar) (1 - alpha_bar) / (1 - alpha_bar_T)."""
    found, a = shown(ddpm, "02-posterior"), alpha_bars()["linear"]
    step, expected, left = found.values()
    assert step == np.abs(a - 0.5).argmin()
    assert expected == pytest.approx((1 - a[step]) ** 0.5)
    assert left == pytest.approx((a[-1] / a[step] / (1 - a[-1])) ** 0.5 * (1 - a[step]), rel=1e-6)
    assert left < 0.01 * expected


def test_first_losses_are_as_released_and_the_printed_rate_does_not_learn(ddpm):
    for way, rate in (("printed", 2**-4), ("used", 2e-4)):
        with seeded(0):
            network = d.Reconstructor()
        losses = first_losses(ddpm["process"], network, rate, ddpm["x_train"], 32, 0)
        known = [row.value for row in rows("paper/train_linear-0", way=way, measure="loss_of_steps")]
        assert [losses[0], losses[-1]] == pytest.approx(known, rel=0.05)  # another processor rounds otherwise
        assert (losses[-1] > 0.9) == (way == "printed")  # "does no better than zero"


@pytest.mark.parametrize(("model", "found"), [("linear", "ddpm"), ("zoom", "cold")])
def test_samples_are_those_of_the_released_model(request, model, found):
    (axes,) = shown(request.getfixturevalue(found), "fig-samples").axes
    kept = np.load(PAPER / "kept" / f"samples_{model}-0.npz")["images"]
    assert (drawn.tiles(axes, 16) == kept[:16]).all()


def test_exercises_of_the_ddpm_have_their_answers(ddpm):
    a, x = alpha_bars()["linear"], ddpm["x_test"].double()
    enlarged = ((1 - a) / a) ** 0.5
    assert shown(ddpm, "02-solution-1").tolist() == pytest.approx(enlarged[ddpm["t"]], rel=1e-3)
    losses = shown(ddpm, "02-solution-2")
    assert [*losses] == [1, 500, 1000]
    for t, loss in losses.items():
        expected = a[t] * x.square().mean().item() + (1 - (1 - a[t]) ** 0.5) ** 2
        assert loss == pytest.approx(expected, abs=0.03)


# --- 03: the zoom ---


@pytest.fixture(scope="module")
def cold(mnist_dir):
    """Visible cells, which need no hidden ones."""
    few = {"n_train": 1000, "n_test": 200, "n_keep": 16, "n_reconstruct": 40}
    return defined("03_train_zoom", *visible("03_train_zoom"), released="paper", **few)


@torch.inference_mode()
def restored(run, x, t):
    """Images at a level, and what the network makes of them."""
    degraded = torch.tensor(np.stack([zoomed(one, t) for one in x]))[:, None]
    return degraded, run.network()(degraded, torch.full((len(x),), t / 24))


def test_each_error_of_restorations_stands_at_its_level(cold):
    (axes,) = shown(cold, "03-error").axes
    found, bars = (
        dict(points(axes.lines[0])),
        {a[0]: (a[1], b[1]) for a, b in drawn.bars(axes) if a[0] == b[0]},
    )
    assert [*found] == [*range(1, 25)]
    x = cold["x_test"][:40]
    for t in (1, 8, 16, 24):
        errors = (restored(cold["run"], x, t)[1] - x).square().mean((1, 2, 3))
        assert found[t] == pytest.approx(errors.mean().item(), rel=1e-3)
        sd = errors.std().item()
        assert bars[t] == pytest.approx((found[t] - sd, found[t] + sd), rel=1e-3, abs=1e-6)
    assert ("level" in heads(axes).x, "squared error" in heads(axes).y) == (True, True)


def test_restorations_are_under_their_level_or_class(cold):
    images, under = pictures(shown(cold, "fig-reconstructions"), 8)
    x = cold["one_of_each"][:4][-1:]
    for i, label in enumerate(under):
        t = int(label.strip("$").removeprefix("t = "))
        degraded, answer = restored(cold["run"], x, t)
        assert same(images["original"][i], x)
        assert same(images["degraded"][i], degraded)
        assert np.abs(images["restored"][i] - as_bytes(answer)[0]).mean() < 1
    images, under = pictures(shown(cold, "fig-level24"), 10)
    assert under == [*map(str, range(10))]
    known, labels = d.load("mnist", "test")
    firsts = torch.stack([known[labels == digit][0] for digit in range(10)])
    degraded, answer = restored(cold["run"], firsts, 24)
    assert same(images["original"], firsts)
    assert same(images["degraded"], degraded)
    assert np.abs(images["restored"] - as_bytes(answer)).mean() < 1


@torch.inference_mode()
def test_the_network_answers_at_once_and_in_steps_from_the_same_zooms(cold):
    images, under = pictures(shown(cold, "03-iterate"), 10)
    assert under == [*map(str, range(10))]
    known, labels = d.load("mnist", "test")
    firsts = torch.stack([known[labels == digit][0] for digit in range(10)])
    x_t, answer = restored(cold["run"], firsts, 24)
    assert same(images["zoomed"], x_t)
    assert np.abs(images["at once"] - as_bytes(answer).astype(float)).mean() < 1
    for t in range(24, 0, -1):
        x_hat = cold["run"].network()(x_t, torch.full((10,), t / 24))
        x_t = torch.tensor(np.stack([zoomed(one, t - 1) for one in x_hat]))[:, None]
    assert np.abs(images["in steps"] - as_bytes(x_t).astype(float)).mean() < 2
    table, x = shown(cold, "03-iterate-numbers"), cold["x_test"][:40]
    errors = table["squared error"]
    assert errors["at once"] == pytest.approx(
        (restored(cold["run"], x, 24)[1] - x).square().mean().item(), abs=6e-4
    )
    assert 0 == errors["original"] < errors["at once"] < errors["in steps"]
    grey = table["grey pixels"]
    for name, pixels in {"original": x, "at once": restored(cold["run"], x, 24)[1]}.items():
        middle = ((pixels > -0.4) & (pixels < 0.4)).double().mean().item()
        assert grey[name] == pytest.approx(middle, abs=0.002)
    assert grey["original"] < 0.3 < grey["at once"]


def test_a_confusion_counts_true_classes_by_row(cold):
    (axes,) = shown(cold, "fig-confusion").axes
    down, across = ticks(axes, "y"), ticks(axes, "x")
    assert ("true" in heads(axes).y, "read" in heads(axes).x) == (True, True)
    share = axes.collections[0].get_array().reshape(10, 10)
    labels = cold["labels"]
    read = cold["classify"](restored(cold["run"], cold["x_test"], 24)[1]).argmax(1)
    for true, y in down.items():
        for other, x in across.items():
            both = ((labels == int(true)) & (read == int(other))).sum() / (labels == int(true)).sum()
            assert share[int(y), int(x)] == pytest.approx(100 * both.item(), abs=8)


def test_starts_stand_above_deepest_zooms_and_a_walk_goes_down(cold):
    (axes,) = shown(cold, "03-starts").axes
    above, below = drawn.tiles(axes, 10).reshape(2, 10, 28, 28)
    assert same(below, np.stack([zoomed(x, 24) for x in cold["x_test"][:10]]))
    blocks = above[:, ::7, ::7]
    assert (above == blocks.repeat(7, 1).repeat(7, 2)).all()
    assert not same(above, np.stack([zoomed(x, 24) for x in cold["x_test"][:10]]))
    (axes,) = shown(cold, "fig-trajectory").axes
    walk = drawn.tiles(axes, 10).reshape(9, 10, 28, 28)
    labels = [label for label, _ in tick_pairs(axes, "y")]
    assert [one.rpartition(" ")[2].rstrip("$") for one in labels] == [str(t) for t in range(24, -1, -3)]
    assert ("prior" in labels[0], "sample" in labels[-1]) == (True, True)
    assert (walk[0] == walk[0][:, ::7, ::7].repeat(7, 1).repeat(7, 2)).all()
    for t, latents in zip(range(24, -1, -3), walk, strict=True):
        assert same(latents, torch.stack([one[0] for one in cold["walk"][24 - t]]))
    (axes,) = shown(cold, "fig-centre_pixels").axes
    values, _, _ = axes.patches[0].get_data()
    x, _ = d.load("mnist", "train", at_most=1000)
    centre = as_bytes(x)[:, 12:16, 12:16]
    assert values / values.sum() == pytest.approx(np.bincount(centre.ravel(), minlength=256) / centre.size)


def test_a_painted_patch_is_walked_down_and_exercises_of_the_zoom_have_their_answers(cold):
    strips, under = pictures(shown(cold, "03-paint-code"), 9)
    (painted,) = strips.values()
    assert under == ["$t = 24$", *(str(t) for t in range(21, -1, -3))]
    patch = np.full((4, 4), -0.5)
    patch[:, 2] = 0.5
    assert same(painted[0], patch.repeat(7, 0).repeat(7, 1))
    assert same(painted[-1], cold["painted"][-1])
    assert shown(cold, "03-solution-1") == 2**16
    (axes,) = shown(cold, "03-solution-2").axes
    once, four, all_levels = drawn.tiles(axes, 10).reshape(3, 10, 28, 28)
    with torch.inference_mode():
        expected = cold["run"].network()(cold["walk"][0], torch.ones(10))
    assert np.abs(once - as_bytes(expected).astype(float)).mean() < 2
    assert np.abs(all_levels - as_bytes(cold["walk"][-1]).astype(float)).mean() < 8  # 24 roundings
    assert not same(four, once)
    changed = shown(cold, "03-solution-3")
    flipped = torch.tensor(patch[None].repeat(2, 0)).float()
    flipped[1, 0, 0] *= -1
    one, other = cold["run"].sample(start=flipped[:, None])
    assert changed[0, 0] == pytest.approx(100 * (one - other).abs().mean().item(), abs=0.51)
    assert changed[0, 0] > 0
