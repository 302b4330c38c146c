"""The evaluator: its measures are those of the parts, each of the images that it is said to be of."""

from statistics import fmean, stdev

import numpy as np
import pytest
import torch

import diffusion as d
from diffusion import data
from diffusion.comparison import REAL
from diffusion.evaluation import frechet
from diffusion.evaluation.evaluator import Evaluator
from diffusion.evaluation.frechet import to_uint8
from diffusion.evaluation.measures import MEASURES, format_value
from diffusion.evaluation.recogniser import DigitRecogniser, digit
from diffusion.runtime import generator
from report.measures import confidence, divergence, pixels  # noqa: F401 - whose measures are taken, too

N = 40


@pytest.fixture(scope="module")
def train(mnist_dir):
    return data.load("mnist", "train", mnist_dir, 200)[0]


@pytest.fixture(scope="module")
def evaluator(mnist_dir, train):
    """Training images, those near to which digits lie, and samples are others."""
    x, labels = data.load("mnist", "test", mnist_dir)
    near = {
        "x_digits": train[60:160],
        "n_per_distortion": 30,
        "interval_repeats": 20,
        "floor_repeats": 2,
        "seed": 5,
    }
    return Evaluator(train[:60], x[:200], labels[:200], labels, **near)


@pytest.fixture(scope="module")
def x(train):
    return train[160:]


def test_all_measures_are_of_the_samples_and_distances_of_the_first(evaluator, x):
    found = evaluator.measure(x, 20)
    for name, space in evaluator.spaces.items():
        # In the main space the measures of all samples share one pass; another batch is rounded otherwise.
        features = space.features(x)[:20] if space is evaluator.default_space else space.features(x[:20])
        of = {"digits": ""}.get(name, f"_{name}")
        assert found[f"frechet{of}"] == frechet.distance(space.reference, features, 20, 5)
        assert found[f"kid{of}"] == frechet.kid(space.reference, features, 5)
    assert (found["frechet"].n, found["ink"].n, found["coverage"].n) == (20, N, 20)
    known = evaluator.x_digits, evaluator.x_test, evaluator.labels
    assert found["digit"] == digit(DigitRecogniser.fit(evaluator.classifier, *known, n=30), x)
    assert evaluator.measure(x, 20, only={"frechet_random", "ink"}).items() <= found.items()
    assert evaluator.measure(x, 20, only="frechet") == {"frechet": found["frechet"]}
    with pytest.raises(ValueError, match="only is 'frechett'; allowed: .*did you mean 'frechet'"):
        evaluator.measure(x, only=["ink", "frechett"])
    assert (found.real["frechet"].n, found.real["coverage"].n) == (20, 20)  # real images stand beside it
    assert found.table.loc["frechet", "samples"] == format_value(found["frechet"])
    assert found.keys() <= MEASURES.keys()


def test_real_images_are_measured_against_others(evaluator):
    real = evaluator.real(30)
    assert real["digit"] == digit(evaluator.recogniser, evaluator.x_test[1::2])  # the others gave the bound
    assert real["low_confidence"].value == pytest.approx(0.05, abs=0.01)
    floors = evaluator.floors(30)
    for name, one in evaluator.spaces.items():
        of = {"digits": ""}.get(name, f"_{name}")
        assert floors[f"floor{of}"] == frechet.floor(one.features(evaluator.x_train), one.reference, 30, 2, 5)
    assert evaluator.floors(20)["floor"].n == 20
    assert evaluator.floors(61) == {}  # more than there are training images


def test_without_digits_of_its_own_the_recogniser_knows_the_training_images(evaluator, train):
    of = train[:160], evaluator.x_test, evaluator.labels
    alone = Evaluator(*of, n_per_distortion=30, interval_repeats=2, floor_repeats=2)
    fitted = DigitRecogniser.fit(alone.classifier, *of, n=30)
    assert alone.recogniser.bound == fitted.bound
    assert torch.equal(alone.recogniser.features, fitted.features)


def test_samples_are_taken_in_any_form_even_if_each_drifts_by_itself(evaluator, x):
    for given in (to_uint8(x), x.numpy(), to_uint8(x)[:, 0].numpy()):
        assert evaluator.measure(given, only={"frechet"}) == evaluator.measure(x, only={"frechet"})
    far = 8 * torch.randn(len(x), 1, 1, 1, generator=generator(0, "far"))
    assert all("ink" in evaluator.measure(drawn, only={"ink"}) for drawn in (x + far, x * 1.4))


def test_samples_that_are_one_image_have_no_distance_and_are_no_digits(evaluator, x):
    same = x[:1] + 0.003 * (torch.rand(N, 1, 28, 28, generator=generator(0, "same")) - 0.5)
    found, gone = evaluator.measure(same), ("frechet", "kid", "digit", "precision", "recall", "coverage")
    assert found.keys() == {name for name in evaluator.measure(x) if not name.startswith(gone)}
    assert "one image" in str(found)
    same[0, 0, 14] = 0.5
    assert "digit" in evaluator.measure(same, only={"digit"})  # another one among them


def test_the_share_of_digits_has_the_word_of_the_data_set(evaluator, x, monkeypatch):
    monkeypatch.setattr(evaluator, "measure_names", {"digit": "quarter"})
    found = evaluator.measure(x)
    assert "quarter" in found.table.index
    assert d.compare({"x": x}, evaluator, n=30).table["quarter"]["n"].item() == 30
    with pytest.raises(KeyError, match="did you mean 'frechet'"):
        found["frechett"]


def test_a_note_tells_test_images_that_are_training_images_and_labels_of_others(train, capsys):
    Evaluator(train[:60], train[:20], torch.full((20,), 9), interval_repeats=2)
    absent, alone, few, first, second = capsys.readouterr().out.splitlines()
    assert "no test images of class 0, 1, 2, 3, 4, 5, 6, 7, 8" in absent
    assert "of one class" in alone
    assert "knows 60 training images" in few
    assert "20 of 20 test images are training images" in first
    assert "as another label" in second


def test_labels_are_a_number_each(train):
    with pytest.raises(ValueError, match=r"labels are \(20, 10\) .*one number for each of 20 test images"):
        Evaluator(train[:60], train[:20], torch.eye(10).repeat(2, 1))


@pytest.mark.parametrize(("shape", "note"), [((28, 28), "on 30 images of each"), ((8, 8, 3), r"(3, 8, 8)")])
def test_a_small_data_set_of_two_classes_is_measured_at_as_many_images_as_there_are(
    tmp_path, capsys, shape, note
):
    def read(split, folder):
        labels = np.arange({"train": 200, "test": 60}[split]) % 2
        images = np.random.default_rng(len(labels)).integers(0, 90, (len(labels), *shape), np.uint8)
        images[labels == 1, 2:6, 2:6] = 255
        return images, labels

    two = data.DataSet("Two", read, ("a", "b"))
    small = Evaluator.for_dataset(two, tmp_path, floor_repeats=2, interval_repeats=2)
    run = d.fit(d.ColdZoom(2), small.x_train, steps=1, batch_size=8, network_options={"channels": [4]})
    assert [note in line for line in capsys.readouterr().out.splitlines()].count(True) == 1
    found = small.measure(run)
    assert (found["frechet"].n, found.real["frechet"].n) == (200, 200)
    assert ("digit" in found) == (shape == (28, 28))
    assert capsys.readouterr().out.count("n is 200 instead of 1000") == 1


def test_models_stand_beside_one_another_and_beside_real_images(evaluator, x, capsys):
    how = {"network_options": {"channels": [4]}, "precision": "fp32"}
    hardly = d.fit(d.DDPM(d.linear(10)), x, steps=1, batch_size=8, **how)
    models = {"hardly": hardly, "array": x.numpy(), "one": x[:1].expand(30, -1, -1, -1)}
    found = d.compare(models, evaluator, n=30, seed=3)
    table = found.table
    assert [*table.index] == [*models]
    assert found.settings.empty  # one training differs from none
    for model, drawn in {"hardly": hardly.sample(30, seed=3), "array": x[:30]}.items():
        assert torch.equal(found.samples[model], drawn.clamp(-0.5, 0.5))
        for name, one in evaluator.measure(drawn.clamp(-0.5, 0.5)).items():
            if name in table:
                row = table.loc[model, name]
                assert (row["value"], row["low"], row["high"], row["n"]) == (*one.ends, one.n)
    real = found.references.loc[REAL]
    assert real["frechet"]["value"] == evaluator.floors(30)["floor"].value
    assert real["digit"]["value"] == evaluator.real(30)["digit"].value
    assert table.loc["one", ["frechet", "digit"]].isna().all()
    assert "one image" in str(found).splitlines()[-1]
    assert "clamped" in capsys.readouterr().out
    drawn = hardly.sample(30)
    assert drawn.abs().max() > 0.6
    assert evaluator.measure(hardly, 30) == evaluator.measure(drawn.clamp(-0.5, 0.5))


def test_images_of_any_size_and_colour_without_classes_are_measured_by_an_untrained_network(capsys):
    x = torch.rand((60, 3, 12, 12), generator=generator(0, "any")) - 0.5
    of_any = d.Evaluator(x[:30], x[30:], dataset=None, floor_repeats=2, interval_repeats=2)
    assert capsys.readouterr().out == ""
    d.Evaluator(x[:30], x[30:], [5] * 9, dataset=None, floor_repeats=2, interval_repeats=2)
    assert capsys.readouterr().out.startswith("note: labels are not used")
    found = of_any.measure(x[:20] / 2)
    compared = d.compare({"half": x[:20] / 2}, of_any)
    assert len(compared.samples["half"]) == 20  # of 1000, the default
    axes = compared.grid(5).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [REAL, "half"]
    sheet = to_uint8(torch.from_numpy(axes.images[0].get_array().data.copy()) - 0.5)
    colours = to_uint8(x[30]).flatten(1).T  # (pixels, 3) of the first real image
    assert {*map(tuple, colours.tolist())} <= {*map(tuple, sheet.flatten(0, 1).tolist())}
    assert of_any.default_space.extractor.name == "random"
    assert {"frechet", "kid", "coverage"} <= found.keys()
    assert not found.keys() & {"digit", "class_share", "divergence", "low_confidence"}


# --- a sweep ---


@pytest.fixture(scope="module")
def sweep(evaluator, train):
    """Two rates of two seeds; a run has collapsed."""
    how = {"network_options": {"channels": [4]}, "precision": "fp32", "steps": 1, "batch_size": 8}
    rates = {
        f"{rate}-{seed}": {"learning_rate": rate, "seed": seed} for rate in (1e-4, 0.01) for seed in (0, 1)
    }
    runs = {name: d.fit(d.ColdZoom(2), train[:16], **how, **rate) for name, rate in rates.items()}
    found = d.compare(runs, evaluator, n=12)
    found.measured["0.01-1"] = evaluator.measure(train[:1].expand(12, -1, -1, -1))
    return found


def test_a_setting_has_a_row_over_its_seeds_and_no_mean_without_its_collapsed_run(sweep):
    over, distances = sweep.by_setting(), sweep.table["frechet"]["value"]
    assert over.index.name == "learning_rate"
    assert over["runs"].to_dict() == {1e-4: 2, 0.01: 2}
    assert over["collapsed"].to_dict() == {1e-4: 0, 0.01: 1}
    assert [*over.loc[1e-4, "frechet"]] == pytest.approx([fmean(distances[:2]), stdev(distances[:2])])
    assert over.loc[0.01, ["frechet", "digit", "coverage"]].isna().all()
    assert "learning\\_rate" in over.to_latex(escape=True)


def test_runs_on_different_images_are_told_and_are_no_seeds_of_one_setting(evaluator, train, capsys):
    how = {"network_options": {"channels": [4]}, "steps": 1, "batch_size": 8}
    runs = {str(seed): d.fit(d.ColdZoom(2), train[seed:][:16], seed=seed, **how) for seed in (0, 1)}
    capsys.readouterr()
    assert [*d.compare(runs, evaluator, n=12).by_setting()["runs"]] == [1, 1]
    assert "different images" in capsys.readouterr().out
    with pytest.raises(ValueError, match="by_setting needs runs"):
        d.compare({"x": train[:12]}, evaluator, n=12).by_setting()


def test_a_plot_has_each_interval_and_a_cross_for_a_collapsed_run(sweep):
    figure = sweep.plot("learning_rate")
    axes, table = figure.axes[0], sweep.table["frechet"]
    _, _, (bars,) = axes.containers[0].lines
    ends = [[low, high] for (_, low), (_, high) in bars.get_segments()[:3]]
    assert ends == pytest.approx(table[["low", "high"]].to_numpy()[:3])
    (cross,) = (line for line in axes.lines if line.get_marker() == "x")
    assert ([*cross.get_xdata()], [*cross.get_ydata()]) == ([0.01], [1])
    assert cross.get_color() == axes.lines[0].get_color()
    assert "collapsed" in figure.legends[0].get_texts()[0].get_text()
    assert axes.get_xscale() == "log"
    assert sweep.plot("learning_rate", log=False).axes[0].get_xscale() == "linear"
    assert sweep.plot("seed").axes[0].get_xscale() == "linear"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("rate",), "setting is 'rate'; allowed: learning_rate, seed"),
        (("seed", "frechett"), "mean 'frechet'"),
        (("seed", "frechet", "yes"), "log is 'yes'; allowed: True, False"),
    ],
)
def test_a_column_that_there_is_not_is_refused_with_those_that_there_are(sweep, asked, said):
    with pytest.raises(ValueError, match=said):
        sweep.plot(*asked)
