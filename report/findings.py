"""The table that guards of the text look up: verdicts, findings beside them, and which parts a run has."""

from collections.abc import Mapping, Sequence

import numpy as np

from diffusion.evaluation import statistics
from diffusion.records import Ablation, Final, RateCheck, Real, Results, Trained
from diffusion.settings import Profile
from report import beyond, evidence, glance
from report.claims.ddpm import lower_levels
from report.estimates import Case, at_end, coverage, digits, distance, late, not_recognised
from report.render import WORDS, Guards
from report.study import MODELS, deviations, measured, other_data
from report.text_format import Markdown, escape, integer
from report.verdicts import Verdict

LOSSES = ("train_loss", "test_loss")
MOVED = 0.02  # a difference of shares that counts as none
STUCK = 0.9  # a loss that says that nothing was learnt: answering zero scores one


class Run:
    """A run, its verdicts, and those of the study's models that it has."""

    def __init__(
        self, results: Results, profile: Profile, verdicts: Mapping[str, Verdict], notebooks: Sequence[str]
    ):
        self.results, self.profile, self.verdicts = results, profile, verdicts
        self.notebooks = notebooks
        self.study = measured(results)
        self.beyond = beyond.load(str(profile.options.get("beyond", "")))
        self.further = [m for m in results.models if m not in self.study]
        self.case = Case(results, {m: results.first(m) for m in self.study})
        self.ones = [one for one in results.trainings.values() if one.measure]
        if not self.ones:
            raise ValueError(f"{results.out} has no training that is measured; `make report` measures them")

    def has(self, *models: str) -> bool:
        return set(models) <= set(self.study)


def guards(run: Run, complete: bool) -> Guards:
    """Verdicts and further findings, and which parts the run has."""
    results, case = run.results, run.case
    findings = {name: WORDS.get(v.verdict, v.verdict) for name, v in run.verdicts.items()}
    further = _findings(run) | beyond.findings(run.beyond, run.results)
    findings |= {name: "yes" if found else "no" for name, found in further.items()}
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
        "study": bool(run.study),
        "further": bool(run.further),
        "response": bool(evidence.responses(results)),
        "recovered": bool(evidence.recovered(results)),
        "not_recovered": not evidence.recovered(results),
        "flips": bool(evidence.flips(results)),
        "mix": bool(evidence.mixes(results)),
        "yardstick": bool(evidence.yard(results)),
        "noise_tried": run.has("zoom")
        and all(run.results.trainings["zoom", s].analysis for s in run.results.seeds("zoom")),
        "memorised": evidence.analysed(results, "zoom"),
        "no_yardstick": not evidence.yard(results),
        "per_nat": bool(evidence.mixes(results).get("per_nat")),
        "cost": bool(evidence.cost(results)),
        "no_inception": not any(one.measure.extractors["inception"].available for one in run.ones),
        "bf16": run.ones[0].train.environment.get("precision") == "bf16",
        "respaced": bool(respaced(run)),
        "clipped": bool(clipped(run)),
        "clipping": len(ddpms) == 2 and all(ablations[m].clipping for m in ddpms),
        "float32": any(found.float32 for found in ablations.values()),
        "prior": run.has("zoom") and ablations["zoom"].prior is not None,
        "notebooks": bool(run.notebooks),
        "play": glance.played(),
        "beyond": run.beyond is not None,
    }
    return Guards(findings, parts, complete)


OF_COST = ("zoom_cheapest", "cosine_needs_fewer", "ddim_fails", "improved_worse")  # of `evidence.cost`
FINDINGS = (
    "rate_stuck",  # at the printed learning rate the loss stays at that of answering zero
    "offset_missed",  # a network reports less than 90 % of a uniform shift
    "higher_loss",  # the cosine DDPM has the higher loss, in training and test
    "levels_cross",  # the cosine DDPM has the lower loss at the levels of least noise, the linear elsewhere
    "clipping_harms",  # for both DDPMs: brighter backgrounds and larger distances
    "clipping_idle",  # for both DDPMs: steadier backgrounds, and as many samples that are not recognised
    "linear_strays",  # the raw border of the linear DDPM varies more over samples, at every common checkpoint
    "flattered",  # recall above that of real images, with little precision, for both DDPMs
    "mostly_unread",  # the classifier is unsure of most samples of every model, and of few real images
    "zoom_swings",  # its distance varies twofold in the second half of training, the linear DDPM's far less
    "swings_not_by_loss",  # its distance does not follow its loss
    "ends_apart",  # the last checkpoints of its trainings differ by more than a factor of 1.5
    "common_bias",  # there are digits that all its trainings favour, and such that all of them draw rarely
    "ddpms_follow_mix",  # both DDPMs' distance correlates with the divergence of their classes, above 0.5
    "level_without_mix",  # weighted to the classes of the data, distances are within a factor of 1.6
    "zoom_more_digits",  # every training of it draws more digits than every DDPM, beyond chance
    "zoom_cheapest",  # at its number of network calls a DDPM draws fewer digits, beyond chance
    "cosine_needs_fewer",  # with as few calls the linear DDPM is 1.5 times as far as it; with all, level
    "ddim_fails",  # DDIM is at twice the distance of the full ancestral sampler, with any number of calls
    "improved_worse",  # the second sampler of cold diffusion has a larger distance, beyond chance
    "coverage_higher",  # its coverage is higher than that of both DDPMs
)


def _findings(run: Run) -> dict[str, bool]:
    """Findings beside the claims; those about models that the run has not are not so."""
    case, found = run.case, dict.fromkeys(FINDINGS, False)
    if run.has("linear"):
        found["rate_stuck"] = rate_stuck(case["linear"].train.ddpm.learning_rate_check)
    if run.has("linear", "cosine"):
        found |= _of_ddpms(case)
    if run.study:
        shares = [case.end(m, not_recognised).value for m in run.study]
        found["mostly_unread"] = min(shares) > 0.5 and case.real.not_digit.share < 0.1
    if run.has("linear", "zoom"):
        spreads = [late(case[m].measure, distance()) for m in ("linear", "zoom")]
        swing, steady = case.swing("zoom"), case.swing("linear")
        wide = swing.high is not None and swing.high > 2 * swing.low and steady.high < 1.5 * steady.low
        found["zoom_swings"] = all(spreads) and spreads[1].sd > 2 * spreads[0].sd and wide
    if run.has("zoom"):
        trainings = [run.results.trainings["zoom", seed] for seed in run.results.seeds("zoom")]
        last = [one.measure.final.digits.fid for one in trainings]
        found["swings_not_by_loss"] = all(abs(by_loss(one) or 0.0) < 0.3 for one in trainings)
        found["ends_apart"] = max(last) > 1.5 * min(last)
        found["common_bias"] = all(len(digits) for digits in common_bias(run.results))
    of_cost = evidence.cost(run.results)
    found |= {name: bool(of_cost.get(name)) for name in OF_COST}
    found["level_without_mix"] = bool(evidence.mixes(run.results).get("level_without_mix"))
    found["zoom_more_digits"] = bool(evidence.yard(run.results).get("zoom_more_digits"))
    if run.has(*MODELS):
        others = [case.end(m, coverage).value for m in ("linear", "cosine")]
        found["coverage_higher"] = case.end("zoom", coverage).value > max(others)
    return found


def _of_ddpms(case: Case) -> dict[str, bool]:
    ddpms = [case[m] for m in ("linear", "cosine")]
    offsets = [one.train.ddpm.offset for one in ddpms]
    clipped = [one.measure.ablations.clipping for one in ddpms]
    levels, won = ddpms[0].train.ddpm.common_loss.levels, lower_levels(case)
    strays = [{row.epoch: row.border.sd for row in one.measure.curve} for one in ddpms]
    ends = [[[getattr(line, key) for line in one.train.history[-10:]] for one in ddpms] for key in LOSSES]
    return {
        "ddpms_follow_mix": all(_follows_mix(one) for one in ddpms),
        "higher_loss": all(paired_low(cosine, linear) > 0 for linear, cosine in ends),
        "offset_missed": any(o.response < 0.9 * o.shift for o in offsets),
        "levels_cross": 0 < len(won) < len(levels) and won == sorted(levels)[-len(won) :],
        "clipping_harms": all(c and c.gap.digits.low > 0 and c.gap.background.low > 0 for c in clipped),
        "clipping_idle": all(c and _idle(c) for c in clipped),
        "linear_strays": all(sd > strays[1][e] for e, sd in strays[0].items() if e in strays[1]),
        "flattered": all(_flattered(one.measure.final, case.real) for one in ddpms),
    }


def _idle(clipping: Ablation) -> bool:
    """Clipping leaves fewer stray backgrounds, and as many samples unrecognised as before."""
    before, after = clipping.first, clipping.second
    return after.border.sd < before.border.sd and abs(after.not_digit.share - before.not_digit.share) < MOVED


def _follows_mix(one: Trained) -> bool:
    """Its distance correlates with the divergence of its classes, above 0.5, after its first third."""
    rows = [row for row in one.measure.curve if row.epoch > one.train.epochs / 3]
    values = [(row.digits.fid, row.classes.divergence) for row in rows]
    known = len(rows) >= 10 and np.std(values, axis=0).all()
    return bool(known) and float(np.corrcoef(values, rowvar=False)[0, 1]) > 0.5


def paired_low(a: list[float], b: list[float]) -> float:
    """The lower end of the interval of the mean of a - b over epochs; of one epoch, the difference."""
    gap = np.subtract(a, b)
    return statistics.late_mean(gap).low if len(gap) > 1 else float(gap[0])


def by_loss(one: Trained) -> float | None:
    """The correlation of a training's distance and test loss, after its first third; None on few "
    "checkpoints."""
    losses = {line.epoch: line.test_loss for line in one.train.history}
    rows = [row for row in one.measure.curve if row.epoch > one.train.epochs / 3]
    if len(rows) < 10:
        return None
    values = [(row.digits.fid, losses[row.epoch]) for row in rows]
    return float(np.corrcoef(values, rowvar=False)[0, 1]) if np.std(values, axis=0).all() else 0.0


def common_bias(results: Results, model: str = "zoom") -> tuple[list[int], list[int]]:
    """The classes that all trainings of a model favour, and those that all of them draw rarely.

    By the 95 % interval of their share among the recognised samples at the end of training, each by itself.
    """
    signs = class_signs(results, model, sure=True)
    return tuple(np.flatnonzero((signs == sign).all(axis=0)).tolist() for sign in (1, -1))


def class_signs(results: Results, model: str, sure: bool) -> np.ndarray:
    """1 where a class is commoner than in real images at the end of training, -1 where rarer: (seeds, 10).

    0 where it is neither: `sure`, by the 95 % interval; else by a fifth of its real share.
    """
    signs = []
    for seed in results.seeds(model):
        measure = results.trainings[model, seed].measure
        real, found = measure.real.recognised.share, []
        for c in range(10):
            end = at_end(measure, digits((c,)))
            low, high = (end.low, end.high) if sure else ((end.value or 0) / 1.2, (end.value or 0) * 1.2)
            found.append(1 if low > real[c] else -1 if high < real[c] else 0)
        signs.append(found)
    return np.array(signs)


def rate_stuck(check: RateCheck) -> bool:
    """At the printed learning rate nothing is learnt, and at the one that must be meant something is."""
    printed, used = check.printed, check.used
    learns = used.finite and used.last_loss < min(1, used.first_loss)
    return learns and printed.finite and printed.last_loss >= STUCK


def _flattered(final: Final, real: Real) -> bool:
    v, r = final.variety, real.variety
    return v.recall > r.recall and v.precision < 0.75 * r.precision


def respaced(run: Run) -> list[Markdown]:
    """The models that are sampled in fewer steps than they are trained for."""
    drawn = {m: run.results.first(m).train.settings for m in run.results.models}
    steps = {m: n for m, s in drawn.items() if (n := s.get("sampling_steps")) not in (None, s["T"])}
    return [Markdown(f"{integer(n)} for the {escape(m)} model") for m, n in steps.items()]


def clipped(run: Run) -> list[str]:
    return [m for m in run.study if run.case[m].train.settings.get("clip_x0")]
