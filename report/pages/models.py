"""Descriptions of models for the report: components in words, quality of samples, pictures."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from report.pages.names import describe
from report.pages.text_format import FIXED, Markdown, code, duration, escape, sentence
from report.results.counterparts import KINDS
from report.results.settings import Description, find_defaults, is_library, shorten, vary
from report.results.table import Samples
from report.results.views import Training

COMPONENTS = {  # short name of a component of this library -> a sentence for readers of the report
    "zoom": "Each level removes one more row and column, and enlarges the rest to the full size.",
    "crop": "Each level keeps a smaller centre of the image in its place, and turns the other pixels black.",
    "blur": "Each level blurs with a wider Gaussian; the last level leaves hardly more than a spot.",
    "pixels": "Each pixel of a start is drawn independently from pixel values in the centres of real images.",
    "patches": "A start is a patch from the centre of a training image.",
    "mixture": "Starts come from a mixture of Gaussians that is fitted to the last level of training images.",
    "ancestral": "Each step removes part of the predicted noise; all steps except the last add new noise.",
    "ddim": "Each step goes to a lower noise level, and adds no new noise.",
    "naive": "Each step predicts the whole image, and degrades the prediction again, but to a lower level.",
    "improved": "Each step adds to the image the difference between two levels of the predicted image.",
    "linear": "The variance of the noise that a step adds rises linearly.",
    "cosine": "The share of the image's variance that is left falls along a squared cosine.",
    "cnn": "A convolutional network that keeps the full resolution; all levels share its weights.",
    "unet": "A U-Net with skip connections, with about as many parameters as the convolutional network.",
}


@dataclass(frozen=True)
class Model:
    """A training run, sampled by default or as a variant."""

    name: str
    training: Training
    samples: Samples
    changes: Mapping[str, Any] = field(default_factory=dict)  # settings that a variant changes
    strip: Markdown = Markdown("")  # the first samples, as a picture in a table cell

    def component(self, kind: str) -> Markdown:
        """Name and arguments of a component, such as "Occlude (grey 0.2)"; empty without a name."""
        part = self.parts[kind]
        if not part:
            return Markdown("")
        usual = find_defaults(part["class"]) | {name: part.get(name) for name in ("class", "image_shape")}
        changed = {name: value for name, value in part.items() if value != usual.get(name)}
        words = [name if value is True else f"{name} {describe(value)}" for name, value in changed.items()]
        return escape(shorten(part["class"]) + (f" ({', '.join(words)})" if words else ""))

    @property
    def parts(self) -> dict[str, Description]:
        """All components by kind, with the sampler and prior of the variant."""
        return self.training.parts | vary(self.training.train.unread, self.changes)

    @property
    def degrades(self) -> Markdown:
        """Degradation or schedule, and the number of levels."""
        if self.training.process == "ddpm":
            name = f"{self.component('schedule')} schedule"
        else:
            name = self.component("degradation") or escape(self.training.model)
        return Markdown(f"{name}, T{FIXED}={FIXED}{self.training.train.T}")

    @property
    def starts(self) -> Markdown:
        """The prior in words."""
        return Markdown("noise" if self.training.process == "ddpm" else self.component("prior") or "its own")

    @property
    def seconds(self) -> Markdown:
        """Processor time per sample, for a narrow column."""
        return Markdown(duration(self.samples["seconds"]).replace(" ", FIXED))

    @property
    def anchor(self) -> Markdown:
        """The label of the model's section."""
        return Markdown(f"{{#sec:model-{self.training.model}}}")

    def figure(self, kind: str) -> Markdown:
        """The file and the label of a picture of the model."""
        name = f"{kind}_{self.training.model}"
        return Markdown(f"(figures/{name}.png){{#fig:{name.replace('_', '-')}}}")

    @property
    def kinds(self) -> list[str]:
        """Kinds of components that have a docstring."""
        return [kind for kind in KINDS if kind in [*self.training.train.get("docs", ())]]

    @property
    def components(self) -> list[tuple[Markdown, Markdown]]:
        """Name and description of each component that has a docstring."""
        return [(self.head(kind), self.docs(kind)) for kind in self.kinds]

    def head(self, kind: str) -> Markdown:
        """The kind and the name of a component, such as "Degradation, Fade."."""
        return sentence(Markdown(", ".join(filter(None, (kind, self.component(kind))))))

    def docs(self, kind: str) -> Markdown:
        """Describe a component: its sentence in `COMPONENTS`, or a user's docstring without its sections."""
        part = self.parts[kind]
        if part and is_library(part["class"]) and shorten(part["class"]) in COMPONENTS:
            return Markdown(escape(COMPONENTS[shorten(part["class"])]) + "\n")
        description = re.split(r"\n\n(?=\w+:\n)", self.training.train.docs[kind])[0]
        return Markdown("\n\n".join(map(_with_code, description.split("\n\n"))) + "\n")


def _with_code(text: str) -> Markdown:
    """Escape a text, except that words between backticks become code."""
    ticks = re.compile(r"(?:\\`)+(.+?)(?:\\`)+")
    return Markdown(ticks.sub(lambda match: code(re.sub(r"\\(.)", r"\1", match[1])), escape(text)))


def list_shared(models: Iterable[Model]) -> dict[tuple[Markdown, Markdown], list[str]]:
    """The components that several models share, with the names of these models."""
    users: dict[tuple[Markdown, Markdown], list[str]] = {}
    for model in models:
        for component in model.components:
            users.setdefault(component, []).append(model.name)
    return {component: names for component, names in users.items() if len(names) > 1}


def strip(training: Training, drawn: Collection[str], kind: str = "first_samples") -> Markdown:
    """The first samples of a run as a picture in a cell of a table, if the figure of this kind exists."""
    file = f"{kind}_{training.model}.png"
    picture = f"![First samples of {escape(training.label)}.](figures/{file}){{.strip width=3.7cm}}"
    return Markdown(picture if file in drawn else "")
