"""What notebooks 04 to 06 and 14 show and say, against values from data, rows and formulas."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.ndimage import gaussian_filter

import diffusion as d
import drawn
from diffusion import data
from drawn import (
    as_bytes,
    heads,
    legend,
    near,
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
from report.results import table

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
        assert row["frechet"] > 3 * row["floor"]  # "all are far above the floor"
        assert row["low"] < row["frechet"] < row["high"]


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
    table = shown(compared, "04-blind")
    assert [*table.columns] == ["frechet", "digit", "coverage", "divergence", "different"]
    assert table["different"].to_dict() == {
        name: len({one.numpy().tobytes() for one in x}) for name, x in sets.items()
    }
    for name, images in sets.items():
        evaluator = compared["evaluator"]
        assert table.loc[name, "digit"] == pytest.approx(
            evaluator.recogniser.accepts(images).double().mean().item(), abs=0.001
        )
        read = evaluator.classifier(images).argmax(1).bincount(minlength=10) / n
        real = evaluator.classifier(evaluator.x_test).argmax(1).bincount(minlength=10) / 200
        apart = sum(p * np.log(p / q) for p, q in zip(read.tolist(), real.tolist(), strict=True) if p)
        assert table.loc[name, "divergence"] == pytest.approx(apart, abs=0.06)


@pytest.mark.long
def test_with_the_committed_parameters_spoilt_sets_are_as_far_as_the_text_says(mnist_dir):
    table = shown(defined("04_compare_fid", released="paper"), "04-blind")
    spoilt = table.drop("as they are")
    assert spoilt["frechet"].between(25.5, 30).all()  # "about equally far"; the cell below asserts the rest
    assert table.loc["as they are", "frechet"] < 10
    assert spoilt["different"].to_dict() == {"blurred": 64, "without 1, 7 and 9": 64, "the same few": 8}


def test_a_floor_falls_as_the_sets_grow_and_the_distance_is_one_draw_of_it(compared):
    floors = shown(compared, "04-floor")["floor"]
    assert [*floors.index] == [16, 32, 64, 128, 256, 512]
    assert 1.5**5 < floors[16] / floors[512] < 3**5  # "roughly halves whenever the number of images doubles"
    assert floors.is_monotonic_decreasing
    distance = shown(compared, "04-fid-code")
    assert 0.5 * floors[64] < distance < 2 * floors[64]


def test_a_model_is_measured_at_the_sizes_of_the_floor(compared):
    """Each point of a curve against the distance in another's formula."""
    figure = shown(compared, "04-floor-figure")
    (axes,), key = figure.axes, legend(figure)
    assert [*key] == ["real images", *(drawn.titled(model, 0) for model in ("linear", "cosine", "zoom"))]
    curves = {label: points(drawn.alike(axes, handle)[0]) for label, handle in key.items()}
    assert curves["real images"] == [near((n, one.value)) for n, one in compared["floors"].items()]
    features = compared["space"].extractor.features
    real = features(torch.from_numpy(as_bytes(compared["x_test"]).astype(np.uint8))[:, None]).double().numpy()
    for model in ("linear", "zoom"):
        kept = np.load(PAPER / "kept" / f"samples_{model}-0.npz")["images"]
        curve = dict(curves[drawn.titled(model, 0)])
        assert [*curve] == [n for n in (16, 32, 64, 128, 256, 512) if n <= len(kept)]
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
    assert same(images.pop("real digits"), compared["x_test"][:16])
    assert [*images] == [drawn.titled(*one) for one in drawn.TRAININGS]
    for model, seed in drawn.TRAININGS:
        kept = np.load(PAPER / "kept" / f"samples_{model}-{seed}.npz")["images"]
        assert (images[drawn.titled(model, seed)] == kept[:16]).all()


# --- 05: a degradation of one's own ---


SMALL = {"n_train": 64, "n_test": 20, "epochs": 1, "n_keep": 4, "network_options": {"channels": [2]}}


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
    assert not (above == below).all((1, 2)).any()
    images, under = pictures(shown(own, "fig-degradation"), 11)
    (row,) = images.values()
    assert under == ["$t = 0$", *(str(t) for t in own["levels"][1:])]
    assert own["levels"][-1] == 24
    assert same(row[0], own["x_test"][0])
    assert same(row[-1], pixelated(own["x_test"][0], 24))


def test_a_walk_of_ones_own_goes_down_from_its_starts_to_the_samples(mnist_dir, tmp_path):
    given = {"degradation": "blur", "T": 8, "out_dir": str(tmp_path)}
    own = defined("05_your_degradation", *visible("05_your_degradation"), **SMALL | given)
    (axes,) = shown(own, "fig-trajectory").axes
    labels = [label for label, _ in tick_pairs(axes, "y")]
    walk = drawn.tiles(axes, 10).reshape(len(labels), 10, 28, 28)
    assert [int(one.rpartition(" ")[2].rstrip("$")) for one in labels] == [*range(8, -1, -1)]
    known = own["run"].trajectory(10)
    assert same(walk[0], known[8])
    assert same(walk[-1], known[0])
    (axes,) = shown(own, "fig-samples").axes
    assert same(drawn.tiles(axes, 4), own["samples"])


# --- 06: does a joint start help? ---


@pytest.fixture(scope="module")
def joint(mnist_dir):
    return defined("06_beyond", n=16)


def test_priors_are_in_the_rows_of_their_names_and_copies_are_told(joint, mnist_dir):
    of_starts, _ = pictures(shown(joint, "06-prior-figure"), 12)
    x, _ = data.load("mnist", "train", None, 4000)
    centres = as_bytes(x)[:, 12:16, 12:16].astype(np.uint8)
    patches = {one.tobytes() for one in centres}
    blocks = {name: row[:, ::7, ::7].astype(np.uint8) for name, row in of_starts.items()}
    copied = {name: sum(one.tobytes() in patches for one in row) for name, row in blocks.items()}
    assert copied == {"pixels": 0, "mixture": 0, "patches": 12}
    table = shown(joint, "06-copies")
    assert table.loc["patches", "share of copies"] == 1
    assert table.loc["mixture", "share of copies"] == 0
    distances = table["median distance"]
    assert distances["patches"] == 0 < distances["test images"] < distances["pixels"]
    tests = as_bytes(data.load("mnist", "test", None, 500)[0])[:, 12:16, 12:16].astype(np.uint8)
    alike = [one for one in tests if one.tobytes() in patches]
    assert table.loc["test images", "share of copies"] == pytest.approx(len(alike) / 500, abs=0.0006)
    assert np.mean([not one.any() for one in alike]) > 0.5  # "most of these centres are black all over"
    real = np.corrcoef(centres[:, 1, 1].astype(float), centres[:, 1, 2].astype(float))[0, 1]
    assert shown(joint, "06-neighbours")["real images"] == pytest.approx(real, abs=0.0051)


def test_both_starts_go_through_one_network_and_their_digits_are_counted(joint):
    in_rows, _ = pictures(shown(joint, "06-samples"), 16)
    found, run = shown(joint, "06-digits"), joint["run"]
    assert run.weights_sha256() == d.released("paper", "zoom", 0).weights_sha256()
    assert {*in_rows} == {*found.index} == {"pixels", "mixture"}
    for name, images in in_rows.items():
        again = run.sample(16, 0, prior=joint["priors"][name]).clamp(-0.5, 0.5)
        assert same(images, again)
        accepted = joint["evaluator"].recogniser.accepts(again).double().mean().item()
        assert found.loc[name, "digits"] == pytest.approx(accepted, abs=0.0051)
        assert found.loc[name, "low"] < accepted < found.loc[name, "high"]


def of_effects(measure):
    """(model, seed) -> the numbers of its independent and its joint start, without noise on the way."""
    known = {}
    for row in table.Record(PAPER, "effects").rows:
        start, _, noise = row.way.partition(", ")
        if row.measure == measure and noise == "0" and start in ("independent", "joint"):
            known.setdefault((row.model, row.x), {})[start] = row.value
    return {key: (pair["independent"], pair["joint"]) for key, pair in known.items()}


def test_a_line_joins_the_two_starts_of_one_run(joint):
    figure = shown(joint, "06-pairs-figure")
    assert [heads(axes).y for axes in figure.axes] == ["share of digits", "Fréchet distance"]
    assert [*legend(figure)] == ["independent start", "joint start"]
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
        assert row["low"] > 0  # "no interval contains zero"
    assert digits["difference"].idxmax() == "pixelate"  # "gains most"
    for model in ratios.index:
        for measure in ("frechet", "frechet_autoencoder"):
            expected = np.exp(known(measure, model, np.log))
            assert [*ratios.loc[model, measure]] == pytest.approx(expected, abs=0.0051)
    assert ratios.loc[["zoom", "blur", "pixelate"], ("frechet", "high")].max() < 1.0051
    assert ratios.loc["zoom_noise", ("frechet_autoencoder", "low")] > 1


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
        assert width.loc[model, "unpaired"] > 1.5 * width.loc[model, "paired"]
    assert width.loc["zoom", "unpaired"] > shown(joint, "06-interval").loc["zoom", "difference"]
    assert shown(joint, "06-solution-3")["joint"] > shown(joint, "06-solution-3")["shuffled"]


# --- 14: changes beyond the original study ---


@pytest.fixture(scope="module")
def beyond(mnist_dir):
    return defined("14_changes", models=["linear", "linear_unet", "linear_rms", "zoom"])


def test_a_network_responds_to_an_offset_of_pure_noise_as_its_rows_say(beyond):
    found = shown(beyond, "14-responses")
    assert {*found.index} == {"linear-0", "linear_unet-0", "linear_rms-0"}
    for name, part in found.items():
        known = rows(f"beyond/measure_{name}", way="shift 1", measure="response")
        assert known[-1].x == 1000
        assert part == pytest.approx(known[-1].value, abs=0.04)
    assert found["linear-0"] < 0.1  # "almost nothing"
    assert found.drop("linear-0").min() > 0.5  # "most of it"


def test_the_table_of_changes_has_the_means_of_its_models(beyond):
    table = shown(beyond, "14-frame")
    for model in ("linear", "linear_unet", "linear_rms", "zoom"):
        of = {
            m: [number(f"beyond/measure_{model}-{seed}", m).value for seed in (0, 1)]
            for m in ("frechet", "digit", "divergence", "coverage")
        }
        mean = np.exp(np.mean(np.log(of["frechet"])))
        (row,) = (row for _, row in table.iterrows() if row["distance"] == pytest.approx(mean, abs=0.0006))
        for measure in ("digit", "divergence", "coverage"):
            assert row[measure] == pytest.approx(np.mean(of[measure]), abs=0.0006)
        assert row["trainings"] == 2
        train = drawn.file(f"beyond/train_{model}-0")
        assert row["parameters"] == train["parameters_count"]
        assert row["calls"] == (24 if model == "zoom" else 100)
