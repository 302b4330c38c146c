"""What cells of lessons 00 to 06 do not assert: pictures, tables and answers, against another's values."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.ndimage import gaussian_filter
from scipy.stats import norm

import diffusion as d
import drawn
from diffusion import data
from diffusion.runtime import generator, seeded
from drawn import (
    as_bytes,
    heads,
    legend,
    number,
    pictures,
    points,
    rows,
    same,
    shown,
    tick_pairs,
    ticks,
    visible,
)
from helpers import PAPER, defined
from report.figures import lessons
from report.measures.notebook_rows import first_losses
from report.results import table


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


FEW_STEPS = {"steps": 2, "batch_size": 4, "width": 8, "noise": 0.0}


def test_ten_lines_zoom_as_the_package_and_start_from_digits(mnist_dir):
    cells = ("load", "degrade", "degraded", "network", "train", "sample")
    found = defined("00_ten_lines", *cells, **FEW_STEPS)
    x, zoom, (images, _) = found["x"], found["zoom"], d.load("mnist")
    assert torch.equal(x, images)
    assert (zoom(x[3:4], torch.tensor([7]))[0, 0].numpy() == zoomed(x[3], 7)).all()
    assert len(found["losses"]) == 2
    first, second, _ = found["samples"].chunk(3)
    assert torch.equal(first, second)  # Try it 1: without noise a start leads to one digit
    assert len(found["starts"].unique(dim=0)) > 1
    patches = found["starts"][:, :, ::7, ::7]
    assert (patches.repeat_interleave(7, 2).repeat_interleave(7, 3) == found["starts"]).all()


# --- 01: schedules ---


@pytest.fixture(scope="module")
def degraded(mnist_dir):
    return defined("01_schedules", released="paper", n_test=200)


def test_half_of_the_variance_is_left_at_the_steps_that_are_told(degraded):
    found = shown(degraded, "01-half")
    expected = {name: int(np.argmax(a <= 0.5)) for name, a in alpha_bars().items()}
    assert found == expected


def test_less_than_half_as_much_of_an_image_is_left_at_three_tenths_under_the_linear_schedule(degraded):
    found, x = shown(degraded, "01-correlation"), degraded["x_test"].double()
    eps = torch.randn(x.shape, generator=generator(0, "early")).double()
    for name, a in alpha_bars().items():
        x_t = np.sqrt(a[300]) * x + np.sqrt(1 - a[300]) * eps
        by_image = [np.corrcoef(*map(np.ravel, pair))[0, 1] for pair in zip(x, x_t, strict=True)]
        assert found[name] == pytest.approx(np.mean(by_image), abs=6e-4)  # three digits of it are told


def test_latents_are_of_the_row_and_the_step_beside_them(degraded):
    images, under = pictures(shown(degraded, "01-noise-figure"), 11)
    assert under == ["$t = 0$", *(str(100 * i) for i in range(1, 11))]
    x, noise = degraded["x"][0, 0], degraded["noise"][0, 0]
    for name, a in alpha_bars().items():
        a = torch.tensor(a[::100]).view(-1, 1, 1).float()
        assert same(images[name], a.sqrt() * x + (1 - a).sqrt() * noise)
    scaled, _ = pictures(shown(degraded, "fig-latents"), 7)
    for name, a in alpha_bars().items():
        assert (scaled[name] == lessons.noised(x, a[:601:100])).all()


def test_a_zoom_shows_the_centre_of_its_level(degraded):
    (axes,) = shown(degraded, "fig-zoom").axes
    images, x = drawn.tiles(axes, 13), degraded["x_all"][61]
    for image, t, (label, _) in zip(images, range(0, 25, 2), tick_pairs(axes, "x"), strict=True):
        assert f"t = {t}$" in label
        assert same(image, zoomed(x, t))
    strips, _ = pictures(shown(degraded, "01-slider"), 9)
    assert all(same(strips["zoom"][i], zoomed(x, 3 * i)) for i in range(9))
    blurred = gaussian_filter(x[0].numpy(), 0.4 * 10, mode="nearest", truncate=8)
    apart = [np.abs(strips["blur"][i] - as_bytes(blurred)[0]).mean() for i in range(9)]
    assert np.argmin(apart) == 4  # half of the way


def test_exercises_of_the_schedules_have_their_answers(degraded):
    outside = shown(degraded, "01-range")
    assert outside["linear"] == pytest.approx(2 * (1 - norm.cdf(0.5)), abs=0.06)  # of noise alone


# --- 02: the DDPM ---


@pytest.fixture(scope="module")
def ddpm(mnist_dir):
    """Visible cells, which need no hidden ones."""
    few = {"n_test": 40, "n_train": None, "n_keep": 16, "batch_size": 128, "sampler_options": {"steps": 20}}
    return defined("02_train_ddpm", *visible("02_train_ddpm"), released="paper", **few)


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


def test_predictions_are_in_their_rows(ddpm):
    images, under = pictures(shown(ddpm, "02-predict"), 10)
    assert under == ["$t = 1$", *(str(round(1 + 111 * i)) for i in range(1, 10))]
    a = torch.tensor(alpha_bars()["linear"])[[1 + 111 * i for i in range(10)]].view(-1, 1, 1, 1)
    x, eps = ddpm["x_test"][:1], torch.randn((1, 1, 28, 28), generator=torch.Generator().manual_seed(0))
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
    predict = defined("02_train_ddpm", "data", "fit", "predict", "released", "walk", released="paper", **few)
    first = defined("02_train_ddpm", "data", "fit", "predict", released="paper", **few)
    g, alpha_bar = predict["long"].network(), ddpm["alpha_bar"]

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
    assert expected == pytest.approx((1 - a[step]) ** 0.5, abs=6e-4)  # three digits of it are told
    assert left == pytest.approx((a[-1] / a[step] / (1 - a[-1])) ** 0.5 * (1 - a[step]), abs=6e-4)


def test_first_losses_are_as_released(ddpm):
    """At the rate that learns; at the printed one: the finding `rate_stuck` of the paper."""
    with seeded(0):
        network = d.Reconstructor()
    losses = first_losses(ddpm["process"], network, 2e-4, ddpm["x_train"], 32, 0)
    known = [row.value for row in rows("paper/train_linear-0", way="used", measure="loss_of_steps")]
    assert [losses[0], losses[-1]] == pytest.approx(known, rel=0.05)  # another processor rounds otherwise


@pytest.mark.parametrize(("model", "found"), [("linear", "ddpm"), ("zoom", "cold")])
def test_samples_are_those_of_the_released_model(request, model, found):
    (axes,) = shown(request.getfixturevalue(found), "fig-samples").axes
    kept = np.load(PAPER / "kept" / f"samples_{model}-0.npz")["images"]
    assert (drawn.tiles(axes, 16) == kept[:16]).all()


def test_exercises_of_the_ddpm_have_their_answers(ddpm):
    a = alpha_bars()["linear"]
    enlarged = ((1 - a) / a) ** 0.5
    assert shown(ddpm, "02-solution-1").tolist() == pytest.approx(enlarged[ddpm["t"]], rel=1e-3, abs=0.006)


# --- 03: the zoom ---


@pytest.fixture(scope="module")
def cold(mnist_dir):
    """Visible cells, which need no hidden ones."""
    few = {"n_train": 1000, "n_test": 200, "n_keep": 16, "n_reconstruct": 40}
    return defined("03_train_zoom", *visible("03_train_zoom"), "known", released="paper", **few)


@torch.inference_mode()
def restored(run, x, t):
    """Images at a level, and what the network makes of them."""
    degraded = torch.tensor(np.stack([zoomed(one, t) for one in x]))[:, None]
    return degraded, run.network()(degraded, torch.full((len(x),), t / 24))


def test_each_error_of_restorations_stands_at_its_level(cold):
    (axes,) = shown(cold, "03-error").axes
    found, x = dict(points(axes.lines[0])), cold["x_test"][:40]
    assert [*found] == [*range(1, 25)]
    for t in (1, 8, 24):
        errors = (restored(cold["run"], x, t)[1] - x).square().mean((1, 2, 3))
        assert found[t] == pytest.approx(errors.mean().item(), rel=1e-3)


def test_restorations_are_under_their_level(cold):
    images, under = pictures(shown(cold, "fig-reconstructions"), 8)
    x = cold["one_of_each"][:4][-1:]
    for i, label in enumerate(under):
        t = int(label.strip("$").removeprefix("t = "))
        degraded, answer = restored(cold["run"], x, t)
        assert same(images["original"][i], x)
        assert same(images["degraded"][i], degraded)
        assert np.abs(images["restored"][i] - as_bytes(answer)[0]).mean() < 1


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
    once = restored(cold["run"], x, 24)[1]
    error, middle = (once - x).square().mean().item(), (once.abs() < 0.4).double().mean().item()
    assert table.loc["at once", "squared error"] == pytest.approx(error, abs=6e-4)
    assert table.loc["at once", "grey pixels"] == pytest.approx(middle, abs=0.002)
    squares, variance = (once - x).square().mean(0)[0], cold["x_train"].var(0)[0]
    inside, seen = torch.zeros(2, 28, 28, dtype=torch.bool)
    inside[12:16, 12:16] = seen[12:17, 12:17] = True  # levels 24 and 23
    parts = {"in the rim": seen & ~inside, "outside": ~seen}
    expected = {name: (squares[at].sum() / variance[at].sum()).item() for name, at in parts.items()}
    assert shown(cold, "03-rim") == pytest.approx(expected, abs=0.0051)


def test_a_confusion_counts_true_classes_by_row(cold):
    (axes,) = shown(cold, "fig-confusion").axes
    down, across = ticks(axes, "y"), ticks(axes, "x")
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
    (axes,) = shown(cold, "fig-trajectory").axes
    walk = drawn.tiles(axes, 10).reshape(9, 10, 28, 28)
    for t, latents in zip(range(24, -1, -3), walk, strict=True):
        assert same(latents, torch.stack([one[0] for one in cold["walk"][24 - t]]))


def test_a_painted_patch_is_walked_down_and_exercises_of_the_zoom_have_their_answers(cold):
    strips, _ = pictures(shown(cold, "03-paint"), 9)
    (painted,) = strips.values()
    patch = np.full((4, 4), -0.5)
    patch[:, 2] = 0.5
    assert same(painted[0], patch.repeat(7, 0).repeat(7, 1))
    assert same(painted[-1], cold["painted"][-1])
    (axes,) = shown(cold, "03-solution-2").axes
    once, _, all_levels = drawn.tiles(axes, 10).reshape(3, 10, 28, 28)
    with torch.inference_mode():
        expected = cold["run"].network()(cold["walk"][0], torch.ones(10))
    assert np.abs(once - as_bytes(expected).astype(float)).mean() < 2
    assert np.abs(all_levels - as_bytes(cold["walk"][-1]).astype(float)).mean() < 8  # 24 roundings


# --- 04: the comparison ---


@pytest.fixture(scope="module")
def compared(mnist_dir):
    return defined("04_compare_fid", released="paper", labels=drawn.LABELS, n_test=200, floor_repeats=2)


def test_each_column_of_the_comparison_is_its_measure(compared):
    table = shown(compared, "04-table")
    assert len(table) == len(drawn.TRAININGS)
    for model, row in table.iterrows():
        job = drawn.measured(model, int(row["seed"]))
        distance = number(job, "frechet")
        expected = {"frechet": distance.value, "low": distance.low, "high": distance.high, "n": distance.n}
        for measure in ("floor", "low_confidence", "digit", "coverage"):
            expected[measure] = number(job, measure).value
        assert {name: row[name] for name in expected} == pytest.approx(expected, abs=0.0006)
        assert {*row.index} == {"seed", *expected}


def test_spoilt_sets_are_spoilt_as_they_are_called(compared):
    x, y = compared["x_train"], compared["y_train"]
    sets, n = compared["sets"], 64
    assert {len(one) for one in sets.values()} == {n}
    assert torch.equal(sets["as they are"], x[:n])
    blurred = np.stack([gaussian_filter(one[0].numpy(), 1.6, mode="nearest", truncate=8) for one in x[:n]])
    assert np.abs(sets["blurred"][:, 0].numpy() - blurred)[:, 4:-4, 4:-4].max() < 0.01
    others = [i for i, label in enumerate(y[:200].tolist()) if label not in (1, 7, 9)][:n]
    assert torch.equal(sets["without 1, 7 and 9"], x[others])
    assert len({one.numpy().tobytes() for one in sets["the same few"]}) == n // 8
    table, evaluator = shown(compared, "04-blind"), compared["evaluator"]
    for name, images in sets.items():
        accepted = evaluator.recogniser.accepts(images).double().mean().item()
        assert table.loc[name, "digit"] == pytest.approx(accepted, abs=0.001)


def test_a_floor_falls_as_the_sets_grow_and_the_distance_is_one_draw_of_it(compared):
    floors = shown(compared, "04-floor")["floor"]
    assert [*floors.index] == [16, 32, 64, 128, 256, 512]
    assert 1.5**5 < floors[16] / floors[512] < 3**5  # "roughly halves whenever the number of images doubles"
    distance = shown(compared, "04-fid-code")
    assert 0.5 * floors[64] < distance < 2 * floors[64]


def test_a_model_is_measured_at_the_sizes_of_the_floor(compared):
    """Each point of a curve against the distance in another's formula."""
    figure = shown(compared, "04-floor-figure")
    (axes,), key = figure.axes, legend(figure)
    assert [*key] == ["real images", *(drawn.titled(model, 0) for model in ("linear", "cosine", "zoom"))]
    curves = {label: points(drawn.alike(axes, handle)[0]) for label, handle in key.items()}
    features = compared["space"].extractor.features
    real = features(torch.from_numpy(as_bytes(compared["x_test"]).astype(np.uint8))[:, None]).double().numpy()
    for model in ("linear", "zoom"):
        kept = np.load(PAPER / "kept" / f"samples_{model}-0.npz")["images"]
        curve = dict(curves[drawn.titled(model, 0)])
        for n in (32, 128):
            few = features(torch.from_numpy(kept[:n])[:, None]).double().numpy()
            a, b = np.cov(real.T), np.cov(few.T)
            root = np.sqrt(np.linalg.eigvals(a @ b).astype(complex)).real.sum()
            distance = np.square(real.mean(0) - few.mean(0)).sum() + np.trace(a) + np.trace(b) - 2 * root
            assert curve[n] == pytest.approx(distance, rel=2e-3)


def test_without_runs_two_released_models_are_compared(mnist_dir, tmp_path, capsys):
    given = {"out_dir": str(tmp_path / "none"), "n_test": 200, "floor_repeats": 2, "n": 16}
    found = defined("04_compare_fid", "measured", **given)
    assert f"{tmp_path / 'none'} contains no runs, so two released models" in capsys.readouterr().out
    assert found["run"].models == ["zoom", "linear"]
    assert not [*tmp_path.iterdir()]
    with pytest.raises(ValueError, match="'zoom', which is not in"):
        defined("04_compare_fid", "measured", models=["zoom"], **given)


def test_the_leading_run_of_a_column_is_named(compared):
    table, leads = shown(compared, "04-table"), shown(compared, "04-leads")
    assert [*leads] == ["frechet", "low_confidence", "digit", "coverage"]
    for measure, best in leads.items():
        extreme = table[measure].min() if measure in ("frechet", "low_confidence") else table[measure].max()
        (run,) = best
        assert (table[measure] == extreme)[(table.index == run[0]) & (table["seed"] == run[1])].all()


def test_samples_of_the_comparison_are_of_the_model_beside_them(compared):
    images, _ = pictures(shown(compared, "04-samples"), 16)
    assert same(images["real digits"], compared["x_test"][:16])
    for model, seed in drawn.TRAININGS:
        kept = np.load(PAPER / "kept" / f"samples_{model}-{seed}.npz")["images"]
        assert (images[drawn.titled(model, seed)] == kept[:16]).all()


# --- 05: a degradation of one's own ---


SMALL = {"n_train": 64, "n_test": 20, "epochs": 1, "n_keep": 4, "network": "cnn"}
SMALL |= {"network_options": {"channels": [2]}}


def pixelated(x, t):
    """Blocks of an image of the deepest level, each of one grey: the mean of its pixels."""
    assert t == 24
    return np.asarray(x).reshape(4, 7, 4, 7).mean((1, 3)).repeat(7, 0).repeat(7, 1)


def test_starts_stand_above_images_of_the_deepest_level(mnist_dir):
    own = defined(
        "05_your_degradation",
        *(f"05-{one}" for one in ("class", "process", "data", "prior", "starts")),
        "fig-degradation",
        **SMALL,
    )
    (axes,) = shown(own, "05-starts").axes
    above, below = drawn.tiles(axes, 10).reshape(2, 10, 28, 28)
    assert same(below, np.stack([pixelated(x, 24) for x in own["x_test"][:10]]))
    images, under = pictures(shown(own, "fig-degradation"), 11)
    (row,) = images.values()
    assert under[-1] == "24"
    assert same(row[0], own["x_test"][0])
    assert same(row[-1], pixelated(own["x_test"][0], 24))


# --- 06: does a joint prior help? ---


@pytest.fixture(scope="module")
def joint(mnist_dir):
    return defined("06_beyond", n=16)


def test_priors_are_in_the_rows_of_their_names_and_copies_are_told(joint, mnist_dir):
    of_starts, _ = pictures(shown(joint, "06-prior-figure"), 12)
    x, _ = data.load("mnist", "train", 4000)
    centres = as_bytes(x)[:, 12:16, 12:16].astype(np.uint8)
    patches = {one.tobytes() for one in centres}
    blocks = {name: row[:, ::7, ::7].astype(np.uint8) for name, row in of_starts.items()}
    copied = {name: sum(one.tobytes() in patches for one in row) for name, row in blocks.items()}
    assert copied == {"pixels": 0, "mixture": 0, "patches": 12}
    table = shown(joint, "06-copies")
    assert table.loc["patches", "share of copies"] == 1
    assert table.loc["mixture", "share of copies"] == 0
    tests = as_bytes(data.load("mnist", "test", 500)[0])[:, 12:16, 12:16].astype(np.uint8)
    alike = [one for one in tests if one.tobytes() in patches]
    assert table.loc["test images", "share of copies"] == pytest.approx(len(alike) / 500, abs=0.0006)
    real = np.corrcoef(centres[:, 1, 1].astype(float), centres[:, 1, 2].astype(float))[0, 1]
    assert shown(joint, "06-neighbours")["real images"] == pytest.approx(real, abs=0.0051)


def test_both_starts_go_through_one_network_and_their_digits_are_counted(joint):
    in_rows, _ = pictures(shown(joint, "06-samples"), 16)
    found, run = shown(joint, "06-digits"), joint["run"]
    for name, images in in_rows.items():
        again = run.sample(16, 0, prior=joint["priors"][name]).clamp(-0.5, 0.5)
        assert same(images, again)
        accepted = joint["evaluator"].recogniser.accepts(again).double().mean().item()
        assert found.loc[name, "digits"] == pytest.approx(accepted, abs=0.0051)
        assert found.loc[name, "low"] < accepted < found.loc[name, "high"]


def of_effects(measure):
    """(model, seed) -> the numbers with its independent and its joint prior, without sampling noise."""
    known = {}
    for row in table.Record(PAPER, "effects").rows:
        start, _, noise = row.way.partition(", ")
        if row.measure == measure and noise == "0" and start in ("independent", "joint"):
            known.setdefault((row.model, row.x), {})[start] = row.value
    return {key: (pair["independent"], pair["joint"]) for key, pair in known.items()}


def test_a_line_joins_the_two_starts_of_one_run(joint):
    figure = shown(joint, "06-pairs-figure")
    assert [heads(axes).y for axes in figure.axes] == ["share of recognised digits", "Fréchet distance"]
    assert [*legend(figure)] == ["independent prior", "joint prior"]
    for axes, measure in zip(figure.axes, ("digit", "frechet"), strict=True):
        lines = [points(mark) for mark in axes.lines if mark.get_linestyle() == "-"]
        dots = {kind: set() for kind in ("none", "full")}
        for mark in (mark for mark in axes.lines if mark.get_marker() == "o"):
            dots[mark.get_fillstyle()] |= {*points(mark)}
        for model, x in ticks(axes, "x").items():
            pairs = [of_effects(measure)[model, seed] for seed in range(5)]
            own = [line for line in lines if line[0][0] < x < line[1][0]]
            assert [(a, b) for (_, a), (_, b) in own] == pairs
            assert {line[0] for line in own} <= dots["none"]
            assert {line[1] for line in own} <= dots["full"]
        assert len(lines) == 15


def test_an_interval_of_differences_is_students_over_runs(joint):
    digits, ratios = shown(joint, "06-interval"), shown(joint, "06-ratios")

    def known(measure, model, scale=float):
        pairs = [pair for (name, _), pair in of_effects(measure).items() if name == model]
        differences = [scale(b) - scale(a) for a, b in pairs]
        low, high = stats.t.interval(0.95, 4, np.mean(differences), stats.sem(differences))
        return [np.mean(differences), low, high]

    for model, row in digits.iterrows():
        assert [*row] == pytest.approx(known("digit", model), abs=0.0006)
    for model in ratios.index:
        for measure in ("frechet", "frechet_autoencoder"):
            expected = np.exp(known(measure, model, np.log))
            assert [*ratios.loc[model, measure]] == pytest.approx(expected, abs=0.0051)


def test_exercises_of_the_joint_start_have_their_answers(joint):
    two, width = shown(joint, "06-solution-1")["two runs"], shown(joint, "06-solution-2")
    for model in ("zoom", "blur", "pixelate"):
        pairs = np.array([of_effects("digit")[model, seed] for seed in range(5)])
        (low, high), differences = two.loc[model, ["low", "high"]], np.diff(pairs)[:, 0]
        expected = stats.t.interval(0.95, 1, differences[:2].mean(), stats.sem(differences[:2]))
        assert (low, high) == pytest.approx(expected, abs=0.0006)
        paired = stats.t.interval(0.95, 4, 0, stats.sem(differences))[1]
        unpaired = stats.ttest_ind(*pairs.T).confidence_interval(0.95)
        assert width.loc[model, "paired"] == pytest.approx(paired, abs=0.0006)
        assert width.loc[model, "unpaired"] == pytest.approx((unpaired.high - unpaired.low) / 2, abs=0.0006)


# --- 14: changes beyond the original study ---
