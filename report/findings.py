"""The table that guards of the text look up: verdicts, findings beside them, and which parts a run has."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from diffusion.evaluation import statistics
from diffusion.evaluation.results import CommonLoss, RateCheck, Real
from report import beyond, evidence, glance
from report.claims.ddpm import EARLY, curves
from report.render import Guards
from report.study import DDPMS, MODELS, deviations, measured, other_data, trainings
from report.text_format import Markdown, escape, integer
from report.verdicts.case import Case, at_end, classes, coverage, distance, late, low_confidence, swing
from report.verdicts.judge import WORDS, Verdict
from study.figures import catalogue
from study.records import Ablation, Checkpoint, Final, Results, Trained, sampling_of
from study.settings import Profile

LOSSES = ("train_loss", "test_loss")
MOVED = 0.02  # a difference of shares that counts as none
STUCK = 0.9  # a loss that says that nothing was learnt: answering zero scores one


class Run:
    """A run, its verdicts and analyses, and those of the study's models that it has.

    Raises:
        ValueError: no training of it is measured.
    """

    def __init__(
        self, results: Results, profile: Profile, verdicts: Mapping[str, Verdict], notebooks: Sequence[str]
    ):
        self.results, self.profile, self.verdicts = results, profile, verdicts
        self.notebooks = notebooks
        self.ones = [one for one in results.trainings.values() if one.measure]
        if not self.ones:
            raise ValueError(f"{results.out} has no training that is measured; `make report` measures them")
        self.study = measured(results)
        self.further = [m for m in results.models if m not in self.study]
        self.case = Case(results, {m: results.first(m) for m in self.study})
        self.zooms = trainings(results, "zoom") if self.has("zoom") else []
        self.evidence = evidence.parts(results)
        self.beyond = beyond.load(str(profile.options.get("beyond", "")))

    def has(self, *models: str) -> bool:
        return set(models) <= set(self.study)


def guards(run: Run, complete: bool = False) -> Guards:
    """Verdicts and further findings, and which parts the run has; `complete` as in `Guards`."""
    results, case = run.results, run.case
    findings = {name: WORDS.get(v.verdict, v.verdict) for name, v in run.verdicts.items()}
    further = _findings(run) | beyond.findings(run.beyond, run.results)
    findings |= {name: "yes" if found else "no" for name, found in further.items()}
    ablations = {m: case[m].measure.ablations for m in run.study}
    parts = {m: m in run.study for m in MODELS}
    parts |= {name: bool(found) for name, found in run.evidence.items()}
    parts |= {
        "schedules": results.schedules is not None,
        "ddpms": run.has(*DDPMS),
        "three": run.has(*MODELS),
        "other_data": bool(other_data(results)),
        "reduced": bool(deviations(results)),
        "several": any(len(results.seeds(m)) > 1 for m in results.models),
        "study": bool(run.study),
        "further": bool(run.further),
        "not_recovered": not run.evidence["recovered"],
        "noise_tried": bool(run.zooms)
        and all(one.analysis and any(row.noise for row in one.analysis.drawn) for one in run.zooms),
        "no_yardstick": not run.evidence["yardstick"],
        "per_nat": bool(run.evidence["mix"].get("per_nat")),
        "no_inception": not any(one.measure.inception.available for one in run.ones),
        "bf16": run.ones[0].train.environment.get("precision") == "bf16",
        "respaced": bool(respaced(run)),
        "clipped": bool(clipped(run)),
        "clipping": run.has(*DDPMS) and all(ablations[m].clipping for m in DDPMS),
        "float32": any(found.float32 for found in ablations.values()),
        "prior": run.has("zoom") and ablations["zoom"].prior is not None,
        "class_map": bool(catalogue.class_ratios(results)),
        "notebooks": bool(run.notebooks),
        "play": glance.played(),
        "beyond": run.beyond is not None,
    }
    return Guards(findings, parts, complete)


FINDINGS = (
    "rate_stuck",  # at the printed learning rate the loss stays at that of answering zero
    "offset_missed",  # a DDPM's network reports less than 90 % of a uniform shift at t = T
    "higher_loss",  # the cosine DDPM has the higher loss, in training and test
    "higher_throughout",  # in both splits and at every epoch
    "ahead_early",  # it is closer to the data at every checkpoint of the first quarter of training
    "levels_cross",  # the cosine DDPM has the lower loss at the levels of least noise, the linear elsewhere
    "clipping_harms",  # for both DDPMs: brighter backgrounds and larger distances
    "clipping_idle",  # for both DDPMs: steadier backgrounds, and as many samples that are not recognised
    "linear_strays",  # the raw border of the linear DDPM varies more over samples, at every common checkpoint
    "flattered",  # recall above that of real images, with little precision, for both DDPMs
    "mostly_unread",  # the classifier is unsure of most samples of every model, and of few real images
    "zoom_swings",  # its distance varies twofold in the second half of training, the linear DDPM's far less
    "swings_not_by_loss",  # its distance does not follow its loss
    "ends_apart",  # the last checkpoints of its trainings differ by more than a factor of 1.5
    "one_comparable",  # of its two trainings one is within the factor of the claim, the other is not
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
    if run.has(*DDPMS):
        found |= _of_ddpms(case)
    if run.study:
        shares = [case.end(m, low_confidence).value for m in run.study]
        found["mostly_unread"] = min(shares) > 0.5 and case.real.low_confidence.value < 0.1
    if run.has("linear", "zoom"):
        spreads = [late(case[m].measure, distance) for m in ("linear", "zoom")]
        steady, wild = (swing(case[m].measure) for m in ("linear", "zoom"))
        wide = wild.high > 2 * wild.low and steady.high < 1.5 * steady.low
        found["zoom_swings"] = all(spreads) and spreads[1].sd > 2 * spreads[0].sd and wide
    if run.zooms:
        last = [one.measure.final.frechet.value for one in run.zooms]
        found["swings_not_by_loss"] = all(abs(by_loss(one)) < 0.3 for one in run.zooms)
        found["ends_apart"] = max(last) > 1.5 * min(last)
        within = [effect.lean() is True for effect in run.verdicts["comparable"].each]
        found["one_comparable"] = sorted(within) == [False, True]
        found["common_bias"] = all(common_bias(run.zooms))
    if run.has(*MODELS):
        others = [case.end(m, coverage).value for m in DDPMS]
        found["coverage_higher"] = case.end("zoom", coverage).value > max(others)
    for values in (run.evidence[part] for part in ("cost", "mix", "response", "yardstick")):
        found |= {name: values[name] for name in FINDINGS if name in values}
    return found


def _of_ddpms(case: Case) -> dict[str, bool]:
    ddpms = [case[m] for m in DDPMS]
    clipped = [one.measure.ablations.clipping for one in ddpms]
    strays = [{row.epoch: row.border.sd for row in one.measure.curve} for one in ddpms]
    losses = [[[getattr(line, key) for line in one.train.history] for one in ddpms] for key in LOSSES]
    return {
        "ddpms_follow_mix": all(
            by_distance(one, lambda row: row.classes.divergence.value) > 0.5 for one in ddpms
        ),
        "higher_loss": all(paired_low(cosine[-10:], linear[-10:]) > 0 for linear, cosine in losses),
        "higher_throughout": all(np.greater(cosine, linear).all() for linear, cosine in losses),
        "ahead_early": all(cosine < linear for _, cosine, linear in curves(case, EARLY)),
        "levels_cross": _levels_cross(*(one.train.ddpm.common_loss for one in ddpms)),
        "clipping_harms": all(c and c.gap.frechet.low > 0 and c.gap.background.low > 0 for c in clipped),
        "clipping_idle": all(c and _idle(c) for c in clipped),
        "linear_strays": all(sd > strays[1][e] for e, sd in strays[0].items() if e in strays[1]),
        "flattered": all(_flattered(one.measure.final, case.real) for one in ddpms),
    }


def _levels_cross(linear: CommonLoss, cosine: CommonLoss) -> bool:
    rows = sorted(zip(linear.levels, linear.by_level, cosine.by_level, strict=True))
    wins = [cosine < linear for _, linear, cosine in rows]
    return wins == sorted(wins) and True in wins and False in wins


def _idle(clipping: Ablation) -> bool:
    """Clipping leaves fewer stray backgrounds, and as many samples unrecognised as before."""
    before, after = clipping.first, clipping.second
    return (
        after.border.sd < before.border.sd
        and abs(after.low_confidence.value - before.low_confidence.value) < MOVED
    )


def paired_low(a: list[float], b: list[float]) -> float:
    """The lower end of the interval of the mean of a - b over epochs; of one epoch, the difference."""
    gap = np.subtract(a, b)
    return statistics.late_mean(gap).low if len(gap) > 1 else float(gap[0])


def by_distance(one: Trained, value: Callable[[Checkpoint], float]) -> float:
    """The correlation of a value with the distance after the first third of training; 0 on few points."""
    rows = [row for row in one.measure.curve if row.epoch > one.train.epochs / 3]
    values = [(row.frechet.value, value(row)) for row in rows]
    known = len(rows) >= 10 and np.std(values, axis=0).all()
    return float(np.corrcoef(values, rowvar=False)[0, 1]) if known else 0.0


def by_loss(one: Trained) -> float:
    losses = {line.epoch: line.test_loss for line in one.train.history}
    return by_distance(one, lambda row: losses[row.epoch])


def common_bias(ones: Sequence[Trained]) -> tuple[list[int], list[int]]:
    """The classes that all these trainings favour, and those that all of them draw rarely.

    By the 95 % interval of their share among the recognised samples at the end of training, each by itself.
    """
    signs = class_signs(ones, sure=True)
    return tuple(np.flatnonzero((signs == sign).all(axis=0)).tolist() for sign in (1, -1))


def class_signs(ones: Sequence[Trained], sure: bool) -> np.ndarray:
    """1 where a class is commoner than in real images at the end of training, -1 where rarer, else 0.

    (trainings, 10). If `sure`, by the 95 % interval; else by a fifth of its real share.
    """
    signs = []
    for measure in (one.measure for one in ones):
        real, found = measure.real.recognised.share, []
        for c in range(10):
            end = at_end(measure, classes((c,)))
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
    return v.recall.value > r.recall.value and v.precision.value < 0.75 * r.precision.value


def respaced(run: Run) -> list[Markdown]:
    """The models that are sampled in fewer steps than they are trained for."""
    drawn = {m: run.results.first(m).train.settings for m in run.results.models}
    steps = {m: n for m, s in drawn.items() if (n := sampling_of(s)["steps"]) not in (None, s["T"])}
    return [Markdown(f"{integer(n)} for the {escape(m)} model") for m, n in steps.items()]


def clipped(run: Run) -> list[str]:
    return [m for m in run.study if sampling_of(run.case[m].train.settings)["clip_x0"]]
