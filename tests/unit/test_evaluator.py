"""The evaluator takes each measure of the right images, and prints notes exactly where it should."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import diffusion as d
from diffusion import data
from diffusion.evaluation import classifier, frechet
from diffusion.evaluation.evaluator import Evaluator
from diffusion.evaluation.features import Extractor
from diffusion.evaluation.frechet import to_uint8
from diffusion.evaluation.measured import format_value
from diffusion.evaluation.measures import MEASURES as LIBRARY
from diffusion.evaluation.measures import MeasuredImages
from diffusion.evaluation.recogniser import DigitRecogniser, digit
from diffusion.evaluation.statistics import Interval
from diffusion.evaluation.variety import precision_recall_coverage
from diffusion.runtime import generator
from report.measures import confidence, divergence, pixels  # noqa: F401 - whose measures are taken, too
from report.measures.registry import MEASURES

N = 40


@pytest.fixture(scope="module")
def train(mnist_dir):
    return data.load("mnist", "train", 200)[0]


@pytest.fixture(scope="module")
def evaluator(mnist_dir, train):
    """No two sizes are equal; samples are other images."""
    sizes = {"n_train": 60, "n_digits": 100, "n_test": 200, "n_per_distortion": 32}
    options = {"interval_repeats": 24, "floor_repeats": 2, "seed": 5, "measures": MEASURES}
    return Evaluator.for_dataset("mnist", **sizes, **options)


@pytest.fixture(scope="module")
def x(train):
    return train[160:]


def test_all_measures_are_of_the_samples_and_distances_of_the_first(evaluator, x):
    found = evaluator.measure(x, 20)
    for name, space in evaluator.spaces.items():
        # In the main space the measures of all samples share one pass; another batch is rounded otherwise.
        features = space.features(x)[:20] if space is evaluator.default_space else space.features(x[:20])
        of = {"digits": ""}.get(name, f"_{name}")
        assert found[f"frechet{of}"] == frechet.distance(space.reference, features, 24, 5)
        assert found[f"kid{of}"] == frechet.kid(space.reference, features, 5)
    assert (found["frechet"].n, found["ink"].n, found["coverage"].n) == (20, N, 20)
    known = evaluator.x_digits, evaluator.x_test, evaluator.labels
    assert found["digit"] == digit(DigitRecogniser.fit(evaluator.classifier, *known, n=32), x)
    assert evaluator.measure(x, 20, only={"frechet_random", "ink"}).items() <= found.items()
    assert evaluator.measure(x, 20, only="frechet") == {"frechet": found["frechet"]}
    with pytest.raises(ValueError, match="only is 'frechett'; allowed: .*did you mean 'frechet'"):
        evaluator.measure(x, only=["ink", "frechett"])
    labels = classifier.classes_of(evaluator.classifier, x[:20])
    assert found["divergence"] == divergence.divergence(labels, evaluator.all_labels, 10, 5)
    assert len(evaluator.all_labels) == 10_000  # of all test images, not only those of the evaluator
    assert found.keys() <= MEASURES.keys()


def test_measures_of_reports_are_taken_only_where_they_are_asked_for(evaluator, x):
    """Though this process has imported them."""
    of_library = replace(evaluator, measures=LIBRARY)
    assert (
        of_library.measure(x, 20).keys()
        == of_library.list_measures().keys() & evaluator.measure(x, 20).keys()
    )
    assert "ink" in MEASURES
    with pytest.raises(ValueError, match="only is 'ink'; allowed: "):
        of_library.measure(x, only="ink")


def test_samples_stand_beside_as_many_real_images_in_a_table(evaluator, x):
    found, floors = evaluator.measure(x, 20), evaluator.floors(20)
    assert (floors["floor"].n, found.real["coverage"].n) == (20, 20)
    for name in ("frechet", "frechet_autoencoder", "frechet_random"):
        assert found.real[name] == floors[name.replace("frechet", "floor")]
    names = ["frechet", "frechet_autoencoder", "digit", "precision", "recall", "coverage", "different"]
    assert [*found.table.index] == names
    for name, row in found.table.iterrows():
        shown = format_value(found[name]), format_value(found.real[name])
        assert (*row,) == (*shown, MEASURES[name].unit, MEASURES[name].meaning)
    assert [*evaluator.measure(x, only=["ink", "frechet_random"]).table.index] == ["frechet_random"]
    alone = evaluator.measure(x, only="ink")
    assert alone.table.loc["ink", "real images"] == format_value(evaluator.real(N)["ink"])
    head, whole = (str(one).splitlines()[0] for one in (found, alone))
    assert (head, whole) == (f"{whole}, distances of the first 20", "40 samples against 200 test images")
    assert MEASURES["frechet"].meaning in found._repr_html_()


def test_a_number_is_shown_with_its_interval_or_deviation():
    shown = {
        "12.3 [11.5, 14.1]": Interval(12.345, 11.5, 14.123),
        "0.457 ± 0.08": Interval(0.4567, n=9, sd=0.0812),
        "0.05 [0, 0.11]": Interval(0.05, 0.0, 0.11),
        "0": 0.0,
        "0.00314": Interval(0.00314, n=9, sd=8e-18),  # a deviation by rounding
    }
    assert [format_value(value) for value in shown.values()] == [*shown]
    assert {format_value(value) for value in (Interval(None), None, [Interval(0.5)])} == {"–"}


def test_real_images_are_measured_against_others(evaluator):
    real = evaluator.real(30)
    space = evaluator.default_space
    expected = precision_recall_coverage(space.reference.features, space.train, 30, 5)
    assert {name: real[name] for name in expected} == expected
    assert not real.keys() & {"frechet", "kid", "class_share"}  # which compare them with themselves
    assert real["digit"] == digit(evaluator.recogniser, evaluator.x_test[1::2])  # the others gave the bound
    assert real["low_confidence"].value == pytest.approx(0.05, abs=0.01)
    floors = evaluator.floors(30)
    for name, one in evaluator.spaces.items():
        of = {"digits": ""}.get(name, f"_{name}")
        assert floors[f"floor{of}"] == frechet.floor(one.features(evaluator.x_train), one.reference, 30, 2, 5)
    assert evaluator.floors(20)["floor"].n == 20
    assert evaluator.floors(60)["floor"].n == 60
    assert evaluator.floors(61) == {}  # more than there are training images
    assert evaluator.floors(30, only={"floor_random"}) == {"floor_random": floors["floor_random"]}


def test_samples_are_taken_in_any_form_even_if_each_drifts_by_itself(evaluator, x):
    for given in (to_uint8(x), x.numpy(), to_uint8(x)[:, 0].numpy()):
        assert evaluator.measure(given, only={"frechet"}) == evaluator.measure(x, only={"frechet"})
    far = 8 * torch.randn(len(x), 1, 1, 1, generator=generator(0, "far"))
    assert all("ink" in evaluator.measure(drawn, only={"ink"}) for drawn in (x + far, x * 1.4))


def test_samples_that_are_one_image_have_no_distance_and_are_no_digits(evaluator, x):
    same = x[:1] + 0.003 * (torch.rand(N, 1, 28, 28, generator=generator(0, "same")) - 0.5)
    found, gone = evaluator.measure(same), ("frechet", "kid", "digit", "precision", "recall", "coverage")
    assert found.keys() == {name for name in evaluator.measure(x) if not name.startswith(gone)}
    assert "40 samples contain about 1 different" in str(found)
    same[0, 0, 14] = 0.5
    assert "digit" in evaluator.measure(same, only={"digit"})  # another one among them


def test_without_a_measure_no_table_is_printed(small):
    found = small.measure(small.x_test[:1].expand(12, -1, -1, -1), only="frechet")
    assert (found, "DataFrame" in str(found), "<table" in found._repr_html_()) == ({}, False, False)


def test_different_images_are_counted_and_near_copies_once(evaluator, x, train):
    noise = 0.02 * torch.randn((60, 1, 28, 28), generator=generator(0, "copies"))
    for digits in (1, 3):
        copies = (train[:digits].repeat(60 // digits, 1, 1, 1) + noise).clamp(-0.5, 0.5)
        assert evaluator.measure(copies, only="different")["different"] == Interval(digits, n=60)
    real = data.load("mnist", "test", 500)[0]
    assert evaluator.measure(real, only="different")["different"].value > 480
    assert evaluator.measure(real / 10, only="different")["different"].value < 50
    grey = Evaluator(real[:250] / 10, real[250:] / 10)  # a data set without contrast
    assert grey.measure(real / 10, only="different")["different"].value > 480
    assert grey.real(100)["different"] == Interval(100, n=100)


@pytest.mark.parametrize(("copies", "noted"), [(10, False), (11, True)])
def test_a_note_counts_different_images_below_half_of_the_samples(evaluator, train, copies, noted):
    found = evaluator.measure(torch.cat([train[:10], train[:1].expand(copies, -1, -1, -1)]))
    assert ("samples contain about 10 different images" in str(found)) == noted


@pytest.mark.parametrize(("n", "noted"), [(99, True), (100, False)])
def test_a_note_says_that_variety_of_few_samples_means_little(evaluator, train, n, noted):
    found = evaluator.measure(train[:n], only="coverage")
    assert ("recall and coverage" in str(found)) == ("recall and coverage" in found._repr_html_()) == noted


def test_the_share_of_digits_has_the_word_of_the_data_set(evaluator, x, monkeypatch):
    monkeypatch.setattr(evaluator, "measure_names", {"digit": "quarter"})
    found = evaluator.measure(x)
    assert "quarter" in found.table.index
    assert d.compare({"x": x}, evaluator, n=30).table["quarter"]["n"].item() == 30
    with pytest.raises(KeyError, match="did you mean 'frechet'"):
        found["frechett"]


def test_features_of_a_classifier_are_the_main_ones_only_if_it_sees(train, evaluator, capsys, monkeypatch):
    """From 1000 training images and 90% of the test images on; else, nothing is measured in them alone."""
    x, labels = evaluator.x_test[:20], evaluator.test.labels[:20]

    def judged(wrong=0, n_train=60_000):
        monkeypatch.setattr(evaluator.classifier, "n_train", n_train)
        given = torch.cat([(labels[:wrong] + 1) % 10, labels[wrong:]])
        known = {"networks": evaluator.networks, "labels": given, "x_digits": train[:60]}
        made = Evaluator(train[:20], x, **known, n_per_distortion=10, interval_repeats=2)
        return made, capsys.readouterr().out

    for seeing in ({}, {"wrong": 2}, {"n_train": 1000}):
        made, note = judged(**seeing)
        assert (made.default_space.extractor.name, note) == ("digits", "")
    for blind, text in (
        ({"wrong": 3}, "60000 images reads 85%"),
        ({"n_train": 999}, "999 images reads 100%"),
    ):
        made, note = judged(**blind)
        assert text in note
        found, encoder = made.measure(train[20:40]), made.spaces["autoencoder"]
        features = encoder.features(train[20:40])
        assert found["frechet"] == frechet.distance(encoder.reference, features, 2)
        expected = precision_recall_coverage(encoder.reference.features, features, 20)
        assert found["coverage"] == expected["coverage"]
        assert "digit" not in found.keys() | found.real.keys()
        assert [*found.table.index][:2] == ["frechet", "frechet_random"]
        read = classifier.classes_of(evaluator.classifier, train[20:40])
        assert MeasuredImages(made, train[20:40]).labels.tolist() == read.tolist()
        assert made.test.labels.tolist() == labels.tolist()


def test_a_note_begins_above_half_of_the_test_images_among_training_images(train, capsys):
    for same, note in ((10, ""), (11, "11 of 20 test images are training images")):
        Evaluator(train[20 - same : 60], train[:20])
        out = capsys.readouterr().out
        assert note in out
        assert bool(note) == bool(out)


def images(n, low=-0.5, high=0.5, shape=(1, 8, 8)):
    """Noise from `low` to `high`, both of which it reaches."""
    x = torch.rand((n, *shape), generator=generator(n, "images"))
    x[0, 0, 0, :2] = torch.tensor([0.0, 1.0])
    return low + x * (high - low)


@pytest.fixture(scope="module")
def small():
    """As few images as there may be."""
    return Evaluator(images(30), images(12))


def test_what_is_not_said_is_as_in_the_reports(small):
    x, space = images(20), small.default_space
    found, features = small.measure(x), space.features(x)
    assert small.n_per_distortion == 500
    assert found["frechet"] == frechet.distance(space.reference, features, 200, 0)
    assert found["kid"] == frechet.kid(space.reference, features, 0)
    assert small.floors(20) == {"floor": frechet.floor(space.train, space.reference, 20, 10, 0)}
    expected = precision_recall_coverage(space.reference.features, features, 12, 0)
    assert expected.items() <= found.items()


SCALES = {  # the unit that is named -> the range of samples
    None: [(-0.5, 0.5), (0, 0.5), (-0.01, 0.51), (-0.96, 0.98), (-0.98, 0.96), (-1.2, 1), (-1, 1.01)],
    r"\[0, 1\]": [(0, 1), (0, 0.51)],
    r"\[0, 255\]": [(0, 255)],
    r"\[-1, 1\]": [(-1, 1), (-0.98, 0.98)],
}


@pytest.mark.parametrize(("unit", "low", "high"), [(u, *ends) for u, all in SCALES.items() for ends in all])
def test_samples_in_another_unit_are_refused_and_those_that_drift_are_not(small, low, high, unit):
    x = images(20, low, high)
    if unit is None:
        assert small.measure(x, only="frechet")["frechet"].n == 20
    else:
        with pytest.raises(ValueError, match=unit):
            small.measure(x)


@pytest.mark.parametrize("near", [4, 5])
def test_digits_are_near_to_five_others(evaluator, x, near, train):
    few = replace(evaluator, x_digits=train[:near], n_per_distortion=5, interval_repeats=2)
    assert ("digit" in few.measure(x, only={"digit", "ink"})) == (near == 5)


@pytest.mark.parametrize("shape", [(28, 28), (8, 8, 3)])
def test_a_small_data_set_of_two_classes_is_measured_at_as_many_images_as_there_are(
    tmp_path, monkeypatch, capsys, shape
):
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))

    def read(split, folder):
        assert folder.is_relative_to(tmp_path)
        labels = np.arange({"train": 100, "test": 40}[split]) % 2
        made = np.random.default_rng(len(labels)).integers(0, 90, (len(labels), *shape), np.uint8)
        made[labels == 1, 2:6, 2:6] = 255
        return made, labels

    two = data.DataSet("Two", read, ("a", "b"), noun="letter")
    small = Evaluator.for_dataset(two, floor_repeats=2, interval_repeats=2)
    run = d.fit(d.ColdZoom(2), small.x_train, steps=1, batch_size=8, network_options={"channels": [4]})
    assert capsys.readouterr().out.count("trained on 100 images") == 1
    found = small.measure(run)
    assert (found["frechet"].n, found.real["frechet"].n) == (100, 100)
    assert "digit" not in found
    part = Evaluator.for_dataset(two, n_train=30, n_test=20, n_digits=50, seed=3)
    parts = part.x_train, part.x_test, part.labels, part.all_labels, part.x_digits
    assert ([*map(len, parts)], part.seed) == ([30, 20, 20, 40, 50], 3)
    assert torch.equal(part.x_digits, small.x_train[:50])
    assert part.spaces["digits"].extractor.info == small.spaces["digits"].extractor.info
    assert [*part.spaces] == ["autoencoder", "random", "digits"]  # the classifier knows 100 images


def test_images_of_any_size_and_colour_without_classes_are_measured_by_an_untrained_network(capsys):
    x = torch.rand((60, 3, 12, 12), generator=generator(0, "any")) - 0.5
    of_any = d.Evaluator(x[:32], x[32:], floor_repeats=2, interval_repeats=3)
    assert capsys.readouterr().out == ""
    found = of_any.measure(x[:20] / 2)
    compared = d.compare({"half": x[:20] / 2}, of_any)
    assert len(compared.samples["half"]) == 20  # of 1000, the default
    assert of_any.default_space.extractor.name == "random"
    assert {"frechet", "kid", "coverage"} <= found.keys()
    assert not found.keys() & {"digit", "class_share", "divergence", "low_confidence"}
    assert "an untrained network" in found.table["meaning"]["frechet"]


def test_any_extractor_adds_distances_in_its_features(small):
    """Distances are named by the extractor, and shown, because they were asked for."""
    mean = Extractor("mean", lambda images: images.float().mean((2, 3)) / 255)
    more, x = replace(small, more_features=[mean]), images(20)
    found, features = more.measure(x), to_uint8(x).float().mean((2, 3)) / 255
    assert found["frechet_mean"] == frechet.distance(more.spaces["mean"].reference, features, 200, 0)
    assert found["frechet"] == small.measure(x)["frechet"]
    assert [*found.table.index][:2] == ["frechet", "frechet_mean"]
    assert "features of mean" in found.table["meaning"]["frechet_mean"]
    assert more.floors(20).keys() == {"floor", "floor_mean"}
    with pytest.raises(ValueError, match="only is 'kid_mean'"):
        small.measure(x, only="kid_mean")
