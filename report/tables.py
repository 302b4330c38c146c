"""Rows of the report's tables that need more than a loop in the template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from report.results import Results
from report.text import Markdown, code, escape, listing

ROWS = 8  # of a table that samples a long list
ABSENT = Markdown("–")
SOFTWARE = ("python", "torch", "torchvision", "torchmetrics", "accelerate")
MACHINE = ("platform", "device", "device_name", "cores", "threads", "precision")


def flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested parameters as (dotted name, value), in their order."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def losses(results: Results) -> list[dict[str, Any]]:
    """Test loss of the two DDPMs at common time steps, thinned to a table's length."""
    loss = {}
    for m in ("linear", "cosine"):
        d = results.train[m]["timestep_loss"]
        pairs = zip(d["alpha_bar"], d["test_loss"], strict=True)
        loss[m] = {t: {"alpha_bar": a, "test_loss": x} for t, (a, x) in zip(d["t"], pairs, strict=True)}
    common = sorted(set(loss["linear"]) & set(loss["cosine"]))
    if not common:
        raise ValueError(
            "the two DDPMs' timestep_loss share no time step; run both trainings again with one T"
        )
    picked = (
        [common[round(i * (len(common) - 1) / (ROWS - 1))] for i in range(ROWS)]
        if len(common) > ROWS
        else common
    )
    return [{"t": t, "linear": loss["linear"][t], "cosine": loss["cosine"][t]} for t in picked]


def parameters(results: Results) -> tuple[list[Markdown], list[tuple[str, list[Markdown]]]]:
    """Columns (one a notebook run) and rows (one a parameter) of the table of all parameters."""
    records = {"01 schedules": results.schedules}
    records |= {f"{r['notebook'][:2]} {m}": r for m, r in results.train.items()}
    records["04 compare"] = results.compare
    columns = {name: dict(flat(r["parameters"])) for name, r in records.items()}
    names = list(dict.fromkeys(n for c in columns.values() for n in c if n != "out_dir"))
    rows = [(n, [code(_plain(c[n])) if n in c else ABSENT for c in columns.values()]) for n in names]
    return [escape(c) for c in columns], rows


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def environment(results: Results) -> list[tuple[Markdown, Markdown]]:
    """Versions and machine, one row each; where the runs differ, which had what."""
    records = {"schedules": results.schedules, **results.train, "comparison": results.compare}
    for one in results.again:
        name = f"{one.model} with seed {one.seed}"
        records |= {name: one.train, f"comparison of {name}": one.compare}
    keys = dict.fromkeys([*SOFTWARE, *MACHINE, *results.compare["environment"]])
    rows = []
    for key in keys:
        found: dict[str, list[str]] = {}
        for name, record in records.items():
            found.setdefault(_plain(record["environment"].get(key)), []).append(name)
        same = len(found) == 1
        value = "; ".join(code(v) if same else f"{code(v)} ({listing(who)})" for v, who in found.items())
        rows.append((escape(key.replace("_", " ")), Markdown(value)))
    return rows
