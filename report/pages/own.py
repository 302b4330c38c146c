"""The report of any models: their samples, how they compare, and each by itself, with its author's words."""

import os
import re
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from diffusion.data import DATASETS
from diffusion.evaluation.statistics import Interval
from diffusion.provenance import releases
from report.pages.models import Model, describe_models, strip
from report.pages.names import PROJECT, Content, ReportRun, collect_common, dataset
from report.pages.sources import Marks
from report.pages.text import TEXT, Text
from report.pages.text_format import (
    DASH,
    NUMBERS,
    Markdown,
    bibtex,
    code,
    duration,
    escape,
    integer,
    named,
    percent,
    percent_span,
    spread,
)
from report.results.counterparts import RELEASES, other_data
from report.results.definitions import ENOUGH
from report.results.table import note
from report.results.views import Results, Training

# In an author's text: the place of the results; a heading of the first level, which no line of code is.
RESULTS, HEADING = "<< results >>", re.compile(r"^(```|~~~).*?^\1|^# ", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Seeds:
    """The runs of one model, which differ in the seed."""

    label: str
    trainings: list[Training]

    @property
    def count(self) -> int:
        """The number of runs."""
        return len([one.train["seed"] for one in self.trainings])

    @property
    def collapsed(self) -> int:
        """The number of runs whose samples are one image."""
        read = [(training.final["centre_dark"], training.final.one_image) for training in self.trainings]
        return sum(one_image for _, one_image in read)

    def over(self, measure: str, scale: float = 1) -> Markdown:
        """Mean and standard deviation of a measure over the runs; a dash where one of them lacks it."""
        if not all(measure in one.final for one in self.trainings):
            return DASH
        values = [scale * one.final[measure].value for one in self.trainings]
        return spread(float(np.mean(values)), float(np.std(values, ddof=1)))


def content(run: ReportRun, marks: Marks, departure: str = "") -> Content:
    """The report of any models, with the words of its author.

    departure: how a run that asks for the paper departs from the original study.
    """
    known = collect_names(run) | {"departure": departure}
    file, folder = run.profile.file.report.text or "", TEXT / "run"
    author = Text(known, marks, folder)
    before, after = (Markdown(author.markdown(part, file)) for part in split_text(run.profile.text or ""))
    return Content(Text(known | {"introduction": before, "discussion": after}, marks, folder).joined())


def share(x: Interval) -> Markdown:
    """A share with its interval, after a bar of its length, which HTML shows: 86% [81, 90]."""
    return Markdown(
        f'[]{{.bar style="width:{4 * x.value:.2f}em"}}{percent_span(x, 0) if x.ends[1:] else percent(x)}'
    )


def split_text(text: str) -> tuple[str, str]:
    """An author's text before and after the results, which stand where `RESULTS` is, or after one section.

    The second part begins with as many empty lines as the first has, so that its lines keep their numbers.
    """
    if RESULTS in text:
        before, _, after = text.partition(RESULTS)
    else:
        sections = [match.start() for match in HEADING.finditer(text) if match[0] == "# "]
        place = sections[1] if sections[1:] else len(text)
        before, after = text[:place], text[place:]
    return before, "\n" * before.count("\n") + after


def collect_names(run: ReportRun) -> dict[str, Any]:
    """Name -> value, or a function that makes it when it is needed."""
    results = run.results
    models = {model: results.first(model) for model in results.models}
    trainings = [*models.values()]
    return {
        **collect_common(run),
        **_front(run, trainings),
        **_compared(run),
        "drawn": {name.partition(".")[0] for name in run.drawn},
        "models": models,
        "final": {model: training.final for model, training in models.items()},
        "described": describe_models(results, models, run.drawn),
        "share": share,
        "measuring": trainings[0].measured.facts,
        "real": trainings[0].real,
        "nouns": lambda: dataset(results).noun + ("es" if dataset(results).noun.endswith("s") else "s"),
        "other_data": other_data(results),
        "data_citation": _cited(trainings[0]),
        "version": version(PROJECT),
        "paper": _paper(results),
    }


def _front(run: ReportRun, trainings: list[Training]) -> dict[str, Any]:
    """Title and author, who is not the project, and the run as others cite it."""
    told, n = run.profile.file.report, len(trainings)
    label = trainings[0].label if n == 1 else f"{NUMBERS[n] if n < len(NUMBERS) else n} models".capitalize()
    title = told.title or f"{label} trained on {dataset(run.results).title}"
    seconds = sum(training.seconds for training in run.results.trainings.values())
    on = trainings[0].train.environment.unread["device"].upper()
    cited = {"title": title, "author": told.authors, "year": told.date and told.date.year}
    return {
        "title": title,
        "subtitle": Markdown(
            f"Run {code(run.profile.name)}: {duration(seconds)} of training on a {escape(on)}"
        ),
        "authors_yaml": Markdown(f"  - {escape(told.authors)}" if told.authors else ""),
        "citation": bibtex(run.profile.name, **cited),
    }


def _compared(run: ReportRun) -> dict[str, Any]:
    """All sets of samples, and what is to be said of all."""
    results = run.results
    trainings = [results.first(model) for model in results.models]
    rows = [
        Model(
            name,
            training,
            training.measured[way],
            training.changes.get(way, {}),
            strip=strip(training, () if way or training is not results.first(training.model) else run.drawn),
        )
        for name, training, way in results.sets(results.models)
    ]

    def short() -> Markdown | None:
        """The steps of trainings that were short."""
        steps = [(one.label, one.train.steps) for one in trainings if one.train.unread["steps"] < ENOUGH]
        return named(steps, integer) if steps else None

    return {
        "rows": rows,
        "floors": [training for training in trainings if "floor" in training.final][:1],
        "alone": all(len(results.seeds(model)) == 1 for model in results.models),
        "over_seeds": [
            Seeds(one.label, results.all_of(one.model))
            for one in trainings
            if len(results.seeds(one.model)) > 1
        ],
        "repeated": lambda: [said for training in trainings if (said := _repeated(results, training))],
        "short": short,
    }


def _repeated(results: Results, training: Training) -> Markdown | None:
    """The number of images that the kept samples of a training are, where it is less than half of theirs."""
    kept = results.kept(f"samples_{training.name}")
    images = len(np.unique(kept.reshape(len(kept), -1), axis=0))
    if training.final.one_image or images >= len(kept) / 2:
        return None
    note(f"kept/samples_{training.name}.npz#/images")
    return Markdown(f"{integer(len(kept))} of {escape(training.label)} are {integer(images)} images")


def _cited(training: Training) -> Markdown:
    known = DATASETS.get(training.train.data.name)
    return Markdown(f" [@{known.citation}]" if known else "")


def _paper(results: Results) -> Markdown:
    """The paper, with a link to it where it is on this machine."""
    path = releases() / RELEASES[0] / "report.pdf"
    link = os.path.relpath(path, results.out) if path.is_file() else ""
    return Markdown(f"[The paper]({link})" if link else "The paper")
