"""Values of a run that the text names, in placeholders and in conditions; what the run lacks is not there.

Models, claims and changes beyond the study are reached by their own names: `final.zoom.border.sd`,
`verdict.comparable`, `beyond.zoom_unet.ways.mixture.coverage`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from diffusion.evaluation.statistics import FEWEST
from diffusion.files import read_json
from report import beyond, front, original, own, starts, tables
from report.claims.ddpm import EARLY, recovered
from report.claims.samples import COMPARABLE
from report.sources import counted, defined, derived, known, mean, reading
from report.study import DDPMS, END_OF_TRAINING, MODELS, complete, dataset, deviations, measured
from report.study import trainings as trainings_of
from report.text_format import (
    NUMBERS,
    Markdown,
    bibtex,
    code,
    duration,
    escape,
    integer,
    listing,
    num,
    percent,
)
from report.verdicts import table
from report.verdicts.case import (
    LAST,
    Case,
    at_end,
    coverage,
    distance,
    full,
    late,
    low_confidence,
    swing,
)
from report.verdicts.judge import WORDS, Verdict, tally
from study.blind import Blind
from study.drift import Level
from study.figures.catalogue import UNPICKED
from study.records import (
    SETTLED,
    AnalyseRecord,
    MeasureRecord,
    Results,
    Trained,
    YardstickRecord,
    sampling_of,
)
from study.settings import Profile

AUTHORS, LICENCE, PROJECT = "The Cold Zoom Diffusion project", "MIT", "cold-zoom-diffusion"
VERIFIED = "verified.txt"  # the table of `make verify`, where one was made
CITATION = Path(__file__).resolve().parents[1] / "CITATION.cff"
EARLY_POINT = 0.2  # of training, where the schedules are compared
SHIFTED, STITCHED, BLURRED = "shifted by 3 pixels", "two digits stitched", "blurred by 1 pixel"
MIXED = 0.1  # nats of divergence: real digits with other class shares, beside shifted ones
SCALE = (SHIFTED, BLURRED, STITCHED, "on 20 % grey")  # of distances


def common(
    results: Results,
    profile: Profile,
    notebooks: Sequence[str] = (),
) -> dict[str, Any]:
    """Values that the report of any run names.

    Args:
        notebooks: names of its executed notebooks.
    """
    path, options = Path(profile.where), profile.options
    author, date, number = options.get("authors", AUTHORS), str(options.get("date", "")), version(PROJECT)
    cited = {"title": _project()["title"], "author": author, "year": date[:4]}
    return {
        "citation": bibtex("coldzoom", **cited, note=f"Version {number}", url=repository()),
        "profile": profile.name,
        "profile_file": profile.name if path.parent.name == "profiles" else path.name,
        "failed": [],
        "version": number,
        "edition": number,  # of the report
        "authors_yaml": Markdown(f"  - {escape(author)}"),
        "date": date,
        "licence": LICENCE,
        "repository": repository(),
        "facts": facts(results),
        "lies_beside": lies_beside(results, notebooks),
        "dataset": dataset(results),
        "notebooks": [Markdown(f"[{escape(n)}](notebooks/{n}.html)") for n in notebooks],
        "play": Markdown(front.PLAY.name) if front.played() else None,
        "play_picture": Markdown(f"figures/{front.PLAY_PICTURE}"),
    }


def facts(results: Results) -> Markdown:
    """By which code, versions and precision the trainings were made, and what they took, for the title."""
    ones = list(results.trainings.values())

    def each(key: str) -> str:
        return ", ".join(dict.fromkeys(str(one.train.environment.get(key, "unknown")) for one in ones))

    plural = "s" if ", " in each("commit") else ""
    of = f"Trained by commit{plural} {each('commit')}, Python {each('python')}, torch {each('torch')}"
    return Markdown(f"{of}, {each('precision')}, in {duration(sum(map(tables.seconds, ones)))}")


def lies_beside(results: Results, notebooks: Sequence[str]) -> Markdown:
    """Links to what lies beside the page, for the title."""
    known = {"PDF": "report.pdf"} | ({"Notebooks": f"notebooks/{notebooks[0]}.html"} if notebooks else {})
    known |= {"Numbers and their records": "numbers.json", "Models": "table.json"}
    known |= {"Claims": "ledger.json"} if {*results.models} - {*own.models(results)} else {}
    known |= {"What was verified": VERIFIED} if (results.out / VERIFIED).is_file() else {}
    return Markdown(" · ".join(f"[{name}]({file})" for name, file in known.items()))


def repository() -> str:
    """The address of the project's repository, from CITATION.cff; empty until there is one."""
    return _project().get("repository-code", "")


def _project() -> dict[str, Any]:
    return yaml.safe_load(CITATION.read_text(encoding="utf-8"))


def build(
    results: Results,
    profile: Profile,
    verdicts: Mapping[str, Verdict],
    notebooks: Sequence[str] = (),
    drawn: Iterable[str] = (),
) -> dict[str, Any]:
    """All values of the study, or of a released run with a linear DDPM and a zoom model.

    Args:
        results: with those of the other runs (`beyond.with_others`).
        notebooks: names of its executed notebooks.
        drawn: names of the figure files.
    """
    models = measured(results)
    case = Case(results, {m: results.first(m) for m in models})
    zooms = trainings_of(results, "zoom")
    whole = complete(results)
    return (
        common(results, profile, notebooks)
        | _run(results, models, set(drawn))
        | _measures(results)
        | _claims(verdicts)
        | _models(case, models)
        | _zooms(results, zooms)
        | _trainings({m: trainings_of(results, m) for m in models})
        | {"whole": whole, "early": {}, "along": {}, "clipping": {}}
        | {"recovered": {}, "reads": {}, "yardstick": {}, "cost": {}}
        | ((_checkpoints(case) | _analyses(case)) if whole else {})
        | _by_eye(results)
        | beyond.values(results.further)
        | _level(results)
        | original.values(results)
    )


def _level(results: Results) -> dict[str, Any]:
    with reading() as seen:
        found = starts.values(Level.of(results))
    return known(found, tuple(seen), "study.drift.Level")


# --- the run ---


def _run(results: Results, models: list[str], drawn: set[str]) -> dict[str, Any]:
    """The run, its models, and how it departs from the study."""
    one = results.first("linear").train
    address = repository()
    further = [m for m in results.models if m not in [*models, *own.models(results)]]
    return {
        "repository_said": Markdown(f"<{address}>" if address else "not yet at an address"),
        "data_hashes": data_hashes(results),
        "deviations": deviations(results),
        "subtitle": f"Models of the study and {len(further)} further ones"
        if further
        else "Two DDPMs and a deterministic zoom",
        "trainings_said": trainings_said(results),
        "network": one,
        "parameters_counts": sorted({results.first(m).train.parameters_count for m in models}),
        "learning_rate_course": "held constant"
        if one.settings["lr_schedule"] == "constant"
        else "warmed up shortly and then lowered along a cosine",
        "respaced": respaced(results),
        "total_seconds": sum(map(tables.seconds, results.trainings.values())),
        "further_models": front.further(results, further, drawn),
        **front.values(results),
    }


def data_hashes(results: Results) -> Markdown:
    """The data's identity: the beginning of the SHA-256 of images and labels."""
    path = results.out / next(iter(results.trainings.values())).train.run / "run.json"
    data = read_json(path)["identity"]["data"]
    named = listing(Markdown(f"{code(data[split][:16])}… ({split})") for split in ("train", "test"))
    return Markdown(f"SHA-256 of images and labels: {named}.")


def trainings_said(results: Results) -> Markdown:
    """The number of trainings of each model, in words."""
    words, groups = {1: "once", 2: "twice"}, {}
    for model in results.models:
        n = counted(one.train for one in trainings_of(results, model))
        groups.setdefault(words.get(n, f"{integer(n)} times"), []).append(model)
    return listing(Markdown(f"{listing(models)} {times}") for times, models in groups.items())


def respaced(results: Results) -> list[Markdown]:
    """The models that are sampled in fewer steps than they are trained for."""
    drawn = {m: results.first(m).train.settings for m in results.models}
    steps = {m: n for m, s in drawn.items() if (n := sampling_of(s)["steps"]) not in (None, s["T"])}
    return [Markdown(f"{integer(n)} for the {escape(m)} model") for m, n in steps.items()]


# --- measures and claims ---


def _measures(results: Results) -> dict[str, Any]:
    """The measuring, and the tables."""
    ones, schedules = [one.measure for one in results.trainings.values()], results.schedules
    measure, beta, left = ones[0], schedules.linear.beta[-1], 1 - schedules.linear.alpha_bar[-1]
    return {
        "end_of_training": defined(END_OF_TRAINING, "report.study:END_OF_TRAINING"),
        "fewest_checkpoints": defined(FEWEST, "diffusion.evaluation.statistics:FEWEST"),
        "last_part": Markdown(LAST),
        "reference": measure.reference,
        "classifier": measure.features["digits"],
        "inception": any(one.features["inception"].available for one in ones),
        "real": measure.real,
        "real_n": measure.settings["n_distance"],
        "low_confidence_all": [at_end(one, low_confidence).value for one in ones],
        "unpicked_count": defined(UNPICKED, "study.figures.catalogue:UNPICKED"),
        "checkpoint_n": measure.settings["n_checkpoint"],
        "settled": percent(defined(SETTLED, "study.records:SETTLED")),
        "schedules": schedules,
        "posterior": {"posterior": beta / left**0.5, "inverted": beta**0.5},
        "table_parameters": tables.settings(results, lambda one: one.train),
        "table_measuring": tables.settings(results, lambda one: one.measure),
        "table_finals": tables.finals(results),
        "table_drawn": tables.drawn(results),
        "table_cost": tables.cost(results),
        "table_environment": tables.environment(results),
        "table_schedules": tables.schedules(results),
    }


def _claims(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """The ledger; of each claim the numbers of its parts, and the one that decides."""
    decides = {name: v.decides[0] for name, v in verdicts.items() if v.decides}
    return {
        "claims_count": integer(defined(len(verdicts), "report.claims")),
        "made_before": integer(defined(sum(v.claim.made_before for v in verdicts.values()), "report.claims")),
        "tally": tally(verdicts),
        "table_glance": table.glance(verdicts),
        "claims_in_full": table.claims(verdicts),
        "verdict": {name: WORDS.get(v.verdict, v.verdict) for name, v in verdicts.items()},
        "parts": {name: [one.interval for one in v.parts] for name, v in verdicts.items() if v.parts},
        "effect": {name: e.shown() for name, e in decides.items()},
        "value": {name: e.said(e.interval.value) for name, e in decides.items()},
        "magnitude": {name: e.said(abs(e.interval.value)) for name, e in decides.items()},
        "in_words": NUMBERS,
        "fewest": {name: table.fewest(v, place) for place, (name, v) in enumerate(verdicts.items())},
        "ratios": [e.interval.value for e in verdicts["comparable"].each],
        "comparable_within": integer(defined(COMPARABLE, "report.claims.samples:COMPARABLE")),
    }


# --- the study's models, by name: the first training of each ---


def _models(case: Case, models: list[str]) -> dict[str, Any]:
    train, measure = ({m: getattr(case[m], of) for m in models} for of in ("train", "measure"))
    return {
        "train": train,
        "last": {m: one.history[-1] for m, one in train.items()},
        "losses": {
            m: {
                split: [getattr(line, f"{split}_loss") for line in one.history] for split in ("train", "test")
            }
            for m, one in train.items()
        },
        "final": {m: one.final for m, one in measure.items()},
        "late": {m: late(one, distance) for m, one in measure.items()},
        "rate": train["linear"].ddpm.learning_rate_check,
        "probes": {m: one.ddpm or one.zoom for m, one in train.items()},
        "float32": {m: f.gap.frechet for m, one in measure.items() if (f := one.ablations.float32)},
        "memorised": case["zoom"].analysis.memorised,
    }


@derived
def by_distance(one: Trained, value: Any) -> float:
    """The correlation of a value with the distance after the first third of training; 0 on few points."""
    rows = [row for row in one.measure.curve if row.epoch > one.train.epochs / 3]
    values = [(row.frechet.value, value(row)) for row in rows]
    known = len(rows) >= 10 and np.std(values, axis=0).all()
    return float(np.corrcoef(values, rowvar=False)[0, 1]) if known else 0.0


# --- each model, all its trainings ---


def _trainings(of: Mapping[str, list[Trained]]) -> dict[str, Any]:
    """By model, values of all its trainings; `swings` are of all together."""
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for model, ones in of.items():
        measures = [one.measure for one in ones]
        swings = [swing(one) for one in measures]
        found["ends"][model] = ends(measures)
        found["low_confidence"][model] = [at_end(one, low_confidence).value for one in measures]
        found["coverage"][model] = [at_end(one, coverage).value for one in measures]
        found["swings"][model] = {"low": min(s.low for s in swings), "high": max(s.high for s in swings)}
        found["follows_mix"][model] = [
            by_distance(one, lambda row: row.classes.divergence.value) for one in ones
        ]
    return {**found}


def ends(ones: Sequence[MeasureRecord]) -> dict[str, list[float]]:
    """The last distances of the trainings of a model, by features, and how their samples look."""
    finals, real = [one.final for one in ones], ones[0].real
    found = {"digits": [one.frechet.value for one in finals]}
    for name in finals[0].distances:
        if all(name in one.distances for one in finals):
            found[name] = [one.distances[name].value for one in finals]
    if real.stroke:
        found["thinner"] = [1 - one.stroke.value / real.stroke.value for one in finals]
        found["inkier"] = [one.ink.value / real.ink.value - 1 for one in finals]
    found["border"] = [one.border.sd for one in finals]
    found["recall"] = [one.variety.recall.value for one in finals]
    found["precision"] = [one.variety.precision.value for one in finals]
    return found | {"coverage": [one.variety.coverage.value for one in finals]}


# --- the zoom model, all its trainings ---


def _zooms(results: Results, zooms: list[Trained]) -> dict[str, Any]:
    by_class = original.by_class(results, zooms)
    losses = [{line.epoch: line.test_loss for line in one.train.history} for one in zooms]
    favoured = [c for c, of in by_class.items() if all(x.low > 1 for x in of)]
    rare = [c for c, of in by_class.items() if all(x.high < 1 for x in of)]
    common, uncommon = original.common(by_class), original.uncommon(by_class)
    return {
        "favoured": favoured,
        "rare": rare,
        "leaning_up": [c for c in common if c not in favoured],
        "leaning_down": [c for c in uncommon if c not in rare],
        "late_means": [mean([row.frechet.value for row in one.measure.late()]) for one in zooms],
        "loss_correlations": [
            by_distance(one, lambda row, known=known: known[row.epoch])
            for one, known in zip(zooms, losses, strict=True)
        ],
        "mix": _mix(results, zooms),
    }


def _mix(results: Results, zooms: list[Trained]) -> dict[str, Any]:
    """Distances of samples before and after weighting them to the classes of the data."""
    found = [(one.model, one.analysis.mix.reweighted) for one in results.trainings.values()]
    real = results.yardstick.mixed if results.yardstick else []
    return {
        "zooms": [one.analysis.mix for one in zooms],
        "all": found,
        "all_distances": [distance.value for _, distance in found],
        # of real images whose classes are mixed otherwise
        "per_nat": sum(one.frechet for one in real) / sum(one.divergence for one in real) if real else None,
    }


# --- the whole study: both DDPMs, all analysed ---


def _checkpoints(case: Case) -> dict[str, Any]:
    """The DDPMs, in pairs of one seed, at their common checkpoints; `early` is one near the beginning."""
    ones = {m: trainings_of(case.results, m) for m in DDPMS}
    curves = {m: [{row.epoch: row for row in one.measure.curve} for one in ones[m]] for m in DDPMS}
    pairs = [
        (linear[e], cosine[e])
        for linear, cosine in zip(curves["linear"], curves["cosine"], strict=False)
        for e in sorted(linear.keys() & cosine.keys())
    ]
    last = case["linear"].train.epochs
    epoch = min((linear.epoch for linear, _ in pairs), key=lambda e: abs(e - EARLY_POINT * last))
    later = [(c.frechet.value, x.frechet.value) for x, c in pairs if x.epoch > EARLY * last]
    ahead = [cosine < linear for cosine, linear in later]
    common = [case[m].train.ddpm.common_loss for m in DDPMS]
    by_level = sorted(zip(common[0].levels, *(one.by_level for one in common), strict=True))
    return {
        "early": {"epoch": epoch} | {m: [curve[epoch] for curve in curves[m]] for m in DDPMS},
        "along": {
            "ahead": [c.frechet.value < x.frechet.value for x, c in pairs if x.epoch <= EARLY * last],
            "later": {
                "ahead": counted(filter(None, ahead), chain(*later)),
                "of": counted(ahead, chain(*later)),
            },
            "border_ratios": [x.border.sd / c.border.sd for x, c in pairs],
            "levels_ahead": [cosine < linear for _, linear, cosine in by_level],
        },
        "clipping": {m: case[m].measure.ablations.clipping for m in DDPMS},
        "table_clipping": tables.clipping(case.results, DDPMS),
    }


def _analyses(case: Case) -> dict[str, Any]:
    results = case.results
    t, ones = results.schedules.early.t, list(results.trainings.values())
    by_model = {m: trainings_of(results, m) for m in DDPMS}
    return {
        "recovered": {m: [recovered(one.analysis, t).value for one in by_model[m]] for m in DDPMS},
        "reads": {
            m: {
                "early": [one.analysis.response.response[0].value for one in by_model[m]],
                "last": [one.analysis.response.response[-1].value for one in by_model[m]],
            }
            for m in DDPMS
        },
        "response_t": case["linear"].analysis.response.t,
        "study_digits": [full(one.analysis).digit.value for one in ones if one.model in MODELS],
        "yardstick": _yardstick(results),
        "cost": _cost({m: case[m].analysis for m in MODELS}),
    }


def _by_eye(results: Results) -> dict[str, Any]:
    """The blind comparison, and the recogniser's shares of the study's models corrected by it."""
    if not results.blind:
        return {"blind": {}, "corrected": {}}
    with reading() as seen:
        blind = Blind(results.blind)
    vars(blind).update(known(vars(blind), tuple(seen), "study.blind.Blind"))
    taken: dict[str, list[float]] = {model: [] for model in MODELS}
    for one in results.trainings.values():
        if one.model in MODELS and one.analysis:
            taken[one.model].append(full(one.analysis).digit.value)
    corrected = {m: [*chain(*map(derived(blind.corrected), shares))] for m, shares in taken.items()}
    return {"blind": blind, "taken": taken, "corrected": corrected, "table_by_eye": tables.by_eye(blind)}


def _yardstick(results: Results) -> dict[str, Any]:
    """Shares that both recognisers accept, scores of real digits, shares of digits among samples."""
    found, ones = results.yardstick, tables.trained(results)
    scores = {one.kind: one.frechet for one in found.distorted}
    used = next(c for c in found.candidates if c.name == found.used)
    return {
        "candidates": len(found.candidates),
        "wrongly": used.wrongly,
        "stitched": used.accepted[STITCHED],
        "blurred": scores[BLURRED],
        "kinds": NUMBERS[len(found.no_digits)],
        "shifted": 1 - found.old[SHIFTED],
        "scale": listing(
            Markdown(f"{escape(kind.replace(' %', '%'))} {num(scores[kind], 2)}") for kind in SCALE
        ),
        "sees": _sees(found),
        "all": [(name, full(one.analysis).digit.value) for name, one in ones],
        "ddpms": [full(one.analysis).digit for _, one in ones if one.model in DDPMS],
        "zooms": [full(one.analysis).digit for _, one in ones if one.model == "zoom"],
    }


def _sees(found: YardstickRecord) -> dict[str, dict[str, float]]:
    """Distances of real digits, shifted and with their classes mixed otherwise, by features."""
    shifted = next(one for one in found.distorted if one.kind == SHIFTED)
    mixed = next(one for one in found.mixed if one.divergence == MIXED)
    ones = {"shifted": shifted, "mixed": mixed}
    sees = {name: {k: one.distances[name] for k, one in ones.items()} for name in mixed.distances}
    return sees | {"digits": {k: one.frechet for k, one in ones.items()}}


def _cost(analyses: Mapping[str, AnalyseRecord]) -> dict[str, Any]:
    """Quality with few and with many network calls, of the zoom model and both DDPMs, their first seeds."""
    drawn = {m: one.drawn for m, one in analyses.items()}
    zoom, many = full(analyses["zoom"]), {m: full(analyses[m]) for m in DDPMS}
    few = {m: [one for one in drawn[m] if not one.clip_x0 and one.calls <= zoom.calls + 1] for m in DDPMS}
    digit = {m: max((one.digit for one in few[m]), key=lambda digit: digit.value) for m in DDPMS}
    better = max(DDPMS, key=lambda m: digit[m].value)
    ddim = {m: [one for one in drawn[m] if one.sampler == "ddim" and not one.clip_x0] for m in DDPMS}
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
        "ddim": {m: [one.frechet.value for one in found] for m, found in ddim.items()},
        "full_distances": {m: one.frechet.value for m, one in many.items()},
        "improved": next((one for one in drawn["zoom"] if one.sampler == "improved"), None),
    }
