"""The play page's parts in a notebook, with a run of one's own.

    from diffusion.play.widget import Dream

    Dream(run)    # paint the seed of a zoom, or take a DDPM's noise out in few or many steps

Without a person at the notebook (papermill, nbval), and for what the browser cannot compute, it shows a
static strip.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from diffusion import figures
from diffusion.evaluation import samples
from diffusion.evaluation.classifier import logits
from diffusion.notebook import live
from diffusion.play import bundle
from diffusion.processes import DDPM
from diffusion.processes.samplers import Ancestral, sampler_of
from diffusion.training.run import Run

STRIP = 9  # images of a strip
STEPS = 50  # of a DDPM's walk that the strip shows


class Dream:
    """A trained zoom whose seed one paints, or a trained DDPM.

    Args:
        run: a training by `diffusion.fit` or `diffusion.released`.
        images, labels: real images (N, 1, 28, 28) from whose centres seeds can be taken.
        classifier: reads the digits, and calls one recognised of which it is as sure as of 95% of `images`;
            None: they are not read.
        names: of the classes; None: digits.
    """

    def __init__(
        self,
        run: Run,
        images: Tensor | None = None,
        labels: Sequence[int] | Tensor | None = None,
        classifier: nn.Module | None = None,
        names: Sequence[str] | None = None,
    ):
        self.run, self.images, self.labels = run, images, labels
        self.classifier, self.names = classifier, names

    @property
    def seed(self) -> list[float]:
        """The painted seed, side x side numbers in [-0.5, 0.5], row by row."""
        return list(self.widget.seed)

    @property
    def image(self) -> Tensor | None:
        """The digit that was made of it, (28, 28); None before."""
        pixels = self.widget.pixels
        return torch.frombuffer(bytearray(pixels), dtype=torch.float32).view(28, 28) if pixels else None

    @cached_property
    def widget(self) -> Any:
        """The widget itself, an `anywidget.AnyWidget`, made on demand: a notebook would keep its weights."""
        import anywidget
        import traitlets

        class Part(anywidget.AnyWidget):
            _esm = bundle.script("widget.js")
            _css = (bundle.HERE / "style.css").read_text(encoding="utf-8")
            data = traitlets.Dict().tag(sync=True)
            seed = traitlets.List().tag(sync=True)
            # The browser sends a view of memory, for which traitlets would refuse the whole message.
            pixels = traitlets.Bytes().tag(sync=True, from_json=lambda value, _: bytes(value or b""))

        return Part(data=self.content())

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if live():
            try:
                return self.widget._repr_mimebundle_(**kwargs)
            except ImportError:
                pass  # anywidget is an extra of the package
            except ValueError as error:
                print(f"only a strip can be shown: {error}")
        return self.strip()._repr_mimebundle_()

    def content(self) -> dict[str, Any]:
        """The data that the browser gets; raises ValueError for what it cannot compute."""
        found = {"wasm": bundle.kernel(), "trainings": [bundle.training(self.run)]}
        if self.names is not None:
            found["names"] = list(self.names)
        if self.images is not None:
            labels = torch.zeros(len(self.images)) if self.labels is None else self.labels
            found["digits"] = bundle.digits(self.images, labels)
        if self.classifier is not None:
            sure = 0.5
            if self.images is not None:
                real = logits(self.classifier, self.images).softmax(1).amax(1)
                sure = samples.threshold_of(real)
            found["classifier"] = bundle.classifier(self.classifier, sure)
        return found

    def strip(self) -> Figure:
        """The static picture."""
        process, sampler = self.run.process, self.run.way.sampler
        if isinstance(process, DDPM) and isinstance(own := sampler_of(sampler, process), Ancestral):
            sampler = replace(own, steps=min(STEPS, process.T))
        walk = self.run.trajectory(1, sampler=sampler)
        known = list(walk)
        steps = [known[round(k * (len(known) - 1) / (STRIP - 1))] for k in range(STRIP)]
        return figures.latents({self.run.name: torch.cat([walk[t] for t in steps])[:, 0]}, steps)
