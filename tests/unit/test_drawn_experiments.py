"""The paper's figures of its experiments, read as a reader does, against the rows of the release."""

from collections import defaultdict
from statistics import geometric_mean

import numpy as np
import pytest

import drawn
from drawn import (
    TRAININGS,
    alike,
    at_row,
    file,
    heads,
    legend,
    measured,
    near,
    number,
    points,
    rows,
    ticks,
    titled,
)
from helpers import PAPER
from paper import figures
from report import figures as tool
from report.results import views


@pytest.fixture
def run():
    return drawn.released()


def pairs(found):
    """Points in order, to compare with."""
    return [near(one) for one in sorted(found)]


# --- the slow start ---


def test_the_response_along_training_and_the_law_beside_what_is_measured():
    figure = drawn.figure("starts")
    (along, law), key, named = figure.axes, legend(figure), drawn.named_curves(figure.axes[0])
    assert (heads(along).x, "response" in heads(along).y) == ("epoch", True)
    assert ("predicted" in heads(law).x, "measured" in heads(law).y) == (True, True)
    courses = {}  # a training that is measured twice is drawn once, by its first loss
    for of, one in (("paper", (m, s)) for m in ("linear", "cosine") for s in (0, 1)):
        courses[of, *one] = None
    courses |= {("starts", m, s): None for m in ("linear", "cosine") for s in (1, 2)}
    for model in ("linear", "cosine"):
        longest = {}
        for of, _, seed in (key for key in courses if key[1] == model):
            curve = [
                (row.epoch, row.value)
                for row in rows(measured(model, seed, of), way="checkpoint", measure="response")
                if row.epoch <= 30
            ]
            first = rows(f"{of}/train_{model}-{seed}", measure="train_loss")[0].value
            if len(curve) > max(1, len(longest.get(first, (0, ()))[1])):
                longest[first] = f"{model}, seed {seed}", curve
        assert len(longest) > 1
        assert {name: named.pop(name) for name, _ in longest.values()} == dict(longest.values())
    assert not named
    assert len(along.lines) == 1 + len(drawn.named_ends(along))  # and the half
    real = number(measured("linear", 0), "border", "real").sd
    expected = defaultdict(list)
    for row in rows("paper/level"):
        of, _, name = row.model.rpartition("/")
        border = number(f"{of or 'paper'}/measure_{name}", "border", row.way).sd
        train = file(f"{of or 'paper'}/train_{name}")
        options = train["settings"]["network_options"]
        kind = "U-Net" if train["settings"]["network"].endswith("UNet") else "original network"
        kind = "RMS norm" if options.get("norm") == "rms" else "dilated" if options.get("dilations") else kind
        expected[kind, "ddim" in row.way].append((np.hypot(row.value, real), border))
    assert sum("ddim" in way for way in {row.way for row in rows("paper/level")}) == 1
    for kind in {kind for kind, _ in expected}:
        colour, marker, *_ = drawn.look(key[kind])
        for ddim in (False, True):
            found = [
                at
                for m in law.lines
                if (drawn.look(m)[:2]) == (colour, marker) and (m.get_markerfacecolor() == "none") == ddim
                for at in points(m)
            ]
            assert sorted(found) == pairs(expected[kind, ddim])
    assert key.keys() == {*(kind for kind, _ in expected), "hollow: DDIM", "as predicted"}
    assert key["hollow: DDIM"].get_markerfacecolor() == "none"
    (diagonal,) = (one for one in law.lines if type(one).__name__ == "AxLine")
    assert drawn.look(diagonal) == drawn.look(key["as predicted"])


def test_blank_squares_have_the_letter_of_their_epoch_and_spread():
    figure = drawn.figure("blank")
    axes = next(one for one in figure.axes if not one.images)
    ends = {text: (x, y) for text, (_, x, y) in drawn.named_ends(axes).items()}
    strips, told = drawn.strips(figure), {}
    for text, images in zip(figure.texts, strips.values(), strict=True):
        letter, seed, epoch = drawn.words(text.get_text()).replace(",", "").replace("seed ", "").split(" ", 2)
        told[letter] = int(seed), int(epoch.removeprefix("epoch ")), images
    assert ends.keys() == told.keys()
    spreads = []
    for letter, (seed, epoch, images) in told.items():
        intervened = rows("paper/intervention", measure="border", way="as it is", epoch=epoch, model="linear")
        if intervened and seed == file("paper/intervention")["settings"]["seed"]:
            spread = intervened[0].sd
            kept = np.load(PAPER / "kept" / "intervention.npz")["images"][{1: 0, 30: 5}[epoch]]  # 5 ways each
        else:
            of = "starts" if epoch == 30 else "paper"
            spread = number(measured("linear", seed, of), "border").sd
            kept = np.load(PAPER.parent / of / "kept" / f"samples_linear-{seed}.npz")["images"]
        assert ends[letter] == near((epoch, spread))
        assert (images == kept[: len(images)]).all()
        spreads.append((epoch, -spread))
    assert spreads == sorted(spreads)
    key = legend(figure)
    dots = alike(axes, key.pop("samples on the left"))
    assert sorted(at for mark in dots for at in points(mark)) == sorted(ends.values())
    assert key.keys() == {"seed 0", "seed 1", "seed 2"}
    for name, handle in key.items():
        spread = {}
        for of in ("paper", "starts"):
            one = measured("linear", int(name[-1]), of)
            if (PAPER.parent / of / "metrics" / f"{one.partition('/')[2]}.json").is_file():
                known = rows(one, way="checkpoint", measure="border")
                spread |= {row.epoch: row.sd for row in known}
        (line,) = alike(axes, handle)
        assert points(line) == sorted(spread.items())
    real = number(measured("linear", 0), "border", "real").sd
    assert any(mark.get_linestyle() == ":" and mark.get_ydata()[0] == real for mark in axes.lines)
    assert (heads(axes).x, "border" in heads(axes).y) == ("epoch", True)


def test_the_intervention_has_the_law_and_the_measured_spread_in_the_row_of_what_is_added():
    figure = drawn.figure("intervention")
    panels, key = [one for one in figure.axes if not one.images], legend(figure)
    names = [drawn.words(text.get_text()) for text in figure.texts]
    added = {"as it is": "0", "a quarter": "¼", "a half": "½", "three quarters": "¾", "corrected": "1"}
    kept = iter(np.load(PAPER / "kept" / "intervention.npz")["images"])
    for model, axes in zip(("linear", "cosine"), panels, strict=True):
        assert f"{model}, epoch 1" in names
        places = drawn.row_names(axes)
        of_strips = [
            one for one in figure.axes if one.images and one.get_position().x1 < axes.get_position().x1
        ]
        for epoch in (1, 30):
            dots, (line,) = alike(axes, key[f"epoch {epoch}"]), alike(axes, key[f"epoch {epoch}, the law"])
            for way, name in added.items():
                row = number("paper/intervention", "border", way, epoch=epoch, model=model)
                law = number("paper/intervention", "predicted", way, epoch=epoch, model=model)
                y = round(places[name])
                assert (abs(places[name] - y) < 0.01, [*added].index(way)) == (True, y)
                assert [at for mark in dots for at in points(mark) if at[1] == y] == [near((row.sd, y))]
                assert [at for at in points(line) if at[1] == y] == [near((law.value, y))]
                images = next(kept)
                if epoch == 1:
                    at = figure.transFigure.inverted().transform(axes.transData.transform((1, y)))[1]
                    near_it = [one for one in of_strips if one.get_position().y0 < at < one.get_position().y1]
                    shown = drawn.strip(near_it[-1])
                    assert (shown == images[: len(shown)]).all()
        assert "border" in heads(axes).x
    assert "added" in names
    assert len(key) == 4


# --- tables ---


def test_the_map_of_classes_has_each_share_over_the_real_one_at_its_class():
    (axes,) = drawn.figure("class_map").axes
    values = axes.collections[0].get_array().reshape(-1, 10)
    said = np.array([text.get_text() for text in axes.texts]).reshape(-1, 10)
    assert [*ticks(axes, "x")] == [str(digit) for digit in range(10)]
    assert [*ticks(axes, "x").values()] == [digit + 0.5 for digit in range(10)]
    expected = {titled(*one): measured(*one) for one in TRAININGS}
    expected[f"{drawn.LABELS['zoom']}, published"] = "original/measure_zoom-0"
    names = [name.rpartition(" (") for name in ticks(axes, "y")]
    assert [name for name, *_ in names] == [*expected]
    for (name, _, sure), found, text in zip(names, values, said, strict=True):
        late = [row for row in rows(expected[name], way="checkpoint") if row.epoch and row.epoch >= 80]
        shares = np.zeros(10)
        epochs = {row.epoch for row in late if row.measure == "recognised_share"}
        for row in (row for row in late if row.measure == "recognised_share"):
            shares[int(row.x)] += row.value / len(epochs)
        for row in rows(expected[name], way="real", measure="recognised_share"):
            shares[int(row.x)] /= row.value
        assert found.tolist() == near(shares.tolist())
        assert [float(one) for one in text] == pytest.approx(shares, abs=0.00501)
        unsure = np.mean([row.value for row in late if row.measure == "low_confidence"])
        assert float(sure.rstrip("%)")) == pytest.approx(100 * (1 - unsure), abs=0.51)
    assert "classifier reads" in heads(axes).x
    assert axes.yaxis_inverted()


@pytest.mark.parametrize("name", ["beyond", "changes"])
def test_a_row_of_changes_ticks_what_the_training_differs_in_and_has_its_distances(run, name):
    beyond = run.beside["beyond"]
    figure = figures.beyond(run) if name == "beyond" else tool.changes(beyond)
    left, middle, right = figure.axes
    columns, names = ticks(left, "x"), drawn.tick_pairs(left, "y")
    by_place = {place: column for column, place in columns.items()}
    base = {"zoom": "zoom", "ddpm": "linear"}
    seen = set()
    for way, (said, place) in zip(_ways_of(name), names, strict=True):
        model, _, variant = way.partition(".")
        train = file(f"beyond/train_{model}-0")
        settings, options = train["settings"], train["settings"]["network_options"]
        changed = file(f"beyond/measure_{model}-0")["settings"].get("variants", {}).get(variant, {})
        prior = changed.get("prior", (train["prior"] or {}).get("class", ""))
        other = {"sampler", "sampler_options"} & changed.keys()  # all of the options are then the variant's
        sampling = changed.get("sampler_options", {}) if other else train["sampler"]
        expected = {
            "RMS norm": options.get("norm") == "rms",
            "dilated": bool(options.get("dilations")),
            "U-Net": settings["network"].endswith("UNet"),
            "joint start": "mixture" in prior.lower(),
            "noise in training": bool(settings["process"].get("image_noise")),
            "noise during sampling": bool(sampling.get("noise") or sampling.get("grey_noise")),
        }
        assert columns.keys() == expected.keys()
        ticked = {by_place[x] for x in at_row(left, place, "o")}
        assert ticked == {column for column, has in expected.items() if has}, way
        ones = [f"beyond/measure_{model}-{seed}" for seed in (0, 1) if _there(f"measure_{model}-{seed}")]
        distances = [row.value for one in ones for row in rows(one, measure="frechet", way=variant)]
        digits = [row.value for one in ones for row in rows(one, measure="digit", way=variant)]
        assert at_row(middle, place, "o") == near(sorted(distances))
        numbers, share = drawn.texts_at(right, place)
        assert numbers == f"{geometric_mean(distances):.1f}"  # as the table of changes has it
        assert share == (f"{100 * np.mean(digits):.0f}%" if digits else "–")
        assert said.startswith("Zoom" if train["process"] == "zoom" else "DDPM")
        seen.add((train["process"], drawn.look([m for m in middle.lines if place in m.get_ydata()][0])[0]))
    assert len(seen) == len(base)  # a colour for each kind
    assert [drawn.words(one) for one in ticks(right, "x")] == ["distance", "share of digits"]
    assert "distance" in heads(middle).x


def _there(job):
    return (PAPER.parent / "beyond" / "metrics" / f"{job}.json").is_file()


def _ways_of(name):
    """The rows of a figure of changes in order, from what is shown of them."""
    if name == "beyond":
        from paper.figures.pictures import ROWS

        return ROWS
    found = []
    for process in ("ddpm", "zoom"):
        for model in views.load(PAPER.parent / "beyond").models:
            if file(f"beyond/train_{model}-0")["process"] == process:
                ways = {row.way for row in rows(f"beyond/measure_{model}-0", measure="frechet")}
                variants = file(f"beyond/measure_{model}-0")["settings"].get("variants") or {}
                found += [
                    model,
                    *(
                        f"{model}.{way}"
                        for way in variants
                        if way in ways and not {"n", "measures", "checkpoints"} & variants[way].keys()
                    ),
                ]
    return found
