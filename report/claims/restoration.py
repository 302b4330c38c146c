"""Claims of the study's Sections 3.2 and 3.3 about the zoom, its training and its restorations."""

from diffusion.evaluation import statistics
from diffusion.evaluation.interval import Interval
from diffusion.evaluation.statistics import FEWEST
from report.claims.common import ZOOM, exact, num2, percent1, slope
from report.text_format import MINUS, Markdown, fixed, integer, listing, num, percent, percent_span
from report.verdicts.case import Case, share
from report.verdicts.effects import ABOVE, BELOW, Effect
from report.verdicts.judge import TRAINED, WHOLE_TRAINING, Finding, claim

OFTEN = 0.1  # "often" is more than one in ten
LEADING = 2  # and among so many commonest misreadings
MINIMAL = 2.0  # "minimal information" is less than so many times what a blind guess has


@claim(
    "3.2, Fig. 8",
    "Most central pixels are black or white.",
    short="Most central pixels are black or white",
    rule="More than half lie in the lowest or highest tenth of the range.",
    **ZOOM,
)
def bimodal(case: Case) -> Finding:
    c = case["zoom"].train.zoom.centre_pixels
    text = (
        f"{percent(c.extreme, 1)} of the central pixels lie in the lowest or the highest tenth of the range; "
        f"{percent(c.black, 1)} are exactly black, {percent(c.white, 1)} white or within five steps of it."
    )
    effect = exact("pixels in the extreme tenths", c.extreme, ABOVE, 0.5, show=percent)
    return Finding(text, effect)


def _read_right(case: Case, side: str, bound: float) -> Effect:
    c = case["zoom"].train.zoom.confusion
    return Effect("read right", share(c.accuracy, c.n), side, bound, show=percent1)


@claim(
    "3.2",
    "The central patch holds enough information for a digit to be restored from it.",
    short="The central patch allows a restoration",
    rule="Digits restored from it are read right more often than the best blind guess, by the 95% interval.",
    fails="They are read right less often.",
    **ZOOM | TRAINED,
)
def informative(case: Case) -> Finding:
    chance = max(case.real.classes.share)
    effect = _read_right(case, ABOVE, chance)
    text = (
        f"{effect.shown()} of the digits are read right after restoration from the last zoom level; the best "
        f"guess without looking is right for {percent(chance, 1)}."
    )
    return Finding(text, effect)


@claim(
    "3.2",
    "The central patch holds only minimal information.",
    short="The central patch holds little information",
    rule=f"Digits restored from it are read right less than {MINIMAL:.0f} times as often as the best blind "
    "guess, by the 95% interval.",
    fails="They are read right more often than that.",
    changed="The first edition left this half of the sentence out.",
    **ZOOM | TRAINED,
)
def minimal_information(case: Case) -> Finding:
    chance = max(case.real.classes.share)
    effect = _read_right(case, BELOW, MINIMAL * chance)
    times = num(effect.interval.value / chance, 2)
    text = f"{effect.shown()} of the digits are read right, {times} times the best blind guess."
    return Finding(text, effect)


@claim(
    "3.3, Fig. 9",
    "Both losses still fall at the end, so that more epochs would help without over-training.",
    short="The zoom's losses still fall at the end",
    rule=f"In both splits the slope over the second half of training, of at least {FEWEST} epochs, is below "
    "0 by its 95% interval. Restorations would gain; whether samples would, the loss does not say.",
    fails="In one of them it is above.",
    changed="The first edition took the rank correlation, which is no size.",
    **ZOOM | WHOLE_TRAINING,
)
def loss_falling(case: Case) -> Finding:
    history = case["zoom"].train.history
    epochs = [line.epoch for line in history]
    test, training = ([getattr(line, key) for line in history] for key in ("test_loss", "train_loss"))
    slopes = {"test": slope(epochs, test), "training": slope(epochs, training)}
    if None in slopes.values():
        return Finding("Too few epochs.")
    effects = tuple(
        Effect(f"{split} loss, change in ten epochs", found, BELOW, show=percent1)
        for split, found in slopes.items()
    )
    middle = len(history) // 2
    text = (
        f"Test loss {num(test[middle])} at epoch {epochs[middle]} and {num(test[-1])} at {epochs[-1]}; "
        f"training loss {num(training[middle])} and {num(training[-1])}."
    )
    return Finding(text, *effects)


@claim(
    "3.3, Fig. 9",
    "In the first epochs the training loss lies above the test loss.",
    short="At first the training loss is the higher one",
    rule="In each of the first three epochs.",
    fails="In none of them.",
    epochs=3,
    **ZOOM,
)
def train_above_test(case: Case) -> Finding:
    gaps = [line.train_loss - line.test_loss for line in case["zoom"].train.history[:3]]
    text = f"Training minus test loss in epochs 1 to {len(gaps)}: {', '.join(num(gap, 2) for gap in gaps)}."
    mean = Interval(sum(gaps) / len(gaps), min(gaps), max(gaps))
    name = f"training {MINUS} test loss, epochs 1 to {len(gaps)}"
    effect = Effect(name, mean, show=num2)
    return Finding(text, effect)


@claim(
    "3.3, Fig. 10",
    "Restoration is good at low zoom and gets worse with it.",
    short="Restorations get worse with the zoom",
    rule="Error and level have a rank correlation of at least 0.9; the last error is thrice the first.",
    fails="The correlation is below 0.5, or the last error no larger than the first.",
    epochs=1,
    **ZOOM,
)
def error_grows(case: Case) -> Finding:
    e = case["zoom"].train.zoom.reconstruction
    rank, ratio = statistics.trend(e.levels, e.mse), e.mse[-1] / e.mse[0]
    text = (
        f"Mean squared error {num(e.mse[0], 2)} at level {e.levels[0]} and {num(e.mse[-1], 2)} at level "
        f"{e.levels[-1]}; rank correlation with the level {fixed(rank)}."
    )
    effects = (
        exact("error, last level over first", ratio, ABOVE, 3, fails=1, show=num2),
        exact("rank correlation of error and level", rank, ABOVE, 0.9, fails=0.5, show=fixed),
    )
    return Finding(text, *effects)


@claim(
    "3.3, Fig. 11",
    "From the last zoom level the original is often not restored.",
    short="The last level often hides the original",
    rule="Restored digits are read right less than nine tenths as often as the originals, by the 95% "
    "interval.",
    fails="They are read right more often than that.",
    **ZOOM | TRAINED,
)
def struggles(case: Case) -> Finding:
    real = case["zoom"].train.zoom.confusion.real_accuracy
    effect = _read_right(case, BELOW, 0.9 * real)
    text = f"{effect.shown()} of the restored digits are read right, {percent(real, 1)} of the originals."
    return Finding(text, effect)


AS_ZERO = {
    **ZOOM,
    **TRAINED,
    "rule": "More than one in ten, by the 95% interval, and one of its two commonest misreadings.",
    "fails": "Fewer, or a rarer misreading.",
    "changed": "The first edition compared with the other digits, among which are the 7s, which show the "
    "same.",
    "names_digits": True,
}


def _read_as_zero(case: Case, digit: int, value: float) -> Finding:
    row = case["zoom"].train.zoom.confusion.matrix[digit]
    read = share(value, sum(row))
    place = 1 + sum(count > row[0] for other, count in enumerate(row) if other not in (0, digit))
    ordinal = ("", "", "second ", "third ")[place] if place < 4 else f"{place}th "
    text = (
        f"{read.shown(percent_span)} of {integer(sum(row))} restored {digit}s are read as 0, the "
        f"{ordinal}commonest misreading of a {digit}."
    )
    effects = (
        Effect(f"{digit}s read as 0", read, ABOVE, OFTEN, show=percent1),
        exact("place among the misreadings", place, BELOW, LEADING + 0.5, show=integer),
    )
    return Finding(text, *effects)


@claim(
    "3.3",
    "A restored 5 often looks like a 0.",
    short="A 5 is often restored as a 0",
    **AS_ZERO,
)
def five_as_zero(case: Case) -> Finding:
    return _read_as_zero(case, 5, case["zoom"].train.zoom.five_as_zero)


@claim(
    "3.3, Fig. 11",
    "A 7 is restored as a 0, which the caption of the study's figure shows once.",
    short="A 7 is often restored as a 0",
    **AS_ZERO,
)
def seven_as_zero(case: Case) -> Finding:
    return _read_as_zero(case, 7, case["zoom"].train.zoom.seven_as_zero)


DARK = {
    **ZOOM,
    **TRAINED,
    "rule": "Such images are restored as this digit more often than they are one, by the 95% interval.",
    "fails": "They are restored as it less often.",
    "changed": "The first edition asked for both digits at once.",
    "names_digits": True,
}


def _dark_as(case: Case, digit: int) -> Finding:
    d = case["zoom"].train.zoom.dark_centre
    read, true = share(d.share[digit], d.n), d.true_share[digit]
    top = sorted(range(10), key=lambda c: -d.share[c])[:3]
    shown = listing(Markdown(f"{c} ({percent(d.share[c])})") for c in top)
    text = (
        f"Of {integer(d.n)} images with a dark centre {percent(read.value)} are restored as a {digit}, and "
        f"{percent(true)} are one. Most often they are restored as {shown}."
    )
    effect = Effect(f"dark centres restored as {digit}", read, ABOVE, true, show=percent)
    return Finding(text, effect)


@claim(
    "3.3",
    "A dark centre is preferably restored as 0.",
    short="Dark centres are preferably restored as 0",
    **DARK,
)
def dark_as_zero(case: Case) -> Finding:
    return _dark_as(case, 0)


@claim(
    "3.3",
    "A dark centre is preferably restored as 9.",
    short="Dark centres are preferably restored as 9",
    **DARK,
)
def dark_as_nine(case: Case) -> Finding:
    return _dark_as(case, 9)
