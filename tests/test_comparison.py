"""Models compared in a script: a table with intervals, real images beside, a row of samples each."""

import pytest
import torch

import diffusion as d
from diffusion.comparison import REAL

pytestmark = pytest.mark.usefixtures("one_thread")

N = 30


@pytest.fixture(scope="module")
def evaluator(mnist_dir):
    x, labels = d.load("mnist", "test", mnist_dir, 200)
    x_train = d.load("mnist", "train", mnist_dir, 60)[0]
    return d.Evaluator(x_train, x, labels, interval_repeats=10, floor_repeats=2, data_dir=mnist_dir)


@pytest.fixture(scope="module")
def found(evaluator):
    zoom, real = d.released("paper", "zoom"), d.load("mnist", n=40)[0]
    models = {"zoom": zoom, "array": real.numpy(), "one": real[:1].expand(N, -1, -1, -1)}
    return d.compare(models, evaluator, n=N, seed=3)


def test_the_table_has_each_model_as_it_is_measured_and_real_images(found, evaluator):
    table = found.table
    assert [*table.index] == ["zoom", "array", "one", REAL]
    drawn = d.released("paper", "zoom").sample(N, seed=3)
    assert torch.equal(found.samples["zoom"], drawn)
    for name, one in evaluator.measure(drawn).items():
        if name in table:
            row = table.loc["zoom", name]
            assert (row["value"], row["low"], row["high"], row["n"]) == (*one.ends, one.n)
    assert {"frechet", "frechet_autoencoder", "digit", "coverage"} <= {*table.columns.get_level_values(0)}
    assert table["frechet"]["value"][REAL] == evaluator.floors(N)["floor"].value
    assert table.loc["one", ["frechet", "digit"]].isna().all()


def test_it_prints_a_row_a_model_and_which_samples_are_one_image(found):
    lines = str(found).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["zoom", "array", "one", "real", "one:"]
    assert "one image" in lines[-1]


def test_the_grid_has_a_row_of_each(found):
    (axes,) = found.grid(5).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [REAL, "zoom", "array", "one"]


@pytest.mark.parametrize(
    ("runs", "options", "said"),
    [
        ([1], {}, "runs is a list"),
        ({}, {}, "runs is a dict"),
        ({REAL: torch.zeros(N, 1, 28, 28)}, {}, REAL),
        ({"a": 3}, {}, "runs has an int as 'a'"),
        ({"a": torch.zeros(N, 1, 28, 28)}, {"n": N + 1}, "'a'; needed: n = 31"),
        ({"a": torch.zeros(N, 1, 28, 28)}, {"n": 3}, "n = 3 is not allowed"),
    ],
)
def test_what_are_no_models_is_refused(evaluator, runs, options, said):
    with pytest.raises(ValueError, match=said):
        d.compare(runs, evaluator, **options)
