"""The trainings of a model that was trained again, side by side: what the report's table of them shows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from report.evidence import below
from report.final_epochs import LAST, NAME, known, over_checkpoints, swing
from report.measures import Measure, centre, distance, divergence, not_recognised, reached
from report.results import Results
from report.text import Markdown, escape, num, percent, percent_span, span

Shown = Callable[[Results], Markdown]  # a cell: what the table shows of one training

SAMPLED: tuple[tuple[str, Measure, Callable[..., Markdown]], ...] = (
    ("Not recognised", not_recognised, percent_span),
    ("Coverage", reached("coverage"), partial(span, digits=2)),
    ("Divergence of the classes (nats)", divergence, partial(span, digits=2)),
    ("Dark centres", centre("dark"), percent_span),
    ("White centres", centre("white"), percent_span),
)


def beside(results: Results) -> list[dict[str, Any]]:
    """For each model that was trained again: its seeds, the run's own first, and the rows of its table.

    A list of {"model", "id", "label", "seeds", "rows", "apart", "figures"}.
    `apart`: do the mean distances over the final epochs of any two have separate intervals? None where these
    epochs are not known.
    `figures` has the seed and the folder of the figures of each further training.
    """
    out = []
    for model in dict.fromkeys(one.model for one in results.again):
        again = [one for one in results.again if one.model == model]
        runs = [results, *(one.run for one in again)]
        late = [over_checkpoints(r, model, distance("digits")) for r in runs]
        out.append(
            {
                "model": model,
                "id": Markdown(model),  # a word, see `report.again.NAME`
                "label": results.compare["labels"][model],
                "seeds": [results.seed, *(one.seed for one in again)],
                "rows": [(Markdown(name), [show(r) for r in runs]) for name, show in _rows(results, model)],
                "apart": any(below(a, b) for a in late for b in late) if all(late) else None,
                "figures": [(one.seed, escape(f"{one.folder}/figures")) for one in again],
            }
        )
    return out


def _rows(results: Results, model: str) -> list[tuple[str, Shown]]:
    rows: list[tuple[str, Shown]] = [
        ("Test loss after the last epoch", lambda r: num(r.train[model]["history"][-1]["test_loss"]))
    ]
    if model == "zoom":
        rows.append(("Restored from the last level and read right", _read_right))
    rows += [(f"Distance, {NAME[e]}", _last(model, distance(e), span)) for e in results.extractors]
    if known(results):
        rows += [
            (f"… mean over {LAST}", _late(model, distance("digits"), span)),
            (
                "… standard deviation over it",
                lambda r: num(over_checkpoints(r, model, distance("digits"))["sd"], 2),
            ),
            ("… lowest and highest in the second half", lambda r: _range(swing(r, model))),
        ]
    for name, measure, show in SAMPLED:
        rows.append((name, _last(model, measure, show)))
        if known(results):
            rows.append((f"… mean over {LAST}", _late(model, measure, show)))
    return rows


def _last(model: str, measure: Measure, show: Callable[..., Markdown]) -> Shown:
    """What a measure of the final samples looks like."""
    return lambda r: _shown(measure(r.final[model]), show)


def _late(model: str, measure: Measure, show: Callable[..., Markdown]) -> Shown:
    """What its mean over the final epochs looks like."""
    return lambda r: _shown(over_checkpoints(r, model, measure), show)


def _shown(found: Any, show: Callable[..., Markdown]) -> Markdown:
    return show(found["value"], found["low"], found["high"])


def _read_right(r: Results) -> Markdown:
    return percent(r.train["zoom"]["confusion"]["accuracy"], 1)


def _range(found: dict[str, float]) -> Markdown:
    return Markdown(f"{num(found['low'])} and {num(found['high'])}")
