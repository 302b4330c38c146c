"""A measured figure beside its target, and what was tried with what it gained."""

from typing import Any

AT_LEAST, AT_MOST = "≥", "≤"


def figure(
    what: str,
    sign: str,
    target: float,
    value: dict[str, float],
    unit: str = "x",
    seconds: dict[str, dict[str, float]] | None = None,
    holds: bool = True,
    remark: str = "",
) -> dict[str, Any]:
    """One line of the table.

    Args:
        sign: AT_LEAST or AT_MOST.
        value: {"median", "low", "high", "rounds"} in `unit`, as `timing.ratio` returns it.
        unit: "x" for a ratio, else "GiB", "min", ...
        seconds: absolute times behind a ratio, by candidate.
        holds: whether what the target demands beside the number holds, such as equal quality.
        remark: a sentence for the reader, its numbers measured.
    """
    if sign not in (AT_LEAST, AT_MOST):
        raise ValueError(f"sign is {sign!r}; allowed: {AT_LEAST}, {AT_MOST}")
    reached = value["median"] >= target if sign == AT_LEAST else value["median"] <= target
    return {
        "what": what,
        "sign": sign,
        "target": target,
        "value": value,
        "unit": unit,
        "seconds": seconds or {},
        "met": bool(reached and holds),
        "remark": remark,
    }


def tried(
    what: str,
    gain: dict[str, float] | None,
    kept: bool,
    because: str,
    without: dict[str, float] | None = None,
    given: dict[str, float] | None = None,
) -> dict[str, Any]:
    """One line of the list of what was tried.

    Args:
        gain: how many times faster than without it, as `timing.ratio` returns it; None: not possible here.
        without, given: absolute times without it and with it.
    """
    seconds = {"without": without, "with": given} if without and given else {}
    return {"what": what, "gain": gain, "kept": kept, "because": because, "seconds": seconds}
