"""Models in words: what draws their samples, how good these are, and their pictures."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

from report.pages.names import word
from report.pages.text_format import FIXED, Markdown, code, duration, escape, sentence
from report.results.counterparts import KINDS
from report.results.settings import Description, find_defaults, shorten, vary
from report.results.table import Samples
from report.results.views import Results, Training

PICTURES = {  # file -> caption, both with the model's name or label
    "degradation_{}.png": "{}: one image at rising levels.",
    "loss_{}.svg": "{}: loss in training, and on the test split.",
    "samples_{}.png": "{}: the first samples, not picked.",
    "trajectory_{}.png": "{}: from the start, at the top, to the sample, at the bottom.",
}


@dataclass(frozen=True)
class Model:
    """A training as it samples by default, or in another way."""

    name: str
    training: Training
    samples: Samples
    changes: Mapping[str, Any] = field(default_factory=dict)  # settings in which a way differs
    pictures: Markdown = Markdown("")  # and references to them
    strip: Markdown = Markdown("")  # its first samples, as a picture in a cell

    def component(self, kind: str) -> Markdown:
        """A component, without its module, and its arguments: "Occlude (grey 0.2)"; empty without a name."""
        part = self.parts[kind]
        if not part:
            return Markdown("")
        usual = find_defaults(part["class"])
        words = [
            name if value is True else f"{name} {word(value)}"
            for name, value in part.items()
            if name not in ("class", "image_shape") and value != usual.get(name)
        ]
        return escape(shorten(part["class"]) + (f" ({', '.join(words)})" if words else ""))

    @property
    def parts(self) -> dict[str, Description]:
        """Its components, with the way's sampler and prior."""
        return self.training.parts | vary(self.training.train.unread, self.changes)

    @property
    def degrades(self) -> Markdown:
        """Its degradation or schedule, and the number of levels."""
        by = {"ddpm": f"{self.component('schedule')} schedule", "zoom": "zoom"}.get(self.training.process)
        by = by or self.component("degradation") or escape(self.training.model)
        return Markdown(f"{by}, T{FIXED}={FIXED}{self.training.train.T}")

    @property
    def starts(self) -> Markdown:
        """Its prior."""
        return Markdown("noise" if self.training.process == "ddpm" else self.component("prior") or "its own")

    @property
    def seconds(self) -> Markdown:
        """Time of the processor for a sample, in a narrow column."""
        return Markdown(duration(self.samples["seconds"]).replace(" ", FIXED))

    @property
    def anchor(self) -> Markdown:
        """Of its section."""
        return Markdown(f"{{#sec:model-{self.training.model}}}")

    @property
    def kinds(self) -> list[str]:
        """Kinds of its components that have a docstring."""
        return [kind for kind in KINDS if kind in [*self.training.train.get("docs", ())]]

    def head(self, kind: str) -> Markdown:
        """A kind of component in words, and this one: "Degradation, Fade."."""
        return sentence(Markdown(", ".join(filter(None, (kind, self.component(kind))))))

    def docs(self, kind: str) -> Markdown:
        """The words of its docstring before it comes to arguments and the like."""
        paragraphs = self.training.train.docs[kind].split("\n\n")
        words = takewhile(lambda paragraph: not re.match(r"\w+:\n", paragraph), paragraphs)
        return Markdown("\n\n".join(map(_with_code, words)) + "\n")


def _with_code(text: str) -> Markdown:
    """Literal text, but for what stands between backticks, which becomes code."""
    ticks = re.compile(r"(?:\\`)+(.+?)(?:\\`)+")
    return Markdown(ticks.sub(lambda found: code(re.sub(r"\\(.)", r"\1", found[1])), escape(text)))


def describe_models(results: Results, models: Iterable[str], drawn: Collection[str]) -> list[Model]:
    """The first trainings of models, with those of their pictures that are `drawn`."""
    trainings = [results.first(model) for model in models]
    return [Model(one.label, one, one.final, pictures=_pictures(one, drawn)) for one in trainings]


def strip(training: Training, drawn: Collection[str]) -> Markdown:
    """The first samples of a training as a picture in a cell of a table, if it is among the figures drawn."""
    file = f"first_samples_{training.model}.png"
    picture = f"![First samples of {escape(training.label)}.](figures/{file}){{.strip width=5.2cm}}"
    return Markdown(picture if file in drawn else "")


def _pictures(training: Training, drawn: Collection[str]) -> Markdown:
    shown = {}
    for name, caption in PICTURES.items():
        if (file := name.format(training.model)) in drawn:
            place = f"fig:{Path(file).stem.replace('_', '-')}"
            shown[f"@{place}"] = f"![{caption.format(escape(training.label))}](figures/{file}){{#{place}}}\n"
    if not shown:
        return Markdown("")
    show = "shows" if len(shown) == 1 else "show"
    return Markdown(
        "\n".join([f"[{'; '.join(shown)}] {show} what it does.\n", "::: here", *shown.values(), ":::\n"])
    )
