"""The report on any models: their samples, a comparison, a section for each model, and the author's text."""

import os
import re
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from diffusion.data import DATASETS
from diffusion.evaluation.measured import repeats
from diffusion.evaluation.statistics import Interval
from diffusion.places import releases
from report.figures.styles import plural
from report.pages.models import Model, list_shared, strip
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
    percent,
    percent_span,
    spread,
)
from report.results.counterparts import RELEASES, list_beside, list_released, other_data
from report.results.definitions import ENOUGH
from report.results.table import note
from report.results.views import Results, Training

# In an author's text: the place of the results, and a first-level heading, outside of code.
RESULTS, HEADING = "<< results >>", re.compile(r"^(```|~~~).*?^\1|^# ", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Seeds:
    """The runs of one model with different seeds."""

    label: str
    trainings: list[Training]

    @property
    def count(self) -> int:
        """The number of runs."""
        return len([training.train["seed"] for training in self.trainings])

    @property
    def collapsed(self) -> int:
        """The number of runs whose samples are all one image; a row of each run is the source."""
        pairs = [(training.final["centre_dark"], training.final.one_image) for training in self.trainings]
        return sum(one_image for _, one_image in pairs)

    def over(self, measure: str, scale: float = 1) -> Markdown:
        """Mean and standard deviation of a measure over the runs; a dash if a run lacks a value."""
        if not all(measure in training.final for training in self.trainings):
            return DASH
        values = [scale * training.final[measure].value for training in self.trainings]
        return spread(float(np.mean(values)), float(np.std(values, ddof=1)))


def content(run: ReportRun, marks: Marks) -> Content:
    """Write the report on any models, with the author's text.

    Args:
        run: the run.
        marks: collects the numbers of the text.
    """
    names, folder, file = collect_names(run), TEXT / "run", run.profile.file.report.text or ""
    author = Text(names, marks, folder)
    before, after = (Markdown(author.markdown(part, file)) for part in split_text(run.profile.text or ""))
    return Content(Text(names | {"introduction": before, "discussion": after}, marks, folder).joined())


def share(x: Interval) -> Markdown:
    """A share with its interval, after a bar of its length, which HTML shows: 86% [81, 90]."""
    text = percent_span(x, 0) if x.ends[1:] else percent(x)
    return Markdown(f'[]{{.bar style="width:{2.5 * x.value:.2f}em"}}{text}')


def split_text(text: str) -> tuple[str, str]:
    """Split an author's text at the place of the results: at `RESULTS`, or after the first section.

    The second part begins with as many empty lines as the first part has, so its line numbers are unchanged.
    """
    before, results, after = text.partition(RESULTS)
    if not results:
        sections = [match.start() for match in HEADING.finditer(text) if match[0] == "# "]
        end = sections[1] if sections[1:] else len(text)
        before, after = text[:end], text[end:]
    return before, "\n" * before.count("\n") + after


def collect_names(run: ReportRun) -> dict[str, Any]:
    """Names for placeholders and conditions: a value for each, or a function that computes it on demand."""
    results = run.results
    models = {model: results.first(model) for model in results.models}
    first = next(iter(models.values()))
    known = DATASETS.get(first.train.data.name)
    described = [Model(training.label, training, training.final) for training in models.values()]
    accepted = ""
    if "digit" in first.real:
        accepted = "Accepted" if other_data(results) else "Share of digits"
    return {
        **collect_common(run),
        **_front(run, [*models.values()]),
        **_compared(run, [*models.values()]),
        "drawn": {name.partition(".")[0] for name in run.drawn},
        "models": models,
        "final": {model: training.final for model, training in models.items()},
        "described": described,
        "shared": list_shared(described),
        "share": share,
        "measuring": first.measured.facts,
        "blind": first.main_features != "digits",  # the classifier
        "features": "a classifier" if first.main_features == "digits" else f"an {first.main_features}",
        "real": first.real,
        "nouns": lambda: plural(dataset(results).noun),
        "other_data": _name_data(results) if other_data(results) else "",
        "accepted": accepted,
        "data_citation": Markdown(f" [@{known.citation}]" if known else ""),
        "version": version(PROJECT),
        "paper": _paper(results),
    }


def _front(run: ReportRun, trainings: list[Training]) -> dict[str, Any]:
    """Title, authors and citation of the run; the project is not its author."""
    steps = {training.train.unread["steps"] for training in trainings}
    length = f"after {integer(steps.pop())} steps" if len(steps) == 1 else "trained"
    report, name, n = run.profile.file.report, run.profile.name, len(trainings)
    number = NUMBERS[n].capitalize() if n < len(NUMBERS) else n
    label = trainings[0].label if n == 1 else f"{number} models"
    title = report.title or f"{label} {length} on {_name_data(run.results)}"
    seconds = duration(sum(training.seconds for training in run.results.trainings.values()))
    device = escape(trainings[0].train.environment.unread["device"].upper())
    year = report.date and report.date.year
    return {
        "title": title,
        "subtitle": Markdown(f"Run {code(name)}: {seconds} of training on a {device}"),
        "authors_yaml": Markdown(f"  - {escape(report.authors)}" if report.authors else ""),
        "citation": bibtex(name, title=title, author=report.authors, year=year),
    }


def _name_data(results: Results) -> str:
    """The title of the data set; a title that the user gave, or the name of a folder, is marked as one."""
    data = dataset(results)
    return data.title if data.name in DATASETS else f"the data set “{data.title}”"


def _compared(run: ReportRun, trainings: list[Training]) -> dict[str, Any]:
    """All sets of samples, and names for sentences about the first training run of each model."""
    results, rows = run.results, []
    for name, training, variant in results.sets(results.models):
        first = training is results.first(training.model) and not variant
        drawn = run.drawn if first else ()  # the figure of first samples
        samples, changes = training.measured[variant], training.changes.get(variant, {})
        rows.append(Model(name, training, samples, changes, strip=strip(training, drawn)))
    groups = [Seeds(training.label, results.all_of(training.model)) for training in trainings]
    several = [seeds for seeds in groups if len(seeds.trainings) > 1]
    released = [
        Model(other.label, other, other.final, strip=strip(other, run.drawn, "released_samples"))
        for _, other in list_released(results)
    ]
    counted = all("different" in row.samples for row in rows)
    return {
        "rows": rows,
        "counted": counted,
        "released": released,
        "pairs": [(training, other[1]) for training, other in list_beside(results) if other],
        "floors": [training for training in trainings if "floor" in training.final][:1],
        "alone": not several,
        "over_seeds": several,
        "ranked_rows": lambda: _rank(results, rows),
        "repeated": lambda: _describe_repeats(results, rows),
        "short": min(training.train.unread["steps"] for training in trainings) < ENOUGH,
        "final_losses": lambda: [
            (training.label, training.history[-1]["test_loss"]) for training in trainings
        ],
    }


def find_repeats(results: Results, row: Model) -> tuple[float, int, str] | None:
    """Numbers of different images and of samples, and their source, if the samples repeat a few images.

    Earlier records lack the measure; there, kept samples of the run itself are compared. Notes no source.
    """
    if row.samples.one_image:
        return None
    if "different" in row.samples:
        different = row.samples.data["different"][0]
        count, n, source = different.value, different.n, different.source
    elif row.changes:
        return None
    else:
        kept = results.kept(f"samples_{row.training.name}")
        count, n = len(np.unique(kept.reshape(len(kept), -1), axis=0)), len(kept)
        source = f"kept/samples_{row.training.name}.npz#/images"
    return (count, n, source) if repeats(count, n) else None


def _describe_repeats(results: Results, rows: list[Model]) -> list[Markdown]:
    """The samples that repeat a few images in words."""
    texts = []
    for row in rows:
        if known := find_repeats(results, row):
            count, n, source = known
            note(source)
            texts.append(f"{integer(n)} samples of {escape(row.name)} contain about {integer(count)} images")
    return [*map(Markdown, texts)]


def _rank(results: Results, rows: list[Model]) -> list[Model]:
    """The models by distance, without models whose samples are one image or repeat a few."""
    ranked = [row for row in rows if not row.samples.one_image and not find_repeats(results, row)]
    return sorted(ranked, key=lambda row: row.samples["frechet"].value)


def _paper(results: Results) -> Markdown:
    """The words "The paper", with a link if the paper is on this machine."""
    path = releases() / RELEASES[0] / "report.pdf"
    link = os.path.relpath(path, results.out) if path.is_file() else ""
    return Markdown(f"[The paper]({link})" if link else "The paper")
