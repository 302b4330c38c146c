"""What a run of one's own shows: its samples first, then what it has beside the released trainings.

The report tells the study of released results, and of a run like the study. Of any other run it tells this,
which is short (text/short).
"""

import json
from collections import Counter
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from diffusion.figures import images
from diffusion.figures.style import save
from diffusion.provenance import releases
from report import beyond, front, guards, tables
from report.claims.looks import full
from report.study import MODELS, STUDIED, measured, other_data, other_training
from report.text_format import DASH, Markdown, escape, num, percent, table
from report.verdicts.judge import END_OF_TRAINING, FAILS, HOLDS, SAME, Verdict, passes
from report.verdicts.table import KINDS
from study.figures.beside import RELEASED, YOURS, losses_beside
from study.figures.styles import plain
from study.records import Results, Trained, modern

TEXT = guards.TEXT / "short" / "run.md"
RELEASES = ("paper", "beyond")  # where counterparts are looked for, in this order
FIRST, LOSSES, SAMPLES = "first_samples.png", "losses_beside.svg", "samples_beside.png"
SHOWN, FEW = 64, 16  # samples of the first model, and of each side
# Settings that make a model what it is: not how long it is trained, nor how it is sampled.
OF_MODEL = ("schedule", "schedule_options", "T", "beta_start", "beta_end", "s", "beta_max", "interpolation")
OF_MODEL += ("latent_noise", "network", "channels", "network_options")


def released() -> list[Results]:
    """The released results that there are."""
    return [found for name in RELEASES if (found := beyond.load(name))]


def is_short(results: Results) -> bool:
    """True unless all trainings are released, or the study's three models were trained as in the study."""
    known = {one.train.weights.sha256 for one in chain(*(r.trainings.values() for r in released()))}
    if all(one.train.weights.sha256 in known for one in results.trainings.values()):
        return False
    ones = [results.first(model).train for model in measured(results)]
    alike = (one.passes >= END_OF_TRAINING and not other_training(one) for one in ones)
    return len(ones) < len(MODELS) or not all(alike)


def counterpart(one: Trained) -> tuple[Results, Trained] | None:
    """The released training of the same process and network, with the results that it belongs to."""

    def known_by(train: Any) -> dict[str, Any]:
        found = STUDIED.get(train.process, {}) | modern(train.settings)
        return {name: found.get(name) for name in OF_MODEL} | {"process": train.process}

    for results in released():
        for model in results.models if one.train.process in STUDIED else ():
            if known_by(results.first(model).train) == known_by(one.train):
                return results, results.first(model)
    return None


def firsts(results: Results) -> dict[str, tuple[Trained, tuple[Results, Trained] | None]]:
    """Label -> the first training of each model that is measured, and its counterpart."""
    ones = (one for one in map(results.first, results.models) if one.measure)
    return {one.train.label: (one, None if other_data(results) else counterpart(one)) for one in ones}


def draw(results: Results, folder: Path) -> list[Path]:
    """Write the first model's samples, and losses and samples of both sides; returns the files."""
    panels, blocks, found = {}, {}, firsts(results)
    for one, other in found.values():
        label, own = plain(one.train.label), _kept(results, one)
        panels[label] = {YOURS: _curve(one)}
        blocks[f"{label}: {YOURS}"] = own[:FEW]
        if other:
            panels[label][RELEASED] = _curve(other[1])
            blocks[f"{label}: {RELEASED}"] = _kept(*other)[:FEW]
        else:
            blocks[f"{label}: the last ones"] = own[-FEW:]
    first = _kept(results, next(iter(found.values()))[0])
    return [
        save(images.grid(first[:SHOWN], columns=16), folder / FIRST),
        save(losses_beside(panels), folder / LOSSES),
        save(images.grids(blocks, across=2), folder / SAMPLES),
    ]


def report(values: Mapping[str, Any]) -> str:
    """The short report as Markdown."""
    return guards.Text(values, folder=TEXT.parent).markdown(TEXT.read_text("utf-8"), TEXT.name)


def _kept(results: Results, one: Trained) -> Any:
    return results.kept(f"samples_{one.model}-{one.seed}")


def _curve(one: Trained) -> tuple[list[float], list[float]]:
    """Passes over the training images, and the test loss after them."""
    lines = one.train.history
    return [one.train.passes_after(line.epoch) for line in lines], [line.test_loss for line in lines]


def values(results: Results, verdicts: Mapping[str, Verdict], drawn: set[str]) -> dict[str, Any]:
    """What the short report names; `drawn` are the names of the figure files."""
    found, own = firsts(results), [m for m in results.models if results.first(m).train.process == "own"]
    label, (one, _) = next(iter(found.items()))
    paper = {} if other_data(results) else {r.out.name: r for r in released()}
    of_first = full(one.analysis)
    of_study = full(paper["paper"].first("zoom").analysis) if "paper" in paper else None
    return {
        "first": {"label": label, "train": one.train, "n": min(SHOWN, len(_kept(results, one)))},
        "first_seconds": tables.seconds(one),
        "first_digit": of_first.digit if of_first else None,
        "study_digit": of_study.digit if of_study else None,
        "most_passes": max(one.train.passes for one, _ in found.values()),
        "study_epochs": STUDIED["zoom"]["epochs"],
        "compared": any(other for _, other in found.values()),
        "table_beside": _table(found),
        "own_models": front.further(results, own, drawn),
        **_verdicts(verdicts),
    }


def _table(found: Mapping[str, tuple[Trained, tuple[Results, Trained] | None]]) -> Markdown:
    """A row for each model of the run, and one for its counterpart."""
    rows = []
    for label, (one, other) in found.items():
        rows.append(_row(escape(label), YOURS, one))
        rows += [_row(Markdown(" "), RELEASED, other[1])] if other else []
    head = ["Model", "Whose", "Passes", "Test loss", "Distance", Markdown("$n$"), "Digits"]
    return table(head, rows, "llrrrrr")


def _row(name: Markdown, whose: str, one: Trained) -> list[Any]:
    final, drawn = one.measure.final, full(one.analysis)
    return [
        *(name, whose, passes(one.train.passes), num(one.train.history[-1].test_loss)),
        *(DASH if final.constant else num(final.frechet.value), final.n),
        percent(drawn.digit.value) if drawn else DASH,
    ]


def _verdicts(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """The paper's verdicts in a table, with a mark for those that this run gives too, and their numbers."""
    path = releases() / "paper" / "ledger.json"
    paper = json.loads(path.read_text("utf-8")) if path.is_file() else []
    rows, why, marks = [], Counter(), Counter()
    for row in (row for row in paper if row["id"] in verdicts):
        own = verdicts[row["id"]]
        mark = ""
        if own.verdict in (HOLDS, FAILS, SAME):
            mark = "✓" if own.label == row["verdict"] else own.label
        marks[mark if mark in ("", "✓") else "other"] += 1
        why[own.why] += not mark
        kind = SAME if row["verdict"].startswith(SAME) else row["verdict"]
        said = Markdown(f"[{escape(row['verdict'])}]{{.verdict .{KINDS.get(kind, 'absent')}}}")
        rows.append([Markdown(own.claim.short), said, mark])
    return {
        "table_verdicts": table(["Claim of the study", "The paper", "Your run"], rows, (60, 25, 12)),
        "judged": len(rows),
        "confirmed": marks["✓"],
        "otherwise": marks["other"],
        "undecided": marks[""],
        "mostly": Markdown(why.most_common(1)[0][0]) if marks[""] else None,
    }
