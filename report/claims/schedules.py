"""Claims of the study's Sections 2.1 and 2.3 about the noise schedules."""

from report.estimates import Answer, Case
from report.text_format import Markdown, fixed, integer, num, percent
from report.verdicts import EXACT, claim

MOSTLY_RANDOM = 0.1  # a correlation with the clean image below this is "almost entirely random"


@claim(
    "2.1",
    "By the last step the latent has come close to standard Gaussian noise, as sampling assumes.",
    rule="Either schedule leaves at most 1% of the amplitude at its last step (a bound of ours).",
    **EXACT,
)
def ends_in_noise(case: Case) -> tuple[Markdown, Answer]:
    linear, cosine = case.schedules.linear.signal_T, case.schedules.cosine.signal_T
    text = f"$\\sqrt{{\\bar\\alpha_T}}$ is {num(linear, 2)} (linear) and {num(cosine, 2)} (cosine)."
    return Markdown(text), max(linear, cosine) <= 0.01


@claim(
    "2.3, Fig. 1",
    "In the intermediate steps the cosine schedule keeps more of the image.",
    rule="Its signal is the larger at every step between a tenth and nine tenths of the way.",
    fails="It is the larger at no more than half of these steps.",
    **EXACT,
)
def keeps_more(case: Case) -> tuple[Markdown, Answer]:
    s = case.schedules
    inner = range(round(0.1 * s.T), round(0.9 * s.T) + 1)
    share = sum(s.cosine.alpha_bar[t] > s.linear.alpha_bar[t] for t in inner) / len(inner)
    text = (
        f"$\\bar\\alpha_t$ is larger at {percent(share)} of the steps between $0.1T$ and $0.9T$; its mean "
        "over all "
        f"steps is {fixed(s.mean_step['cosine'], 3)} (cosine) and {fixed(s.mean_step['linear'], 3)} (linear)."
    )
    return Markdown(text), True if share == 1 else False if share <= 0.5 else None


@claim(
    "2.3, Fig. 1",
    "Both schedules begin and end in nearly the same place.",
    rule="The cumulative products differ by less than 0.01 at either end.",
    **EXACT,
)
def ends_agree(case: Case) -> tuple[Markdown, Answer]:
    linear, cosine = case.schedules.linear.alpha_bar, case.schedules.cosine.alpha_bar
    first, last = (abs(cosine[i] - linear[i]) for i in (0, -1))
    text = f"$\\bar\\alpha$ differs by {num(first, 2)} at $t=0$ and by {num(last, 2)} at $t=T$."
    return Markdown(text), max(first, last) < 0.01


@claim(
    "2.3, Fig. 2",
    "At step 300 the linear schedule's latents are almost entirely random.",
    rule=f"Their mean correlation with the clean images is below {MOSTLY_RANDOM}.",
    schedules=True,
)
def linear_random(case: Case) -> tuple[Markdown, Answer]:
    early = case.schedules.early
    text = (
        f"The correlation of latent and clean image is {fixed(early.linear.correlation)} ± "
        f"{fixed(early.linear.correlation_sd)} at $t={early.t}$; the signal keeps "
        f"{percent(early.linear.signal)} "
        "of its amplitude."
    )
    return Markdown(text), early.linear.correlation < MOSTLY_RANDOM


@claim(
    "2.3, Fig. 2",
    "At step 300 the cosine schedule's latents still show the image better.",
    rule="Their correlation with the clean image is larger by more than its spread over images.",
    fails="It is smaller by more than its spread over images.",
    schedules=True,
)
def cosine_keeps(case: Case) -> tuple[Markdown, Answer]:
    a, b = case.schedules.early.linear, case.schedules.early.cosine
    gap, noise = b.correlation - a.correlation, max(a.correlation_sd, b.correlation_sd)
    text = f"The correlations are {fixed(b.correlation)} (cosine) and {fixed(a.correlation)} (linear)."
    return Markdown(text), True if gap > noise else False if gap < -noise else None


@claim(
    "2.3",
    "The cosine schedule wastes fewer steps.",
    rule="It has more steps that are neither almost clean nor almost noise.",
    **EXACT,
)
def fewer_wasted(case: Case) -> tuple[Markdown, Answer]:
    steps = case.schedules.informative_steps
    text = (
        f"{integer(steps['cosine'])} (cosine) and {integer(steps['linear'])} (linear) of "
        f"{integer(case.schedules.T)} steps have $0.05 < \\bar\\alpha_t < 0.95$."
    )
    return Markdown(text), steps["cosine"] > steps["linear"]
