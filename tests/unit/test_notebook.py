"""What notebooks show in a browser: a slider through images, and a loss that falls."""

import torch
from IPython.utils.capture import capture_output

from diffusion import figures, notebook
from study.figures import lessons


def test_a_slider_goes_through_all_images_and_degrades_to_a_strip(monkeypatch):
    rows = {"a": torch.linspace(-1, 1, 30)[:, None, None].expand(30, 28, 28), "b": torch.zeros(30, 28, 28)}
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "0")
    with capture_output() as captured:
        strip = notebook.slide(rows, range(30))
    assert captured.outputs == []
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "1")
    shown = []
    monkeypatch.setattr("ipywidgets.interact", lambda at, i: shown.append((at, i)))
    assert figures.render(notebook.slide(rows, range(30)), "png") == figures.render(strip, "png")
    ((at, slider),) = shown
    assert [at(i).getpixel((5, 5)) for i in (0, 15, 29)] == [0, 136, 255]
    assert at(0).size == (392, 196)  # two rows
    assert len(slider.options) == 30


def test_the_loss_is_drawn_about_once_a_second_while_it_falls(monkeypatch):
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "0")
    assert lessons.loss_curve() is None
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "1")
    shown, times = [], iter((100.0, 100.0, 100.5, 101.2, 101.2, 102.5, 102.5))
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    monkeypatch.setattr("IPython.display.display", lambda one, **where: shown.append((one, where["update"])))
    callback = lessons.loss_curve()
    for step, loss in enumerate((1.0, 0.5, 0.25, 0.125), 7):  # of a training that goes on
        callback(step, loss)
    assert [update for _, update in shown] == [False, True, True]
    each, mean = shown[-1][0].axes[0].lines
    assert each.get_xdata().tolist() == [7, 8, 9, 10]
    assert each.get_ydata().tolist() == mean.get_ydata().tolist() == [1.0, 0.5, 0.25, 0.125]
