"""The play page as a widget in a notebook, with your own run.

    from play.widget import Dream

    Dream(run)    # paint the start of a zoom, or remove the noise of a DDPM in few or many steps

If nobody is at the notebook (papermill, nbval), or if the browser cannot compute the run, it shows a static
strip.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from diffusion.evaluation.recogniser import DigitRecogniser
from diffusion.figures import Grid
from diffusion.processes.samplers import Ancestral, sampler_of
from diffusion.progress import live
from diffusion.training.run import Run
from play import bundle
from play.slider import slide

STEPS = 50  # sampling steps of a DDPM for the strip


class Dream:
    """A widget for a trained zoom, whose start you paint, or for a trained DDPM.

    Args:
        run (Run): a run from `diffusion.fit`, `diffusion.open` or `diffusion.released`.
        images (Tensor): real images (N, 1, 28, 28); a zoom can start from their centres. Default None.
        labels (Sequence[int]): classes of the images. Default None.
        recogniser (DigitRecogniser): reads the results and decides which are digits. All its training digits
            are sent to the browser; a few hundred are enough. If None, results are not read.
        names (Sequence[str]): names of the classes. If None, the digits.
    """

    def __init__(
        self,
        run: Run,
        images: Tensor | None = None,
        labels: Sequence[int] | Tensor | None = None,
        recogniser: DigitRecogniser | None = None,
        names: Sequence[str] | None = None,
    ):
        self.run, self.images, self.labels = run, images, labels
        self.recogniser, self.names = recogniser, names or bundle.DIGITS

    @property
    def start(self) -> list[float]:
        """The painted start: side x side numbers in [-0.5, 0.5], by row."""
        return list(self.widget.start)

    @property
    def image(self) -> Tensor | None:
        """The result of the last sampling, (28, 28); None before the first."""
        pixels = self.widget.pixels
        return torch.frombuffer(bytearray(pixels), dtype=torch.float32).view(28, 28) if pixels else None

    @cached_property
    def widget(self) -> Any:
        """The widget; ValueError: the browser cannot compute this run."""
        import anywidget
        import traitlets

        class Part(anywidget.AnyWidget):
            _esm = bundle.script("widget.js")
            _css = (bundle.HERE / "style.css").read_text(encoding="utf-8")
            data = traitlets.Dict().tag(sync=True)
            start = traitlets.List().tag(sync=True)
            # The browser sends a memory view, which traitlets would refuse together with the whole message.
            pixels = traitlets.Bytes().tag(sync=True, from_json=lambda value, _: bytes(value or b""))

        known = self.images, self.labels, self.recogniser, self.names
        return Part(data=bundle.content([bundle.training(self.run)], *known))

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if live():
            try:
                return self.widget._repr_mimebundle_(**kwargs)
            except (ImportError, ValueError) as error:  # anywidget is an extra of the package
                print(f"note: showing a static strip instead of the widget: {error}")
        return {"image/png": b64encode(self.strip()._repr_png_()).decode()}

    def strip(self) -> Grid:
        """A static strip of one sample on its way from start to image."""
        sampler = sampler_of(self.run.sampler, self.run.process)
        if isinstance(sampler, Ancestral):
            sampler = replace(sampler, steps=min(STEPS, self.run.process.T))
        walk = self.run.trajectory(1, sampler=sampler)
        return slide({self.run.name: torch.cat(list(walk.values()))}, list(walk))
