"""The trainings of a model that was trained again, side by side: what the report's table of them shows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import Any

from report.evidence import below
from report.final_epochs import LAST, NAME, over_checkpoints, swing
from report.measures import Measure, centre, distance, divergence, not_recognised, reached
from report.results import Results
from report.text import Markdown, integer, listing, num, percent, percent_span, span

Shown = Callable[[Results], Markdown]  # a cell: what the table shows of one training

AGAINST_LINEAR = {  # is the zoom model closer to the data?
    True: "closer to the data than the linear DDPM",
    False: "further from the data than the linear DDPM",
    None: "neither clearly closer to the data than the linear DDPM nor further from them",
}

SAMPLED: tuple[tuple[str, Measure, Callable[..., Markdown]], ...] = (
    ("Not recognised", not_recognised, percent_span),
    ("Dark centres", centre("dark"), percent_span),
    ("White centres", centre("white"), percent_span),
    ("Divergence of the classes (nats)", divergence, partial(span, digits=2)),
    ("Coverage", reached("coverage"), partial(span, digits=2)),
)


def beside(results: Results) -> list[dict[str, Any]]:
    """For each model that was trained again: its seeds, the run's own first, and the rows of its table.

    A list of {"model", "id", "seeds", "rows", "apart", "figures"}.
    `apart` names each two seeds whose mean distances over the final epochs have separate intervals; None
    where these epochs are not known.
    `figures` has the seed and the folder of the figures of each further training.
    """
    out = []
    for number, model in enumerate(dict.fromkeys(one.model for one in results.again), 1):
        again = [one for one in results.again if one.model == model]
        runs = {results.seed: results} | {one.seed: one.run for one in again}
        out.append(
            {
                "model": model,
                "id": number,
                "seeds": list(runs),
                "rows": [
                    (Markdown(n), [show(r) for r in runs.values()]) for n, show in _rows(results, model)
                ],
                "apart": _apart(runs, model),
                "figures": [(one.seed, Markdown(f"{one.folder}/figures")) for one in again],  # a safe name
            }
        )
    return out


def zoom_by_seed(results: Results) -> Markdown | None:
    """Where the final samples of each training of the zoom model lie against those of the linear DDPM.

    The end of a sentence; None if it was trained once.
    """
    runs = {results.seed: results} | {one.seed: one.run for one in results.again if one.model == "zoom"}
    if len(runs) == 1:
        return None
    found = {seed: below(r.final["zoom"]["digits"], r.final["linear"]["digits"]) for seed, r in runs.items()}
    if len(set(found.values())) == 1:
        return Markdown(f"{AGAINST_LINEAR[found[results.seed]]} with every seed")
    shown = listing(Markdown(f"{AGAINST_LINEAR[answer]} with seed {seed}") for seed, answer in found.items())
    return Markdown(f"{shown}: one checkpoint of one training does not rank the two")


def _apart(runs: dict[int, Results], model: str) -> list[str] | None:
    late = {seed: over_checkpoints(r, model, distance("digits")) for seed, r in runs.items()}
    if not all(late.values()):
        return None
    return [f"{a} and {b}" for a, b in combinations(late, 2) if below(late[a], late[b]) is not None]


def _rows(results: Results, model: str) -> list[tuple[str, Shown]]:
    rows: list[tuple[str, Shown]] = [
        ("Test loss after the last epoch", lambda r: num(r.train[model]["history"][-1]["test_loss"]))
    ]
    if model == "zoom":
        rows.append(("Restorations from the last level read correctly", _read_right))
    rows += [(f"Distance, {NAME[e]}", _last(model, distance(e), span)) for e in results.extractors]
    late = over_checkpoints(results, model, distance("digits")) is not None
    if late:
        rows += [
            (f"… mean over {LAST}", _late(model, distance("digits"), span)),
            ("… standard deviation over these checkpoints", partial(_scatter, model=model)),
            ("… lowest and highest in the second half of training", lambda r: _range(swing(r, model))),
        ]
    rows.append(("Samples behind the shares below", lambda r: integer(r.final[model]["n_classes"])))
    for name, measure, show in SAMPLED:
        rows.append((name, _last(model, measure, show)))
        if late:
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


def _scatter(r: Results, model: str) -> Markdown:
    return num(over_checkpoints(r, model, distance("digits"))["sd"], 2)


def _range(found: dict[str, float]) -> Markdown:
    return Markdown(f"{num(found['low'])} and {num(found['high'])}")
