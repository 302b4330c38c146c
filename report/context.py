"""Context of the text: numbers for its placeholders, and what its guards look up."""

from collections.abc import Mapping, Sequence
from typing import Any

from diffusion.evaluation.statistics import FEWEST
from diffusion.records import Final, RateCheck, Real, Results
from diffusion.settings import Profile
from report import models, tables
from report.claims.ddpm import lower_levels
from report.estimates import LAST, Case, distance, late, tail
from report.render import WORDS, Guards
from report.study import CITATION, MODELS, STUDY, dataset, deviations, measured, other_data
from report.text_format import Markdown, escape, fixed, integer, listing, sentence, span
from report.verdicts import END_OF_TRAINING, Verdict, tally

LOSSES = ("train_loss", "test_loss")
STUCK = 0.9  # a loss that says that nothing was learnt: answering zero scores one
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Run:
    """A run, its verdicts, and those of the study's models that it has."""

    def __init__(
        self, results: Results, profile: Profile, verdicts: Mapping[str, Verdict], notebooks: Sequence[str]
    ):
        self.results, self.profile, self.verdicts = results, profile, verdicts
        self.notebooks = notebooks
        self.study = measured(results)
        self.further = [m for m in results.models if m not in self.study]
        self.case = Case(results, {m: results.first(m) for m in self.study})
        self.ones = [one for one in results.trainings.values() if one.measure]
        if not self.ones:
            raise ValueError(f"{results.out} has no training that is measured; `make report` measures them")

    def has(self, *models: str) -> bool:
        return set(models) <= set(self.study)


# --- what guards look up ---


def guards(run: Run, complete: bool) -> Guards:
    """Verdicts and further findings, and which parts the run has."""
    results, case = run.results, run.case
    findings = {name: WORDS.get(v.verdict, v.verdict) for name, v in run.verdicts.items()}
    findings |= {name: "yes" if found else "no" for name, found in _findings(run).items()}
    ddpms = [m for m in ("linear", "cosine") if m in run.study]
    ablations = {m: case[m].measure.ablations for m in run.study}
    parts = {m: m in run.study for m in MODELS}
    parts |= {
        "schedules": results.schedules is not None,
        "ddpms": run.has("linear", "cosine"),
        "three": run.has(*MODELS),
        "other_data": bool(other_data(results)),
        "reduced": bool(deviations(results)),
        "several": any(len(results.seeds(m)) > 1 for m in results.models),
        "no_inception": not any(one.measure.extractors["inception"].available for one in run.ones),
        "bf16": run.ones[0].train.environment.get("precision") == "bf16",
        "respaced": bool(_respaced(run)),
        "clipped": bool(_clipped(run)),
        "clipping": len(ddpms) == 2 and all(ablations[m].clipping for m in ddpms),
        "float32": any(found.float32 for found in ablations.values()),
        "prior": run.has("zoom") and ablations["zoom"].prior is not None,
        "notebooks": bool(run.notebooks),
    }
    return Guards(findings, parts, complete)


def _findings(run: Run) -> dict[str, bool]:
    """Findings beside the claims; those about models that the run has not are not so."""
    case, found = run.case, dict.fromkeys(FINDINGS, False)
    if run.has("linear"):
        found["rate_stuck"] = rate_stuck(case["linear"].train.ddpm.learning_rate_check)
    if run.has("linear", "cosine"):
        ddpms = [case[m] for m in ("linear", "cosine")]
        offsets = [one.train.ddpm.offset for one in ddpms]
        clipped = [one.measure.ablations.clipping for one in ddpms]
        found["offset_missed"] = any(o.response < 0.9 * o.shift for o in offsets)
        levels, won = ddpms[0].train.ddpm.common_loss.levels, lower_levels(case)
        found["levels_cross"] = 0 < len(won) < len(levels) and won == sorted(levels)[-len(won) :]
        splits = [[tail([getattr(x, key) for x in one.train.history]) for one in ddpms] for key in LOSSES]
        found["higher_loss"] = all(linear.below(cosine) for linear, cosine in splits)
        found["flattered"] = all(_flattered(one.measure.final, case.real) for one in ddpms)
        found["clipping_harms"] = all(
            c and c.gap.digits.low > 0 and c.gap.background.low > 0 for c in clipped
        )
    if run.has("linear", "zoom"):
        spreads = [late(case[m].measure, distance("digits")) for m in ("linear", "zoom")]
        found["zoom_swings"] = all(spreads) and spreads[1].sd > 2 * spreads[0].sd
    if run.has("zoom"):
        trainings = [run.results.trainings["zoom", seed].measure for seed in run.results.seeds("zoom")]
        found["variety_parted"] = run.has(*MODELS) and _variety_parted(case)
        found["zoom_biased"] = all(_biased(one.final, one.real) for one in trainings)
    return found


FINDINGS = (
    "rate_stuck",  # at the printed learning rate the loss stays at that of answering zero
    "offset_missed",  # a network reports less than 90 % of a uniform shift
    "higher_loss",  # the cosine DDPM has the higher loss, in training and test
    "levels_cross",  # the cosine DDPM has the lower loss at the levels of least noise, the linear elsewhere
    "flattered",  # recall above that of real images, with little precision, for both DDPMs
    "clipping_harms",  # for both DDPMs: brighter backgrounds and larger distances
    "zoom_swings",  # the zoom model's distance varies more than twice as much as the linear DDPM's
    "variety_parted",  # its classes are less even than those of both DDPMs, and its coverage is higher
    "zoom_biased",  # its classes diverge more than those of as many real images, with every seed
)


def rate_stuck(check: RateCheck) -> bool:
    """At the printed learning rate nothing is learnt, and at the one that must be meant something is."""
    printed, used = check.printed, check.used
    learns = used.finite and used.last_loss < min(1, used.first_loss)
    return learns and printed.finite and printed.last_loss >= STUCK


def _flattered(final: Final, real: Real) -> bool:
    v, r = final.variety, real.variety
    return v.recall > r.recall and v.precision < 0.75 * r.precision


def _variety_parted(case: Case) -> bool:
    zoom, *others = (case.final(m) for m in ("zoom", "linear", "cosine"))
    uneven = all(zoom.classes.divergence > one.classes.divergence for one in others)
    return uneven and all(zoom.variety.coverage > one.variety.coverage for one in others)


def _biased(final: Final, real: Real) -> bool:
    floor = real.divergence_floor
    return final.classes.divergence_low > floor.mean + 2 * floor.sd


def _respaced(run: Run) -> list[Markdown]:
    """The models that are sampled in fewer steps than they are trained for."""
    drawn = {m: run.results.first(m).train.settings for m in run.results.models}
    steps = {m: n for m, s in drawn.items() if (n := s.get("sampling_steps")) not in (None, s["T"])}
    return [Markdown(f"{integer(n)} for the {escape(m)} model") for m, n in steps.items()]


def _clipped(run: Run) -> list[str]:
    return [m for m in run.study if run.case[m].train.settings.get("clip_x0")]


# --- what placeholders print ---


def build(run: Run, drawn: set[str]) -> dict[str, Any]:
    """Name -> value, or what prints it; `drawn` are the figure files."""
    results, case, found = run.results, run.case, dataset(run.results)
    one = next(iter(results.trainings.values()))
    measure = run.ones[0].measure
    context = {
        "study": STUDY,
        "profile": run.profile.name,
        "command": f"make retrain PROFILE={run.profile.name}",
        "dataset": found,
        "data_citation": Markdown(f"[@{CITATION[name]}]" if (name := _name(results)) in CITATION else ""),
        "deviations": deviations(results),
        "subtitle": subtitle(run),
        "models_said": models_said(run),
        "seeds_said": seeds_said(results),
        "claims_count": integer(len(run.verdicts)),
        "tally": tally(run.verdicts),
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
        "late": {m: late(case[m].measure, distance("digits")) for m in run.study},
        "swings": {m: case.swing(m) for m in run.study},
        "probes": {m: case[m].train.ddpm or case[m].train.zoom for m in run.study},
        "reference": measure.reference,
        "digits": measure.extractors["digits"],
        "real": measure.real,
        "threshold": measure.real.not_digit.threshold,
        "quality_rule": measure.quality_rule,
        "respaced": listing(_respaced(run)),
        "clipped": listing(_clipped(run)),
        "total_seconds": float(sum(map(tables.seconds, results.trainings.values()))),
        "notebooks": listing(Markdown(f"[{escape(n)}](notebooks/{n}.html)") for n in run.notebooks),
        "table_distances": tables.distances(results),
        "table_measures": tables.measures(results),
        "table_claims": tables.claims(run.verdicts),
        "table_rules": tables.rules(run.verdicts),
        "table_cost": tables.cost(results),
        "table_environment": tables.environment(results),
        "table_parameters": tables.settings(results, lambda one: one.train),
        "table_measuring": tables.settings(results, lambda one: one.measure),
        "table_seeds": tables.seeds(results),
        "seeds_parted": seeds_parted(run.verdicts),
        "further_models": models.further(results, run.further, drawn),
    }
    return context | _of_schedules(results) | _of_models(run)


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
        out["lower_levels"] = listing(fixed(level) for level in lower_levels(case))
        out["table_levels"] = tables.levels(results)
        if all(case[m].measure.ablations.clipping for m in ("linear", "cosine")):
            out["table_clipping"] = tables.clipping(results, ("linear", "cosine"))
    float32 = {m: found for m in run.study if (found := case[m].measure.ablations.float32)}
    gaps = {m: f.gap.digits for m, f in float32.items()}
    out["float32_gaps"] = listing(
        Markdown(f"{span(g.mean, g.low, g.high, 2)} ({m})") for m, g in gaps.items()
    )
    if run.has("zoom"):
        final, real = case.final("zoom"), case.real.classes.share
        names, shares = dataset(results).classes, final.classes
        out["favoured"] = listing(names[c] for c in range(10) if shares.low[c] > real[c])
        out["rare"] = listing(names[c] for c in range(10) if shares.high[c] < real[c])
        out["prior"] = case["zoom"].measure.ablations.prior
    return out


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
