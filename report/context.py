"""Context of the text: numbers for its placeholders, and what its guards look up."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from diffusion.evaluation.statistics import FEWEST
from diffusion.figures.catalogue import UNPICKED
from diffusion.records import Gap, Results
from diffusion.runtime import read_json
from report import beyond, evidence, glance, ledger, models, tables
from report.claims.common import COMPARABLE
from report.claims.ddpm import lower_levels
from report.effects import MOST_TRAININGS, Effect
from report.estimates import LAST, Case, at_end, coverage, not_recognised
from report.findings import Run, by_loss, class_signs, clipped, common_bias, guards, respaced
from report.study import CITATION, MODELS, STUDY, dataset, deviations
from report.text_format import Markdown, code, escape, fixed, integer, listing, num, percent, sentence, span
from report.verdicts import END_OF_TRAINING, Verdict, tally

__all__ = ["Run", "build", "guards"]

AUTHORS, LICENCE = "The Cold Zoom Diffusion project", "MIT"
EARLY_POINT = 0.2  # of training, where the schedules are compared
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


# --- what placeholders print ---


def build(run: Run, drawn: set[str]) -> dict[str, Any]:
    """Name -> value, or what prints it; `drawn` are the figure files."""
    results, case, found = run.results, run.case, dataset(run.results)
    one = next(iter(results.trainings.values()))
    measure, options = run.ones[0].measure, run.profile.options
    address = options.get("repository", "")
    context = {
        "study": STUDY,
        "profile": run.profile.name,
        "command": f"make retrain PROFILE={run.profile.name}",
        "version": version("cold-zoom-diffusion"),
        "authors_yaml": Markdown(f"  - {escape(options.get('authors', AUTHORS))}"),
        "date": str(options.get("date", "")),
        "licence": LICENCE,
        "repository": str(address),
        "repository_said": Markdown(f"<{address}>" if address else "not yet at an address"),
        "dataset": found,
        "data_citation": Markdown(f"[@{CITATION[name]}]" if (name := _name(results)) in CITATION else ""),
        "data_hashes": data_hashes(results),
        "deviations": deviations(results),
        "subtitle": subtitle(run),
        "models_said": models_said(run),
        "trainings_said": trainings_said(results),
        "seeds_said": seeds_said(results),
        "end_of_training": END_OF_TRAINING,
        "fewest": FEWEST,
        "last_part": Markdown(LAST),
        "network": one.train,
        "parameters_counts": sorted({t.train.parameters_count for t in results.trainings.values()}),
        "learning_rate_course": "held constant"
        if one.train.settings["lr_schedule"] == "constant"
        else "warmed up shortly and then lowered along a cosine",
        "schedules": results.schedules,
        "train": {m: results.first(m).train for m in run.study},
        "last": {m: results.first(m).train.history[-1] for m in run.study},
        "final": {m: case.final(m) for m in run.study},
        "end": {m: _ends(case, m) for m in run.study},
        "swings": {m: case.swing(m) for m in run.study},
        "probes": {m: case[m].train.ddpm or case[m].train.zoom for m in run.study},
        "reference": measure.reference,
        "digits": measure.extractors["digits"],
        "real": measure.real,
        "threshold": measure.real.not_digit.threshold,
        "quality_rule": measure.quality_rule,
        "unread_range": _range(at_end(t.measure, not_recognised).value for t in run.ones),
        "unpicked_count": UNPICKED,
        "respaced": listing(respaced(run)),
        "clipped": listing(clipped(run)),
        "total_seconds": float(sum(map(tables.seconds, results.trainings.values()))),
        "notebooks": listing(Markdown(f"[{escape(n)}](notebooks/{n}.html)") for n in run.notebooks),
        "summary_n": listing(sorted({integer(t.measure.final.n) for t in run.ones})),
        "table_summary": tables.summary(results),
        "table_distances": tables.distances(results),
        "table_measures": tables.measures(results),
        "table_cost": tables.cost(results),
        "table_environment": tables.environment(results),
        "table_parameters": tables.settings(results, lambda one: one.train),
        "table_measuring": tables.settings(results, lambda one: one.measure),
        "table_seeds": tables.seeds(results),
        "further_models": models.further(results, run.further, drawn),
    }
    context |= _of_verdicts(run.verdicts) | _of_schedules(results) | _of_models(run)
    return context | evidence.context(results) | glance.context(results) | beyond.context(run.beyond, results)


def _of_verdicts(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """The ledger, and the number that decides each claim: with its interval, alone, and without its sign."""
    effects = {name: v.effect for name, v in verdicts.items() if v.effect}
    comparable = verdicts["comparable"].each
    return {
        "claims_count": integer(len(verdicts)),
        "tally": tally(verdicts),
        "table_glance": ledger.glance(verdicts),
        "claims_in_full": ledger.claims(verdicts),
        "seeds_parted": seeds_parted(verdicts),
        "effect": {name: e.shown() for name, e in effects.items()},
        "value": {name: e.show(e.value) for name, e in effects.items()},
        "magnitude": {name: e.show(abs(e.value)) for name, e in effects.items()},
        "needed": {name: v.needed or f"more than {MOST_TRAININGS}" for name, v in verdicts.items()},
        "ratios": listing(e.show(e.value) for e in comparable),
        "comparable_within": fixed(COMPARABLE),
    }


def _ends(case: Case, model: str) -> dict[str, float]:
    """Measures of a model at the end of training."""
    return {"unread": case.end(model, not_recognised).value, "coverage": case.end(model, coverage).value}


def _range(shares: Iterable[float]) -> Markdown:
    found = sorted(shares)
    low, high = percent(found[0]), percent(found[-1])
    return low if low == high else Markdown(f"{low} to {high}")


def _of_schedules(results: Results) -> dict[str, Any]:
    if results.schedules is None:
        return {}
    linear = results.schedules.linear
    beta, left = linear.beta[-1], 1 - linear.alpha_bar[-1]
    return {
        "table_schedules": tables.schedules(results),
        "posterior": {"posterior": beta / left**0.5, "inverted": beta**0.5},
    }


def _of_models(run: Run) -> dict[str, Any]:
    """Values that only some models of the study have."""
    results, case, out = run.results, run.case, {}
    if run.has("linear"):
        out["rate"] = case["linear"].train.ddpm.learning_rate_check
    if run.has("linear", "cosine"):
        out |= _of_ddpms(run)
    float32 = {m: found for m in run.study if (found := case[m].measure.ablations.float32)}
    gaps = {m: f.gap.digits for m, f in float32.items()}
    out["float32_gaps"] = listing(
        Markdown(f"{span(g.mean, g.low, g.high, 2)} ({m})") for m, g in gaps.items()
    )
    if run.has("zoom"):
        trainings = [results.trainings["zoom", seed] for seed in results.seeds("zoom")]
        swings = [Case(results, {"zoom": one}).swing("zoom") for one in trainings]
        names, (favoured, rare) = dataset(results).classes, common_bias(results)
        signs = class_signs(results, "zoom", sure=False)
        up, down = (np.flatnonzero((signs == sign).all(axis=0)) for sign in (1, -1))
        out |= {
            "favoured": listing(names[c] for c in favoured),
            "rare": listing(names[c] for c in rare),
            "leaning_up": listing(names[c] for c in up if c not in favoured),
            "leaning_down": listing(names[c] for c in down if c not in rare),
            "swing_all": {"low": min(s.low for s in swings), "high": max(s.high for s in swings)},
            "last_distances": listing(num(one.measure.final.digits.fid) for one in trainings),
            "loss_correlations": listing(fixed(by_loss(one) or 0.0) for one in trainings),
            "prior": case["zoom"].measure.ablations.prior,
        }
    return out


def _of_ddpms(run: Run) -> dict[str, Any]:
    """The two DDPMs side by side: early in training, and without and with clipping."""
    case, pair = run.case, ("linear", "cosine")
    rows = {m: {row.epoch: row for row in case[m].measure.curve} for m in pair}
    begin = EARLY_POINT * case["linear"].train.epochs
    epoch = min(rows["linear"].keys() & rows["cosine"].keys(), key=lambda e: abs(e - begin))
    out = {
        "lower_levels": listing(fixed(level) for level in lower_levels(case)),
        "early": {"epoch": epoch} | {m: rows[m][epoch].digits.fid for m in pair},
        "stray": {m: rows[m][epoch].border.sd for m in pair},
    }
    if all(case[m].measure.ablations.clipping for m in pair):
        gaps = {m: case[m].measure.ablations.clipping.gap for m in pair}
        out["table_clipping"] = tables.clipping(run.results, pair)
        out["gap"] = {
            m: {"grey": _gap(g.background, partial(fixed, decimals=3)), "distance": _gap(g.digits, fixed)}
            for m, g in gaps.items()
        }
    return out


def _gap(gap: Gap, show: Callable[[float], Markdown]) -> Markdown:
    return Effect("", gap.mean, gap.low, gap.high, show=show).shown()


def data_hashes(results: Results) -> Markdown:
    """The data's identity: the beginning of the SHA-256 of images and labels."""
    path = results.out / next(iter(results.trainings.values())).train.run / "run.json"
    if not path.is_file():
        return Markdown("")
    found = read_json(path).get("data", {})
    named = listing(Markdown(f"{code(value[:16])}… ({split})") for split, value in found.items() if value)
    return Markdown(f"SHA-256 of images and labels: {named}.")


def _name(results: Results) -> str:
    return next(iter(results.trainings.values())).train.settings.get("dataset", "mnist")


def models_said(run: Run) -> Markdown:
    """The models of the run, counted: a phrase after "with"."""
    words = []
    if ddpms := [m for m in run.study if m != "zoom"]:
        words.append(
            f"{NUMBERS[len(ddpms)]} DDPM{'s' if len(ddpms) > 1 else ''} ({listing(ddpms)} noise schedule)"
        )
    if run.has("zoom"):
        words.append("the zoom model")
    if run.further:
        n, labels = len(run.further), [run.results.first(m).train.label for m in run.further]
        count = NUMBERS[n] if n < len(NUMBERS) else integer(n)
        words.append(
            f"{count} {'further ' if run.study else ''}model{'s' if n > 1 else ''} ({listing(labels)})"
        )
    return listing(map(Markdown, words))


def subtitle(run: Run) -> Markdown:
    if run.has(*MODELS) and not run.further:
        words = "Two denoising diffusion models and a deterministic zoom"
    else:
        words = sentence(models_said(run))[:-1]
    return Markdown(f"{words} on {escape(dataset(run.results).title)}, trained anew and measured")


def trainings_said(results: Results) -> Markdown:
    """The number of trainings of each model, in words."""
    counts = {m: len(results.seeds(m)) for m in results.models}
    words = {1: "once", 2: "twice"}
    groups: dict[str, list[str]] = {}
    for model, n in counts.items():
        groups.setdefault(words.get(n, f"{integer(n)} times"), []).append(model)
    return listing(Markdown(f"{listing(models)} {times}") for times, models in groups.items())


def seeds_said(results: Results) -> Markdown:
    several = [m for m in results.models if len(results.seeds(m)) > 1]
    return listing(Markdown(f"{escape(m)} with {listing(results.seeds(m))}") for m in several)


def seeds_parted(verdicts: Mapping[str, Verdict]) -> Markdown:
    """A sentence on the claims on which trainings contradict each other."""
    parted = [n for n, v in enumerate(verdicts.values(), 1) if v.parted]
    if not any(v.trainings for v in verdicts.values()):
        return Markdown("")
    if not parted:
        return Markdown("On no claim do the trainings contradict each other (@tbl:claims).")
    many = len(parted) > 1
    text = f"On claim{'s' if many else ''} {listing(parted)} of @tbl:claims the trainings differ"
    return Markdown(f"{text}, and {'they stay' if many else 'it stays'} undecided.")
