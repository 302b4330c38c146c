"""What report.md may speak about: the run's records, the claims' verdicts, the study, the profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diffusion.centres import MOSTLY
from diffusion.quality import OUTSIDE
from report import claims, controls, phrases, tables, trainings
from report.evidence import agree
from report.final_epochs import LAST, known, lower, over_checkpoints, swing
from report.measures import centre, distance, divergence
from report.results import REQUIRED, Results
from report.rules_ddpm import lower_levels
from report.rules_ranking import COMPARABLE, direction
from report.rules_samples import centre_kinds, contradiction, leading_digits
from report.rules_seeds import less_bias, seed_differences
from report.study import CITATION, STUDY, deviations, other_data
from report.text import Markdown, escape, fixed, integer, listing

STUCK = 0.9  # a loss that says that nothing was learnt: answering zero scores one


def _flattered(final: Mapping[str, Any], real: Mapping[str, Any]) -> bool:
    """Is the recall of samples higher than that of real images, though few of them lie among these?"""
    v, r = final["variety"], real["variety"]
    return v["recall_low"] > r["recall"] and v["precision"] < r["precision"] / 2


def _digits(
    shares: Mapping[str, Any], real: list[float], floor: Mapping[str, float], names: tuple[str, ...]
) -> dict[str, Markdown | bool]:
    """Which classes are more and which are less frequent than in real images, by their intervals.

    Of ten intervals of an unbiased model one often misses by chance; it is `biased` only if the divergence of
    all classes together lies above what as many real images score.
    """
    favoured = [names[d] for d in range(10) if shares["low"][d] > real[d]]
    rare = [names[d] for d in range(10) if shares["high"][d] < real[d]]
    return {
        "favoured": listing(favoured),
        "rare": listing(rare),
        "any": bool(favoured or rare),
        "biased": shares["divergence_low"] > floor["mean"] + 2 * floor["sd"],
    }


def rate_outcome(check: Mapping[str, Any]) -> str:
    """What a trial of the printed learning rate shows: "overflows", "stuck" or "no evidence".

    Stuck is a loss of about one, which answering zero everywhere scores, give or take a batch. Neither says
    anything unless the rate that must be meant is seen to learn.
    """
    printed, used = check["printed"], check["used"]
    if not used["finite"] or used["last_loss"] >= min(1, used["first_loss"]):
        return "no evidence"
    if not printed["finite"]:
        return "overflows"
    return "stuck" if printed["last_loss"] >= STUCK else "no evidence"


def _posterior_gap(beta: list[float], alpha_bar: list[float]) -> dict[str, Any]:
    """The noise's factor at t = T in Equation (4), and in Equation (2) solved for the earlier state."""
    return {"posterior": beta[-1] / (1 - alpha_bar[-1]) ** 0.5, "inverted": beta[-1] ** 0.5}


def _respaced(results: Results) -> list[Markdown]:
    """The models that are sampled in fewer steps than they are trained for."""
    drawn = {m: t["parameters"] for m, t in results.train.items() if t["process"] == "ddpm"}
    steps = {m: n for m, p in drawn.items() if (n := p["sampling_steps"]) not in (None, p["T"])}
    return [Markdown(f"{integer(n)} for the {escape(m)} DDPM") for m, n in steps.items()]


def _seconds(record: Mapping[str, Any]) -> float:
    """What a training took."""
    return sum(line["seconds"] for line in record["history"])


def build(results: Results, profile_name: str, notebooks: list[dict[str, str]]) -> dict[str, Any]:
    """The context of report.md; ``notebooks`` holds name and link of each rendered notebook."""
    verdicts, runs = claims.ledger(results), results.runs
    train, real = results.train, results.compare["real"]
    seconds = {m: _seconds(t) for m, t in train.items()}
    columns, rows = tables.parameters(results)
    counts = [train[m]["parameters_count"] for m in REQUIRED]
    widths = {tuple(train[m]["parameters"]["channels"]) for m in REQUIRED}
    passes = min(results.passes(m) for m in REQUIRED)
    shares, classes = real["classes"]["share"], results.dataset.classes
    return {
        "dataset": results.dataset,
        "other_data": other_data(results),
        "citation": CITATION.get(results.dataset.name),
        "schedules": results.schedules,
        "train": train,
        "compare": results.compare,
        "final": results.final,
        "real": real,
        "labels": results.compare["labels"],
        "models": list(train),
        "extractors": results.extractors,
        "panels": Markdown(
            "digit (left) and in Inception features (right)"
            if "inception" in results.extractors
            else "digit features"
        ),
        "seed_pixels": results.schedules["zoom"]["sizes"][-1] ** 2,
        "extractor_names": {"digits": "digits", "inception": "Inception"},
        "study": STUDY,
        "deviations": deviations(results),
        "clipped": [m for m in ("linear", "cosine") if train[m]["parameters"].get("clip_x0")],
        "flattered": [m for m in REQUIRED if _flattered(results.final[m], real)],
        "late_distances": {m: over_checkpoints(results, m, distance("digits")) for m in REQUIRED},
        "late": known(results),
        "last_part": Markdown(LAST),
        "swings": {m: swing(results, m) for m in REQUIRED},
        "lower_levels": [fixed(level) for level in lower_levels(results)],
        "late_centres": {k: over_checkpoints(results, "zoom", centre(k)) for k in ("dark", "white")},
        "seed_differences": seed_differences(runs),
        "less_bias": agree(map(less_bias, runs)),
        "centres_are": phrases.centres([centre_kinds(r) for r in runs]),
        "mostly": MOSTLY,
        "outside": OUTSIDE,
        "loss_too": phrases.loss_too(verdicts["lower-loss"]),
        "in_features": Markdown("" if "inception" in results.extractors else " in digit features"),
        "claims": list(verdicts.values()),
        "v": verdicts,
        "tally": phrases.tally(verdicts),
        "end_of_training": claims.END_OF_TRAINING,
        "comparable": COMPARABLE,
        "direction": direction(runs),
        "contradiction": contradiction(runs),
        "clipping_does": {m: controls.clipping(results.compare["clipping"][m]) for m in ("linear", "cosine")},
        "float32": controls.float32(results.compare.get("float32")),
        "rate_outcome": rate_outcome(train["linear"]["learning_rate_check"]),
        "passes": passes,
        "passes_said": Markdown(f"{claims.count(passes)} {'pass' if passes == 1 else 'passes'}"),
        "respaced": _respaced(results),
        "last": {m: t["history"][-1] for m, t in train.items()},
        "seconds": seconds,
        "total_seconds": sum(seconds.values()),
        "all_seconds": sum(_seconds(t) for r in (results, *results.others) for t in r.train.values()),
        "seeds": [r.seed for r in (results, *results.others)],
        "again": results.again,
        "again_models": {one.model for one in results.again},
        "again_names": listing(dict.fromkeys(f"{one.model} model" for one in results.again)),
        "also": {m: phrases.also(results, m) for m in REQUIRED},
        "asked_again": any(v.seeds for v in verdicts.values()),
        "again_seconds": {one.folder: _seconds(one.train) for one in results.again},
        "trainings": trainings.beside(results),
        "zoom_by_seed": trainings.zoom_by_seed(results),
        "parted": [number for number, v in enumerate(verdicts.values(), 1) if v.parted],
        "over_seeds": results.compare["over_seeds"] and results.compare["over_seeds"]["models"],
        "digits": {
            m: _digits(f["classes"], shares, real["divergence_floor"], classes)
            for m, f in results.final.items()
        },
        "uneven": all(
            _digits(r.final["zoom"]["classes"], shares, real["divergence_floor"], classes)["biased"]
            for r in runs
        ),
        "posterior": _posterior_gap(
            results.schedules["linear"]["beta"], results.schedules["linear"]["alpha_bar"]
        ),
        "same_network": len(widths) == 1,
        "counts_of_parameters": counts,
        "ordered": phrases.ordered,
        "one_of": phrases.one_of,
        "zoom_is_closer": agree(lower(r, "zoom", "linear", distance("digits")) for r in runs),
        "zoom_is_evener": agree(lower(r, "zoom", "linear", divergence) for r in runs),
        "leading_digits": [classes[d] for d in leading_digits(results)],
        "loss_rows": tables.losses(results),
        "profile": profile_name,
        "parameter_columns": columns,
        "parameter_rows": rows,
        "environment_rows": tables.environment(results),
        "notebooks": notebooks,
        "notebook_links": [Markdown(f"[{escape(n['name'])}]({n['link']})") for n in notebooks],
    }
