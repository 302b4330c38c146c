"""Context of the text: numbers for its placeholders."""

from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from diffusion.data import DATASETS
from diffusion.evaluation.samples import QUALITY_RULE
from diffusion.evaluation.statistics import FEWEST
from diffusion.files import read_json
from report import beyond, glance, models, tables
from report.claims.common import COMPARABLE, two
from report.claims.ddpm import EARLY, curves
from report.findings import Run, by_loss, class_signs, clipped, common_bias, respaced
from report.study import DDPMS, MODELS, STUDIED, dataset, deviations
from report.text_format import (
    NUMBERS,
    Markdown,
    code,
    escape,
    fixed,
    integer,
    interval,
    listing,
    num,
    percent,
    percent_range,
    sentence,
)
from report.verdicts import table
from report.verdicts.case import LAST, at_end, coverage, low_confidence, swing
from report.verdicts.effects import MOST_TRAININGS
from report.verdicts.judge import END_OF_TRAINING, FAILS, Verdict, tally
from study.figures.catalogue import UNPICKED
from study.records import SETTLED, Results

AUTHORS, LICENCE = "The Cold Zoom Diffusion project", "MIT"
EARLY_POINT = 0.2  # of training, where the schedules are compared


def build(run: Run, drawn: set[str]) -> dict[str, Any]:
    """Name -> value, or what prints it; `drawn` are the figure files."""
    results, case = run.results, run.case
    one, measure = next(iter(results.trainings.values())), run.ones[0].measure
    data, options = dataset(results), run.profile.options
    address, known = options.get("repository", ""), DATASETS.get(one.train.settings.get("dataset"))
    context = {
        "study": STUDIED["zoom"],
        "profile": run.profile.name,
        "command": f"make retrain PROFILE={run.profile.name}",
        "version": version("cold-zoom-diffusion"),
        "authors_yaml": Markdown(f"  - {escape(options.get('authors', AUTHORS))}"),
        "date": str(options.get("date", "")),
        "licence": LICENCE,
        "repository": str(address),
        "repository_said": Markdown(f"<{address}>" if address else "not yet at an address"),
        "dataset": data,
        "data_citation": Markdown(f"[@{known.citation}]" if known else ""),
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
        "train": {m: case[m].train for m in run.study},
        "last": {m: case[m].train.history[-1] for m in run.study},
        "final": {m: case.final(m) for m in run.study},
        "unread": {m: case.end(m, low_confidence).value for m in run.study},
        "coverage": {m: case.end(m, coverage).value for m in run.study},
        "swings": {m: swing(case[m].measure) for m in run.study},
        "probes": {m: case[m].train.ddpm or case[m].train.zoom for m in run.study},
        "reference": measure.reference,
        "classifier": measure.classifier,
        "real": measure.real,
        "threshold": measure.real.threshold,
        "quality_rule": QUALITY_RULE,
        "unread_range": percent_range(at_end(t.measure, low_confidence).value for t in run.ones),
        "unpicked_count": UNPICKED,
        "checkpoint_n": measure.settings["n_samples"],
        "settled": percent(SETTLED),
        "respaced": listing(respaced(run)),
        "clipped": listing(clipped(run)),
        "total_seconds": float(sum(map(tables.seconds, results.trainings.values()))),
        "notebooks": listing(Markdown(f"[{escape(n)}](notebooks/{n}.html)") for n in run.notebooks),
        "summary_n": listing(sorted({t.measure.final.n for t in run.ones})),
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
    context |= _of_verdicts(run.verdicts) | _of_schedules(results) | _of_ddpms(run) | _of_zoom(run)
    context |= run.evidence | glance.context(results) | beyond.context(run.beyond, results)
    gaps = {m: found.gap.frechet for m in run.study if (found := case[m].measure.ablations.float32)}
    shown = (f"{gap.shown(two)} ({m})" for m, gap in gaps.items())
    return context | {"float32_gaps": listing(map(Markdown, shown))}


def _of_verdicts(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """The ledger, and the number that decides each claim: with its interval, alone, and without its sign."""
    effects = {name: v.effect for name, v in verdicts.items() if v.effect}
    changed = [v for v in verdicts.values() if v.claim.changed]
    return {
        "claims_count": integer(len(verdicts)),
        "changed_count": integer(len(changed)),
        "changed_fails": integer(sum(v.verdict == FAILS for v in changed)),
        "tally": tally(verdicts),
        "table_glance": table.glance(verdicts),
        "claims_in_full": table.claims(verdicts),
        "seeds_parted": seeds_parted(verdicts),
        "effect": {name: e.shown() for name, e in effects.items()},
        "value": {name: e.show(e.interval.value) for name, e in effects.items()},
        "magnitude": {name: e.show(abs(e.interval.value)) for name, e in effects.items()},
        "needed": {name: v.needed or f"more than {MOST_TRAININGS}" for name, v in verdicts.items()},
        "ratios": listing(e.show(e.interval.value) for e in verdicts["comparable"].each),
        "comparable_within": fixed(COMPARABLE),
    }


def _of_schedules(results: Results) -> dict[str, Any]:
    if results.schedules is None:
        return {}
    linear = results.schedules.linear
    beta, left = linear.beta[-1], 1 - linear.alpha_bar[-1]
    return {
        "table_schedules": tables.schedules(results),
        "posterior": {"posterior": beta / left**0.5, "inverted": beta**0.5},
    }


def _of_ddpms(run: Run) -> dict[str, Any]:
    """The two DDPMs side by side: early in training, and without and with clipping."""
    case, out = run.case, {}
    if run.has("linear"):
        out["rate"] = case["linear"].train.ddpm.learning_rate_check
    if not run.has(*DDPMS):
        return out
    rows = {m: {row.epoch: row for row in case[m].measure.curve} for m in DDPMS}
    begin = EARLY_POINT * case["linear"].train.epochs
    epoch = min(rows["linear"].keys() & rows["cosine"].keys(), key=lambda e: abs(e - begin))
    later = [c < n for _, c, n in curves(case)[len(curves(case, EARLY)) :]]
    out |= {
        "later_wins": f"{sum(later)} of {len(later)}",
        "early": {"epoch": epoch} | {m: rows[m][epoch].frechet.value for m in DDPMS},
        "stray": {m: rows[m][epoch].border.sd for m in DDPMS},
    }
    clipping = {m: case[m].measure.ablations.clipping for m in DDPMS}
    if all(clipping.values()):
        out["table_clipping"] = tables.clipping(run.results, DDPMS)
        grey, distance = clipping["linear"].gap.background, clipping["linear"].gap.frechet
        out["clipping_grey"] = interval(*grey.ends, partial(fixed, decimals=3))
        out["clipping_distance"] = interval(*distance.ends, fixed)
    return out


def _of_zoom(run: Run) -> dict[str, Any]:
    """Digits that the zoom's trainings favour, and swings of their distance."""
    if not run.zooms:
        return {}
    swings = [swing(one.measure) for one in run.zooms]
    names, (favoured, rare) = dataset(run.results).classes, common_bias(run.zooms)
    signs = class_signs(run.zooms, sure=False)
    up, down = (np.flatnonzero((signs == sign).all(axis=0)) for sign in (1, -1))
    return {
        "favoured": listing(names[c] for c in favoured),
        "rare": listing(names[c] for c in rare),
        "leaning_up": listing(names[c] for c in up if c not in favoured),
        "leaning_down": listing(names[c] for c in down if c not in rare),
        "swing_all": {"low": min(s.low for s in swings), "high": max(s.high for s in swings)},
        "last_distances": listing(num(one.measure.final.frechet.value) for one in run.zooms),
        "loss_correlations": listing(fixed(by_loss(one)) for one in run.zooms),
    }


def data_hashes(results: Results) -> Markdown:
    """The data's identity: the beginning of the SHA-256 of images and labels."""
    path = results.out / next(iter(results.trainings.values())).train.run / "run.json"
    if not path.is_file():
        return Markdown("")
    data = read_json(path)["identity"]["data"]
    found = {split: data[split] for split in ("train", "test") if data[split]}
    named = listing(Markdown(f"{code(value[:16])}… ({split})") for split, value in found.items())
    return Markdown(f"SHA-256 of images and labels: {named}.")


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
        words = "Two DDPMs and a deterministic zoom"
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
