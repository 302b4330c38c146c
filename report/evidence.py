"""Numbers of the analyses for the text, part by part; a part is empty where a run lacks what it needs."""

from typing import Any

from diffusion.evaluation.diagnostics import SHIFT
from diffusion.evaluation.interval import Interval
from report.claims.common import two
from report.claims.looks import full
from report.claims.schedules import recovered as recovered_from
from report.study import DDPMS
from report.tables import measured
from report.text_format import NUMBERS, Markdown, escape, integer, listing, num, percent, percent_range
from study.records import Drawn, Results

STITCHED = "two digits stitched"
SCALE = ("shifted by 3 pixels", "blurred by 1 pixel", STITCHED, "on 20 % grey")  # of distances


def parts(results: Results) -> dict[str, Any]:
    """All of them, by the names that guards and placeholders use."""
    return {
        "recovered": recovered(results),
        "response": response(results),
        "mix": mix(results),
        "yardstick": yardstick(results),
        "cost": cost(results),
        "memorised": results.first("zoom").analysis.memorised if analysed(results, "zoom") else None,
    }


def analysed(results: Results, *models: str) -> bool:
    return all(m in results.models and results.first(m).analysis for m in models)


def recovered(results: Results) -> dict[str, Interval]:
    """The share of digits read right from one latent of each DDPM at 30 % of the way."""
    if not results.schedules:
        return {}
    found = {m: recovered_from(results, m, results.schedules.early.t) for m in DDPMS}
    return found if all(found.values()) else {}


def response(results: Results) -> dict[str, Any]:
    """The part of a uniform shift that each DDPM reports, at the smallest time step measured and at t = T."""
    found = {m: results.first(m).analysis.response for m in DDPMS} if analysed(results, *DDPMS) else {}
    if not found or not all(found.values()):
        return {}
    first, last = ({m: r.response[place].value for m, r in found.items()} for place in (0, -1))
    return first | {
        "t": found["linear"].t[0],
        "end": last,
        "shift": SHIFT,
        "offset_missed": min(last.values()) < 0.9,
    }


def mix(results: Results) -> dict[str, Any]:
    """Distances of samples before and after weighting them to the classes of the data."""
    found = [(one.model, one.analysis.mix) for one in results.trainings.values() if one.analysis]
    zooms = [mix for model, mix in found if model == "zoom"]
    if not zooms or len(zooms) < len(results.seeds("zoom")):
        return {}
    rest = [mix.reweighted.value for _, mix in found]
    real = results.yardstick.mixed if results.yardstick else []
    # of real images whose classes are mixed otherwise
    per_nat = sum(one.frechet for one in real) / sum(one.divergence for one in real) if real else None
    return {
        "before": listing(num(mix.frechet.value) for mix in zooms),
        "after": listing(num(mix.reweighted.value) for mix in zooms),
        "n": integer(zooms[0].n),
        "all": listing(
            Markdown(f"{w.shown(two)} ({escape(model)})")
            for model, w in ((model, mix.reweighted) for model, mix in found)
        ),
        "apart": num(max(rest) / min(rest), 2),
        "per_nat": per_nat,
        "level_without_mix": max(rest) < 1.6 * min(rest),
    }


def yardstick(results: Results) -> dict[str, Any]:
    """Shares that both recognisers accept, scores of real digits, shares of digits among samples."""
    found, ones = results.yardstick, measured(results)
    if not found or not all(one.analysis for _, one in ones):
        return {}
    scores = {one.kind: one.frechet for one in found.distorted}
    used = next(c for c in found.candidates if c.name == found.used)
    digits = [(name, one.model, full(one.analysis).digit) for name, one in ones]
    ddpms, zooms = ([digit for _, m, digit in digits if m in models] for models in (DDPMS, ("zoom",)))
    return {
        "wrongly": used.wrongly,
        "stitched": used.accepted[STITCHED],
        "kinds": NUMBERS[len(found.no_digits)],
        "shifted": 1 - found.old["shifted by 3 pixels"],
        "scale": listing(
            Markdown(f"{escape(k.replace(' %', '%'))} {num(scores[k], 2)}") for k in SCALE if k in scores
        ),
        "digit_shares": listing(Markdown(f"{percent(digit.value)} ({name})") for name, _, digit in digits),
        "ddpms": percent_range(digit.value for digit in ddpms),
        "zooms": percent_range(digit.value for digit in zooms),
        "zoom_more_digits": bool(zooms and ddpms)
        and min(digit.low for digit in zooms) > max(digit.high for digit in ddpms),
    }


def cost(results: Results) -> dict[str, Any]:
    """Quality with few and with many network calls, of the zoom model and both DDPMs, their first seeds."""
    if not analysed(results, "zoom", *DDPMS):
        return {}
    drawn = {m: results.first(m).analysis.drawn for m in (*DDPMS, "zoom")}
    zoom, *ddpms = (full(results.first(m).analysis) for m in ("zoom", *DDPMS))
    many = dict(zip(DDPMS, ddpms, strict=True))
    few = {m: [one for one in drawn[m] if not one.clip_x0 and one.calls <= zoom.calls + 1] for m in DDPMS}
    if not all(few.values()):
        return {}
    digit = {m: max((one.digit for one in few[m]), key=lambda digit: digit.value) for m in DDPMS}
    fid = {m: min(one.frechet.value for one in few[m]) for m in DDPMS}
    better = max(DDPMS, key=lambda m: digit[m].value)
    improved = next((one.frechet for one in drawn["zoom"] if one.sampler == "improved"), None)
    return {
        "calls": zoom.calls,
        "n": integer(results.first("zoom").analysis.settings["n_samples"]),
        "ddpm_n": integer(results.first("linear").analysis.settings["n_samples"]),
        "better": better,
        "ddpm_calls": max(one.calls for one in many.values()),
        "zoom": zoom.digit.value,
        "cheap": digit[better].value,
        "full": many[better].digit.value,
        "cheap_distances": listing(Markdown(f"{num(fid[m])} ({m})") for m in DDPMS),
        "full_distances": listing(Markdown(f"{num(many[m].frechet.value)} ({m})") for m in DDPMS),
        "improved": improved and num(improved.value),
        "zoom_cheapest": all(zoom.digit.low > digit[m].high for m in DDPMS),
        "cosine_needs_fewer": fid["linear"] > 1.5 * fid["cosine"]
        and many["linear"].frechet.value < 1.25 * many["cosine"].frechet.value,
        "ddim_fails": all(_ddim_fails(drawn[m]) for m in DDPMS),
        "improved_worse": bool(improved) and improved.low > zoom.frechet.high,
    }


def _ddim_fails(drawn: list[Drawn]) -> bool:
    """With any number of calls DDIM is further from the data than the ancestral sampler with all of them."""
    ddim = [one.frechet.value for one in drawn if one.sampler == "ddim"]
    ancestral = [one for one in drawn if one.sampler == "ancestral" and not one.clip_x0]
    return (
        bool(ddim and ancestral) and min(ddim) > 2 * max(ancestral, key=lambda one: one.calls).frechet.value
    )
