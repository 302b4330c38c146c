"""Claims of the study's Section 3.3 about the zoom's training, its restorations and its start."""

from collections.abc import Iterator

from diffusion.evaluation.statistics import mean_of_late, share
from report.claims.common import AT_END, NATS, POINTS, VARIETY, percent1, points, slope
from report.text_format import MINUS, fixed, percent
from report.verdicts import judge
from report.verdicts.case import Case, NotMeasured
from report.verdicts.effects import ABOVE, BELOW, MIRRORED, Effect
from report.verdicts.judge import claim

OFTEN = 0.1  # "often" is more than one in ten
RESTORED = 0.9  # below this part of what is read right in the originals they are "often not restored"
ZOOM = {"models": ("zoom",), "needs": judge.trained}


@claim(
    "3.3, Fig. 9",
    "The zoom's loss still falls at the end, so that more epochs would help.",
    short="The zoom's loss still falls at the end",
    rule="Over the second half of training the slope of the test loss is below 0. Restorations would gain; "
    "whether samples would, the loss does not say.",
    models=("zoom",),
    needs=judge.whole,
)
def loss_falling(case: Case) -> Iterator[Effect]:
    history = case["zoom"].train.history
    yield slope("test loss", [line.epoch for line in history], [line.test_loss for line in history])


@claim(
    "3.3, Fig. 11",
    "From the last zoom level the original is often not restored.",
    short="The last level often hides the original",
    rule=f"Restored digits are read right less than {RESTORED} times as often as the originals.",
    made_before=True,
    **ZOOM,
)
def struggles(case: Case) -> Iterator[Effect]:
    c = case["zoom"].train.zoom.confusion
    yield Effect("read right", share(c.accuracy, c.n), BELOW, RESTORED * c.real_accuracy, show=percent1)


@claim(
    "3.3, Fig. 11",
    "A restored 5 often looks like a 0, and so does a 7.",
    short="5s and 7s are often restored as a 0",
    rule=f"More than {OFTEN:.0%} of the restored 5s are read as a 0, and of the 7s.",
    **ZOOM,
)
def as_zero(case: Case) -> Iterator[Effect]:
    zoom = case["zoom"].train.zoom
    for digit, found in ((5, zoom.five_as_zero), (7, zoom.seven_as_zero)):
        read = share(found, sum(zoom.confusion.matrix[digit]))
        yield Effect(f"{digit}s read as 0", read, ABOVE, OFTEN, show=percent1)


@claim(
    "3.3",
    "A dark centre is preferably restored as a 0 or a 9.",
    short="Dark centres are restored as 0 or 9",
    rule="Images with a dark centre are restored as each of these digits more often than they are one.",
    **ZOOM,
)
def dark_centres(case: Case) -> Iterator[Effect]:
    d = case["zoom"].train.zoom.dark_centre
    for digit in (0, 9):
        read = share(d.share[digit], d.n)
        yield Effect(f"dark centres restored as {digit}", read, ABOVE, d.true_share[digit], show=percent)


@claim(
    "3.3",
    "A start from independent pixels gives less bias and more variety than one from whole patches of real "
    "images, and more samples that are no digits.",
    short="Independent pixels: more varied, fewer digits",
    rule=f"Against a start from patches the divergence of the classes is lower, and recall and coverage are "
    f"higher, {AT_END}; and the recogniser accepts fewer samples, of the trainings of ten epochs beyond the "
    f"study. Differences within {NATS} nats or {100 * POINTS:.0f} points do not matter.",
    models=("zoom",),
    needs=judge.sampled,
)
def start(case: Case) -> Iterator[Effect]:
    measured, other = case["zoom"].measure, case.beyond("zoom").analysis
    prior, against = measured.ablations.prior, f"pixels {MINUS} patches"
    patches = {row.epoch: row for row in prior.curve} if prior else {}
    if not other or "patches" not in other.ways or any(row.epoch not in patches for row in measured.late()):
        raise NotMeasured("a start from patches is not measured")
    for name, measure, side, margin in VARIETY:
        late = (measure(row).minus(measure(patches[row.epoch])) for row in measured.late())
        yield Effect(f"{name}, {against}", mean_of_late(late), MIRRORED[side], margin=margin, show=fixed)
    fewer = other.drawn[0].digit.minus(other.ways["patches"].digit)
    yield Effect(f"digits (points), {against}", fewer, BELOW, margin=POINTS, show=points)
