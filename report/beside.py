"""The short report of a run: its samples, then its models beside the released ones (text/short/20_study.md).

The report tells the study of released results, and of a run like the study. Of any other run it tells this,
which is short, and of models of one's own `report.own`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from matplotlib.figure import Figure

from diffusion.data import DATASETS
from diffusion.figures import images
from diffusion.files import read_json
from diffusion.provenance import releases
from report import beyond, tables
from report.sources import DEFINITION, Source, defined, known
from report.study import EPOCHS, STUDIED, complete, measured, other_data
from report.text_format import DASH, Markdown, escape, num, percent, table
from report.verdicts.case import digits
from report.verdicts.judge import DECIDED, Verdict, passes
from report.verdicts.table import KINDS
from study.figures.distances import RELEASED, YOURS, losses_beside
from study.figures.styles import plain
from study.records import Results, Trained, TrainRecord

RELEASES = ("paper", "beyond")  # where counterparts are looked for, in this order
FIRST, LOSSES, SAMPLES = "first_samples.png", "losses_beside.svg", "samples_beside.png"
SHOWN, FEW = 64, 16  # samples of the first model, and of each side
# Settings that make a model what it is: not how long it is trained, nor how it is sampled.
OF_MODEL = ("schedule", "schedule_options", "T", "beta_start", "beta_end", "s", "beta_max", "interpolation")
OF_MODEL += ("image_noise", "network", "channels", "network_options")
Pair = tuple[Results, Trained] | None
LEDGER = (Source(DEFINITION, "report.claims"),)  # its claims are counted


def released() -> list[Results]:
    """The released results that there are."""
    return [found for name in RELEASES if (found := beyond.load(name))]


def is_short(results: Results) -> bool:
    """True unless it is the study, whole, or released with a linear DDPM and a zoom model."""
    if complete(results) or not {"linear", "zoom"} <= {*measured(results)}:
        return not complete(results)
    known = {one.train.weights.sha256 for one in chain(*(r.trainings.values() for r in released()))}
    return not all(one.analysis and one.train.weights.sha256 in known for one in results.trainings.values())


def counterpart(one: Trained) -> Pair:
    """The released training of the same process and network, and the results that it belongs to."""

    def known_by(train: TrainRecord) -> dict[str, Any]:
        found = STUDIED.get(train.process, {}) | train.settings
        return {name: found.get(name) for name in OF_MODEL} | {"process": train.process}

    for results in released():
        for other in map(results.first, results.models):
            if known_by(other.train) == known_by(one.train):
                return results, other
    return None


def firsts(results: Results, without: Sequence[str]) -> list[tuple[Trained, Pair]]:
    """The first training of each model that is measured, but for some, and its counterpart."""
    ones = [one for one in map(results.first, results.models) if one.measure and one.model not in without]
    return [(one, None if other_data(results) else counterpart(one)) for one in ones]


def figures(results: Results, without: Sequence[str] = ()) -> dict[str, Figure]:
    """The first model's samples, and losses and samples of both sides, by the names of their files."""
    panels, blocks, found = {}, {}, firsts(results, without)
    for one, other in found:
        label, own = plain(one.train.label), kept(results, one)
        panels[label] = {YOURS: _curve(one)}
        blocks[f"{label}: {YOURS}"] = own[:FEW]
        if other:
            panels[label][RELEASED] = _curve(other[1])
            blocks[f"{label}: {RELEASED}"] = kept(*other)[:FEW]
        else:
            blocks[f"{label}: the last ones"] = own[-FEW:]
    return {
        FIRST: images.grid(kept(results, found[0][0])[:SHOWN], columns=16),
        LOSSES: losses_beside(panels),
        SAMPLES: images.grids(blocks, across=2),
    }


def kept(results: Results, one: Trained) -> Any:
    """The samples of a training, (n, 28, 28) bytes."""
    return results.kept(f"samples_{one.model}-{one.seed}")


def _curve(one: Trained) -> tuple[list[float], list[float]]:
    """Passes over the training images, and the test loss after them."""
    lines = one.train.history
    return [one.train.passes_after(line.epoch) for line in lines], [line.test_loss for line in lines]


def values(results: Results, verdicts: Mapping[str, Verdict], without: Sequence[str] = ()) -> dict[str, Any]:
    """Values that the short report names; it does not tell of the models `without`."""
    found = firsts(results, without)
    one, _ = found[0]
    paper = None if other_data(results) else beyond.load(RELEASES[0])
    shares = [digits(trained) for trained in (one, *([paper.first("zoom")] if paper else []))]
    known = DATASETS.get(one.train.settings.get("dataset"))
    return {
        "other_data": other_data(results),
        "data_citation": Markdown(f"[@{known.citation}]" if known else ""),
        "first": one.train,
        "first_n": defined(min(SHOWN, len(kept(results, one))), "report.beside:SHOWN"),
        "first_seconds": tables.seconds(one),
        "digit_shares": [share for share in shares if share] if shares[0] else [],
        "most_passes": max(one.train.passes for one, _ in found),
        "study_epochs": defined(EPOCHS, "report.study:EPOCHS"),
        "table_beside": _table(found),
        **_verdicts(verdicts),
    }


def _table(found: Sequence[tuple[Trained, Pair]]) -> Markdown:
    """A row for each model of the run, and one for its counterpart."""
    rows = []
    for one, other in found:
        sides = [(escape(one.train.label), YOURS, one)]
        sides += [(Markdown(" "), RELEASED, other[1])] if other else []
        for name, whose, trained in sides:
            train, final, digit = trained.train, trained.measure.final, digits(trained)
            row = [name, whose, passes(train.passes), num(train.history[-1].test_loss)]
            row += [DASH if final.constant else num(final.frechet.value), final.n]
            rows.append([*row, percent(digit.value) if digit else DASH])
    head = ["Model", "Whose", "Passes", "Test loss", "Distance", Markdown("$n$"), "Digits"]
    return table(head, rows, "llrrrrr")


def _verdicts(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """The paper's verdicts in a table, with a mark for those that this run gives too, and their numbers."""
    path = releases() / "paper" / "ledger.json"
    paper = [row for row in read_json(path) if row["id"] in verdicts] if path.is_file() else []
    rows, open_for, same = [], Counter(), 0
    for own, said in ((verdicts[row["id"]], row["verdict"]) for row in paper):
        mark = own.verdict if own.verdict in DECIDED else ""
        same += mark == said
        open_for[own.why] += not mark
        badge = Markdown(f"[{said}]{{.verdict .{KINDS.get(said, 'absent')}}}")
        rows.append([Markdown(own.claim.short), badge, "✓" if mark == said else mark])
    return {
        "table_verdicts": table(["Claim of the study", "The paper", "Your run"], rows, (60, 25, 12)),
        "judged": known(len(rows), LEDGER, "count"),
        "confirmed": known(same, LEDGER, "count"),
        "undecided": known(open_for.total(), LEDGER, "count"),
        "mostly": open_for.most_common(1)[0][0] if rows else None,
    }
