"""The widget without a browser: what it sends, what it takes back, and the strip that stands for it."""

import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter

import diffusion as d
from diffusion.evaluation import classifier
from diffusion.evaluation.recogniser import DigitRecogniser
from diffusion.play.widget import Dream

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def digits():
    return torch.rand(12, 1, 28, 28, generator=torch.Generator().manual_seed(1)) - 0.5


def shown(thing):
    return DisplayFormatter().format(thing)[0]


def assert_strip(thing):
    """A picture is shown, and no widget."""
    kinds = {kind for kind in shown(thing) if "cold-zoom" not in kind}  # the figure's own numbers
    assert kinds == {"image/png", "text/plain"}


def test_without_a_person_a_strip_is_shown_and_no_weights_are_sent(monkeypatch):
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "0")
    widget = Dream(d.released("paper", "linear"))
    assert_strip(widget)
    assert "widget" not in vars(widget)


def test_a_person_gets_the_widget_which_sends_back_start_and_image(monkeypatch, digits):
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "1")
    run = d.fit(d.ColdZoom(20, "bilinear"), digits, steps=1, batch_size=12, name="own")
    reader = DigitRecogniser(classifier.load(), torch.rand(7, 64), torch.rand(7, 144), bound=1.5)
    widget = Dream(run, digits, torch.arange(12) % 10, reader, names=list("abcdefghij"))
    assert VIEW in shown(widget)
    data = widget.widget.data
    (training,) = data["trainings"]
    assert (training["T"], training["interpolation"], training["kind"]) == (20, "bilinear", "zoom")
    assert training["sha256"] == run.weights_sha256()
    assert data["digits"]["labels"] == list("abcdefghijab")
    sent = np.frombuffer(data["reader"]["pixels"]["data"], np.uint8)
    assert sent / 255 == pytest.approx(reader.pixels.flatten().numpy(), abs=0.002)
    assert widget.image is None
    x = np.linspace(-0.5, 0.5, 784, dtype=np.float32)
    widget.widget.set_state({"start": [0.5] * 64, "pixels": memoryview(x.tobytes())})
    assert widget.start == [0.5] * 64
    assert np.array_equal(widget.image.numpy().ravel(), x)


@pytest.mark.parametrize(
    ("process", "options", "said"),
    [
        (d.ColdZoom(), {"network_options": {"dilations": [1, 5, 1, 1]}}, "the network of own-0"),
        (d.ColdBlur(), {}, "a ColdBlur"),
    ],
)
def test_of_what_it_cannot_compute_a_strip_is_shown_with_one_line(
    monkeypatch, capsys, digits, process, options, said
):
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "1")
    run = d.fit(process, digits, steps=1, batch_size=12, name="own", **options)
    assert_strip(Dream(run))
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "strip" in line]
    assert line.startswith("only a strip can be shown: ")
    assert said in line
