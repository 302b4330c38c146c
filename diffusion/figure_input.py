"""What the figures accept: a check returns the clean value or raises a ValueError that says what is wrong."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np


def array(value: Any, name: str, ndim: int, shape: str) -> np.ndarray:
    """A tensor, array or nested list as float64 with `ndim` axes; None becomes NaN.

    Args:
        value: numbers, on any device and of any precision.
        name: what to call it in the message.
        ndim: how many axes it must have.
        shape: the allowed shape, for the message.

    Raises:
        ValueError: not numbers, another number of axes, or empty.
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu().double().numpy()  # numpy has no bfloat16
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an array of numbers of shape {shape}") from None
    if numbers.ndim != ndim or numbers.size == 0:
        raise ValueError(f"{name} has shape {numbers.shape}; it must be {shape}, not empty")
    return numbers


def same_length(name: str, **arrays: np.ndarray) -> None:
    """Raise a ValueError that names the arrays of `name`, unless they are of one length."""
    if len({len(values) for values in arrays.values()}) > 1:
        lengths = ", ".join(f"{key} {len(values)}" for key, values in arrays.items())
        raise ValueError(f"{name}: the arrays must have one length, got {lengths}")


def filled(mapping: Any, name: str) -> Mapping[str, Any]:
    """`mapping`, if it is a dict with at least one entry."""
    if not isinstance(mapping, Mapping) or not mapping:
        raise ValueError(f"{name} must be a dict with at least one entry, got {mapping!r:.60}")
    return mapping


def field(mapping: Any, key: str, name: str) -> Any:
    """`mapping[key]`, which must be there."""
    if key not in filled(mapping, name):
        raise ValueError(f"{name} has no {key!r}; it has {', '.join(map(str, mapping))}")
    return mapping[key]


def columns(rows: Any, required: Iterable[str], optional: Iterable[str], name: str) -> list[np.ndarray]:
    """One (epochs,) array for each key of a list of records; an optional value that is absent becomes NaN."""
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not rows:
        raise ValueError(f"{name} must be a list of at least one record, got {rows!r:.60}")
    found = {key: [field(row, key, f"a record of {name}") for row in rows] for key in required}
    found |= {key: [row.get(key) for row in rows] for key in optional}
    arrays = {key: array(values, f"{name}: {key}", 1, "(epochs,)") for key, values in found.items()}
    if not np.isfinite(arrays["epoch"]).all():
        raise ValueError(f"{name}: every epoch must be a number, got {found['epoch']}")
    return list(arrays.values())


def texts(labels: Sequence[Any] | None, count: int, name: str) -> list[str]:
    """One text for each of `count` things, in which dollar signs enclose mathematics; empty ones for None."""
    if labels is None:
        return [""] * count
    labels = labels.tolist() if hasattr(labels, "tolist") else labels
    if len(labels) != count:
        raise ValueError(f"{name} has {len(labels)} entries for {count} of them; give one each")
    return [str(label) for label in labels]


def literal(label: Any) -> str:
    """A name as it is written: to matplotlib a dollar sign would start mathematics."""
    return str(label).replace("$", r"\$")
