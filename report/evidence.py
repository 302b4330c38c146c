"""Numbers of the analyses for the text: each function is empty where a run has none of them."""

from collections.abc import Iterable
from typing import Any

from diffusion.records import Drawn, Flips, Results, Share, Trained
from report.claims.looks import full
from report.claims.schedules import recovered as recovered_from
from report.text_format import Markdown, escape, integer, listing, num, percent

BOTH = ("linear", "cosine")
SCALE = ("shifted by 3 pixels", "blurred by 1 pixel", "two digits stitched", "on 20 % grey")  # of distances


def analysed(results: Results, *models: str) -> bool:
    return all(m in results.models and results.first(m).analysis for m in models)


def recovered(results: Results) -> dict[str, Share]:
    """The share of digits read right from one latent of each DDPM at 30 % of the way."""
    if not results.schedules:
        return {}
    found = {m: recovered_from(results, m, results.schedules.early.t) for m in BOTH}
    return found if all(found.values()) else {}


def responses(results: Results) -> dict[str, Any]:
    """The part of a uniform shift that each DDPM reports, at the smallest time step measured."""
    if not analysed(results, *BOTH):
        return {}
    found = {m: results.first(m).analysis.response for m in BOTH}
    if not all(found.values()):
        return {}
    late = {m: r.response[r.t.index(min(r.t))] for m, r in found.items()}
    return {"late": {"t": min(found["linear"].t)} | late}


def flips(results: Results) -> dict[str, Flips]:
    """The changes that clipping makes in the reading of samples from the same noise, for each DDPM."""
    if not analysed(results, *BOTH):
        return {}
    found = {m: results.first(m).analysis.flips for m in BOTH}
    return found if all(found.values()) else {}


def mixes(results: Results) -> dict[str, Any]:
    """Distances of the zoom's samples before and after weighting them to the classes of the data."""
    seeds = results.seeds("zoom")
    ones = [results.trainings["zoom", s].analysis for s in seeds]
    if not ones or not all(ones):
        return {}
    rest = [one.analysis.mix.reweighted.fid for one in results.trainings.values() if one.analysis]
    return {
        "mix_before": listing(num(one.mix.digits.fid) for one in ones),
        "mix_after": listing(num(one.mix.reweighted.fid) for one in ones),
        "mix_alone": listing(num(one.mix.real_with_mix) for one in ones),
        "mix_n": integer(ones[0].mix.n),
        "per_nat": _per_nat(results),
        "level_without_mix": max(rest) < 1.6 * min(rest),
        "mix_all": listing(
            Markdown(f"{num(one.analysis.mix.reweighted.fid)} ({escape(one.model)})")
            for one in results.trainings.values()
            if one.analysis
        ),
    }


def _per_nat(results: Results) -> float | None:
    """The distance that a nat of divergence costs real images whose classes are mixed otherwise."""
    mixed = results.yardstick.mixed if results.yardstick else []
    return sum(one.fid_mean for one in mixed) / sum(one.divergence for one in mixed) if mixed else None


def yard(results: Results) -> dict[str, Any]:
    """Shares that both recognisers accept, scores of real digits, shares of digits among samples."""
    found = results.yardstick
    ones = [one for one in results.trainings.values() if one.measure]
    if not found or not all(one.analysis for one in ones):
        return {}
    new = next(c for c in found.candidates if c.name == found.used)
    scores = {one.kind: one.digits.fid for one in found.distorted}
    several = {m for m in results.models if len(results.seeds(m)) > 1}
    shares = []
    for one in ones:
        name = one.train.label + (f", seed {one.seed}" if one.model in several else "")
        shares.append(Markdown(f"{percent(full(one.analysis).digit.share)} ({escape(name)})"))
    return {
        "wrongly": new.wrongly,
        "shifted": 1 - found.old.accepted["shifted by 3 pixels"],
        "scale": listing(Markdown(f"{num(scores[k], 2)} {escape(k)}") for k in SCALE if k in scores),
        "digit_shares": listing(shares),
        "ddpms": _span(one for one in ones if one.model in BOTH),
        "zooms": _span(one for one in ones if one.model == "zoom"),
        "zoom_more_digits": _more_digits(ones),
    }


def _span(ones: Iterable[Trained]) -> Markdown:
    """The smallest and the largest share of digits among the samples of some trainings."""
    found = sorted(full(one.analysis).digit.share for one in ones)
    if not found:
        return Markdown("")
    low, high = percent(found[0]), percent(found[-1])
    return low if low == high else Markdown(f"{low} to {high}")


def _more_digits(ones: list[Trained]) -> bool:
    """Every training of the zoom model draws more digits than every DDPM, beyond chance."""
    zoom, ddpms = ([full(o.analysis).digit for o in ones if o.model in of] for of in (("zoom",), BOTH))
    return bool(zoom and ddpms) and min(z.low for z in zoom) > max(d.high for d in ddpms)


def cost(results: Results) -> dict[str, Any]:
    """Quality with few and with many network calls, of the zoom model and both DDPMs, their first seeds."""
    if not analysed(results, "zoom", *BOTH):
        return {}
    zoom = full(results.first("zoom").analysis)
    few, many = {}, {}
    for m in BOTH:
        drawn = [one for one in results.first(m).analysis.drawn if not one.clip_x0]
        cheap = [one for one in drawn if one.calls <= zoom.calls + 1]
        if not cheap:
            return {}
        few[m] = max(cheap, key=lambda one: one.digit.share)
        many[m] = full(results.first(m).analysis)
        few[f"{m} distance"] = min(cheap, key=lambda one: one.digits.fid)
    best = max(BOTH, key=lambda m: few[m].digit.share)
    distances = {m: few.pop(f"{m} distance").digits.fid for m in BOTH}
    improved = [one for one in results.first("zoom").analysis.drawn if one.sampler == "improved"]
    return {
        "calls": zoom.calls,
        "ddpm_calls": max(one.calls for one in many.values()),
        "zoom": zoom.digit.share,
        "cheap": few[best].digit.share,
        "full": many[best].digit.share,
        "cheap_distances": listing(Markdown(f"{num(distances[m])} ({m})") for m in BOTH),
        "full_distances": listing(Markdown(f"{num(many[m].digits.fid)} ({m})") for m in BOTH),
        "improved": num(improved[0].digits.fid) if improved else None,
        "zoom_cheapest": all(zoom.digit.low > few[m].digit.high for m in BOTH),
        "cosine_needs_fewer": distances["linear"] > 1.5 * distances["cosine"]
        and many["linear"].digits.fid < 1.25 * many["cosine"].digits.fid,
        "ddim_fails": all(_ddim_fails(results.first(m).analysis.drawn) for m in BOTH),
        "improved_worse": bool(improved) and improved[0].digits.low > zoom.digits.high,
    }


def _ddim_fails(drawn: list[Drawn]) -> bool:
    """With any number of calls DDIM is further from the data than the ancestral sampler with all of them."""
    ddim = [one.digits.fid for one in drawn if one.sampler == "ddim"]
    ancestral = [one for one in drawn if one.sampler == "ancestral" and not one.clip_x0]
    return bool(ddim and ancestral) and min(ddim) > 2 * max(ancestral, key=lambda one: one.calls).digits.fid


def context(results: Results) -> dict[str, Any]:
    """All of it, by the names that the text uses."""
    found = {"recovered": recovered(results), "response": responses(results), "yard": yard(results)}
    zoom = results.first("zoom").analysis if analysed(results, "zoom") else None
    found |= {"memorised": zoom and zoom.memorised.closer, "yardstick": results.yardstick}
    found |= {"flips": flips(results)}
    return found | {"cost": cost(results)} | mixes(results)
