"""Claims of the study's Sections 3.2 and 3.3 about the zoom, its training and its restorations."""

from diffusion.evaluation import statistics
from diffusion.evaluation.statistics import FEWEST
from report.estimates import Answer, Case, all_of, negate, share
from report.text_format import Markdown, fixed, integer, listing, num, percent, percent_span
from report.verdicts import TRAINED, WHOLE_TRAINING, claim

OFTEN = 0.1  # "often" is more than one in ten
ZOOM = {"models": ("zoom",)}


@claim(
    "3.2, Fig. 8",
    "Most central pixels are black or white.",
    rule="More than half lie in the lowest or highest tenth of the range.",
    **ZOOM,
)
def bimodal(case: Case) -> tuple[Markdown, Answer]:
    c = case["zoom"].train.zoom.centre_pixels
    text = (
        f"{percent(c.extreme, 1)} of the central pixels lie in the lowest or the highest tenth of the range; "
        f"{percent(c.black, 1)} are exactly black, {percent(c.white, 1)} white or within five steps of it."
    )
    return Markdown(text), c.extreme > 0.5


@claim(
    "3.2",
    "The central patch holds information from which a digit can be restored.",
    rule="Digits restored from it are read right more often than the best blind guess.",
    fails="They are read right less often.",
    **ZOOM | TRAINED,
)
def informative(case: Case) -> tuple[Markdown, Answer]:
    c, chance = case["zoom"].train.zoom.confusion, max(case.real.classes.share)
    right = share(c.accuracy, c.n)
    text = (
        f"{right.shown(percent_span)} of the digits are read right after restoration from the last zoom "
        "level; the "
        f"best guess without looking is right for {percent(chance, 1)}."
    )
    return Markdown(text), right.above(chance)


@claim(
    "3.3, Fig. 9",
    "Both losses still fall at the end, so that more epochs would help without over-training.",
    rule="In both splits the rank correlation of loss and epoch in the second half is at most −0.5, on at "
    "least "
    f"{FEWEST} epochs, and lower than chance gives in one case of 40.",
    fails="In one of the splits it is 0 or more.",
    **ZOOM | WHOLE_TRAINING,
)
def loss_falling(case: Case) -> tuple[Markdown, Answer]:
    history = case["zoom"].train.history
    epochs = [line.epoch for line in history]
    splits = ([line.train_loss for line in history], [line.test_loss for line in history])
    middle = history[len(history) // 2 if len(history) - len(history) // 2 >= FEWEST else 0]
    last = history[-1]
    text = (
        f"Test loss {num(middle.test_loss)} at epoch {middle.epoch} and {num(last.test_loss)} at "
        f"{last.epoch}; "
        f"training loss {num(middle.train_loss)} and {num(last.train_loss)}."
    )
    return Markdown(text), all_of(statistics.falls(epochs, losses) for losses in splits)


@claim(
    "3.3, Fig. 9",
    "In the first epochs the training loss lies above the test loss.",
    rule="In each of the first three epochs.",
    fails="In none of them.",
    epochs=3,
    **ZOOM,
)
def train_above_test(case: Case) -> tuple[Markdown, Answer]:
    gaps = [line.train_loss - line.test_loss for line in case["zoom"].train.history[:3]]
    text = f"Training minus test loss in epochs 1 to {len(gaps)}: {', '.join(num(gap, 2) for gap in gaps)}."
    return Markdown(text), True if min(gaps) > 0 else False if max(gaps) <= 0 else None


@claim(
    "3.3, Fig. 10",
    "Restoration is good at low zoom and gets worse with it.",
    rule="Error and level have a rank correlation of at least 0.9; the last error is thrice the first.",
    fails="The correlation is below 0.5, or the last error no larger than the first.",
    epochs=1,
    **ZOOM,
)
def error_grows(case: Case) -> tuple[Markdown, Answer]:
    e = case["zoom"].train.zoom.reconstruction
    rank, ratio = statistics.trend(e.levels, e.mse), e.mse[-1] / e.mse[0]
    text = (
        f"Mean squared error {num(e.mse[0], 2)} at level {e.levels[0]} and {num(e.mse[-1], 2)} at level "
        f"{e.levels[-1]}; "
        f"rank correlation with the level {fixed(rank)}."
    )
    return Markdown(text), True if rank >= 0.9 and ratio >= 3 else False if rank < 0.5 or ratio <= 1 else None


@claim(
    "3.3, Fig. 11",
    "From the last zoom level the original is often not restored.",
    rule="Restored digits are read right less than nine tenths as often as the originals.",
    fails="They are read right more often than that.",
    **ZOOM | TRAINED,
)
def struggles(case: Case) -> tuple[Markdown, Answer]:
    c = case["zoom"].train.zoom.confusion
    right = share(c.accuracy, c.n)
    text = (
        f"{right.shown(percent_span)} of the restored digits are read right, {percent(c.real_accuracy, 1)} "
        "of the "
        "originals."
    )
    return Markdown(text), negate(right.above(0.9 * c.real_accuracy))


def _read_as_zero(case: Case, digit: int) -> tuple[Markdown, Answer]:
    probes = case["zoom"].train.zoom
    matrix, value = probes.confusion.matrix, {5: probes.five_as_zero, 7: probes.seven_as_zero}[digit]
    n = sum(matrix[digit])
    read = share(value, n)
    rest = [row for true, row in enumerate(matrix) if true not in (0, digit)]
    others = sum(row[0] for row in rest) / max(1, sum(map(sum, rest)))
    text = (
        f"{read.shown(percent_span)} of {integer(n)} restored {digit}s are read as 0, and "
        f"{percent(others, 1)} of the "
        "other digits but 0."
    )
    return Markdown(text), all_of([read.above(OFTEN), read.above(others)])


@claim(
    "3.3",
    "A restored 5 often looks like a 0.",
    rule="More than one in ten, and more than of the other digits but 0, by the 95% interval.",
    fails="Fewer than either.",
    digits=True,
    **ZOOM | TRAINED,
)
def five_as_zero(case: Case) -> tuple[Markdown, Answer]:
    return _read_as_zero(case, 5)


@claim(
    "3.3, Fig. 11",
    "A 7 is restored as a 0.",
    rule="More than one in ten, and more than of the other digits but 0, by the 95% interval: a caption "
    "shows one case, "
    "we ask if it is typical.",
    fails="Fewer than either.",
    digits=True,
    **ZOOM | TRAINED,
)
def seven_as_zero(case: Case) -> tuple[Markdown, Answer]:
    return _read_as_zero(case, 7)


@claim(
    "3.3",
    "A dark centre is preferably restored as 0 or 9.",
    rule="Such images are restored as 0 and as 9 more often than they are these digits.",
    fails="As one of the two less often.",
    digits=True,
    **ZOOM | TRAINED,
)
def dark_centre(case: Case) -> tuple[Markdown, Answer]:
    d = case["zoom"].train.zoom.dark_centre
    top = sorted(range(10), key=lambda digit: -d.share[digit])[:3]
    shown = listing(Markdown(f"{digit} ({percent(d.share[digit])})") for digit in top)
    rest = "".join(
        f"{percent(d.share[digit])} are restored as {digit}. " for digit in (0, 9) if digit not in top
    )
    text = (
        f"The {integer(d.n)} images with a dark centre are most often restored as {shown}. {rest}"
        f"Of the same images {percent(d.true_share[0])} are a 0 and {percent(d.true_share[9])} a 9."
    )
    return Markdown(text), all_of(share(d.share[digit], d.n).above(d.true_share[digit]) for digit in (0, 9))
