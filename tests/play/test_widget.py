"""The widget without a browser: what it sends, what it takes back, and the strip that stands for it."""

import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter

import diffusion as d
from diffusion.evaluation import classifier
from diffusion.notebook import FRONT_ENDS
from diffusion.play.widget import Dream

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def run():
    x = torch.rand(16, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5
    return d.fit(d.ColdZoom(20, "bilinear"), x, steps=1, batch_size=16, name="own")


@pytest.fixture
def away(monkeypatch):
    for name in FRONT_ENDS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "0")


@pytest.fixture
def there(monkeypatch):
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "1")


def shown(thing):
    return DisplayFormatter().format(thing)[0]


def digits(n=12):
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(1)) - 0.5


def test_without_a_person_a_strip_is_shown_and_no_weights_are_sent(away, run):
    ddpm = d.fit(d.DDPM(d.linear(60)), digits(), steps=1, batch_size=12)
    for widget in (Dream(run), Dream(ddpm)):
        assert set(shown(widget)) == {"image/png", "text/plain"}
        assert "widget" not in vars(widget)


def test_a_person_gets_the_widget_with_this_training(there, run):
    reader = classifier.load()
    widget = Dream(run, digits(), torch.arange(12) % 10, reader, names=list("abcdefghij"))
    assert VIEW in shown(widget)
    data = widget.widget.data
    (training,) = data["trainings"]
    assert (training["T"], training["interpolation"], training["kind"]) == (20, "bilinear", "zoom")
    assert training["sha256"] == run.weights_sha256()
    real = classifier.logits(reader, digits()).softmax(1).amax(1)
    assert data["classifier"]["threshold"] == pytest.approx(real.quantile(0.05).item(), abs=0.05)


def test_what_the_browser_sends_becomes_seed_and_image(there, run):
    widget = Dream(run)
    assert widget.image is None
    x = np.linspace(-0.5, 0.5, 784, dtype=np.float32)
    widget.widget.set_state({"seed": [0.5] * 64, "pixels": memoryview(x.tobytes())})
    assert widget.seed == [0.5] * 64
    assert np.array_equal(widget.image.numpy().ravel(), x)


def test_of_what_it_cannot_compute_a_strip_is_shown_with_one_line(there, capsys):
    x = digits()
    for other, said in [
        (d.fit(d.ColdZoom(), x, steps=1, batch_size=12, channels=(8, 8), name="small"), "small-0 is another"),
        (d.fit(d.ColdBlur(), x, steps=1, batch_size=12, name="blur"), "blur-0 is a ColdBlur"),
    ]:
        assert set(shown(Dream(other))) == {"image/png", "text/plain"}
        line = capsys.readouterr().out.splitlines()[-1]
        assert line.startswith("only a strip can be shown: ")
        assert said in line
