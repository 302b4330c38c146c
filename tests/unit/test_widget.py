"""The widget without a browser: what it sends, what it takes back, and the strip that stands for it."""

import numpy as np
import torch
from IPython.core.formatters import DisplayFormatter

import diffusion as d
from diffusion.evaluation import classifier
from diffusion.evaluation.recogniser import DigitRecogniser
from diffusion.play.widget import Dream

VIEW = "application/vnd.jupyter.widget-view+json"
DIGITS = torch.rand(12, 1, 28, 28, generator=torch.Generator().manual_seed(1)) - 0.5


def assert_strip(thing):
    """A picture is shown, and no widget."""
    kinds = DisplayFormatter().format(thing)[0]
    assert "image/png" in kinds
    assert VIEW not in kinds


def test_a_strip_is_shown_without_a_person_and_of_what_it_cannot_compute(monkeypatch, capsys):
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "0")
    assert_strip(Dream(d.released("paper", "zoom")))
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "1")
    assert_strip(Dream(d.fit(d.ColdBlur(), DIGITS, steps=1, batch_size=12, channels=[4])))
    assert "only a strip can be shown: model-0 is a ColdBlur" in capsys.readouterr().out


def test_a_person_gets_the_widget_which_sends_back_start_and_image(monkeypatch):
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "1")
    run = d.fit(d.ColdZoom(20, "bilinear"), DIGITS, steps=1, batch_size=12, name="own")
    run.by_default(d.Naive(noise=0.2, levels=10), d.Patches())
    reader = DigitRecogniser(classifier.load(), DIGITS[:7, 0, 0, :8], torch.rand(7, 144), bound=1.5)
    widget = Dream(run, DIGITS, torch.arange(12) % 10, reader, names=list("abcdefghij"))
    assert VIEW in DisplayFormatter().format(widget)[0]
    data = widget.widget.data
    (training,) = data["trainings"]
    assert (training["T"], training["interpolation"], training["noise"]) == (20, "bilinear", 0.2)
    assert training["walk"] == list(range(20, -1, -2))
    starts = torch.tensor(training["starts"]).view(-1, 64)  # of the prior
    assert torch.cdist(starts, DIGITS[:, 0, 10:18, 10:18].flatten(1)).amin(1).max() < 0.01
    assert data["digits"]["labels"] == list("abcdefghijab")
    assert data["digits"]["images"]["data"] == (255 * (DIGITS + 0.5)).round().byte().numpy().tobytes()
    sent = np.frombuffer(data["reader"]["pixels"]["data"], np.uint8) / 255
    assert np.abs(sent - reader.pixels.flatten().numpy()).max() < 0.002
    assert (data["reader"]["bound"], data["reader"]["names"]) == (1.5, list("abcdefghij"))
    x = np.linspace(-0.5, 0.5, 784, dtype=np.float32)
    widget.widget.set_state({"start": [0.5] * 64, "pixels": memoryview(x.tobytes())})
    assert widget.start == [0.5] * 64
    assert np.array_equal(widget.image.numpy().ravel(), x)
