"""Values of a run that the text names, in placeholders and in conditions; what the run lacks is not there.

Models, claims and changes beyond the study are reached by their own names: `final.zoom.border.sd`,
`verdict.comparable`, `beyond.zoom_unet.ways.mixture.coverage`.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from diffusion.data import DATASETS
from diffusion.evaluation.samples import QUALITY_RULE
from diffusion.evaluation.statistics import FEWEST
from diffusion.files import read_json
from report import beyond, front, tables
from report.claims.common import COMPARABLE
from report.claims.ddpm import EARLY
from report.claims.looks import full
from report.claims.schedules import recovered
from report.study import DDPMS, MODELS, STUDIED, dataset, deviations, measured, other_data
from report.study import trainings as trainings_of
from report.text_format import NUMBERS, Markdown, code, escape, integer, listing, num, percent, sentence
from report.verdicts import table
from report.verdicts.case import LAST, Case, at_end, classes, coverage, distance, late, low_confidence, swing
from report.verdicts.effects import MOST_TRAININGS
from report.verdicts.judge import END_OF_TRAINING, FAILS, WORDS, Verdict, tally
from study.figures.catalogue import UNPICKED, class_ratios
from study.probes import SHIFT
from study.records import SETTLED, Drawn, Results, Trained, sampling_of
from study.settings import Profile

AUTHORS, LICENCE = "The Cold Zoom Diffusion project", "MIT"
EARLY_POINT = 0.2  # of training, where the schedules are compared
STITCHED = "two digits stitched"
SCALE = ("shifted by 3 pixels", "blurred by 1 pixel", STITCHED, "on 20 % grey")  # of distances


def build(
    results: Results,
    profile: Profile,
    verdicts: Mapping[str, Verdict],
    notebooks: Sequence[str] = (),
    drawn: Iterable[str] = (),
) -> dict[str, Any]:
    """All values of a run.

    Args:
        notebooks: names of its executed notebooks.
        drawn: names of the figure files.

    Raises:
        ValueError: no training of it is measured.
    """
    if not any(one.measure for one in results.trainings.values()):
        raise ValueError(f"{results.out} has no training that is measured; `make report` measures them")
    models = measured(results)
    case = Case(results, {m: results.first(m) for m in models})
    zooms = trainings_of(results, "zoom") if "zoom" in models else []
    analyses = {m: case[m].analysis for m in models if case[m].analysis}
    return (
        _run(results, profile, models, notebooks, set(drawn))
        | _measures(results, models)
        | _claims(verdicts)
        | _models(case, models)
        | (_checkpoints(case) if {*DDPMS} <= {*models} else {"early": {}, "along": {}, "clipping": {}})
        | _zooms(results, zooms)
        | _analyses(results, analyses, zooms)
        | beyond.values(beyond.load(str(profile.options.get("beyond", ""))))
    )


# --- the run ---


def _run(
    results: Results, profile: Profile, models: list[str], notebooks: Sequence[str], drawn: set[str]
) -> dict[str, Any]:
    """What was run, by what, on what data, and how it departs from the study."""
    one, data, options = next(iter(results.trainings.values())).train, dataset(results), profile.options
    address, known = options.get("repository", ""), DATASETS.get(one.settings.get("dataset"))
    further = [m for m in results.models if m not in models]
    return {
        "study": STUDIED["zoom"],
        "profile": profile.name,
        "command": f"make retrain PROFILE={profile.name}",
        "version": version("cold-zoom-diffusion"),
        "authors_yaml": Markdown(f"  - {escape(options.get('authors', AUTHORS))}"),
        "date": str(options.get("date", "")),
        "licence": LICENCE,
        "repository": str(address),
        "repository_said": Markdown(f"<{address}>" if address else "not yet at an address"),
        "dataset": data,
        "other_data": other_data(results),
        "data_citation": Markdown(f"[@{known.citation}]" if known else ""),
        "data_hashes": data_hashes(results),
        "deviations": deviations(results),
        "subtitle": subtitle(results, models, further),
        "models_said": models_said(results, models, further),
        "trainings_said": trainings_said(results),
        "seeds_said": seeds_said(results),
        "network": one,
        "parameters_counts": sorted({t.train.parameters_count for t in results.trainings.values()}),
        "learning_rate_course": "held constant"
        if one.settings["lr_schedule"] == "constant"
        else "warmed up shortly and then lowered along a cosine",
        "respaced": respaced(results),
        "total_seconds": float(sum(map(tables.seconds, results.trainings.values()))),
        "notebooks": [Markdown(f"[{escape(n)}](notebooks/{n}.html)") for n in notebooks],
        "further_models": front.further(results, further, drawn),
        **front.values(results),
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


def models_said(results: Results, models: list[str], further: list[str]) -> Markdown:
    """The models of the run, counted: a phrase after "with"."""
    words = []
    if ddpms := [m for m in models if m != "zoom"]:
        plural = "s" if len(ddpms) > 1 else ""
        words.append(f"{NUMBERS[len(ddpms)]} DDPM{plural} ({listing(ddpms)} noise schedule)")
    if "zoom" in models:
        words.append("the zoom model")
    if further:
        n, labels = len(further), [results.first(m).train.label for m in further]
        count = NUMBERS[n] if n < len(NUMBERS) else integer(n)
        kind = f"{'further ' if models else ''}model{'s' if n > 1 else ''}"
        words.append(f"{count} {kind} ({listing(labels)})")
    return listing(map(Markdown, words))


def subtitle(results: Results, models: list[str], further: list[str]) -> Markdown:
    words = "Two DDPMs and a deterministic zoom"
    if further or len(models) < len(MODELS):
        words = sentence(models_said(results, models, further))[:-1]
    return Markdown(f"{words} on {escape(dataset(results).title)}, trained anew and measured")


def trainings_said(results: Results) -> Markdown:
    """The number of trainings of each model, in words."""
    words, groups = {1: "once", 2: "twice"}, {}
    for model in results.models:
        n = len(results.seeds(model))
        groups.setdefault(words.get(n, f"{integer(n)} times"), []).append(model)
    return listing(Markdown(f"{listing(models)} {times}") for times, models in groups.items())


def seeds_said(results: Results) -> list[Markdown]:
    several = [m for m in results.models if len(results.seeds(m)) > 1]
    return [Markdown(f"{escape(m)} with {listing(results.seeds(m))}") for m in several]


def respaced(results: Results) -> list[Markdown]:
    """The models that are sampled in fewer steps than they are trained for."""
    drawn = {m: results.first(m).train.settings for m in results.models}
    steps = {m: n for m, s in drawn.items() if (n := sampling_of(s)["steps"]) not in (None, s["T"])}
    return [Markdown(f"{integer(n)} for the {escape(m)} model") for m, n in steps.items()]


# --- measures and claims ---


def _measures(results: Results, models: list[str]) -> dict[str, Any]:
    """How it was measured, and the tables."""
    ones = [one.measure for one in results.trainings.values() if one.measure]
    measure, schedules = ones[0], results.schedules
    found = {
        "end_of_training": END_OF_TRAINING,
        "fewest": FEWEST,
        "last_part": Markdown(LAST),
        "reference": measure.reference,
        "classifier": measure.classifier,
        "inception": any(one.inception.available for one in ones),
        "real": measure.real,
        "quality_rule": QUALITY_RULE,
        "low_confidence_all": [at_end(one, low_confidence).value for one in ones],
        "unpicked_count": UNPICKED,
        "checkpoint_n": measure.settings["n_checkpoint"],
        "settled": percent(SETTLED),
        "summary_n": listing(sorted({one.final.n for one in ones})),
        "schedules": schedules,
        "class_ratios": class_ratios(results),
        "table_parameters": tables.settings(results, lambda one: one.train),
        "table_measuring": tables.settings(results, lambda one: one.measure),
        "table_summary": tables.summary(results),
        "table_distances": tables.distances(results),
        "table_measures": tables.measures(results),
        "table_cost": tables.cost(results),
        "table_environment": tables.environment(results),
        "table_seeds": tables.seeds(results),
    }
    if schedules:
        beta, left = schedules.linear.beta[-1], 1 - schedules.linear.alpha_bar[-1]
        found |= {
            "table_schedules": tables.schedules(results),
            "posterior": {"posterior": beta / left**0.5, "inverted": beta**0.5},
        }
    return found


def _claims(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
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
        "verdict": {name: WORDS.get(v.verdict, v.verdict) for name, v in verdicts.items()},
        "effect": {name: e.shown() for name, e in effects.items()},
        "value": {name: e.show(e.interval.value) for name, e in effects.items()},
        "magnitude": {name: e.show(abs(e.interval.value)) for name, e in effects.items()},
        "needed": {name: v.needed or f"more than {MOST_TRAININGS}" for name, v in verdicts.items()},
        "ratios": [e.interval.value for e in verdicts["comparable"].each],
        "comparable_within": COMPARABLE,
    }


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


# --- the study's models, by name: the first training of each ---


def _models(case: Case, models: list[str]) -> dict[str, Any]:
    train = {m: case[m].train for m in models}
    return {
        "train": train,
        "last": {m: one.history[-1] for m, one in train.items()},
        "losses": {
            m: {
                split: [getattr(line, f"{split}_loss") for line in one.history] for split in ("train", "test")
            }
            for m, one in train.items()
        },
        "final": {m: case.final(m) for m in models},
        "late": {m: late(case[m].measure, distance) for m in models},
        "low_confidence": {m: case.end(m, low_confidence).value for m in models},
        "coverage": {m: case.end(m, coverage).value for m in models},
        "swings": {m: swing(case[m].measure) for m in models},
        "rate": train["linear"].ddpm.learning_rate_check if "linear" in train else None,
        "probes": {m: one.ddpm or one.zoom for m, one in train.items()},
        "ablations": (ablations := {m: case[m].measure.ablations for m in models}),
        "float32": {m: one.float32.gap.frechet for m, one in ablations.items() if one.float32},
        "study_steps": _steps(train["linear"].settings) if "linear" in train else None,
        "follows_mix": {m: by_distance(case[m], lambda row: row.classes.divergence.value) for m in models},
    }


def _steps(settings: Mapping[str, Any]) -> int:
    return sampling_of(settings)["steps"] or settings["T"]


def by_distance(one: Trained, value: Any) -> float:
    """The correlation of a value with the distance after the first third of training; 0 on few points."""
    rows = [row for row in one.measure.curve if row.epoch > one.train.epochs / 3]
    values = [(row.frechet.value, value(row)) for row in rows]
    known = len(rows) >= 10 and np.std(values, axis=0).all()
    return float(np.corrcoef(values, rowvar=False)[0, 1]) if known else 0.0


def _checkpoints(case: Case) -> dict[str, Any]:
    """Both DDPMs at their common checkpoints: `along` has all of these, `early` one near the beginning."""
    rows = {m: {row.epoch: row for row in case[m].measure.curve} for m in DDPMS}
    epochs = [epoch for epoch in rows["linear"] if epoch in rows["cosine"]]
    begin = EARLY_POINT * case["linear"].train.epochs
    epoch = min(epochs, key=lambda e: abs(e - begin))
    ahead = [rows["cosine"][e].frechet.value < rows["linear"][e].frechet.value for e in epochs]
    quarter = sum(e <= EARLY * max(rows["linear"]) for e in epochs)
    common = [case[m].train.ddpm.common_loss for m in DDPMS]
    by_level = sorted(zip(common[0].levels, *(one.by_level for one in common), strict=True))
    clipping = {m: case[m].measure.ablations.clipping for m in DDPMS}
    found = {
        "early": {"epoch": epoch} | {m: rows[m][epoch] for m in DDPMS},
        "along": {
            "ahead": ahead[:quarter],
            "ahead_later": ahead[quarter:],
            "border": {m: [rows[m][e].border.sd for e in epochs] for m in DDPMS},
            "levels_ahead": [cosine < linear for _, linear, cosine in by_level],
        },
        "clipping": clipping if all(clipping.values()) else {},
    }
    if found["clipping"]:
        found["table_clipping"] = tables.clipping(case.results, DDPMS)
    return found


# --- the zoom model, all its trainings ---


def _zooms(results: Results, zooms: list[Trained]) -> dict[str, Any]:
    swings, ones = [swing(one.measure) for one in zooms], results.trainings.values()
    names, sure, leaning = dataset(results).classes, class_signs(zooms, True), class_signs(zooms, False)
    losses = [{line.epoch: line.test_loss for line in one.train.history} for one in zooms]

    def of(mask: np.ndarray) -> list[str]:
        return [names[c] for c in np.flatnonzero(mask)]

    return {
        "favoured": of(favoured := (sure == 1).all(axis=0)),
        "rare": of(rare := (sure == -1).all(axis=0)),
        "leaning_up": of((leaning == 1).all(axis=0) & ~favoured),
        "leaning_down": of((leaning == -1).all(axis=0) & ~rare),
        "swing_all": {
            "low": min((s.low for s in swings), default=None),
            "high": max((s.high for s in swings), default=None),
        },
        "last_distances": [one.measure.final.frechet.value for one in zooms],
        "late_means": [np.mean([row.frechet.value for row in one.measure.late()]) for one in zooms],
        "late_divergences": [row.classes.divergence.value for one in zooms for row in one.measure.late()],
        "late_distances": [row.frechet.value for one in ones if one.measure for row in one.measure.late()],
        "loss_correlations": [
            by_distance(one, lambda row, known=known: known[row.epoch])
            for one, known in zip(zooms, losses, strict=True)
        ],
    }


def class_signs(ones: Sequence[Trained], sure: bool) -> np.ndarray:
    """1 where a class is commoner than in real images at the end of training, -1 where rarer, else 0.

    (trainings, 10). If `sure`, by the 95 % interval; else by a fifth of its real share.
    """
    signs = np.zeros((max(len(ones), 1), 10), int)
    for i, measure in enumerate(one.measure for one in ones):
        for c, real in enumerate(measure.real.recognised.share):
            end = at_end(measure, classes((c,)))
            low, high = (end.low, end.high) if sure else ((end.value or 0) / 1.2, (end.value or 0) * 1.2)
            signs[i, c] = (low > real) - (high < real)
    return signs


# --- analyses of finished models ---


def _analyses(results: Results, found: Mapping[str, Any], zooms: list[Trained]) -> dict[str, Any]:
    ddpms = {m: found[m] for m in DDPMS if m in found}
    if len(ddpms) < len(DDPMS):
        ddpms = {}
    response = {m: one.response for m, one in ddpms.items() if one.response}
    early = results.schedules and {m: recovered(results, m, results.schedules.early.t) for m in ddpms}
    return {
        "recovered": early if early and all(early.values()) else {},
        "response": response and {"t": response["linear"].t[0], "shift": SHIFT} | response,
        "memorised": found["zoom"].memorised if "zoom" in found else None,
        "study_digits": [
            full(one.analysis).digit.value
            for one in results.trainings.values()
            if one.analysis and one.model in MODELS
        ],
        "mix": _mix(results, zooms),
        "yardstick": _yardstick(results),
        "cost": _cost(results, {"zoom": found["zoom"]} | ddpms) if "zoom" in found and ddpms else {},
    }


def _mix(results: Results, zooms: list[Trained]) -> dict[str, Any]:
    """Distances of samples before and after weighting them to the classes of the data."""
    if not zooms or not all(one.analysis for one in zooms):
        return {}
    found = [(one.model, one.analysis.mix) for one in results.trainings.values() if one.analysis]
    real = results.yardstick.mixed if results.yardstick else []
    return {
        "zooms": [one.analysis.mix for one in zooms],
        "all": [(model, mix.reweighted) for model, mix in found],
        "all_distances": [mix.reweighted.value for _, mix in found],
        # of real images whose classes are mixed otherwise
        "per_nat": sum(one.frechet for one in real) / sum(one.divergence for one in real) if real else None,
    }


def _yardstick(results: Results) -> dict[str, Any]:
    """Shares that both recognisers accept, scores of real digits, shares of digits among samples."""
    found, ones = results.yardstick, tables.measured(results)
    if not found or not all(one.analysis for _, one in ones):
        return {}
    scores = {one.kind: one.frechet for one in found.distorted}
    used = next(c for c in found.candidates if c.name == found.used)
    return {
        "candidates": len(found.candidates),
        "wrongly": used.wrongly,
        "stitched": used.accepted[STITCHED],
        "kinds": NUMBERS[len(found.no_digits)],
        "shifted": 1 - found.old["shifted by 3 pixels"],
        "scale": listing(
            Markdown(f"{escape(kind.replace(' %', '%'))} {num(scores[kind], 2)}")
            for kind in SCALE
            if kind in scores
        ),
        "all": [(name, full(one.analysis).digit.value) for name, one in ones],
        "ddpms": [full(one.analysis).digit for _, one in ones if one.model in DDPMS],
        "zooms": [full(one.analysis).digit for _, one in ones if one.model == "zoom"],
    }


def _cost(results: Results, analyses: Mapping[str, Any]) -> dict[str, Any]:
    """Quality with few and with many network calls, of the zoom model and both DDPMs, their first seeds."""
    drawn = {m: one.drawn for m, one in analyses.items()}
    zoom, many = full(analyses["zoom"]), {m: full(analyses[m]) for m in DDPMS}
    few = {m: [one for one in drawn[m] if not one.clip_x0 and one.calls <= zoom.calls + 1] for m in DDPMS}
    if not all(few.values()):
        return {}
    digit = {m: max((one.digit for one in few[m]), key=lambda digit: digit.value) for m in DDPMS}
    better = max(DDPMS, key=lambda m: digit[m].value)

    def with_(model: str, sampler: str) -> list[Drawn]:
        return [one for one in drawn[model] if one.sampler == sampler and not one.clip_x0]

    return {
        "calls": zoom.calls,
        "n": analyses["zoom"].settings["n_way"],
        "ddpm_n": analyses["linear"].settings["n_way"],
        "better": better,
        "ddpm_calls": max(one.calls for one in many.values()),
        "zoom": zoom,
        "digit": digit,
        "full": many,
        "distance": {m: min(one.frechet.value for one in few[m]) for m in DDPMS},
        "ddim": {m: [one.frechet.value for one in with_(m, "ddim")] for m in DDPMS},
        "ancestral": {
            m: max(rows, key=lambda one: one.calls) for m in DDPMS if (rows := with_(m, "ancestral"))
        },
        "full_distances": {m: one.frechet.value for m, one in many.items()},
        "improved": next(iter(with_("zoom", "improved")), None),
    }
