"""Claims of the study's Sections 2.1 and 2.3 about the noise schedules."""

from diffusion.evaluation.interval import Interval
from report.claims.common import exact, num2, percent1
from report.text_format import fixed, integer, num, percent
from report.verdicts.case import Case
from report.verdicts.effects import ABOVE, BELOW, Effect
from report.verdicts.judge import EXACT, Finding, claim
from study.records import Results

LEFT = 0.01  # the share of the amplitude that may be left in "standard Gaussian noise"
SAME_PLACE = 0.1  # the difference in amplitude of what is "mostly the same"
MOSTLY_RANDOM = 0.1  # a correlation with the clean image below this is "almost entirely random"
ONE_MEASURE = (
    "The first edition judged this by the amplitude and the ends of the schedules by the variance; both are "
    "now judged by the amplitude, and the two schedules apart."
)
IN_NOISE = {
    **EXACT,
    "rule": f"At most {LEFT:.0%} of the image's amplitude is left at the last step.",
    "changed": ONE_MEASURE,
}


def recovered(results: Results, model: str, t: int) -> Interval | None:
    """The share of digits read right in what the first training of a model predicts from step t."""
    if model not in results.models or not (analysis := results.first(model).analysis):
        return None
    found = analysis.recoverable
    return found.right[found.t.index(t)] if found and t in found.t else None


def _ends_in_noise(case: Case, schedule: str) -> Finding:
    left = getattr(case.schedules, schedule).signal_T
    effect = exact("signal left at the end", left, BELOW, LEFT, show=percent1)
    return Finding(f"$\\sqrt{{\\bar\\alpha_T}}$ is {num(left, 2)}.", effect)


@claim(
    "2.1",
    "By the last step the latent has come close to standard Gaussian noise, under the linear schedule.",
    short="The linear schedule ends in noise",
    **IN_NOISE,
)
def linear_ends_in_noise(case: Case) -> Finding:
    return _ends_in_noise(case, "linear")


@claim(
    "2.1, 2.3",
    "The same is so under the cosine schedule as the study clips it.",
    short="The clipped cosine schedule ends in noise",
    **IN_NOISE,
)
def cosine_ends_in_noise(case: Case) -> Finding:
    return _ends_in_noise(case, "cosine")


@claim(
    "2.3, Fig. 1",
    "In the intermediate steps the cosine schedule keeps more of the image.",
    short="The cosine schedule keeps more of the image",
    rule="Its signal is the larger at more than 99% of the steps between a tenth and nine tenths of the way.",
    fails="It is the larger at fewer than half of these steps.",
    **EXACT,
)
def keeps_more(case: Case) -> Finding:
    s = case.schedules
    inner = range(round(0.1 * s.T), round(0.9 * s.T) + 1)
    share = sum(s.cosine.alpha_bar[t] > s.linear.alpha_bar[t] for t in inner) / len(inner)
    text = (
        f"$\\bar\\alpha_t$ is larger at {percent(share)} of the steps between $0.1T$ and $0.9T$; its mean "
        f"over all steps is {fixed(s.mean_step['cosine'], 3)} (cosine) and {fixed(s.mean_step['linear'], 3)} "
        "(linear)."
    )
    effect = exact("steps at which it keeps more", share, ABOVE, 0.99, fails=0.5, show=percent)
    return Finding(text, effect)


@claim(
    "2.3, Fig. 1",
    "Both schedules begin and end in nearly the same place.",
    short="Both schedules end in nearly the same place",
    rule=f"The amplitude that they leave differs by less than {SAME_PLACE} at either end.",
    changed=ONE_MEASURE,
    **EXACT,
)
def ends_agree(case: Case) -> Finding:
    linear, cosine = case.schedules.linear.alpha_bar, case.schedules.cosine.alpha_bar
    first, last = (abs(cosine[i] ** 0.5 - linear[i] ** 0.5) for i in (0, -1))
    text = f"$\\sqrt{{\\bar\\alpha}}$ differs by {num(first, 2)} at $t=0$ and by {num(last, 2)} at $t=T$."
    name = "largest difference in amplitude"
    effect = exact(name, max(first, last), BELOW, SAME_PLACE, show=num2)
    return Finding(text, effect)


@claim(
    "2.3, Fig. 2",
    "At step 300 the linear schedule's latents are almost entirely random.",
    short="At step 300 linear latents are almost random",
    rule="From one such latent the trained network predicts an image that is read right less than a fifth of "
    f"the time; where this was not measured, the correlation of latent and image is below {MOSTLY_RANDOM}.",
    fails=f"It is read right more than half of the time; or the correlation is {MOSTLY_RANDOM} or more.",
    changed="The first edition had the correlation alone, which says little about what a network can see.",
    schedules=True,
)
def linear_random(case: Case) -> Finding:
    early = case.schedules.early
    if right := recovered(case.results, "linear", early.t):
        read = f"{percent(right.value)} of the digits are read right"
        text = f"From one latent at $t={early.t}$ {read} after one step."
        name = f"read right from one latent at t = {early.t}"
        effect = Effect(name, right, BELOW, 0.2, fails=0.5, show=percent)
    else:
        found = early.linear
        text = (
            f"The correlation of latent and clean image is {fixed(found.correlation)} ± "
            f"{fixed(found.correlation_sd)} at $t={early.t}$; the signal keeps {percent(found.signal)} "
            "of its amplitude."
        )
        name = "correlation with the image"
        effect = exact(name, found.correlation, BELOW, MOSTLY_RANDOM, show=fixed)
    return Finding(text, effect)


@claim(
    "2.3, Fig. 2",
    "At step 300 the cosine schedule's latents still show the image better.",
    short="At step 300 cosine latents are less so",
    rule="Their correlation with the clean image is larger by more than its spread over images.",
    fails="It is smaller by more than its spread over images.",
    schedules=True,
)
def cosine_keeps(case: Case) -> Finding:
    a, b = case.schedules.early.linear, case.schedules.early.cosine
    gap, noise = b.correlation - a.correlation, max(a.correlation_sd, b.correlation_sd)
    text = f"The correlations are {fixed(b.correlation)} (cosine) and {fixed(a.correlation)} (linear)."
    effect = exact("correlation, cosine − linear", gap, ABOVE, noise, fails=-noise, show=fixed)
    return Finding(text, effect)


@claim(
    "2.3",
    "The cosine schedule wastes fewer steps.",
    short="The cosine schedule wastes fewer steps",
    rule="It has more steps that are neither almost clean nor almost noise.",
    **EXACT,
)
def fewer_wasted(case: Case) -> Finding:
    steps = case.schedules.informative_steps
    text = (
        f"{integer(steps['cosine'])} (cosine) and {integer(steps['linear'])} (linear) of "
        f"{integer(case.schedules.T)} steps have $0.05 < \\bar\\alpha_t < 0.95$."
    )
    more = steps["cosine"] - steps["linear"]
    return Finding(text, exact("useful steps, cosine − linear", more, ABOVE, 0, show=integer))
