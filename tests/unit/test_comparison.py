"""Comparisons of models: the table and the grid."""

import pytest
import torch

import diffusion as d
from diffusion import data
from diffusion.comparison import REAL, compare_settings
from diffusion.evaluation.evaluator import Evaluator

HOW = {"network_options": {"channels": [4]}, "precision": "fp32", "steps": 1, "batch_size": 8}


@pytest.fixture(scope="module")
def train(mnist_dir):
    return data.load("mnist", "train", 200)[0]


@pytest.fixture(scope="module")
def evaluator(mnist_dir):
    """A recogniser of few digits, and short intervals."""
    sizes = {"n_train": 70, "n_test": 60, "n_digits": 100, "n_per_distortion": 10}
    return Evaluator.for_dataset("mnist", **sizes, interval_repeats=20, floor_repeats=2, seed=5)


def test_models_stand_beside_one_another_and_beside_real_images(evaluator, train, capsys):
    x = train[160:]
    hardly = d.fit(d.DDPM(d.linear(10)), x, seed=4, **HOW)
    models = {"hardly": hardly, "array": x.numpy(), "one": x[:1].expand(30, -1, -1, -1)}
    found = d.compare(models, evaluator, n=30, seed=0)
    table = found.table
    assert [*table.index] == [*models]
    assert found.settings.empty  # one training differs from none
    for model, drawn in {"hardly": hardly.sample(30, seed=0), "array": x[:30]}.items():
        assert torch.equal(found.samples[model], drawn.clamp(-0.5, 0.5))
        for name, one in evaluator.measure(drawn.clamp(-0.5, 0.5)).items():
            if name in table:
                row = table.loc[model, name]
                numbers = [*one.ends, one.n]
                assert row[["value", "low", "high", "n"]].tolist() == pytest.approx(
                    [float("nan") if number is None else number for number in numbers], nan_ok=True
                )
    assert table.loc["one", ["frechet", "digit"]].isna().all()
    assert "one: 30 samples contain about 1 different" in str(found).splitlines()[-1]
    assert "clamped" in capsys.readouterr().out
    drawn = hardly.sample(30)
    assert drawn.abs().max() > 0.6
    assert evaluator.measure(hardly, 30) == evaluator.measure(drawn.clamp(-0.5, 0.5))


# --- a sweep ---


@pytest.fixture(scope="module")
def sweep(evaluator, train):
    """Two rates of two seeds; a run has collapsed."""
    rates = {
        f"{rate}-{seed}": {"learning_rate": rate, "seed": seed} for rate in (0.01, 1e-4) for seed in (0, 1)
    }
    runs = {name: d.fit(d.ColdZoom(2), train[:16], **HOW, **rate) for name, rate in rates.items()}
    found = d.compare(runs, evaluator, n=12)
    found.measured["0.01-1"] = evaluator.measure(train[:1].expand(12, -1, -1, -1))
    return found


def test_a_row_has_the_settings_that_differ_before_its_measures(sweep):
    table = sweep.table
    measures = ["frechet", "frechet_autoencoder", "digit", "precision", "recall", "coverage", "different"]
    names = ["learning_rate", "seed", *measures]
    assert [*table.columns.get_level_values(0).unique()] == names
    assert table["learning_rate"].tolist() == [0.01, 0.01, 1e-4, 1e-4]
    assert table["seed"].tolist() == [0, 1, 0, 1]
    assert [*table["frechet"].columns] == ["value", "low", "high", "n"]


def test_printed_it_has_the_measures_and_says_of_how_many_samples(sweep):
    head, *rows = str(sweep).splitlines()
    assert head == "12 samples of each against 60 test images"
    assert rows[0].split()[:2] == ["frechet", "frechet_autoencoder"]
    assert [row.split()[0] for row in rows[1:6]] == [*sweep.samples, "real"]
    few, note = rows[6], rows[-1]
    assert "fewer than 100 samples" in few
    assert note.startswith("0.01-1: 12 samples contain about 1 different images")
    assert "<th>frechet</th>" in sweep._repr_html_()


def test_settings_that_differ_are_columns_and_images_are_compared_by_number(train):
    runs = {str(n): d.fit(d.ColdZoom(2), train[n:][:16], seed=n, **HOW) for n in (0, 1)}
    runs["more"] = d.fit(d.ColdZoom(2), train[:20], **HOW)
    runs["longer"] = d.fit(d.ColdZoom(2), train[:16], **HOW | {"steps": 2})
    for name, differs in (("1", ["seed"]), ("more", ["images.n"]), ("longer", ["steps"])):
        assert [*compare_settings({one: runs[one] for one in ("0", name)}).columns] == differs


def test_a_list_of_runs_has_the_names_of_their_folders(evaluator, train, tmp_path, monkeypatch):
    runs = [d.fit(d.ColdZoom(2), train[:16], seed=n, folder=tmp_path / f"run-{n}", **HOW) for n in (0, 1)]
    found = d.compare(runs, evaluator, n=12)
    assert [*found.samples] == [*found.runs] == [*found.table.index] == ["run-0", "run-1"]
    for run in runs:  # each of its own seed
        assert torch.equal(found.samples[run.name], run.sample(12).clamp(-0.5, 0.5))
    asked = []
    monkeypatch.setattr(Evaluator, "for_dataset", lambda dataset: asked.append(dataset) or evaluator)
    for dataset in ((), ("fashion",)):
        assert d.compare(runs[:1], *dataset, n=12).evaluator is evaluator
    assert asked == ["mnist", "fashion"]


# --- a grid ---


@pytest.mark.parametrize(("columns", "drawn"), [((), 10), ((1,), 1), ((50,), 12)])
def test_a_grid_has_a_row_of_each_and_of_real_images(sweep, columns, drawn):
    (axes,) = sweep.grid(*columns).axes
    names = [REAL, *sweep.samples]
    assert [label.get_text() for label in axes.get_yticklabels()] == names
    height, width = axes.images[0].get_array().shape[:2]
    line = 2  # pixels, once more at the left and at the top
    assert (width - line) * len(names) == (height - line) * drawn


def test_a_grid_shows_colours_and_the_mean_of_other_channels():
    for channels in (2, 3):
        x = torch.rand((30, channels, 8, 8), generator=torch.Generator().manual_seed(0)) - 0.5
        of_any = Evaluator(x[12:], x[:13], floor_repeats=2, interval_repeats=3)
        sheet = d.compare({"x": x[5:]}, of_any, n=14).grid(3).axes[0].images[0].get_array()
        first = (x[0] if channels == 3 else x[0].mean(0, keepdim=True)) + 0.5
        pixels = {*map(tuple, (first.expand(3, -1, -1).flatten(1).T * 255).round().int().tolist())}
        assert pixels <= {*map(tuple, sheet.reshape(-1, 3).tolist())}
