"""Claims of Section 3.3 of the original study, about the zoom's training, restorations and start."""

from collections.abc import Iterator

import numpy as np

from paper.claims import common
from paper.claims.common import NATS, POINTS, percent1, points1
from paper.claims.effects import ABOVE, BELOW, Effect
from paper.claims.judge import beyond, claim, effect
from report.pages.text_format import MINUS, fixed, percent
from report.results.scatter import LINEAR, LOGIT, NotMeasured
from report.results.views import Results, Training

OFTEN = 0.1  # "often" means more than one in ten
PATCHES = "checkpoint, patches"  # the variant that samples late checkpoints from whole patches
RESTORED = 0.9  # "often not restored" means fewer correctly read images than this part of the originals


@claim("3.3, Fig. 9", "The zoom's loss still falls at the end", models=("zoom",))
def loss_falling(results: Results) -> Iterator[Effect]:
    """The zoom's loss still falls at the end, so more epochs would help.

    We fit a line to the test losses over the second half of training. The claim holds if the line falls. A
    lower loss means better restorations; it does not mean better samples.
    """

    def losses(one: Training) -> tuple[list[int], list[float]]:
        return [row.epoch for row in one.history], [row["test_loss"].value for row in one.history]

    yield common.slope(results, "test loss", "zoom", losses)


@claim("3.3, Fig. 11", "The last level often hides the original", made_before=True, models=("zoom",))
def struggles(results: Results) -> Iterator[Effect]:
    """From the last zoom level, the network often fails to restore the original.

    The claim holds if the classifier reads restored digits correctly less than {RESTORED} times as often as
    their originals.
    """
    zooms = results.all_of("zoom")
    at = {"side": BELOW, "bound": RESTORED * zooms[0].probes["original_right"].value, "show": percent1}

    def right(one: Training) -> float:
        return one.probes["restored_right"].value

    yield effect("read right", results, right, zooms, LOGIT, **at)


@claim("3.3, Fig. 11", "5s and 7s are often restored as a 0", models=("zoom",))
def as_zero(results: Results) -> Iterator[Effect]:
    """A restored 5 often looks like a 0, and so does a restored 7.

    The claim holds if the classifier reads more than {OFTEN:.0%} of the restored 5s as a 0, and as large a
    share of the restored 7s.
    """
    for digit in (5, 7):

        def zero(one: Training, digit: int = digit) -> float:
            counts = [found.value for found in one.job[str(digit)]["restored_as"]]
            return counts[0] / max(sum(counts), 1)

        at = {"side": ABOVE, "bound": OFTEN, "show": percent1}
        yield effect(f"{digit}s read as 0", results, zero, results.all_of("zoom"), LOGIT, **at)


@claim("3.3", "Dark centres are restored as 0 or 9", models=("zoom",))
def dark_centres(results: Results) -> Iterator[Effect]:
    """The network prefers to restore a dark centre as a 0 or a 9.

    The claim holds if more images with a dark centre are restored as a 0 than are a 0, and if the same is
    true of the 9.
    """
    zooms = results.all_of("zoom")
    for digit in (0, 9):

        def restored(one: Training, digit: int = digit) -> float:
            return one.probes.at("dark_centre_restored_as", digit).value

        at = {"bound": zooms[0].probes.at("dark_centre_of", digit).value, "side": ABOVE, "show": percent}
        scale = LOGIT if all(map(restored, zooms)) else LINEAR  # of none at all log odds tell nothing
        yield effect(f"dark centres restored as {digit}", results, restored, zooms, scale, **at)


@claim("3.3", "Independent pixels: more varied, fewer digits", models=("zoom",))
def start(results: Results) -> Iterator[Effect]:
    """Independent pixels as a start give less bias and more variety than whole patches of real images, and
    more samples that are not digits.

    We compare both starts in the same networks. The claim holds if independent pixels lower the divergence of
    the classes and raise recall and coverage, {AT_END}. The recogniser must also accept fewer samples, in
    runs of ten epochs with a decaying rate. Differences within {NATS} nats or {IN_POINTS:.0f} points do not
    count.
    """
    zooms, others, against = results.all_of("zoom"), beyond(results, "zoom"), f"pixels {MINUS} patches"
    if "patches" not in others[0].measured or not all(PATCHES in one.measured for one in zooms):
        raise NotMeasured("a start from patches is not measured")
    for measure, side, margin in (
        ("divergence", BELOW, NATS),
        ("recall", ABOVE, POINTS),
        ("coverage", ABOVE, POINTS),
    ):

        def less(one: Training, measure: str = measure) -> float:
            patches = {row.epoch: row[measure].value for row in one.measured.curve(PATCHES)}
            return float(np.mean([row[measure].value - patches[row.epoch] for row in one.late]))

        at = {"side": side, "margin": margin, "show": fixed}
        yield effect(f"{measure}, {against}", results, less, zooms, **at)

    def fewer(one: Training) -> float:
        return one.final["digit"].value - one.measured["patches"]["digit"].value

    at = {"side": BELOW, "margin": POINTS, "show": points1}
    yield effect(f"share of digits (points), {against}", results, fewer, others, **at)
