"""Names of the paper: what its placeholders print and its conditions look at.

Most are looked up by model, and then by a measure of the table: `final.zoom.frechet` is that of the first
training of the zoom, `ends.zoom.frechet` those of all of them, `beyond['zoom_unet.mixture'].frechet` those of
a row of the table of changes (`study.changes`). What a run lacks is not there.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import version
from itertools import chain
from typing import Any

import numpy as np

from diffusion.evaluation.statistics import Interval
from diffusion.files import read_json
from report import experiments
from report.claims.ddpm import EARLY
from report.claims.samples import classes
from report.departures import DDPMS
from report.judge import at_end, late
from report.ledger import WORDS, Verdict, tally
from report.models import described
from report.names import AUTHORS, LICENCE, PROJECT, Run, common, project, repository, trained
from report.sources import defined
from report.text import Lazy, Names
from report.text_format import FIXED, NUMBERS, Markdown, bibtex, code, escape, fixed, integer, listing, num
from study import changes, drift
from study.figures.beyond import SHOWN
from study.figures.starts import HALF
from study.results import SETTLED, STUDY, Results, Training
from study.table import Job, Samples, note

EARLY_POINT = 0.2  # of training, where the schedules are compared
SCALE = ("shifted by 3 pixels", "blurred by 1 pixel", "two digits stitched", "on 20 % grey")  # of distances
LAW = ("real", "n", "correlation", "within", "apart")  # what is told of the law of the mean level
ABOUT = 1.2  # a class whose share is within this factor of its real one is neither common nor rare


def names(run: Run) -> dict[str, Any]:
    """Name -> value, or a function that makes it when it is needed."""
    results = run.results
    of = {model: results.of(model) for model in STUDY}
    return {
        **common(run),
        **_front(run),
        **_study(results, of),
        "theirs": trained(results.original) if results.original else [],
        "at_end": at_end,
        "late_distances": late_distances,
        **_claims(run.verdicts),
        **_firsts({model: trainings[0] for model, trainings in of.items()}),
        **_trainings(results, of),
        **_early(of["linear"], of["cosine"]),
        **_zooms(results),
        **_of_run(results),
        **_others(results),
        **_level(results),
        "question": experiments.question(results),
        "recipes": experiments.recipes(results),
        "excess": experiments.excess(results),
        **experiments.blind(results.blind),
        **experiments.effects(results.effects),
        **experiments.intervention(results.intervention),
    }


# --- the run ---


def _front(run: Run) -> dict[str, Any]:
    """The title block, pictures of the page's front, and models of a section on further ones."""
    results, options, address = run.results, run.profile.options, repository()
    author, number = options.get("authors", AUTHORS), version(PROJECT)
    cited = {"title": project()["title"], "author": author, "year": str(options.get("date", ""))[:4]}
    pictures = {f"front_{model}.png": results.first(model).label for model in results.models}
    return {
        "citation": bibtex("coldzoom", **cited, note=f"Version {number}", url=address),
        "version": number,
        "authors_yaml": Markdown(f"  - {escape(author)}"),
        "licence": LICENCE,
        "repository": address,
        "repository_said": Markdown(f"<{address}>" if address else "not yet at an address"),
        "data_hashes": lambda: _data_hashes(results),
        "pictures": [(label, Markdown(file)) for file, label in pictures.items() if file in run.drawn],
        "described": described(results, [m for m in results.models if m not in STUDY], run.drawn),
    }


def _data_hashes(results: Results) -> Markdown:
    """The data's identity: the beginning of the SHA-256 of images and labels."""
    file = f"{next(iter(results.trainings.values())).train.run}/run.json"
    data = read_json(results.out / file)["settings"]["images"]
    note(f"{file}#/settings/images")
    hashes = listing(Markdown(f"{code(data[split][:16])}… ({split})") for split in ("train", "test"))
    return Markdown(f"SHA-256 of images and labels: {hashes}.")


def _study(results: Results, of: Mapping[str, list[Training]]) -> dict[str, Any]:
    """The run's models, its measuring, and what is chosen there."""
    linear = of["linear"][0]
    return {
        "measuring": linear.measured.facts,
        "real": linear.real,
        "in_words": NUMBERS,
    }


def late_distances(training: Training) -> Markdown:
    """The mean distance of the late checkpoints, and their range."""
    distances = [row["frechet"].value for row in training.late]
    middle, low, high = (fixed(x, 1) for x in (float(np.mean(distances)), min(distances), max(distances)))
    return Markdown(f"{middle}{FIXED}({f'{low}–{high}' if len(distances) > 1 else 'last'})")


def _claims(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """The ledger, and of each claim its verdict in a word."""
    claims = [verdict.claim for verdict in verdicts.values()]
    return {
        "verdicts": verdicts,
        "claims_count": lambda: defined(len(claims), "report.claims"),
        "made_before": lambda: defined(sum(claim.made_before for claim in claims), "report.claims"),
        "tally": lambda: tally(verdicts),
        "verdict": {name: WORDS[verdict.verdict] for name, verdict in verdicts.items()},
    }


# --- the study's models, by name ---


def _firsts(firsts: Mapping[str, Training]) -> dict[str, Any]:
    """Of the first training of each, `first`."""
    float32 = [model for model, training in firsts.items() if "float32" in training.measured]
    return {
        "first": firsts,
        "late": late,
        "rate": firsts["linear"].job,
        "float32": Lazy(float32, lambda model: firsts[model].measured["float32"]["frechet_gap"]),
        "levels_ahead": lambda: _levels_ahead({model: firsts[model].probes for model in DDPMS}),
        "cost": _cost(firsts),
    }


def _levels_ahead(probes: Mapping[str, Samples]) -> list[bool]:
    """At each common noise level, from the noisiest: whether the cosine network errs less."""
    levels = sorted(probes["linear"].places("common_loss_at"))
    loss = {model: [of.at("common_loss_at", x).value for x in levels] for model, of in probes.items()}
    return [cosine < linear for linear, cosine in zip(loss["linear"], loss["cosine"], strict=True)]


def _cost(firsts: Mapping[str, Training]) -> Names:
    """Quality with few and with many network calls, of the zoom model and both DDPMs."""
    drawn = {model: training.drawn for model, training in firsts.items()}

    def few(model: str) -> list[Samples]:
        """Samples of a DDPM with about as few calls as the zoom."""
        calls = drawn["zoom"][0][0].calls + 1
        ways = ((how.unread, samples) for how, samples in drawn[model])
        return [samples for how, samples in ways if not how["clip_x0"] and how["calls"] <= calls]

    def digit(model: str) -> Interval:
        return max((samples["digit"] for samples in few(model)), key=lambda share: share.value)

    def ddim(model: str) -> list[Interval]:
        ways = ((how, samples) for how, samples in drawn[model] if how.sampler == "ddim" and not how.clip_x0)
        return [samples["frechet"] for _, samples in ways]

    return Names(
        {
            "calls": lambda: drawn["zoom"][0][0].calls,
            "ddpm_calls": lambda: max(drawn[model][0][0].calls for model in DDPMS),
            "better": lambda: max(DDPMS, key=lambda model: digit(model).value),
            "digit": Lazy(DDPMS, digit),
            "distance": Lazy(DDPMS, lambda model: min(way["frechet"].value for way in few(model))),
            "ddim": Lazy(DDPMS, ddim),
            "full": {model: of[0][1] for model, of in drawn.items()},
            "improved": lambda: next((way for how, way in drawn["zoom"] if how.sampler == "improved"), None),
        }
    )


def _trainings(results: Results, of: Mapping[str, list[Training]]) -> dict[str, Any]:
    """Of all trainings of each."""
    trainings = results.trainings.values()

    def swings(model: str) -> dict[str, float]:
        """Of the distances in the second half of training."""
        rows = [row for one in of[model] for row in one.curve if row.epoch >= one.final.epoch / 2]
        distances = [row["frechet"].value for row in rows]
        return {"low": min(distances), "high": max(distances)}

    def recovered(model: str) -> list[Interval]:
        """The share of digits read right in what is predicted in one step."""
        t = results.schedules.facts.early_t
        return [training.analysed[""].at("recovered", t) for training in of[model]]

    return {
        "recovered": recovered,
        "ends": {row.name: row for row in changes.table(results) if row.name in of},
        "low_confidence_all": lambda: [at_end(training, "low_confidence") for training in trainings],
        "swings": swings,
        "loss_correlations": lambda: [_by_loss(training) for training in of["zoom"]],
    }


def _by_loss(training: Training) -> float:
    """The correlation of test loss and distance after `SETTLED` of training; 0 on few points."""
    losses = {row.epoch: row for row in training.history}
    rows = [row for row in training.curve if row.epoch > SETTLED * training.train.epochs]
    values = [(row["frechet"].value, losses[row.epoch]["test_loss"].value) for row in rows]
    known = len(rows) >= 10 and np.std(values, axis=0).all()
    return float(np.corrcoef(values, rowvar=False)[0, 1]) if known else 0.0


def _early(linears: list[Training], cosines: list[Training]) -> dict[str, Any]:
    """The DDPMs, in pairs of one seed, in the first part of training; `early` is one checkpoint of it."""
    curves = [[{row.epoch: row for row in one.curve} for one in group] for group in (linears, cosines)]
    pairs = [*zip(*curves, strict=False)]
    last, common = linears[0].train.unread["epochs"], sorted(curves[0][0].keys() & curves[1][0].keys())
    epoch = min(common, key=lambda e: abs(e - EARLY_POINT * last))

    def ahead() -> list[bool]:
        """At each early checkpoint: whether the cosine schedule is nearer."""
        early = [(linear, cosine, e) for linear, cosine in pairs for e in common if e <= EARLY * last]
        return [cosine[e]["frechet"].value < linear[e]["frechet"].value for linear, cosine, e in early]

    def read_epoch() -> int:
        """The epoch of `early`, whose rows are its source."""
        for curve in chain(*curves):
            curve[epoch]["frechet"]
        return epoch

    early = {model: [curve[epoch] for curve in of] for model, of in zip(DDPMS, curves, strict=True)}
    return {"ahead": ahead, "early": early, "early_epoch": read_epoch}


# --- classes ---


def _zooms(results: Results) -> dict[str, Any]:
    """The classes that the zoom's trainings favour or neglect, and the study's weights with them."""
    trainings = results.of("zoom") + (results.original.of("zoom") if results.original else [])

    def share(training: Training, c: int) -> np.ndarray:
        """Of a class at the end of training, over the real one, with its interval."""
        real = training.real.at("recognised_share", c)
        return np.array(at_end(training, classes((c,))).ends) / real.value

    def where(met: Callable[[np.ndarray, np.ndarray, np.ndarray], bool]) -> list[str]:
        names = enumerate(trainings[0].train.data.classes)
        return [name for c, name in names if met(*np.transpose([share(one, c) for one in trainings]))]

    return {
        # in the study's weights, which are the last and have one checkpoint, beyond chance
        "common_to_all": lambda: where(lambda x, low, high: x.min() > ABOUT and low[-1] > 1),
        "rare_in_all": lambda: where(lambda x, low, high: x.max() < 1 / ABOUT and high[-1] < 1),
    }


# --- jobs of no training ---


def _of_run(results: Results) -> dict[str, Any]:
    """Noise schedules, and real images as a yardstick."""
    yardstick = results.yardstick
    return {
        "schedule": results.schedules.facts,
        "schedules": results.schedules.ways,
        "yardstick": yardstick,
        "scale": lambda: [
            Markdown(f"{escape(kind.replace(' %', '%'))} {num(yardstick[kind]['frechet'], 2)}")
            for kind in SCALE
        ],
    }


# --- the mean level of samples ---


def _level(results: Results) -> dict[str, Any]:
    """The mean level of DDPM samples (`study.drift`)."""
    drifts = drift.ways(results)
    finished = [one for one in drifts if not one.way and one.one in results.trainings.values()]

    def crossings(schedule: str) -> Markdown:
        """The epochs after which the response of each training is above a half."""
        courses = drift.courses(results)[schedule]
        epochs = [next((e for e, rho in of if rho > HALF), drift.WATCHED + 1) for of in courses]
        most = f"more than {drift.WATCHED}"
        return listing(most if epoch > drift.WATCHED else integer(epoch) for epoch in sorted(epochs))

    return {
        "starts": Lazy(DDPMS if drifts else (), crossings),
        "drift": Lazy(LAW if drifts else (), lambda key: _law(drifts, results)[key]),
        "finished": lambda: [one.border / one.predicted for one in finished],
    }


def _law(drifts: list[drift.Drift], results: Results) -> dict[str, float]:
    """Spreads of the level as the law predicts them from responses, beside those that were measured."""
    border = np.array([one.border for one in drifts])
    real = drift.real(results)
    predicted = np.hypot([one.predicted for one in drifts], real)
    logs = np.corrcoef(np.log(predicted), np.log(border)) if len(drifts) > 2 else np.zeros((2, 2))
    return {
        "real": real,
        "n": len(drifts),
        "correlation": float(logs[0, 1]),
        "within": float((np.abs(np.log2(border / predicted)) < 1).mean()),
        "apart": float(border.max() / border.min()),
    }


# --- other runs ---


def _others(results: Results) -> dict[str, Any]:
    """Changes beyond the study, the study's own files and weights, and trainings in their first epochs."""
    further, original, watched = results.further, results.original, results.watched
    rows = {row.name: row for row in changes.table(further)} if further else {}
    trainings = further.trainings.values() if further else ()
    return {
        "beyond": rows,
        "shown_beyond": SHOWN,
        "prior_numbers": lambda: _numbers(rows["zoom_unet_noise.grey"].changes["components"]),
        "watched": {row.name: row for row in changes.table(watched)} if watched else {},
        "original": {model: original.first(model) for model in original.models} if original else {},
        "automatic": lambda: [
            one.train.environment["precision"] for one in trainings if one.settings["precision"] == "auto"
        ],
        "tuning": experiments.by_model(further.tuning) if further and further.tuning else {},
        **experiments.few_calls(further.calls if further else None),
        **_files(original.files if original else None),
    }


def _numbers(components: int, of: int = 16) -> int:
    """Of a mixture of full Gaussians over so many numbers: means, covariances and weights."""
    return components * (of + of * (of + 1) // 2) + components - 1


def _files(files: Job | None) -> dict[str, Any]:
    """The study's own files."""
    if not files:
        return dict.fromkeys(("files", "protocol", "scores"))
    done, described = ", as the code does", ", as the text says"
    models = experiments.by_model(files)
    ways = models.pop("") | models
    sources = [way.removesuffix(done) for way in ways if way.endswith(done)]
    return {
        "files": ways,
        "protocol": files.facts,
        "scores": {
            source: {"done": ways[source + done], "described": ways[source + described]} for source in sources
        },
    }
