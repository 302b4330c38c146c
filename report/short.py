"""Names of the short report: models of one's own, and those of the study's kind beside the released ones.

The report tells the study of released results, and of a run like the study; of any other run it tells its
samples, its models beside the paper's, and the paper's verdicts (text/short/20_study.md). Models of one's own
come first in either (text/short/10_own.md); those that the long report tells in a section of further models
are described by the same text, text/parts/models.md.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from diffusion.data import DATASETS
from diffusion.files import read_json
from diffusion.provenance import releases
from report import departures
from report.ledger import DECIDED, badge
from report.names import word
from report.run import Run
from report.sources import defined
from report.text_format import FIXED, Markdown, bibtex, duration, escape, integer, named, sentence
from study.counterparts import KINDS, RELEASES, firsts, opened, other_data
from study.results import Results, Training, plain
from study.table import Samples

SHOWN = 64  # samples of the first model in its figure
SAME = "✓"  # a verdict that the run gives, too
ENOUGH = 2000  # steps of a training, before which even a U-Net's zoom draws fewer digits (docs/speed.md)
PICTURES = {  # file -> caption, both with the model's name or label
    "degradation_{}.png": "{}: one image at rising levels.",
    "loss_{}.svg": "{}: loss in training, and on the test split.",
    "samples_{}.png": "{}: the first samples, not picked.",
    "trajectory_{}.png": "{}: from the start, at the top, to the sample, at the bottom.",
}


def names(run: Run) -> dict[str, Any]:
    """Name -> value, or a function that makes it when it is needed."""
    ones = {model: one for model in run.results.models if (one := run.results.first(model)).measured}
    found = {"drawn": {Path(name).stem for name in run.drawn}, "models": ones}
    return found | {"final": {m: one.final for m, one in ones.items()}} | _own(run) | _beside(run)


# --- models of one's own ---


@dataclass(frozen=True)
class Model:
    """A training as it samples by default, or in another way."""

    name: str
    training: Training
    samples: Samples | None  # None where they are not measured
    changes: Mapping[str, Any] = field(default_factory=dict)  # settings in which a way differs
    course: Markdown = Markdown("")  # its figures, and references to them

    @property
    def constant(self) -> bool:
        """All of its samples are one image, so that they have no distance."""
        return bool(self.samples) and self.samples.one_image

    def setting(self, name: str) -> Any:
        """A setting; a sampler or prior that a way changes begins without options."""
        if name in self.changes:
            return plain(self.changes[name])
        changed = name.removesuffix("_options") in self.changes
        return {} if changed else plain(self.training.settings.get(name))

    def component(self, kind: str) -> Markdown:
        """A component, without its module, and its arguments: "Occlude (grey 0.2)"; empty without a name."""
        name, options = self.setting(kind) or "", self.setting(f"{kind}_options") or {}
        said = ", ".join(k if value is True else f"{k} {word(value)}" for k, value in options.items())
        return escape(name.rpartition(":")[2] + (f" ({said})" if said else ""))

    @property
    def degrades(self) -> Markdown:
        """Its degradation or schedule, and the number of levels."""
        said = {"ddpm": f"{self.component('schedule')} schedule", "zoom": "zoom"}.get(self.training.process)
        said = said or self.component("degradation") or escape(self.training.model)
        return Markdown(f"{said}, T{FIXED}={FIXED}{self.setting('T')}")

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
        said = takewhile(lambda one: not re.match(r"\w+:\n", one), paragraphs)
        return Markdown("\n\n".join(map(escape, said)) + "\n")


def told(run: Run, models: Iterable[str]) -> list[Model]:
    """Models that have a section of their own."""
    found = []
    for one in map(run.results.first, models):
        found.append(Model(one.label, one, one.final if one.measured else None, course=_course(one, run)))
    return found


def _course(one: Training, run: Run) -> Markdown:
    found = {}
    for name, caption in PICTURES.items():
        if (file := name.format(one.model)) in run.drawn:
            place = f"fig:{Path(file).stem.replace('_', '-')}"
            found[f"@{place}"] = f"![{caption.format(escape(one.label))}](figures/{file}){{#{place}}}\n"
    if not found:
        return Markdown("")
    shows = "shows" if len(found) == 1 else "show"
    said = f"[{'; '.join(found)}] {shows} what it does.\n"
    return Markdown("\n".join([said, "::: here", *found.values(), ":::\n"]))


def _own(run: Run) -> dict[str, Any]:
    options, mine = run.profile.options, run.mine
    if not mine:
        title = options.get("title", "Cold Zoom Diffusion: your run")
        absent = ["first", "n", "best", "apart", "alone", "few", "constant", "short", "enough", "floor"]
        absent.append("processes")
        return {"title": title, "own": [], "told": [], **{f"own_{name}": None for name in absent}}
    ones, sets = [*map(run.results.first, mine)], run.results.sets(mine)
    first = ones[0]
    own = [Model(name, one, one.measured[way], one.changes.get(way, {})) for name, one, way in sets]
    name = f"{len(mine)} models" if len(mine) > 1 else first.label
    title = options.get("title", f"{name} on {departures.dataset(run.results).title}")
    date, author = options.get("date"), options.get("authors")

    def best() -> list[Model]:
        apart = [model for model in own if not model.constant]  # of these distances mean something
        return sorted(apart, key=lambda model: model.samples["frechet"].value)

    def best_alone() -> bool:
        found = [model.samples["frechet"] for model in best()]
        return all(found[0].high < other.low for other in found[1:])

    few = [one for one in ones if one.train.steps < ENOUGH]
    return {
        "title": title,
        "authors_yaml": Markdown(f"  - {escape(author)}" if author else ""),  # not the project's
        **dict.fromkeys(("licence", "edition", "repository"), ""),
        "citation": bibtex(run.profile.name, title=title, author=author, year=date and date.year),
        "own": own,
        "own_first": first,
        "own_n": lambda: sorted({model.samples.n for model in own}),
        "own_best": best,
        "own_apart": best_alone,
        "own_alone": all(len(run.results.seeds(model)) == 1 for model in mine),
        "own_few": lambda: [said for one in ones if (said := _repeated(run.results, one))],
        "own_constant": [model.name for model in own if model.constant],
        "own_short": lambda: few and named(((one.label, one.train.steps) for one in few), integer),
        "own_enough": lambda: defined(ENOUGH, "report.short:ENOUGH"),
        "own_floor": [one for one in ones if "floor" in one.final][:1],
        "own_processes": [*{one.process == "ddpm" for one in ones}],
        "told": told(run, mine),
    }


def _repeated(results: Results, one: Training) -> Markdown | None:
    """The number of images that the kept samples of a training are, where it is less than half of theirs."""
    kept = results.kept(f"samples_{one.name}")
    images = len(np.unique(kept.reshape(len(kept), -1), axis=0))
    if one.constant or images >= len(kept) / 2:
        return None
    return Markdown(f"{integer(len(kept))} of {escape(one.label)} are {integer(images)} images")


# --- beside the released ones ---


def _beside(run: Run) -> dict[str, Any]:
    results, found = run.results, firsts(run.results, run.mine) if run.short else []
    if not found:
        absent = (
            "first other_data data_citation first_n study_zoom most_passes study_epochs beside beside_drawn"
        )
        absent += " verdicts_beside decided confirmed undecided judged mostly"
        return dict.fromkeys(absent.split())
    first, others = found[0][0], other_data(results)
    paper, known = opened(RELEASES[0]), DATASETS.get(first.settings.get("dataset"))
    samples, beside = partial(results.kept, f"samples_{first.name}"), []
    for one, other in found:
        beside.append((one.label, "your run", one))
        if other:
            beside.append((Markdown(" "), "the paper's", other[1]))
    return {
        "other_data": others,
        "data_citation": Markdown(f" [@{known.citation}]" if known else ""),
        "first": first,
        "first_n": lambda: defined(min(SHOWN, len(samples())), "report.short:SHOWN"),
        "study_zoom": paper.first("zoom") if paper and not others else None,
        "most_passes": lambda: max(one.passes for one, _ in found),
        "study_epochs": lambda: defined(departures.EPOCHS, "report.departures:EPOCHS"),
        "beside": beside,
        "beside_drawn": {"losses_beside.svg", "samples_beside.png"} <= {*run.drawn},
        **_verdicts(run),
    }


def _verdicts(run: Run) -> dict[str, Any]:
    """The paper's verdicts where the run decides, each with a mark if it gives the same; how many."""
    path = releases() / RELEASES[0] / "ledger.json"
    paper = {row["id"]: row["verdict"] for row in read_json(path)} if path.is_file() else {}
    rows, open_for = [], Counter()
    for own in run.verdicts.values():
        if not (said := paper.get(own.claim.id)):
            continue
        if own.verdict in DECIDED:
            rows.append((own, badge(said), SAME if own.verdict == said else own.verdict))
        else:
            open_for[own.why] += 1
    counts = {"decided": len(rows), "confirmed": sum(mark == SAME for *_, mark in rows)}
    counts |= {"undecided": open_for.total(), "judged": len(rows) + open_for.total()}

    def mostly() -> Markdown:
        """The reason of most that are open; it may tell how long the trainings are, which are read."""
        _ = [one.passes for one in run.results.trainings.values()]
        return defined(open_for.most_common(1)[0][0], "report.claims")

    of_claims = {name: partial(defined, value, "report.claims") for name, value in counts.items()}
    return {"verdicts_beside": rows, **of_claims, "mostly": mostly}
