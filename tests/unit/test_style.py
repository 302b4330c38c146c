"""The look of all figures: the same bytes everywhere."""

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot

from diffusion import cosine, figures, linear
from diffusion.figures.style import render

EIGHT = np.random.default_rng(0).integers(0, 256, (8, 28, 28), dtype=np.uint8)
LOSSES = [{"epoch": e, "train_loss": 1 / e, "test_loss": 0.9 / e} for e in range(1, 31)]
CASES = {
    "schedules": lambda: figures.schedules({"linear": linear(), "cosine": cosine()}),
    "losses": lambda: figures.losses({"a_1 ¡": LOSSES, "b": LOSSES[:9]}),
    "confusion": lambda: figures.confusion(np.diag(range(10)), list("ABCDEFGHIJ"), "letter"),
    "trajectory": lambda: figures.trajectory(EIGHT.reshape(4, 2, 28, 28), [24, 16, 8, 0]),
}


@pytest.mark.parametrize("name", CASES)
def test_same_numbers_give_same_bytes_whatever_the_caller_has_set_and_leave_nothing_behind(name):
    suffix = "png" if name == "trajectory" else "svg"
    first = render(CASES[name](), suffix)
    with matplotlib.rc_context({"font.size": 20, "axes.grid": False, "savefig.dpi": 50}):
        before = dict(matplotlib.rcParams)
        assert render(CASES[name](), suffix) == first
        assert pyplot.get_fignums() == []
        assert dict(matplotlib.rcParams) == before
