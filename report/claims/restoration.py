"""Claims of the study's Section 3.3 about the zoom's training, its restorations and its start."""

from collections.abc import Iterator
from dataclasses import replace

from diffusion.evaluation.statistics import Interval
from report.claims.common import POINTS, VARIETY, percent1, points, slope
from report.effects import ABOVE, BELOW, MIRRORED, Effect
from report.judge import Case, NotMeasured, claim
from report.text_format import MINUS, fixed, percent
from study.results import Training
from study.scatter import LINEAR, LOGIT
from study.series import mean_of_late, share

OFTEN = 0.1  # "often" is more than one in ten
RESTORED = 0.9  # below this part of what is read right in the originals they are "often not restored"


@claim("3.3, Fig. 9", "The zoom's loss still falls at the end", models=("zoom",))
def loss_falling(case: Case) -> Iterator[Effect]:
    """The zoom's loss still falls at the end, so that more epochs would help.

    Over the second half of training the slope of the test loss is below 0. Restorations would gain; whether
    samples would, the loss does not say.
    """

    def points(one: Training) -> tuple[list[int], list[float]]:
        return [row.epoch for row in one.history], [row["test_loss"].value for row in one.history]

    yield slope(case, "test loss", case["zoom"], points)


@claim("3.3, Fig. 11", "The last level often hides the original", made_before=True, models=("zoom",))
def struggles(case: Case) -> Iterator[Effect]:
    """From the last zoom level the original is often not restored.

    Restored digits are read right less than {RESTORED} times as often as the originals.
    """
    least = RESTORED * case["zoom"].probes["original_right"].value
    at = {"side": BELOW, "bound": least, "scale": LOGIT, "show": percent1}

    def read(one: Training) -> Interval:
        return share((right := one.probes["restored_right"]).value, right.n)

    yield case.single("read right", read, LOGIT, case["zoom"], **at)


@claim("3.3, Fig. 11", "5s and 7s are often restored as a 0", models=("zoom",))
def as_zero(case: Case) -> Iterator[Effect]:
    """A restored 5 often looks like a 0, and so does a 7.

    More than {OFTEN:.0%} of the restored 5s are read as a 0, and of the 7s.
    """
    for digit in (5, 7):

        def read(one: Training, digit: int = digit) -> Interval:
            counts = [round(found.value) for found in one.job[str(digit)]["restored_as"]]
            return share(counts[0] / max(sum(counts), 1), sum(counts))

        at = {"side": ABOVE, "bound": OFTEN, "scale": LOGIT, "show": percent1}
        yield case.single(f"{digit}s read as 0", read, LOGIT, case["zoom"], **at)


@claim("3.3", "Dark centres are restored as 0 or 9", models=("zoom",))
def dark_centres(case: Case) -> Iterator[Effect]:
    """A dark centre is preferably restored as a 0 or a 9.

    Images with a dark centre are restored as each of these digits more often than they are one.
    """
    zoom = case["zoom"]
    for digit in (0, 9):

        def read(one: Training, digit: int = digit) -> Interval:
            return share((found := one.probes.at("dark_centre_restored_as", digit)).value, found.n)

        found, bound = read(zoom), zoom.probes.at("dark_centre_of", digit).value
        at = {"side": ABOVE, "bound": bound, "scale": LOGIT, "show": percent}
        effect = case.single(f"dark centres restored as {digit}", read, LOGIT, zoom, **at)
        yield effect if found.value else replace(effect, weights={})  # of none at all log odds tell nothing


@claim("3.3", "Independent pixels: more varied, fewer digits", models=("zoom",))
def start(case: Case) -> Iterator[Effect]:
    """A start from independent pixels gives less bias and more variety than one from whole patches of real
    images, and more samples that are no digits.

    Against a start from patches the divergence of the classes is lower, and recall and coverage are higher,
    {AT_END}; and the recogniser accepts fewer samples, of the trainings of ten epochs beyond the study.
    Differences within {NATS} nats or {IN_POINTS:.0f} points do not matter.
    """
    zoom, other, against = case["zoom"], case.beyond("zoom"), f"pixels {MINUS} patches"
    patches = {row.epoch: row for row in zoom.from_patches}
    if "patches" not in other.measured or any(row.epoch not in patches for row in zoom.late):
        raise NotMeasured("a start from patches is not measured")
    for measure, _, side, margin in VARIETY:

        def less(one: Training, measure: str = measure) -> Interval:
            of = {row.epoch: row for row in one.from_patches}
            return mean_of_late(row[measure].minus(of[row.epoch][measure]) for row in one.late)

        at = {"side": MIRRORED[side], "margin": margin, "show": fixed, "gains": 1.0}
        yield case.single(f"{measure}, {against}", less, LINEAR, zoom, **at)

    def fewer(one: Training) -> Interval:
        return one.final["digit"].minus(one.measured["patches"]["digit"])

    at = {"side": BELOW, "margin": POINTS, "show": points, "gains": 1.0}
    yield case.single(f"digits (points), {against}", fewer, LINEAR, other, **at)
