"""The paper's plots, read as a reader does, against the rows of the release."""

import json
from collections import defaultdict

import numpy as np
import pytest
from matplotlib.collections import PathCollection, PolyCollection

import drawn
from drawn import (
    LABELS,
    STUDY,
    TRAININGS,
    Heads,
    alike,
    at_row,
    bars,
    file,
    heads,
    legend,
    measured,
    named_curves,
    near,
    number,
    points,
    rows,
    ticks,
    titled,
)
from paper import figures
from report.results import counterparts


@pytest.fixture
def run():
    return drawn.released()


def pairs(found):
    """Points in order, to compare with."""
    return [near(one) for one in sorted(found)]


# --- rows of dots ---


def test_effects_are_dots_with_their_intervals_at_their_names():
    figure = drawn.figure("effects")
    parts = {
        "digit": ("share of digits", "percentage points", 100, 0),
        "frechet": ("features of digits", "ratio", 1, 1),
        "frechet_autoencoder": ("features of an autoencoder", "ratio", 1, 1),
    }
    names = ticks(figure.axes[0], "y")
    assert [*names] == [
        *(
            f"{change}, in the {kind}"
            for change in ("noise in training", "joint start")
            for kind in ("zoom", "blur", "pixelation")
        ),
        "blur instead of the zoom",
        "pixelation instead of the zoom",
    ]
    for axes, (measure, (title, unit, times, nothing)) in zip(figure.axes, parts.items(), strict=True):
        assert title in heads(axes).title
        assert heads(axes).x == unit
        assert (axes.lines[0].get_xdata()[0], axes.yaxis_inverted()) == (nothing, True)
        for name, y in names.items():
            way = name.replace("noise in training", "training noise").replace("instead of the", "for")
            way = way if ", in" in way else f"{way}, without sampling noise"
            row = number("paper/effects", measure, way.replace("the pixelation", "the pixelate"))
            assert at_row(axes, y, "o") == [near(times * row.value)]
            assert [[x for x, _ in ends] for ends in bars(axes) if ends[0][1] == ends[1][1] == y] == [
                near([times * row.low, times * row.high])
            ]


def test_the_yardstick_has_each_distance_at_its_name_and_in_numbers():
    (axes,) = drawn.figure("yardstick").axes
    (dots,) = (one for one in axes.collections if isinstance(one, PathCollection))
    expected = {
        row.way.replace(" %", "%"): row.value for row in rows("paper/yardstick", measure="frechet", x=None)
    }
    expected |= {titled(*one): number(measured(*one), "frechet").value for one in TRAININGS}
    names = ticks(axes, "y")
    assert {titled(*one) for one in TRAININGS} < names.keys()
    assert {"unchanged", "strokes deleted", "blurred by 1 pixel"} < names.keys()
    colours = dict(zip(names, map(tuple, dots.get_facecolors()), strict=True))
    assert len({colours[titled(model, seed)] for model, seed in TRAININGS if model == "zoom"}) == 1
    assert len({colours[name] for name in names}) == 1 + len(STUDY)
    for (name, y), (x, place) in zip(names.items(), dots.get_offsets().tolist(), strict=True):
        assert (place, x) == (y, near(expected[name]))
        assert float(drawn.texts_at(axes, y)[0]) == pytest.approx(expected[name], rel=0.06)
    assert [*dots.get_offsets()[:, 0]] == sorted(dots.get_offsets()[:, 0])
    assert "distance" in heads(axes).x
    assert axes.get_xscale() == "log"


def test_each_recogniser_has_the_marks_that_the_legend_gives_it():
    figure = drawn.figure("recognised_kinds")
    (axes,), key, names = figure.axes, legend(figure), ticks(figure.axes[0], "y")
    known = file("paper/yardstick")
    kinds = {kind.replace(" %", "%"): kind for kind in (*known["mild"], *known["no_digits"])}
    assert [*names] == [*kinds]
    (line,) = (mark for mark in axes.lines if len({*mark.get_ydata()}) == 1 and mark.get_marker() == "None")
    above = {name for name, y in names.items() if y > line.get_ydata()[0]}
    assert {kinds[name] for name in above} == {*known["mild"]}
    for label, measure in {"classifier's confidence": "confident", "recogniser": "digit"}.items():
        (marks,) = alike(axes, key[label])
        found = {y: x for x, y in points(marks)}
        shares = {y: number("paper/yardstick", measure, kinds[name]).value for name, y in names.items()}
        assert found == near({y: 100 * share for y, share in shares.items()})
    assert heads(axes).x == "accepted as digits (%)"


def test_the_answer_has_each_training_in_its_row():
    figure = drawn.figure("answer")
    panels = dict(zip(("frechet", "frechet_autoencoder", "digit"), figure.axes[-3:], strict=True))
    for measure, word in {"frechet": "features of digits", "frechet_autoencoder": "autoencoder"}.items():
        assert word in heads(panels[measure]).title
    assert "share of digits" in heads(panels["digit"]).title
    assert heads(figure.axes[0]) == Heads("", "", "")
    names = [drawn.words(text.get_text()) for text in figure.texts]
    expected = ["real digits"]
    for model, seeds in STUDY.items():
        expected += [LABELS[model], *(f"seed {seed}" for seed in seeds), "published"]
    assert names == expected
    ends = [figure.transFigure.transform((0, text.get_position()[1])) for text in figure.texts]
    for measure, axes in panels.items():
        places = [axes.transData.inverted().transform(end)[1] for end in ends]
        assert places == pytest.approx(range(len(names)), abs=0.01)
        row = 0
        for model, seeds in STUDY.items():
            row += 1
            for seed in seeds:
                row += 1
                late = [
                    one.value
                    for one in rows(measured(model, seed), way="checkpoint", measure=measure)
                    if one.epoch and one.epoch >= 80
                ]
                last = number(measured(model, seed), measure).value
                if measure == "frechet":
                    assert at_row(axes, row, "|") == near(sorted(late))
                    last = np.exp(np.mean(np.log(late)))
                assert at_row(axes, row, "o" if measure == "frechet" else "s") == [near(last)]
            row += 1
            theirs = rows(f"original/measure_{model}-0", way="", measure=measure)
            # Late distances are of fewer samples than the distance of the one published checkpoint.
            shown = [] if measure == "frechet" else theirs
            assert at_row(axes, row, "s") == [near(one.value) for one in shown]
            hollow = [m for m in axes.lines if m.get_marker() == "s" and m.get_ydata()[0] == row]
            assert {m.get_markerfacecolor() for m in hollow} <= {"white"}
    key = legend(figure)
    assert {
        label: (mark.get_marker(), mark.get_markerfacecolor() == "white")
        for label, mark in key.items()
        if hasattr(mark, "get_marker")
    } == {
        "mean of the late checkpoints": ("o", False),
        "each of them": ("|", False),
        "last checkpoint": ("s", False),
        "published weights": ("s", True),
        [*key][4]: ("d", False),
    }
    assert "mean over runs" in [*key][4]
    floor, *_ = panels["frechet_autoencoder"].texts
    assert f"{number(measured('linear', 0), 'floor_autoencoder').value:.2f}" in floor.get_text()
    first = panels["frechet"].texts[0].get_text()
    assert f"{number(measured('linear', 0), 'floor', 'checkpoint').value:.2f}" in first


@pytest.mark.parametrize("measure", ["frechet", "frechet_autoencoder"])
def test_the_band_of_the_answer_is_a_factor_of_two_about_the_mean_of_the_linear_ddpm(measure):
    axes = drawn.figure("answer").axes[-3 if measure == "frechet" else -2]
    (band,) = (one for one in axes.collections if isinstance(one, PolyCollection))
    low, high = band.get_paths()[0].get_extents().intervalx
    (mean,) = at_row(axes, 1, "d")
    assert (low, high) == near((mean / 2, 2 * mean))
    dots = [x for y in (2, 3) for x in at_row(axes, y, "o" if measure == "frechet" else "s")]
    assert mean == near(np.exp(np.mean(np.log(dots))))


# --- curves with names at their ends ---


def test_the_response_of_each_network_ends_at_its_name():
    (axes,) = drawn.figure("offset_response").axes
    found = named_curves(axes)
    ones = {LABELS[model]: measured(model, 0) for model in ("linear", "cosine")}
    ones |= {"RMS norm, 10 epochs": measured("linear_rms", 0, "beyond")}
    ones |= {"U-Net, 10 epochs": measured("linear_unet", 0, "beyond")}
    assert found.keys() == ones.keys()
    bands = [one.get_paths()[0].vertices for one in axes.collections if isinstance(one, PolyCollection)]
    for name, one in ones.items():
        expected = rows(one, way="shift 1", measure="response")
        assert found[name] == [near((row.x, row.value)) for row in expected]
        ends = {(row.x, end) for row in expected for end in (row.low, row.high)}
        assert any(ends <= {*map(tuple, band.tolist())} for band in bands)
    assert ("time step" in heads(axes).x, heads(axes).y) == (True, "response")


def test_losses_are_named_by_model_and_the_studys_by_its_labels(run):
    others = figures.original_losses(run)
    assert [(label, model) for label, model, _ in others] == [
        ("published “linear”", "cosine"),
        ("published “cosine”", "linear"),
        ("published “zoom”", "zoom"),
    ]
    (axes,) = figures.losses(run, others).axes
    found, colours = named_curves(axes), {n: at[0] for n, at in drawn.named_ends(axes).items()}
    assert len(found) == 6
    files = {"linear": "ddpm_linear", "cosine": "ddpm_cosine", "zoom": "zoom_NEAREST"}
    for label, model, _ in others:
        assert colours[label] == colours[LABELS[model]]
        name = label.split("“")[1].rstrip("”")
        losses = counterparts.open_release("original").out / "files" / f"losses_{files[name]}.json"
        expected = json.loads(losses.read_text())["test_avg_losses"]
        assert found[label] == [near((i + 1, y)) for i, y in enumerate(expected)]
    thin = {drawn.look(m)[0]: points(m) for m in axes.lines if m.get_linewidth() < 0.8}
    for model in STUDY:
        losses = {
            m: [(row.epoch, row.value) for row in rows(f"paper/train_{model}-0", measure=m)]
            for m in ("test_loss", "train_loss")
        }
        assert found[LABELS[model]] == [near(one) for one in losses["test_loss"]]
        assert thin[colours[LABELS[model]]] == [near(one) for one in losses["train_loss"]]
    assert heads(axes) == Heads("", "epoch", "test loss")


def test_distances_are_running_means_of_each_training_with_the_first_ones_checkpoints():
    figure = drawn.figure("distances")
    (axes,), key = figure.axes, legend(figure)
    styles = [key.pop(f"seed {seed}").get_linestyle() for seed in range(4)]
    assert len({*styles}) == 4
    mean, pale, dots = (
        key.pop(name) for name in ("no dots: mean of 9", "pale: checkpoints, seed 0", "dots: checkpoints")
    )
    assert not key
    ends = drawn.named_ends(axes)
    assert ends.keys() == {*LABELS.values()}
    drawn_of = defaultdict(list)
    for mark in axes.lines:
        drawn_of[drawn.look(mark)[0]].append(mark)
    for model, seeds in STUDY.items():
        curves = drawn_of.pop(ends[LABELS[model]][0])
        raw = [
            [
                (row.epoch, row.value)
                for row in rows(measured(model, seed), way="checkpoint", measure="frechet")
            ]
            for seed in seeds
        ]
        smooth = [
            [(x, np.mean([y for e, y in one[max(0, i - 4) : i + 5]])) for i, (x, _) in enumerate(one)]
            if len(one) > 25
            else one
            for one in raw
        ]
        expected = [raw[0]] * (len(raw[0]) > 25) + smooth
        assert len(curves) == len(expected)
        for curve, of in zip(curves, expected, strict=True):
            assert points(curve) == [near(one) for one in of]
        every, strong = [
            [one for one in curves if (one.get_alpha() is None) == told] for told in (False, True)
        ]
        assert [one.get_linestyle() for one in strong] == [styles[seed] for seed in seeds]
        kind = mean if every else dots
        assert {drawn.look(one)[1] for one in strong} == {drawn.look(kind)[1]}
        assert [one.get_alpha() for one in every] == [pale.get_alpha()] * (len(raw[0]) > 25)
    assert (drawn.look(mean)[1], drawn.look(dots)[1]) == ("None", "o")
    (late,) = axes.patches
    assert (late.get_x(), late.get_x() + late.get_width()) == near((80, 100))
    assert heads(axes).x == "epoch"
    assert "features of digits" in heads(axes).y


# --- curves and dots with a legend ---


def test_quality_against_calls_has_each_sampler_at_its_look():
    figure = drawn.figure("quality_calls")
    key, panels = legend(figure), dict(zip(("frechet", "digit"), figure.axes, strict=True))
    samplers = {
        LABELS[m] + f", {name}": (m, way)
        for m in ("linear", "cosine")
        for name, way in {"ancestral": "ancestral", "DDIM": "ddim"}.items()
    }
    samplers["Cold Zoom"] = "zoom", "naive"
    assert key.keys() == samplers.keys()
    for measure, axes in panels.items():
        assert heads(axes).x == "network calls for a sample"
        assert ("distance" in heads(axes).y, "digits" in heads(axes).y) == (
            measure == "frechet",
            measure == "digit",
        )
        ends = [(*low, high[1]) for low, high in bars(axes) if low[0] == high[0]]
        assert len(ends) == sum(len(mark.get_xdata()) for mark in axes.lines)
        for label, (model, way) in samplers.items():
            _, marker, face, line = drawn.look(key[label])  # a further seed has another shade of the colour
            found = [
                points(mark)
                for mark in axes.lines
                if drawn.look(mark)[1::2] == (marker, line)
                and (drawn.look(mark)[2] == "#ffffff") == (face == "#ffffff")
            ]
            expected = []
            for seed in STUDY[model]:
                of = [
                    row
                    for row in rows(measured(model, seed), measure=measure)
                    if row.way.startswith(f"{way}, ") and "noise" not in row.way
                ]
                by_calls = sorted((int(row.way.split()[1]), row.value, row) for row in of)
                expected += [[(x, y) for x, y, _ in by_calls]] if by_calls else []
                assert {(x, row.low, row.high) for x, _, row in by_calls} <= {*ends}
            assert len(found) > 0
            assert found == expected
            assert points(alike(axes, key[label])[0]) == found[0]


MIX_KEY = "a checkpoint of the zoom", "real digits with other class shares"


def test_the_mix_has_a_panel_for_each_zoom_with_a_point_for_each_settled_checkpoint():
    figure = drawn.figure("mix")
    dots, line = (legend(figure)[name] for name in MIX_KEY)
    assert legend(figure).keys() == {*MIX_KEY}
    real = rows("paper/yardstick", way="mixed", measure="frechet")
    assert [heads(axes).title for axes in figure.axes] == [f"seed {seed}" for seed in STUDY["zoom"]]
    for axes, seed in zip(figure.axes, STUDY["zoom"], strict=True):
        of = {
            m: {row.epoch: row.value for row in rows(measured("zoom", seed), way="checkpoint", measure=m)}
            for m in ("divergence", "frechet")
        }
        expected = [(of["divergence"][e], of["frechet"][e]) for e in of["frechet"] if e > 30]
        assert len(expected) == 70
        (found,), (curve,) = alike(axes, dots), alike(axes, line)
        assert sorted(points(found)) == pairs(expected)
        assert points(curve) == [near((row.x, row.value)) for row in real]
        assert len(axes.lines) == 2
        assert (axes.get_xlim(), axes.get_ylim()) == (figure.axes[0].get_xlim(), figure.axes[0].get_ylim())
    assert ("divergence" in figure.get_supxlabel(), "distance" in figure.get_supylabel()) == (True, True)
