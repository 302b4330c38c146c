"""Names of the long report: what its placeholders print and its conditions look at.

Most are looked up by model, and then by a measure of the table: `final.zoom.frechet` is that of the first
training of the zoom, `ends.zoom.frechet` those of all of them, `beyond['zoom_unet.mixture'].frechet` those of
a row of the table of changes (`study.changes`). What a run lacks is not there.
"""

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

import numpy as np

from diffusion.evaluation.statistics import FEWEST, Interval
from report import experiments
from report.claims.ddpm import EARLY
from report.claims.samples import classes
from report.departures import DDPMS, END_OF_TRAINING, complete, deviations
from report.judge import at_end, late
from report.ledger import Verdict, tally
from report.names import common, trained
from report.run import Run
from report.short import told
from report.sources import defined
from report.text import Lazy, Names
from report.text_format import FIXED, NUMBERS, Markdown, escape, fixed, integer, listing, named, num, percent
from study import changes, drift
from study.counterparts import studied
from study.figures.beyond import SHOWN
from study.figures.pictures import UNPICKED
from study.figures.starts import HALF
from study.results import LATE, SETTLED, Results, Training, sampling_of
from study.table import Job, Samples

EARLY_POINT = 0.2  # of training, where the schedules are compared
SCALE = ("shifted by 3 pixels", "blurred by 1 pixel", "two digits stitched", "on 20 % grey")  # of distances
ABOUT = 1.2  # a class whose share is within this factor of its real one is neither common nor rare
# Rows of the table of changes; the release's own has all.
TOLD = (
    *(*SHOWN, "linear_30", "linear_dilated", "linear_unet_constant"),
    *("zoom_unet", "zoom_noise.grey", "zoom_unet_noise.start_200", "zoom_unet_noise.grey_60"),
)
IN_TEXT = ("linear_30", "linear_unet", "cosine_unet", "cosine_unet.ddim_24")
IN_TEXT += ("zoom.mixture", "zoom_dilated.mixture", "zoom_unet.mixture", "zoom_unet_noise.grey")


def names(run: Run) -> dict[str, Any]:
    """Name -> value, or a function that makes it when it is needed."""
    results = run.results
    of = {m: results.of(m) for m in studied(results)}
    found = common(run) | _front(run) | _run(run, of) | _tables(results) | _claims(run.verdicts)
    found |= _firsts({m: ones[0] for m, ones in of.items()}) | _trainings(results, of)
    found |= _zooms(results) | _of_run(results) | _others(results) | _level(results)
    return found | _experiments(results)


# --- the run ---


def _front(run: Run) -> dict[str, Any]:
    """Pictures and numbers of the page's front, and models of a section on further ones."""
    results = run.results
    ones = [one for one in map(results.first, results.models) if one.measured]
    pictures = [(one.label, Markdown(f"front_{one.model}.png")) for one in ones]
    return {
        "pictures": [(label, file) for label, file in pictures if file in run.drawn],
        "finals": {one.label: one.final for one in ones},
        "all_low_confidence": lambda: named(((o.label, o.final["low_confidence"]) for o in ones), percent),
        "all_distances": lambda: named(((o.label, o.final["frechet"]) for o in ones if not o.constant), num),
        "told": told(run, [m for m in results.models if m not in (*studied(results), *run.mine)]),
    }


def _run(run: Run, of: Mapping[str, list[Training]]) -> dict[str, Any]:
    """The run, its models, how it departs from the study, its measuring, and what is chosen there."""
    results = run.results
    further = [m for m in run.studied if m not in of]
    said = f"Models of the study and {len(further)} further ones" if further else ""
    return {
        "whole": lambda: complete(results),
        "deviations": lambda: deviations(results),
        "subtitle": said or "Two DDPMs and a deterministic zoom",
        "trainings_said": lambda: _times(results),
        "parameters_counts": lambda: sorted({ones[0].train.parameters_count for ones in of.values()}),
        "respaced": lambda: _respaced(results),
        "measuring": of["linear"][0].measured.facts,
        "real": of["linear"][0].real,
        "in_words": NUMBERS,
        "end_of_training": lambda: defined(END_OF_TRAINING, "report.departures:END_OF_TRAINING"),
        "fewest_checkpoints": lambda: defined(FEWEST, "diffusion.evaluation.statistics:FEWEST"),
        "late_part": lambda: defined(LATE, "study.results:LATE"),
        "settled": lambda: defined(SETTLED, "study.results:SETTLED"),
        "unpicked_count": lambda: defined(UNPICKED, "study.figures.pictures:UNPICKED"),
    }


def _times(results: Results) -> Markdown:
    """The number of trainings of each model, in words."""
    words, groups = {1: "once", 2: "twice"}, {}
    for model in results.models:
        n = len([one.train["seed"] for one in results.of(model)])
        groups.setdefault(words.get(n, f"{integer(n)} times"), []).append(model)
    return listing(Markdown(f"{listing(models)} {times}") for times, models in groups.items())


def _respaced(results: Results) -> list[Markdown]:
    """The models that are sampled in fewer steps than they are trained for."""
    drawn = {m: results.first(m).settings for m in results.models}
    steps = {m: n for m, s in drawn.items() if (n := sampling_of(s)["steps"]) not in (None, s["T"])}
    return [Markdown(f"{integer(n)} for the {escape(m)} model") for m, n in steps.items()]


def _tables(results: Results) -> dict[str, Any]:
    """Rows of the tables' loops, and cells that are more than a measure."""
    ones, original = trained(results), results.original
    theirs = trained(original) if original else []
    every = [one for _, one in ones + theirs]
    models = original.models if original else []
    return {
        "theirs": theirs,
        "beside_original": [(n, one) for m in models for n, one in theirs + ones if one.model == m],
        "ended": Lazy(every, lambda one: Lazy(one.final, lambda measure: at_end(one, measure))),
        "late_distances": Lazy(every, _late_distances),
        "floor": lambda: ones[0][1].measured["checkpoint"]["floor"],
    }


def _late_distances(one: Training) -> Markdown:
    """The mean distance of the late checkpoints, and their range."""
    found = [row["frechet"].value for row in one.late]
    middle, low, high = (fixed(x, 1) for x in (float(np.mean(found)), min(found), max(found)))
    return Markdown(f"{middle}{FIXED}({f'{low}–{high}' if len(found) > 1 else 'last'})")


def _claims(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """The ledger, and of each claim its verdict in a word."""
    every = [v.claim for v in verdicts.values()]
    return {
        "verdicts": verdicts,
        "claims_count": lambda: defined(len(every), "report.claims"),
        "made_before": lambda: defined(sum(one.made_before for one in every), "report.claims"),
        "tally": lambda: tally(verdicts),
        "verdict": {name: v.word for name, v in verdicts.items()},
    }


# --- the study's models, by name ---


def _firsts(firsts: Mapping[str, Training]) -> dict[str, Any]:
    """Of the first training of each, `first`."""
    float32 = [m for m, one in firsts.items() if "float32" in one.measured]
    return {
        "first": firsts,
        "late": Lazy(firsts, lambda m: late(firsts[m], "frechet")),
        "rate": Lazy(("printed", "used"), lambda way: firsts["linear"].job[way]),
        "rate_steps": lambda: int(_places(firsts["linear"].job["printed"], "loss_of_steps")[-1]),
        "float32": Lazy(float32, lambda m: firsts[m].measured["float32"]["frechet_gap"]),
        "levels_ahead": lambda: _levels_ahead({m: firsts[m].probes for m in DDPMS}),
        "cost": _cost(firsts),
    }


def _places(samples: Samples, measure: str) -> list[float]:
    """The places of a measure, which is read."""
    return [place for place, _ in zip(samples.places(measure), samples[measure], strict=True)]


def _levels_ahead(probes: Mapping[str, Samples]) -> list[bool]:
    """At each common noise level, from the noisiest: whether the cosine network errs less."""
    levels = sorted(probes["linear"].places("common_loss_at"))
    loss = {m: [of.at("common_loss_at", x).value for x in levels] for m, of in probes.items()}
    return [cosine < linear for linear, cosine in zip(loss["linear"], loss["cosine"], strict=True)]


def _cost(firsts: Mapping[str, Training]) -> Lazy:
    """Quality with few and with many network calls, of the zoom model and both DDPMs."""
    drawn = {m: one.drawn for m, one in firsts.items()}

    def few(model: str) -> list[Samples]:
        """Samples of a DDPM with about as few calls as the zoom."""
        calls = drawn["zoom"][0][0].calls + 1
        ways = ((how.unread, found) for how, found in drawn[model])
        return [found for how, found in ways if not how["clip_x0"] and how["calls"] <= calls]

    def digit(model: str) -> Interval:
        return max((found["digit"] for found in few(model)), key=lambda share: share.value)

    def ddim(model: str) -> list[Interval]:
        return [found["frechet"] for how, found in drawn[model] if how.sampler == "ddim" and not how.clip_x0]

    return Names(
        {
            "calls": lambda: drawn["zoom"][0][0].calls,
            "ddpm_calls": lambda: max(drawn[m][0][0].calls for m in DDPMS),
            "better": lambda: max(DDPMS, key=lambda m: digit(m).value),
            "digit": Lazy(DDPMS, digit),
            "distance": Lazy(DDPMS, lambda m: min(found["frechet"].value for found in few(m))),
            "ddim": Lazy(DDPMS, ddim),
            "full": Lazy(firsts, lambda m: drawn[m][0][1]),
            "full_distances": Lazy(DDPMS, lambda m: drawn[m][0][1]["frechet"]),
            "improved": lambda: next((of for how, of in drawn["zoom"] if how.sampler == "improved"), None),
        }
    )


def _trainings(results: Results, of: Mapping[str, list[Training]]) -> dict[str, Any]:
    """Of all trainings of each."""

    def ended(measure: str) -> Lazy:
        return Lazy(of, lambda m: [at_end(one, measure) for one in of[m]])

    def swings(model: str) -> dict[str, float]:
        """Of the distances in the second half of training."""
        found = [x["frechet"].value for one in of[model] for x in one.curve if x.epoch >= one.final.epoch / 2]
        return {"low": min(found), "high": max(found)}

    def recovered(model: str) -> list[Interval]:
        """The share of digits read right in what is predicted in one step."""
        t = results.schedules.facts.early_t
        return [one.analysed[""].at("recovered", t) for one in of[model]]

    ones = results.trainings.values()
    return {
        "ends": {row.name: row for row in changes.table(results) if row.name in of},
        "recovered": Lazy(DDPMS, recovered),
        "low_confidence": ended("low_confidence"),
        "low_confidence_all": lambda: [at_end(one, "low_confidence") for one in ones],
        "coverage": ended("coverage"),
        "swings": Lazy(of, swings),
        "loss_correlations": lambda: [_by_loss(one) for one in of["zoom"]],
        "mix_all": lambda: [(one.model, one.analysed[""]["mix_reweighted"]) for one in ones],
        **_early({m: of.get(m, []) for m in DDPMS}),
    }


def _by_distance(one: Training, value: Callable[[Samples], Interval]) -> float:
    """The correlation of a value with the distance after `SETTLED` of training; 0 on few points."""
    rows = [row for row in one.curve if row.epoch > SETTLED * one.train.epochs]
    values = [(row["frechet"].value, value(row).value) for row in rows]
    known = len(rows) >= 10 and np.std(values, axis=0).all()
    return float(np.corrcoef(values, rowvar=False)[0, 1]) if known else 0.0


def _by_loss(one: Training) -> float:
    known = {row.epoch: row for row in one.history}
    return _by_distance(one, lambda row: known[row.epoch]["test_loss"])


def _early(ones: Mapping[str, list[Training]]) -> dict[str, Any]:
    """The DDPMs, in pairs of one seed, at their common checkpoints; `early` is one near the beginning."""
    curves = {m: [{row.epoch: row for row in one.curve} for one in ones[m]] for m in DDPMS}
    both = [*zip(*curves.values(), strict=False)]
    pairs = [(linear[e], cosine[e]) for linear, cosine in both for e in sorted(linear.keys() & cosine.keys())]
    if not pairs:
        return {"early": {}, "early_epoch": None, "along": {}}
    last = ones["linear"][0].train.unread["epochs"]
    epoch = min((linear.epoch for linear, _ in pairs), key=lambda e: abs(e - EARLY_POINT * last))

    def ahead() -> list[bool]:
        """At each early checkpoint: whether the cosine schedule is nearer."""
        found = [pair for pair in pairs if pair[0].epoch <= EARLY * last]
        return [cosine["frechet"].value < linear["frechet"].value for linear, cosine in found]

    def read_epoch() -> int:
        """The epoch of `early`, whose rows are its source."""
        for curve in chain(*curves.values()):
            curve[epoch]["frechet"]
        return epoch

    along = {
        "ahead": ahead,
        "border_ratios": lambda: [linear["border"].sd / cosine["border"].sd for linear, cosine in pairs],
    }
    early = Lazy(DDPMS, lambda m: [curve[epoch] for curve in curves[m]])
    return {"early": early, "early_epoch": read_epoch, "along": Names(along)}


# --- classes ---


def _zooms(results: Results) -> dict[str, Any]:
    """The classes that the zoom's trainings favour or neglect, and the study's weights with them."""
    ours, theirs = results.of("zoom"), results.original.of("zoom") if results.original else []

    def where(met: Callable[[np.ndarray, np.ndarray, np.ndarray], bool]) -> list[str]:
        return [name for name, ends in by_class(ours + theirs).items() if met(*ends.T)]

    return {
        # in the study's weights, which are the last and have one checkpoint, beyond chance
        "common_to_all": lambda: where(lambda x, low, high: x.min() > ABOUT and low[-1] > 1),
        "rare_in_all": lambda: where(lambda x, low, high: x.max() < 1 / ABOUT and high[-1] < 1),
    }


def by_class(ones: list[Training]) -> dict[str, np.ndarray]:
    """Class -> its share at the end of each training over the real one, with its interval: (trainings, 3)."""

    def share(one: Training, c: int) -> np.ndarray:
        return np.array(at_end(one, classes((c,))).ends) / one.real.at("recognised_share", c).value

    names = ones[0].train.data.classes
    return {name: np.array([share(one, c) for one in ones]) for c, name in enumerate(names)}


# --- jobs of no training ---


def _of_run(results: Results) -> dict[str, Any]:
    """Noise schedules, real images as a yardstick, and the blind readers."""
    yardstick = results.yardstick
    schedules, real = (job.ways if job else {} for job in (results.schedules, yardstick))

    return {
        "schedule": results.schedules and results.schedules.facts,
        "schedules": schedules,
        "yardstick": real,
        "recognisers": [name for name in real.get("", ()) if name.split(" by ")[0] == "wrongly"],
        "no_digits": lambda: yardstick.facts.no_digits,
        "scale": lambda: [
            Markdown(f"{escape(kind.replace(' %', '%'))} {num(yardstick[kind]['frechet'], 2)}")
            for kind in SCALE
        ],
    } | experiments.blind(results.blind)


def _experiments(results: Results) -> dict[str, Any]:
    """The main question, the scatter of trainings, and experiments."""
    asked = all(one in results.models for one in experiments.PAIR)
    return {
        "question": (lambda: experiments.question(results)) if asked else [],
        "recipes": experiments.recipes(results),
        "excess": experiments.excess(results),
        **experiments.effects(results.effects),
        **experiments.intervention(results.intervention),
    }


# --- the mean level of samples ---


def _level(results: Results) -> dict[str, Any]:
    """The mean level of DDPM samples (`study.drift`)."""
    drifts = drift.ways(results)
    own = [one for one in drifts if not one.way]
    finished = [one for one in own if one.one in results.trainings.values()]

    def crossings(schedule: str) -> Markdown:
        """The epochs after which the response of each training is above a half."""
        courses = drift.courses(results)[schedule]
        found = [next((e for e, rho in of if rho > HALF), drift.WATCHED + 1) for of in courses]
        most = f"more than {drift.WATCHED}"
        said = (most if epoch > drift.WATCHED else integer(epoch) for epoch in sorted(found))
        return listing(said)

    return {
        "starts": Lazy(DDPMS if drifts else (), crossings),
        "drift": (lambda: _law(drifts, results)) if drifts else {},
        "finished": lambda: [one.border / one.predicted for one in finished],
    }


def _law(drifts: list[drift.Drift], results: Results) -> dict[str, float]:
    """Spreads of the level as the law predicts them from responses, beside those that were measured."""
    border = np.array([one.border for one in drifts])
    real = drift.real(results)
    predicted = np.hypot([one.predicted for one in drifts], real)
    return {
        "real": real,
        "n": len(drifts),
        "correlation": float(np.corrcoef(np.log(predicted), np.log(border))[0, 1])
        if len(drifts) > 2
        else 0.0,
        "within": float((np.abs(np.log2(border / predicted)) < 1).mean()),
        "apart": float(border.max() / border.min()),
    }


# --- other runs ---


def _others(results: Results) -> dict[str, Any]:
    """Changes beyond the study, the study's own files and weights, and trainings in their first epochs."""
    further, original, watched = results.further, results.original, results.watched
    rows = {row.name: row for row in changes.table(further, results)} if further else {}
    ones = further.trainings.values() if further else ()
    found = {
        "beyond": rows,
        "told_beyond": [row for name, row in rows.items() if name in TOLD],
        "told_in_text": [rows[name] for name in IN_TEXT if name in rows],
        "prior_numbers": lambda: _numbers(rows["zoom_unet_noise.grey"].changes["components"]),
        "watched": {row.name: row for row in changes.table(watched, results)} if watched else {},
        "original": {model: original.first(model) for model in original.models} if original else {},
        "automatic": lambda: [
            one.train.environment["precision"] for one in ones if one.settings["precision"] == "auto"
        ],
        **experiments.few_calls(further.calls if further else None),
        "tuning": _tuning(further) if further and further.tuning else {},
    }
    return found | _files(original.files if original else None)


def _numbers(components: int, of: int = 16) -> int:
    """Of a mixture of full Gaussians over so many numbers: means, covariances and weights."""
    return components * (of + of * (of + 1) // 2) + components - 1


def _tuning(further: Results) -> Lazy:
    """Of each model the number of ways tried, which are read."""
    tried = experiments.by_model(further.tuning)
    return Lazy(tried, lambda model: {"tried": len([one["frechet"] for one in tried[model].values()])})


def _files(files: Job | None) -> dict[str, Any]:
    """The study's own files."""
    if not files:
        return dict.fromkeys(("files", "protocol", "same_file", "published", "scores"))
    done, described = ", as the code does", ", as the text says"
    found = experiments.by_model(files)
    of = found.pop("") | found
    sources = [way.removesuffix(done) for way in of if way.endswith(done)]
    return {
        "files": of,
        "protocol": files.facts.settings,
        "same_file": lambda: files.facts.same_file,
        "published": Lazy(found, lambda model: found[model]["published"]["frechet_inception"][-1]),
        "scores": {
            source: {"done": of[source + done], "described": of[source + described]} for source in sources
        },
    }
