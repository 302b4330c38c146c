"""Three-valued answers: True (the data say yes), False (they say no), None (they do not decide)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from diffusion.intervals import wilson

Answer = bool | None
FEWEST = 5  # points below which neither a trend nor a mean over time is judged
MOST_ALIKE = 0.8  # the largest correlation of successive values that is taken off


def below(a: Mapping[str, Any], b: Mapping[str, Any]) -> Answer:
    """Is ``a`` below ``b``? Each carries an interval; overlapping intervals do not decide.

    A distance without an interval (``low`` is None) is compared by its value ``fid``.
    """
    if None in (a["low"], a["high"], b["low"], b["high"]):
        return None if a["fid"] == b["fid"] else a["fid"] < b["fid"]
    if a["high"] < b["low"]:
        return True
    return False if a["low"] > b["high"] else None


def above(value: Mapping[str, Any], threshold: float) -> Answer:
    """Does the whole interval lie above a threshold?"""
    if value["low"] > threshold:
        return True
    return False if value["high"] < threshold else None


def every(answers: Iterable[Answer]) -> Answer:
    """Conjunction: one no is a no; otherwise one undecided leaves it undecided."""
    answers = list(answers)
    if not answers:
        return None
    return False if False in answers else None if None in answers else True


def agree(answers: Iterable[Answer]) -> Answer:
    """The common answer of several measurements of one thing; no common answer does not decide."""
    answers = set(answers)
    return answers.pop() if len(answers) == 1 else None


def unopposed(answers: Iterable[Answer]) -> Answer:
    """Several measures of one thing that none can settle alone: yes if all say so, no if none does and one
    says no; where they contradict each other, undecided.
    """
    answers = list(answers)
    if answers and all(answers):
        return True
    return False if False in answers and True not in answers else None


def negate(answer: Answer) -> Answer:
    return None if answer is None else not answer


def share(value: float, n: int) -> dict[str, float]:
    """A share of ``n`` independent cases with its interval; without a case it may be anything."""
    low, high = wilson(round(value * n), n) if n else (0.0, 1.0)
    return {"share": value, "low": low, "high": high}


def paired(a: Sequence[float], b: Sequence[float]) -> dict[str, float]:
    """Mean of a - b over the first cases, as many as both have (at least two), with its 95 % interval."""
    n = min(len(a), len(b))
    gap = np.asarray(a[:n], dtype=float) - np.asarray(b[:n], dtype=float)
    error = 1.96 * gap.std(ddof=1) / math.sqrt(n)
    return {"mean": float(gap.mean()), "low": float(gap.mean() - error), "high": float(gap.mean() + error)}


def scatter(values: Sequence[float]) -> dict[str, float]:
    """Mean of at least two successive values and Student's 95 % interval of it, from their own scatter.

    Where each value is like the one before, n of them tell no more than n (1 - rho) / (1 + rho) independent
    ones, as in an autoregressive series of the first order with the correlation rho at lag one, and the
    interval is wider by the root of that. The correlation found in a few values is too small on average, by
    about (1 + 4 rho) / n (Marriott and Pope 1954), which is added; it counts from 0 to `MOST_ALIKE`.
    """
    v = np.asarray(values, dtype=float)
    mean, sd = float(v.mean()), float(v.std(ddof=1))
    gap, rho = v - mean, 0.0
    if gap.any():
        rho = float(gap[1:] @ gap[:-1]) / float(gap @ gap)
        rho = min(max(rho + (1 + 4 * rho) / v.size, 0.0), MOST_ALIKE)
    error = float(stats.t.ppf(0.975, v.size - 1)) * sd / math.sqrt(v.size * (1 - rho) / (1 + rho))
    return {"mean": mean, "sd": sd, "n": v.size, "low": mean - error, "high": mean + error}


def tail(values: Sequence[float], k: int = 10) -> dict[str, float]:
    """Mean of the last ``k`` values, and two of its standard errors from their scatter to either side."""
    last = np.asarray(values[-k:], dtype=float)
    error = 2 * last.std(ddof=1) / math.sqrt(last.size) if last.size > 1 else 0.0
    return {"mean": float(last.mean()), "low": float(last.mean() - error), "high": float(last.mean() + error)}


def trend(x: Sequence[float], y: Sequence[float]) -> float:
    """Spearman's rank correlation of y with x, from -1 (y falls) to 1; 0 where either is constant."""
    a, b = _ranks(x), _ranks(y)
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _ranks(values: Sequence[float]) -> np.ndarray:
    v = np.asarray(values, dtype=float)
    return (v[:, None] > v).sum(1) + ((v[:, None] == v).sum(1) - 1) / 2


def late_trend(x: Sequence[float], y: Sequence[float]) -> float | None:
    """The rank correlation of y with x over the second half of x; None on too few points."""
    half = len(x) // 2
    return trend(x[half:], y[half:]) if len(x) - half >= FEWEST else None


def falling(x: Sequence[float], y: Sequence[float]) -> Answer:
    """Does y fall over the second half of x? A rank correlation of at most -0.5, beyond chance: yes; of 0 or
    more: no; too few points: unknown.

    Beyond chance is one that so many points without a trend fall below in one case of 40, by Student's
    approximation of its distribution.
    """
    r, n = late_trend(x, y), len(x) - len(x) // 2
    if r is None:
        return None
    t = r * math.sqrt((n - 2) / max(1 - r * r, 1e-12))
    return True if r <= -0.5 and stats.t.cdf(t, n - 2) < 0.025 else False if r >= 0 else None
