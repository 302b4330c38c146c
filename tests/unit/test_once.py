"""Results that are computed once: what counts, what is computed again, and folders that keep nothing."""

import threading

import pytest
import torch

from diffusion import once
from diffusion.evaluation import classifier, features
from diffusion.evaluation.recogniser import DigitRecogniser
from diffusion.evaluation.small_networks import AUTOENCODER
from diffusion.processes.priors import Mixture
from diffusion.runtime import generator

BIG = torch.arange(300_000.0)
TWO = [torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)]


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The folder of kept results, in an empty data folder."""
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))
    return tmp_path / "kept"


@pytest.fixture
def calls():
    return []


def ask(calls, *arguments, name="sum"):
    """The number of the call whose result is returned."""

    def make():
        calls.append(arguments)
        return {"number": torch.full((2, 3), len(calls), dtype=torch.float64)}

    return int(once.of_data(name, make, *arguments)["number"].mean())


def test_equal_arguments_are_computed_once_and_each_difference_counts(kept, calls):
    arguments = [(BIG, 3), (BIG, 4), (BIG + 1, 3), (BIG.double(), 3), (BIG.view(2, -1), 3)]
    arguments += [(BIG, network) for network in TWO]
    numbers = [ask(calls, *each) for each in arguments]
    assert numbers == [1, 2, 3, 4, 5, 6, 7]
    assert [ask(calls, *each) for each in arguments] == numbers
    assert ask(calls, BIG.clone(), 3, name="other") == 8


@pytest.mark.parametrize("changed", ["code", "torch", "numpy", "scikit-learn", "processor"])
def test_a_result_of_other_code_or_versions_or_another_processor_is_replaced(
    kept, calls, changed, monkeypatch
):
    ask(calls, BIG)
    monkeypatch.setitem(once.MADE_BY, changed, "other")
    assert [ask(calls, BIG), ask(calls, BIG)] == [2, 2]
    assert len([*kept.glob("*.safetensors")]) == 1


def test_a_damaged_file_is_computed_again_and_one_that_cannot_be_read_each_time(kept, calls):
    ask(calls, BIG)
    (path,) = kept.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:50])
    assert [ask(calls, BIG), ask(calls, BIG)] == [2, 2]
    path.unlink()
    path.mkdir()
    assert [ask(calls, BIG), ask(calls, BIG)] == [3, 4]


def test_results_from_a_megabyte_on_are_kept(kept, calls):
    assert [ask(calls, BIG[:249_999]) for _ in range(2)] == [1, 2]
    assert not kept.exists()
    assert [ask(calls, BIG[:250_000]) for _ in range(2)] == [3, 3]


def test_without_a_folder_that_can_be_written_a_result_is_computed_each_time(kept, calls):
    kept.write_text("a file in its place")
    assert [ask(calls, BIG), ask(calls, BIG)] == [1, 2]


def test_those_who_need_a_result_at_the_same_time_wait_for_the_first(kept, calls):
    threads = [threading.Thread(target=ask, args=(calls, BIG)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_whatever_is_kept_depends_on_each_of_its_arguments(kept, monkeypatch):
    cpu, reader = torch.device("cpu"), classifier.load()
    x, y = (torch.rand(n, 1, 28, 28, generator=generator("kept", n)) - 0.5 for n in (350, 340))
    labels = torch.arange(340) % 10
    digits = features.small("digits", reader, cpu)
    spaces = [(digits, x), (digits, y), (features.small("digits", AUTOENCODER.load(), cpu), x)]
    spaces += [
        (features.untrained(cpu), x),
        (features.Extractor("own", lambda part: part.flatten(1)[:, :64]), x),
    ]
    fits = [(x, y, 12), (y, y, 12), (x, y.flip(0), 12), (x, y, 13)]
    patches = torch.rand(17_000, 1, 3, 3, generator=generator("patches")) - 0.5

    def results():
        for extractor, images in spaces:
            yield features.FeatureSpace(extractor, "", images, images, 2, 0).train.double().mean()
        for train, test, n in fits:
            yield DigitRecogniser.fit(reader, train, test, labels, n).bound
        for components, part in ((2, patches), (3, patches), (2, patches[:16_000])):
            yield Mixture(components).fit(part).draw(50, generator("drawn")).double().mean()

    with monkeypatch.context() as patch:
        patch.setattr(once, "LARGE", 10**9)
        expected = [float(value) for value in results()]
    assert len({*expected}) == len(expected)
    for _ in range(2):
        assert [float(value) for value in results()] == expected
    assert len([*kept.glob("*.safetensors")]) == len(expected) - 1  # not of your own extractor
