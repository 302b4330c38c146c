"""What notebooks show in a browser: a slider through images."""

import torch
from IPython.utils.capture import capture_output

from play.slider import slide


def test_a_slider_goes_through_all_images_and_degrades_to_a_strip(monkeypatch):
    rows = {
        "a": torch.linspace(-0.96, 0.96, 30)[:, None, None].expand(30, 28, 28),
        "b": torch.zeros(30, 28, 28),
    }
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "0")
    with capture_output() as captured:
        strip = slide(rows, range(30))
    assert captured.outputs == []
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "1")
    shown = []
    monkeypatch.setattr("ipywidgets.interact", lambda at, i: shown.append((at, i)))
    assert slide(rows, range(30))._repr_png_() == strip._repr_png_()
    ((at, slider),) = shown
    assert [at(i).getpixel((5, 5)) for i in (0, 15, 29)] == [0, 136, 255]
    assert at(0).size == (392, 196)  # two rows
    assert len(slider.options) == 30
