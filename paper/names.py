"""Names for the placeholders and conditions of the paper.

Most names take a model and then a measure. `first.zoom.final.frechet` is the distance of the first training
of the zoom, `ends.zoom.frechet` are the distances of all its training runs, and
`beyond['zoom_unet.mixture'].frechet` belongs to a row of the table of changes (`report.results.changes`).
Names without a value in a run are undefined.
"""

import math
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
from scipy.special import rel_entr

from diffusion.evaluation.statistics import LEVEL, Interval
from paper import answer, deviations, experiments, spaces
from paper.answer import DDPMS
from paper.claims.judge import correct, corrected_level
from paper.claims.ledger import WORDS, Verdict, tally
from paper.claims.samples import over_real
from report.files import read_json
from report.pages.models import describe_models
from report.pages.names import (
    AUTHORS,
    LICENCE,
    PROJECT,
    ReportRun,
    collect_common,
    list_trainings,
    project,
    repository,
)
from report.pages.own import share
from report.pages.sources import note_definition
from report.pages.text import Lazy, Names
from report.pages.text_format import NUMBERS, Markdown, bibtex, code, escape, integer, listing, num
from report.results import changes, scatter
from report.results.definitions import LATE
from report.results.scatter import LOG, Over
from report.results.table import Record, Samples, note
from report.results.views import STUDY, Results, Training

SCALE = ("shifted by 3 pixels", "blurred by 1 pixel", "two digits stitched", "on 20 % grey")  # of distances


def collect_names(run: ReportRun, verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """All names of the paper: a value for each, or a function that computes it on demand."""
    results = run.results
    trainings = {model: results.all_of(model) for model in STUDY}
    return {
        **collect_common(run, {"Claims": "ledger.json"}),
        **_front(run),
        "published": _published(results),
        **_claims(verdicts),
        "deviations": lambda: deviations.list_deviations(verdicts),
        **_question(results, len(verdicts)),
        "networks": lambda: _networks(results),
        **_study(results, trainings),
        **_classes(results),
        **experiments.level(results),
        **_others(results),
        **_spaces(results.jobs.get("photographs")),
        **experiments.effects(results.jobs.get("effects")),
        **experiments.intervention(results.jobs.get("intervention")),
    }


# --- the run ---


def _front(run: ReportRun) -> dict[str, Any]:
    """Title block, pictures for the head of the page, and descriptions of further models."""
    results, report, address = run.results, run.profile.file.report, repository()
    author, number = report.authors or AUTHORS, version(PROJECT)
    cited = {"title": project()["title"], "author": author, "year": str(report.date or "")[:4]}
    pictures = {f"front_{model}.png": results.first(model).label for model in results.models}
    return {
        "citation": bibtex("coldzoom", **cited, note=f"Version {number}", url=address),
        "version": number,
        "authors_yaml": Markdown(f"  - {escape(author)}"),
        "licence": LICENCE,
        "repository": address,
        "repository_said": Markdown(f"<{address}>" if address else "not yet available online"),
        "data_hashes": lambda: _data_hashes(results),
        "dirty": lambda: _dirty(results),
        "hours": _hours(results),
        "share": share,
        "pictures": [(label, Markdown(file)) for file, label in pictures.items() if file in run.drawn],
        "described": describe_models(results, [m for m in results.models if m not in STUDY], run.drawn),
    }


def _data_hashes(results: Results) -> Markdown:
    """The first digits of the SHA-256 of images and labels."""
    file = f"{next(iter(results.trainings.values())).train.run}/run.json"
    data = read_json(results.out / file)["settings"]["images"]
    note(f"{file}#/settings/images")
    hashes = listing(Markdown(f"{code(data[split][:16])}… ({split})") for split in ("train", "test"))
    return Markdown(f"SHA-256 of images and labels: {hashes}.")


def _dirty(results: Results) -> Markdown:
    """Records that were made with changed files; their commit does not contain the code."""
    jobs = [job for training in results.trainings.values() for job in (training.job, training.measured)]
    jobs += [results.jobs.get(name) for name in ("yardstick", "schedules", "effects", "intervention")]
    commits = {job.name: job.facts.environment.get("commit", "") for job in jobs if job}
    return listing(code(name) for name, commit in commits.items() if commit.endswith("-dirty"))


def _hours(results: Results) -> dict[str, Any]:
    """Wall-clock seconds of training: in this run, and in all releases."""
    runs = [results, *(results.beside[name] for name in ("beyond", "starts") if name in results.beside)]
    return {
        "main": lambda: sum(training.seconds for training in results.trainings.values()),
        "all": lambda: sum(training.seconds for run in runs for training in run.trainings.values()),
    }


def _claims(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """The ledger, and the verdict on each claim in a word."""
    claims = [verdict.claim for verdict in verdicts.values()]
    return {
        "verdicts": verdicts,
        "claims_count": lambda: note_definition(len(claims), "claims"),
        "made_before": lambda: note_definition(sum(claim.made_before for claim in claims), "claims"),
        "tally": lambda: tally(verdicts),
        "corrected": _corrected(verdicts),
        "verdict": {name: WORDS[verdict.verdict] for name, verdict in verdicts.items()},
    }


def _corrected(verdicts: Mapping[str, Verdict]) -> Names:
    """Verdicts with intervals corrected for the number of claims (Bonferroni)."""

    def changed() -> list[Verdict]:
        return [verdict for name, verdict in corrected.items() if verdict.verdict != verdicts[name].verdict]

    corrected = correct(verdicts) if verdicts else {}
    return Names(
        {
            "level": lambda: note_definition(corrected_level(len(verdicts)), "claims"),
            "kept": lambda: note_definition(len(verdicts) - len(changed()), "claims"),
            "changed": lambda: listing(verdict.number for verdict in changed()),
            "tally": lambda: tally(corrected),
            "verdict": {name: WORDS[verdict.verdict] for name, verdict in corrected.items()},
        }
    )


# --- the main question ---


def _question(results: Results, claims: int) -> dict[str, Any]:
    """Comparison of zoom and DDPMs by three measures (`paper.answer`), and the scatter of training runs."""

    def asked(measure: answer.Asked) -> Names:
        def compared(level: float = LEVEL, predicted: bool = False) -> Interval:
            return answer.compare(results, measure).at(level, predicted)

        def checkpoints(model: str) -> Markdown:
            """The number of checkpoints behind the value of each training: 21, or 16 to 21."""
            late = (len([row["frechet"] for row in training.late]) for training in groups[model])
            counts = {*late} if measure.late else {1}
            ends = dict.fromkeys((min(counts), max(counts)))
            return listing(map(integer, ends), "to")

        groups = {model: answer.trainings(results, model, measure) for model in STUDY}
        return Names(
            {
                "apart": lambda: answer.apart(results, measure),
                "freedom": lambda: answer.compare(results, measure).freedom,
                "corrected": lambda: compared(corrected_level(claims)),
                "predicted": lambda: compared(predicted=True),
                "met": lambda: answer.met(compared()),
                "checkpoints": Lazy(groups, checkpoints),
                "late": None if measure.late else asked(measure._replace(late=True)),
                "means": Lazy(groups, lambda model: answer.means(results, measure, [model])[model]),
                "n": Lazy(groups, lambda model: len([one.train["seed"] for one in groups[model]])),
                "each": Lazy(groups, lambda model: [measure.number(one) for one in groups[model]]),
            }
        )

    def spread(process: str) -> float:
        """The factor by which late distances scatter about the mean of their model."""
        groups = [results.all_of(m) for m in results.models if results.first(m).process == process]
        logs = [[math.log(digits.number(training)) for training in group] for group in groups]
        return math.exp(scatter.pooled(logs).sd)

    def unweighted() -> Interval:
        """The ratio of distances without weights, from the samples that are otherwise weighted by class."""
        groups = {model: results.all_of(model) for model in answer.PAIR}
        return scatter.over(results, lambda one: one.final["mix_frechet"].value, groups, LOG).interval

    digits = answer.ASKED["digits"]
    return {
        "answer": {name: asked(measure) for name, measure in answer.ASKED.items()},
        "unweighted": unweighted,
        "scatter": Lazy(("zoom", "ddpm"), spread),
        "late": digits.number,
        "late_count": Lazy(answer.PAIR, lambda m: len([row["frechet"] for row in results.first(m).late])),
        "left_out_high": lambda: sorted(r.high for r in answer.leave_one_out(results, digits).values()),
        "windows_high": lambda: max(ratio.high for ratio in answer.windows(results).values()),
    }


def _networks(results: Results) -> list[Names]:
    """A row for each network: its name, the ratios of two distances, degrees of freedom and runs.

    The zoom has the original study's start; `joint` is its ratio with a joint start.
    """

    def ratio(name: str, measure: str = "frechet", variant: str | None = None) -> Over | None:
        return answer.by_network(results, measure, variant).get(name)

    def interval(*given: str | None) -> Interval | None:
        known = ratio(*given)
        return known.interval if known else None

    def row(name: str) -> Names:
        return Names(
            {
                "name": Markdown(name[0].upper() + name[1:]),
                "ratio": lambda: interval(name),
                "autoencoder": lambda: interval(name, "frechet_autoencoder"),
                "joint": lambda: interval(name, "frechet", "mixture"),
                "n": lambda: Markdown(" + ".join(str(len(each)) for each in ratio(name).each.values())),
            }
        )

    return [row(name) for name in answer.by_network(results)]


# --- models of the original study ---


def _published(results: Results) -> list[tuple[str, Training]]:
    """Title and training of each model with published weights."""
    if not (original := results.beside.get("original")):
        return []
    models = [model for model in original.models if model in results.models]
    labels = {model: f"{results.first(model).label}, published" for model in models}
    return list_trainings(original.labelled(labels))


def _samples_of(results: Results, model: str, measure: str = "digit") -> Markdown:
    """The numbers of samples behind a measure of the last epoch: "1000 (seeds 0 and 1) and 500 (seed 2)"."""
    seeds: dict[int, list[int]] = {}
    for training in results.all_of(model):
        if measure in training.final:
            seeds.setdefault(training.final[measure].n, []).append(training.seed)
    if len(seeds) == 1:
        return integer(*seeds)
    groups = ((n, "seeds" if len(of) > 1 else "seed", listing(map(integer, of))) for n, of in seeds.items())
    return listing(Markdown(f"{integer(n)} ({noun} {named})") for n, noun, named in groups)


def _study(results: Results, trainings: Mapping[str, list[Training]]) -> dict[str, Any]:
    """Models of the original study: the first training of each, and all runs after the last epoch."""
    firsts = {model: group[0] for model, group in trainings.items()}
    float32 = [model for model, training in firsts.items() if "float32" in training.measured]
    yardstick = results.jobs.get("yardstick")
    return {
        "first": firsts,
        "ends": {row.name: row for row in changes.table(results) if row.name in trainings},
        "measuring": firsts["linear"].measured.facts,
        "real": firsts["linear"].real,
        "rate": firsts["linear"].job,
        "float32": Lazy(float32, lambda model: firsts[model].measured["float32"]["frechet_gap"]),
        "cost": _cost(firsts),
        "in_words": NUMBERS,
        "samples_of": lambda model, measure="digit": _samples_of(results, model, measure),
        "schedule": results.jobs["schedules"].facts,
        "schedules": results.jobs["schedules"].ways,
        "yardstick": yardstick,
        "scale": lambda: [
            Markdown(f"{escape(kind.replace(' %', '%'))} {num(yardstick[kind]['frechet'], 2)}")
            for kind in SCALE
        ],
    }


def _cost(firsts: Mapping[str, Training]) -> Names:
    """Quality with few and with many network calls, for the zoom and both DDPMs."""
    drawn = {model: training.drawn for model, training in firsts.items()}

    def few(model: str) -> list[Samples]:
        """Samples of a DDPM with about as many calls as the zoom, or fewer."""
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


def _classes(results: Results) -> dict[str, Any]:
    """The class mix late in training: its divergence from the data, and the share of a class."""
    zooms = results.all_of("zoom")

    def late(model: str) -> Interval:
        return scatter.over(results, scatter.late("divergence"), {model: results.all_of(model)}, LOG).interval

    def averaged(model: str = "zoom") -> list[float]:
        """The divergence of the class mix of each run of a model, averaged over its late checkpoints."""
        runs = results.all_of(model)
        pairs = [(_mean(one.late, "class_share"), _mean([one.real], "class_share")) for one in runs]
        return [float(rel_entr(mix, real).sum()) for mix, real in pairs]

    def shares(digit: int) -> list[float]:
        """The share of a class divided by its real share, for each zoom; the published one comes last."""
        published = results.beside["original"].all_of("zoom") if "original" in results.beside else []
        ours = [over_real([digit])(training) for training in zooms]
        last = [_mean([training.final], "recognised_share")[digit] for training in published]
        real = [_mean([training.real], "recognised_share")[digit] for training in published]
        return ours + [share / real_share for share, real_share in zip(last, real, strict=True)]

    return {
        "divergence": Lazy(STUDY, late),
        "late_divergence": lambda: [scatter.late("divergence")(one) for one in zooms],
        "least_divergence": lambda: [min(row["divergence"].value for row in one.late) for one in zooms],
        "averaged_divergence": averaged,
        "class_shares": shares,
    }


def _mean(rows: list[Samples], measure: str) -> np.ndarray:
    """Mean class shares over sets of samples."""
    return np.mean([[share.value for share in row[measure]] for row in rows], axis=0)


# --- other runs ---


def _others(results: Results) -> dict[str, Any]:
    """The release `beyond`, and the published files and weights of the original study."""
    beyond, original = results.beside.get("beyond"), results.beside.get("original")
    return {
        "beyond": {row.name: row for row in changes.table(beyond)} if beyond else {},
        "original": {model: original.first(model) for model in original.models} if original else {},
        "float32_trained": lambda: _in_float32(beyond),
        "ways_at": lambda model, calls: _ways_at(beyond, model, calls),
        **_files(original.jobs.get("files") if original else None),
    }


def _ways_at(beyond: Results, model: str, calls: int) -> int:
    """The number of ways to sample a model of the release `beyond` with a number of network calls."""
    rows = (row for row in changes.table(beyond) if row.trainings[0].model == model)
    return sum(row.calls == calls for row in rows)


def _spaces(record: Record | None) -> dict[str, Any]:
    """The main question in three kinds of features, for each network (`paper.spaces`)."""
    if not record:
        names = ("spaces", "within", "photographs", "photographs_of", "photographs_facts", "space_scores")
        return dict.fromkeys(names)

    def compare(network: str) -> Lazy:
        return Lazy(spaces.MEASURES, lambda kind: spaces.compare(record, network, kind))

    return {
        "spaces": {network: compare(network) for network in spaces.NETWORKS},
        "within": lambda ratio: answer.met(ratio),
        "photographs": record.ways,
        "photographs_of": experiments.by_model(record),
        "photographs_facts": record.facts,
        "space_scores": lambda: spaces.list_scores(record),
    }


def _in_float32(beyond: Results) -> Markdown:
    """Training runs in float32, although another training of the same model used bf16."""

    def precision(training: Training) -> str:
        return training.train.environment["precision"]

    def is_mixed(model: str) -> bool:
        return len({precision(training) for training in beyond.all_of(model)}) > 1

    trainings = [training for training in beyond.trainings.values() if is_mixed(training.model)]
    return listing(code(training.name) for training in trainings if precision(training) == "fp32")


def _files(files: Record | None) -> dict[str, Any]:
    """The published files of the original study."""
    if not files:
        return dict.fromkeys(("files", "protocol", "scores", "usage"))
    done, described = ", as the code does", ", as the text says"
    models = experiments.by_model(files)
    ways = models.pop("") | models
    sources = [way.removesuffix(done) for way in ways if way.endswith(done)]
    return {
        "usage": _usage(models),
        "files": ways,
        "protocol": files.facts,
        "scores": {
            source: {"done": ways[source + done], "described": ways[source + described]} for source in sources
        },
    }


def _usage(models: Mapping[str, Mapping[str, Samples]]) -> Names:
    """What the original study calls comparable and better, in ratios of its own published scores.

    A model's score is the geometric mean over the last fifth of training. The file has scores from the start
    of training to its end, at equal intervals.
    """

    def score(model: str) -> float:
        scores = [found.value for found in models[model]["published"]["frechet_inception"]]
        used = 1 + math.floor(LATE * (len(scores) - 1))
        return math.exp(float(np.mean(np.log(scores[-used:]))))

    return Names(
        {
            "score": Lazy(STUDY, score),
            "comparable": lambda: score("zoom") / score("linear"),
            "better_than_linear": lambda: score("cosine") / score("linear"),
        }
    )
