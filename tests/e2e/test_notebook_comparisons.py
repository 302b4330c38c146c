"""What notebooks 04 to 06 show and say, against values from data, rows and formulas."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import drawn
from diffusion import data
from drawn import as_bytes, number, pictures, rows, same, shown, tick_pairs, visible
from helpers import PAPER, defined

# --- 04: the comparison ---


@pytest.fixture(scope="module")
def compared(mnist_dir):
    return defined("04_compare_fid", released="paper", n_test=200, floor_repeats=2)


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
    assert [*table.columns] == ["frechet", "digit", "coverage", "divergence"]
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
    assert spoilt["frechet"].between(25.5, 29.5).all()  # "equally far, at 26 to 29"
    assert table.loc["as they are", "frechet"] < 10
    assert spoilt.loc["blurred", "digit"] < 0.5 < 0.95 < spoilt.drop("blurred")["digit"].min()
    assert spoilt["divergence"].idxmax() == "without 1, 7 and 9"
    assert spoilt["coverage"].max() < 0.8 < 0.95 < table.loc["as they are", "coverage"]


def test_a_floor_falls_as_the_sets_grow_and_the_distance_is_one_draw_of_it(compared):
    floors = shown(compared, "04-floor")["floor"]
    assert [*floors.index] == [16, 32, 64]
    assert 1.5 < floors[32] / floors[64] < 2.7  # "about twice as high"
    assert floors[16] > floors[32]
    distance = shown(compared, "04-fid-code")
    assert 0.5 * floors[64] < distance < 2 * floors[64]


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


# --- 06: beyond the study ---


@pytest.fixture(scope="module")
def beyond(mnist_dir):
    cells = (
        "06-frame",
        "fig-changes",
        "06-offset",
        "06-responses",
        "06-prior",
        "06-copies",
        "06-few-calls",
        "06-samples",
    )
    return defined("06_beyond", *cells, models=["linear", "linear_unet", "linear_rms", "zoom"])


def test_a_network_responds_to_an_offset_of_pure_noise_as_its_rows_say(beyond):
    found = shown(beyond, "06-responses")
    assert {*found.index} == {"linear-0", "linear_unet-0", "linear_rms-0"}
    for name, part in found.items():
        known = rows(f"beyond/measure_{name}", way="shift 1", measure="response")
        assert known[-1].x == 1000
        assert part == pytest.approx(known[-1].value, abs=0.04)
    assert found["linear-0"] < 0.1  # "almost nothing"
    assert found.drop("linear-0").min() > 0.5  # "most of it"


def test_priors_are_in_the_order_of_their_names_and_copies_are_told(beyond, mnist_dir):
    (axes,) = shown(beyond, "06-prior").axes
    drawn_rows = drawn.tiles(axes, 12).reshape(-1, 12, 28, 28)[:, :, ::7, ::7]
    x, _ = data.load("mnist", "train", None, 4000)
    patches = {one.tobytes() for one in as_bytes(x)[:, 12:16, 12:16].astype(np.uint8)}
    copied = [sum(one.tobytes() in patches for one in row.astype(np.uint8)) for row in drawn_rows]
    names = [*beyond["near"]][:3]
    assert copied[names.index("patches")] == 12
    assert copied[names.index("mixture")] == 0
    table = shown(beyond, "06-copies")
    assert table.loc["share of copies", "patches"] == 1
    assert table.loc["share of copies", "mixture"] == 0
    distances = table.loc["median distance"]
    assert distances["patches"] == 0 < distances["test images"] < distances["pixels"]


def test_the_table_of_changes_has_the_means_of_its_models(beyond):
    table = shown(beyond, "06-frame")
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
