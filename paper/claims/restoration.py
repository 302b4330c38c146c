"""Claims of Section 3.3 of the original study, about the zoom's training, restorations and start."""

from collections.abc import Iterator

import numpy as np

from paper.claims import common
from paper.claims.common import NATS, POINTS, percent1, points1
from paper.claims.effects import ABOVE, BELOW, Effect
from paper.claims.judge import claim
from report.pages.text_format import MINUS, percent
from report.results.scatter import LINEAR, LOGIT, NotMeasured, over
from report.results.views import Results, Training

OFTEN = 0.1  # "often" means more than one in ten
PATCHES = "checkpoint, patches"  # the variant that samples late checkpoints from whole patches
RESTORED = 0.9  # "often not restored" means fewer correctly read images than this part of the originals


@claim("3.3, Fig. 9", "The zoom's loss still falls at the end")
def loss_falling(results: Results) -> Iterator[Effect]:
    """The zoom's loss still falls at the end, so more epochs would help.

    A line through the test losses of the second half of training falls.
    """

    def losses(one: Training) -> tuple[list[int], list[float]]:
        return [row.epoch for row in one.history], [row["test_loss"].value for row in one.history]

    yield common.slope(results, "test loss", "zoom", losses)


@claim("3.3, Fig. 11", "The last level often hides the original", made_before=True)
def struggles(results: Results) -> Iterator[Effect]:
    """From the last zoom level, the network often fails to restore the original.

    Restored digits are read correctly less than {RESTORED} times as often as their originals.
    """

    def right(one: Training) -> float:
        return one.probes["restored_right"].value

    bound = RESTORED * results.first("zoom").probes["original_right"].value
    found = common.mean(results, right, "zoom", scale=LOGIT)
    yield Effect("read right", found, BELOW, bound, show=percent1)


@claim("3.3, Fig. 11", "5s and 7s are often restored as a 0")
def as_zero(results: Results) -> Iterator[Effect]:
    """A restored 5 often looks like a 0, and so does a restored 7.

    More than {OFTEN:.0%} of the restored 5s, and of the restored 7s, are read as a 0.
    """
    for digit in (5, 7):

        def zero(one: Training, digit: int = digit) -> float:
            counts = [found.value for found in one.job[str(digit)]["restored_as"]]
            return counts[0] / max(sum(counts), 1)

        found = common.mean(results, zero, "zoom", scale=LOGIT)
        yield Effect(f"{digit}s read as 0", found, ABOVE, OFTEN, show=percent1)


@claim("3.3", "Dark centres are restored as 0 or 9")
def dark_centres(results: Results) -> Iterator[Effect]:
    """The network prefers to restore a dark centre as a 0 or a 9.

    More images with a dark centre are restored as a 0 (as a 9) than are one.
    """
    zooms = results.all_of("zoom")
    for digit in (0, 9):

        def restored(one: Training, digit: int = digit) -> float:
            return one.probes.at("dark_centre_restored_as", digit).value

        bound = zooms[0].probes.at("dark_centre_of", digit).value
        scale = LOGIT if all(map(restored, zooms)) else LINEAR  # of none at all log odds tell nothing
        found = common.mean(results, restored, "zoom", scale=scale)
        yield Effect(f"dark centres restored as {digit}", found, ABOVE, bound, show=percent)


@claim("3.3", "Independent pixels: more varied, fewer digits")
def start(results: Results) -> Iterator[Effect]:
    """Independent pixels as a start give less bias and more variety than whole patches of real images, and
    more samples that are not digits.

    They lower the divergence, raise recall and coverage (late checkpoints), and lower the share of recognised
    digits (ten-epoch runs). {NATS} nats or {IN_POINTS} points do not matter.
    """
    zooms, others = results.all_of("zoom"), common.beyond(results, "zoom")
    if "patches" not in others[0].measured or not all(PATCHES in one.measured for one in zooms):
        raise NotMeasured("a start from patches is not measured")
    against = f"pixels {MINUS} patches"
    measures = (("divergence", BELOW, NATS), ("recall", ABOVE, POINTS), ("coverage", ABOVE, POINTS))
    for measure, side, margin in measures:

        def less(one: Training, measure: str = measure) -> float:
            patches = {row.epoch: row[measure].value for row in one.measured.curve(PATCHES)}
            return float(np.mean([row[measure].value - patches[row.epoch] for row in one.late]))

        yield Effect(f"{measure}, {against}", common.mean(results, less, "zoom"), side, 0.0, (margin,))

    def fewer(one: Training) -> float:
        return one.final["digit"].value - one.measured["patches"]["digit"].value

    found = over(results, fewer, {"zoom": others})
    yield Effect(f"recognised (points), {against}", found, BELOW, 0.0, (POINTS,), show=points1)
