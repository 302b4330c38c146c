"""What decides the claims of Section 2: results -> what was measured, and an answer."""

from __future__ import annotations

from functools import partial

from report.evidence import (
    FEWEST,
    Answer,
    above,
    agree,
    below,
    every,
    falling,
    late_trend,
    negate,
    paired,
    tail,
)
from report.final_epochs import NAME, distances, ends, lower, said
from report.measures import background, distance, not_recognised
from report.results import Results
from report.text import Markdown, fixed, integer, num, percent, percent_span, span

MOSTLY_RANDOM = 0.1  # a correlation with the clean image below this is "almost entirely random"
ALMOST_ALL, MANY = 0.9, 10  # this share of checkpoints, of at least so many
BOTH = ("linear", "cosine")


def keeps_more(r: Results) -> tuple[Markdown, Answer]:
    T, lin, cos = r.schedules["T"], r.schedules["linear"]["alpha_bar"], r.schedules["cosine"]["alpha_bar"]
    inner = range(round(0.1 * T), round(0.9 * T) + 1)
    share = sum(cos[t] > lin[t] for t in inner) / len(inner)
    mean = r.schedules["mean_step"]
    text = f"$\\bar\\alpha_t$ is larger at {percent(share)} of the steps between $0.1T$ and "
    text += "$0.9T$; its mean over all steps is "
    text += f"{fixed(mean['cosine'], 3)} (cosine) and {fixed(mean['linear'], 3)} (linear)."
    return Markdown(text), True if share == 1 else False if share <= 0.5 else None


def ends_agree(r: Results) -> tuple[Markdown, Answer]:
    ends = [
        abs(r.schedules["cosine"]["alpha_bar"][i] - r.schedules["linear"]["alpha_bar"][i]) for i in (0, -1)
    ]
    text = f"$\\bar\\alpha$ differs by {num(ends[0], 2)} at $t=0$ and by {num(ends[1], 2)} at $t=T$."
    return Markdown(text), max(ends) < 0.01


def ends_in_noise(r: Results) -> tuple[Markdown, Answer]:
    left = {m: r.schedules[m]["signal_T"] for m in BOTH}
    text = f"$\\sqrt{{\\bar\\alpha_T}}$ is {num(left['linear'], 2)} (linear) and "
    text += f"{num(left['cosine'], 2)} (cosine)."
    return Markdown(text), max(left.values()) <= 0.01


def linear_random(r: Results) -> tuple[Markdown, Answer]:
    facts = r.schedules["t300"]
    c = facts["linear"]["correlation"]
    text = f"The correlation of latent and clean image is {fixed(c)} ± "
    text += f"{fixed(facts['linear']['correlation_sd'])} at "
    text += f"$t={int(facts['t'])}$; the signal keeps {percent(facts['linear']['signal'])} of its amplitude."
    return Markdown(text), c < MOSTLY_RANDOM


def cosine_keeps(r: Results) -> tuple[Markdown, Answer]:
    a, b = r.schedules["t300"]["linear"], r.schedules["t300"]["cosine"]
    gap, noise = b["correlation"] - a["correlation"], max(a["correlation_sd"], b["correlation_sd"])
    text = f"The correlations are {fixed(b['correlation'])} (cosine) and {fixed(a['correlation'])} (linear)."
    return Markdown(text), True if gap > noise else False if gap < -noise else None


def fewer_wasted(r: Results) -> tuple[Markdown, Answer]:
    u = r.schedules["useful_steps"]
    text = f"{integer(u['cosine'])} (cosine) and {integer(u['linear'])} (linear) of "
    text += f"{integer(r.schedules['T'])} steps have "
    text += "$0.05 < \\bar\\alpha_t < 0.95$."
    return Markdown(text), u["cosine"] > u["linear"]


def lower_loss(r: Results) -> tuple[Markdown, Answer]:
    parts, answers = [], []
    for key, name in (("train_loss", "training"), ("test_loss", "test")):
        ends = {m: tail([h[key] for h in r.train[m]["history"]]) for m in BOTH}
        parts.append(
            f"{name} {num(ends['cosine']['mean'])} (cosine) and {num(ends['linear']['mean'])} (linear)"
        )
        answers.append(below(ends["cosine"], ends["linear"]))
    return Markdown(f"Mean loss of the last epochs: {'; '.join(parts)}."), every(answers)


def trains_better(r: Results) -> tuple[Markdown, Answer]:
    cos, lin = r.train["cosine"]["common_loss"], r.train["linear"]["common_loss"]
    gap = paired(cos["each"], lin["each"])
    text = f"At the same noise levels the test loss is {num(cos['mean'])} (cosine) and "
    text += f"{num(lin['mean'])} (linear); image by image it differs by "
    text += f"{span(gap['mean'], gap['low'], gap['high'], 2)}; it is lower at "
    won = lower_levels(r)
    text += f"{integer(len(won))} of the {integer(len(cos['levels']))} levels."
    on_average = negate(above(gap, 0))
    at_all = True if len(won) == len(cos["levels"]) else None if won else False
    return Markdown(text), agree([on_average, at_all])


def lower_levels(r: Results) -> list[float]:
    """The common noise levels at which the cosine model's loss is the lower one."""
    cos, lin = (r.train[m]["common_loss"] for m in ("cosine", "linear"))
    return [a for a, c, n in zip(cos["levels"], cos["by_level"], lin["by_level"], strict=True) if c < n]


def lower_distance(r: Results) -> tuple[Markdown, Answer]:
    found = (lower(r, "cosine", "linear", distance(e)) for e in r.extractors)
    return distances(r, BOTH[::-1]), agree(found)


def almost_all_epochs(r: Results) -> tuple[Markdown, Answer]:
    parts, answers = [], []
    for e in r.extractors:
        lin, cos = ({p["epoch"]: p[e] for p in r.compare["curves"][m] if p[e]} for m in BOTH)
        common = sorted(set(lin) & set(cos))
        lower = sum(cos[t]["fid"] < lin[t]["fid"] for t in common)
        clearly_higher = sum(below(lin[t], cos[t]) is True for t in common)
        text = f"{NAME[e]}: lower at {lower} of {len(common)} checkpoints, clearly higher at {clearly_higher}"
        parts.append(text)
        enough = ALMOST_ALL * len(common)
        decided = False if len(common) - clearly_higher < enough else True if lower >= enough else None
        answers.append(decided if len(common) >= MANY else None)
    return Markdown("; ".join(parts) + "."), agree(answers)


def still_falling(r: Results) -> tuple[Markdown, Answer]:
    answers, parts = [], []
    for m in BOTH:
        for e in r.extractors:
            points = [(p["epoch"], p[e]["fid"]) for p in r.compare["curves"][m] if p[e]]
            half = points[len(points) // 2 :]
            half = half if len(half) >= FEWEST else points  # of few, the first and the last
            answers.append(falling(*zip(*points, strict=True)))
            (first, before), (last, after) = half[0], half[-1]
            shown = f"{m}, {NAME[e]}, {num(before)} at epoch {first} and {num(after)} at {last}"
            rank = late_trend(*zip(*points, strict=True))
            parts.append(shown if rank is None else f"{shown} (rank correlation {fixed(rank)})")
    return Markdown("; ".join(parts) + "."), every(answers)


def darker(r: Results) -> tuple[Markdown, Answer]:
    text = f"Mean grey value of the border: {said(r, BOTH[::-1], background, partial(span, digits=2))}; "
    text += f"{num(r.compare['real']['background']['mean'], 2)} in real images."
    return Markdown(text), lower(r, "cosine", "linear", background)


def _not_digits(r: Results, models: tuple[str, ...]) -> Markdown:
    shown = said(r, models, not_recognised, percent_span)
    real = percent(r.compare["real"]["not_digit"]["share"], 1)
    return Markdown(f"Not recognised: {shown}; {real} of real images.")


def some_not_digits(r: Results) -> tuple[Markdown, Answer]:
    real = r.compare["real"]["not_digit"]["share"]
    by_end = ends(r, BOTH, not_recognised)
    return _not_digits(r, BOTH), every(agree(above(end[m], real) for end in by_end) for m in BOTH)


def more_realistic(r: Results) -> tuple[Markdown, Answer]:
    return _not_digits(r, BOTH[::-1]), lower(r, "cosine", "linear", not_recognised)
