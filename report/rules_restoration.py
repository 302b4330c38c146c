"""What decides the claims about the zoom and its restorations (Sections 3.2, 3.3): results -> an answer."""

from __future__ import annotations

from report.evidence import FEWEST, Answer, above, every, falling, negate, share, trend
from report.results import Results
from report.text import Markdown, fixed, integer, listing, num, percent, percent_span

OFTEN = 0.1  # "often" is more than one in ten


def bimodal(r: Results) -> tuple[Markdown, Answer]:
    c = r.train["zoom"]["centre_pixels"]
    text = f"{percent(c['extreme'], 1)} of the central pixels lie in the lowest or the highest "
    text += "tenth of the range; "
    text += f"{percent(c['black'], 1)} are exactly black, {percent(c['white'], 1)} white or within "
    text += "five steps of it."
    return Markdown(text), c["extreme"] > 0.5


def informative(r: Results) -> tuple[Markdown, Answer]:
    c, chance = r.train["zoom"]["confusion"], max(r.compare["real"]["classes"]["share"])
    i = share(c["accuracy"], c["n"])
    text = f"{percent_span(i['share'], i['low'], i['high'])} of the digits are read right after "
    text += "restoration from the last "
    text += f"zoom level; the best guess without looking is right for {percent(chance, 1)}."
    return Markdown(text), above(i, chance)


def loss_falling(r: Results) -> tuple[Markdown, Answer]:
    h = r.train["zoom"]["history"]
    epochs = [p["epoch"] for p in h]
    answers = [falling(epochs, [p[k] for p in h]) for k in ("train_loss", "test_loss")]
    mid = h[len(h) // 2] if len(h) - len(h) // 2 >= FEWEST else h[0]  # of few, the first and the last
    text = f"Test loss {num(mid['test_loss'])} at epoch {mid['epoch']} and "
    text += f"{num(h[-1]['test_loss'])} at {h[-1]['epoch']}; "
    text += f"training loss {num(mid['train_loss'])} and {num(h[-1]['train_loss'])}."
    return Markdown(text), every(answers)


def train_above_test(r: Results) -> tuple[Markdown, Answer]:
    first = r.train["zoom"]["history"][:3]
    gaps = [p["train_loss"] - p["test_loss"] for p in first]
    text = f"Training minus test loss in epochs 1 to {len(first)}: {', '.join(num(g, 2) for g in gaps)}."
    return Markdown(text), True if min(gaps) > 0 else False if max(gaps) <= 0 else None


def error_grows(r: Results) -> tuple[Markdown, Answer]:
    e = r.train["zoom"]["reconstruction"]
    rank, ratio = trend(e["levels"], e["mse"]), e["mse"][-1] / e["mse"][0]
    text = f"Mean squared error {num(e['mse'][0], 2)} at level {e['levels'][0]} and "
    text += f"{num(e['mse'][-1], 2)} at level "
    text += f"{e['levels'][-1]}; rank correlation with the level {fixed(rank)}."
    return Markdown(text), True if rank >= 0.9 and ratio >= 3 else False if rank < 0.5 or ratio <= 1 else None


def struggles(r: Results) -> tuple[Markdown, Answer]:
    c = r.train["zoom"]["confusion"]
    i, limit = share(c["accuracy"], c["n"]), 0.9 * c["real_accuracy"]
    text = f"{percent_span(i['share'], i['low'], i['high'])} of the restored digits are read "
    text += f"right, {percent(c['real_accuracy'], 1)} "
    return Markdown(text + "of the originals."), negate(above(i, limit))


def read_as_zero(digit: int, key: str):
    def measure(r: Results) -> tuple[Markdown, Answer]:
        matrix = r.train["zoom"]["confusion"]["matrix"]
        n, i = sum(matrix[digit]), share(r.train["zoom"][key], sum(matrix[digit]))
        rest = [row for d, row in enumerate(matrix) if d not in (0, digit)]
        others = sum(row[0] for row in rest) / max(1, sum(map(sum, rest)))
        text = f"{percent_span(i['share'], i['low'], i['high'])} of {integer(n)} restored "
        text += f"{digit}s are read as 0, and {percent(others, 1)} of the other digits but 0."
        return Markdown(text), every([above(i, OFTEN), above(i, others)])

    return measure


def dark_centre(r: Results) -> tuple[Markdown, Answer]:
    d = r.train["zoom"]["dark_centre"]
    true = d["true_share"]
    top = sorted(range(10), key=lambda c: -d["share"][c])[:3]
    shown = listing(Markdown(f"{c} ({percent(d['share'][c])})") for c in top)
    text = f"The {integer(d['n'])} images with a dark centre are most often restored as {shown}. "
    text += "".join(f"{percent(d['share'][c])} are restored as {c}. " for c in (0, 9) if c not in top)
    text += f"Of the same images {percent(true[0])} are a 0 and {percent(true[9])} a 9."
    return Markdown(text), every(above(share(d["share"][c], d["n"]), true[c]) for c in (0, 9))
