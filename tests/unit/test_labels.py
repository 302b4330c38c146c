"""The paper's figures, read as a reader does: each name, legend and title against what it names."""

import base64
import io
import json
from collections import defaultdict
from statistics import geometric_mean

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from PIL import Image

import diffusion
import drawn
from diffusion.pixels import grey_values
from drawn import (
    LABELS,
    STUDY,
    TRAININGS,
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
from helpers import PAPER
from paper import figures
from paper.figures.pictures import ROWS
from report.results import counterparts

BEYOND = PAPER.parent / "beyond"


@pytest.fixture
def run():
    return drawn.released()


def pairs(some):
    """Points in order, to compare with."""
    return [near(point) for point in sorted(some)]


def curve_of(name, measure, **where):
    return [(row.epoch, row.value) for row in rows(name, measure=measure, **where)]


def kept(name, release="paper"):
    return np.load(PAPER.parent / release / "kept" / f"{name}.npz")["images"]


# --- rows of dots ---


def test_effects_are_dots_with_their_intervals_at_their_names():
    figure = drawn.figure("effects")
    names = ticks(figure.axes[0], "y")
    assert len(names) == 8
    for axes, measure, factor in zip(
        figure.axes, ("digit", "frechet", "frechet_autoencoder"), (100, 1, 1), strict=True
    ):
        assert ("autoencoder" in heads(axes).title) == (measure == "frechet_autoencoder")
        assert (heads(axes).x == "percentage points") == (measure == "digit")
        assert axes.yaxis_inverted()
        for name, y in names.items():
            effect = name.replace("joint prior", "joint start").replace("instead of the", "for")
            effect = effect if ", in" in effect else f"{effect}, without sampling noise"
            row = number("paper/effects", measure, effect.replace("the pixelation", "the pixelate"))
            assert at_row(axes, y, "o") == [near(factor * row.value)]
            ends = [(low[0], high[0]) for low, high in bars(axes) if low[1] == high[1] == y]
            assert ends == [near((factor * row.low, factor * row.high))]


# --- curves with names at their ends ---


def test_the_response_of_each_network_ends_at_its_name():
    (axes,) = drawn.figure("offset_response").axes
    jobs = {LABELS[model]: measured(model, 0) for model in ("linear", "cosine")}
    jobs |= {"RMS norm, 10 epochs": measured("linear_rms", 0, "beyond")}
    jobs |= {"U-Net, 10 epochs": measured("linear_unet", 0, "beyond")}
    expected = {name: rows(job, way="shift 1", measure="response") for name, job in jobs.items()}
    curves = named_curves(axes)
    assert curves == {name: [near((row.x, row.value)) for row in lines] for name, lines in expected.items()}


def test_losses_are_named_by_model_and_the_studys_by_its_labels(run):
    others = figures.original_losses(run)
    (axes,) = figures.losses(run, others).axes
    curves, colours = named_curves(axes), {name: end[0] for name, end in drawn.named_ends(axes).items()}
    files = {"cosine": "ddpm_linear", "linear": "ddpm_cosine", "zoom": "zoom_NEAREST"}  # labels are exchanged
    published = {model: label for label, model, _ in others}
    for model in STUDY:
        assert colours[published[model]] == colours[LABELS[model]]
        assert files[model].split("_")[-1 if model != "zoom" else 0] in published[model]
        losses = counterparts.open_release("original").out / "files" / f"losses_{files[model]}.json"
        expected = enumerate(json.loads(losses.read_text())["test_avg_losses"], 1)
        assert curves[published[model]] == [near(point) for point in expected]
        tested, trained = (curve_of(f"paper/train_{model}-0", f"{split}_loss") for split in ("test", "train"))
        assert curves[LABELS[model]] == [near(point) for point in tested]
        thin = {drawn.look(mark)[0]: points(mark) for mark in axes.lines if mark.get_linewidth() < 0.8}
        assert thin[colours[LABELS[model]]] == [near(point) for point in trained]


def test_distances_are_curves_of_few_runs_and_the_mean_and_range_of_many():
    figure = drawn.figure("distances")
    (axes,), key = figure.axes, legend(figure)
    bands = [mark for mark in axes.collections if isinstance(mark, PolyCollection)]
    for model, seeds in STUDY.items():
        colour = drawn.named_ends(axes)[LABELS[model]][0]
        curves = [mark for mark in axes.lines if drawn.look(mark)[0] == colour]
        courses = [dict(curve_of(measured(model, seed), "frechet", way="checkpoint")) for seed in seeds]
        if len(seeds) < 3:
            for mark, course, seed in zip(curves, courses, seeds, strict=True):
                assert points(mark) == [near(point) for point in course.items()]
                assert mark.get_linestyle() == key[f"seed {seed}"].get_linestyle()
                assert drawn.look(mark)[1] == drawn.look(key["dots: checkpoints"])[1]
            continue
        (mean,), (band,) = curves, bands
        assert key.keys() >= {f"mean of {len(seeds)} runs", "their range"}
        corners = band.get_paths()[0].vertices
        for epoch in set.intersection(*map(set, courses)):
            known = [course[epoch] for course in courses]
            assert dict(points(mean))[epoch] == near(geometric_mean(known))
            of_band = corners[corners[:, 0] == epoch][:, 1]
            assert (of_band.min(), of_band.max()) == near((min(known), max(known)))


# --- curves and dots with a legend ---


def test_quality_against_calls_has_each_sampler_at_its_look():
    figure = drawn.figure("quality_calls")
    key, panels = legend(figure), dict(zip(("frechet", "digit"), figure.axes, strict=True))
    samplers = {f"{LABELS[model]}, ancestral": (model, "ancestral") for model in ("linear", "cosine")}
    samplers |= {f"{LABELS[model]}, DDIM": (model, "ddim") for model in ("linear", "cosine")}
    samplers["Zoom"] = "zoom", "naive"
    assert key.keys() == samplers.keys()
    for measure, axes in panels.items():
        assert ("digits" in heads(axes).y) == (measure == "digit")
        for label, (model, sampler) in samplers.items():
            _, marker, face, line = drawn.look(key[label])  # a further seed has another shade of the colour
            curves = []
            for mark in axes.lines:
                colour, *look = drawn.look(mark)
                if look[::2] == [marker, line] and (look[1] == "#ffffff") == (face == "#ffffff"):
                    curves.append(points(mark))
            expected = []
            for seed in STUDY[model]:
                lines = [
                    (int(row.way.split()[1]), row.value)
                    for row in rows(measured(model, seed), measure=measure)
                    if row.way.startswith(f"{sampler}, ") and "noise" not in row.way
                ]
                expected += [sorted(lines)] if lines else []
            assert curves == expected
            assert points(alike(axes, key[label])[0]) == curves[0]


def test_the_mix_has_a_panel_for_each_zoom_with_a_point_for_each_settled_checkpoint():
    figure = drawn.figure("mix")
    key = legend(figure)
    dots, line = key["a checkpoint of the zoom"], key["real digits with other class shares"]
    real = [near((row.x, row.value)) for row in rows("paper/yardstick", way="mixed", measure="frechet")]
    for axes, seed in zip(figure.axes, STUDY["zoom"], strict=True):
        assert heads(axes).title == f"seed {seed}"
        job = measured("zoom", seed)
        mix, distance = (dict(curve_of(job, name, way="checkpoint")) for name in ("divergence", "frechet"))
        (settled,), (curve,) = alike(axes, dots), alike(axes, line)
        assert sorted(points(settled)) == pairs((mix[e], distance[e]) for e in distance if e > 30)
        assert points(curve) == real


# --- the slow start ---


def network_kind(train):
    options = train["settings"]["network_options"]
    if train["settings"]["network"].endswith("UNet"):
        return "U-Net"
    if options.get("norm") == "rms":
        return "RMS norm"
    return "dilated" if options.get("dilations") else "original network"


def test_the_response_along_training_and_the_law_beside_what_is_measured():
    figure = drawn.figure("starts")
    (along, law), key = figure.axes, legend(figure)
    for name, curve in named_curves(along).items():
        model, _, seed = name.partition(", seed ")
        jobs = [measured(model, seed, release) for release in ("paper", "starts")]
        jobs = [job for job in jobs if (PAPER.parent / f"{job.replace('/', '/metrics/')}.json").is_file()]
        courses = [curve_of(job, "response", way="checkpoint") for job in jobs]
        assert curve in [[near(point) for point in course if point[0] <= 30] for course in courses]
    real = number(measured("linear", 0), "border", "real").sd
    expected = defaultdict(list)
    for row in rows("paper/level"):
        release, _, name = row.model.rpartition("/")
        border = number(f"{release or 'paper'}/measure_{name}", "border", row.way).sd
        kind = network_kind(file(f"{release or 'paper'}/train_{name}"))
        expected[kind, "ddim" in row.way].append((np.hypot(row.value, real), border))
    for (kind, ddim), known in expected.items():
        shown = []
        for mark in law.lines:
            colour, marker, face, _ = drawn.look(mark)
            if (colour, marker) == drawn.look(key[kind])[:2] and (face == "none") == ddim:
                shown += points(mark)
        assert sorted(shown) == pairs(known)
    assert key["hollow: DDIM"].get_markerfacecolor() == "none"


def test_the_spread_of_the_border_along_training_has_a_line_for_each_seed():
    figure = drawn.figure("blank")
    (axes,) = figure.axes
    for name, handle in legend(figure).items():
        (line,) = alike(axes, handle)
        spreads = {}
        for release in ("paper", "starts"):
            job = measured("linear", int(name.removeprefix("seed ")), release)
            if (PAPER.parent / f"{job.replace('/', '/metrics/')}.json").is_file():
                spreads |= {row.epoch: row.sd for row in rows(job, way="checkpoint", measure="border")}
        assert points(line) == sorted(spreads.items())


def test_the_intervention_has_the_law_and_the_measured_spread_in_the_row_of_what_is_added():
    figure = drawn.figure("intervention")
    panels, key = [panel for panel in figure.axes if not panel.images], legend(figure)
    added = {"as it is": "0", "a quarter": "¼", "corrected": "1"}
    ways = [(row.model, row.epoch, row.way) for row in rows("paper/intervention", measure="border")]
    images = dict(zip(ways, kept("intervention"), strict=True))
    for model, axes in zip(("linear", "cosine"), panels, strict=True):
        heights, left = drawn.row_names(axes), axes.get_position().x1
        strips = [panel for panel in figure.axes if panel.images and panel.get_position().x1 < left]
        for epoch in (1, 30):
            (line,) = alike(axes, key[f"epoch {epoch}, the law"])
            for part, name in added.items():
                y = round(heights[name])
                row, law = (
                    number("paper/intervention", measure, part, epoch=epoch, model=model)
                    for measure in ("border", "predicted")
                )
                dots = [
                    at for mark in alike(axes, key[f"epoch {epoch}"]) for at in points(mark) if at[1] == y
                ]
                assert dots == [near((row.sd, y))]
                assert [at for at in points(line) if at[1] == y] == [near((law.value, y))]
                known = images[model, epoch, part]
                if epoch == 1:
                    height = figure.transFigure.inverted().transform(axes.transData.transform((1, y)))[1]
                    near_it = [s for s in strips if s.get_position().y0 < height < s.get_position().y1]
                    shown = drawn.strip(near_it[-1])
                    assert (shown == known[: len(shown)]).all()


# --- tables ---


def test_a_row_of_changes_ticks_what_the_training_differs_in_and_has_its_distances():
    left, middle, right = drawn.figure("beyond").axes
    columns = ticks(left, "x")
    for variant, (label, y) in zip(ROWS, drawn.tick_pairs(left, "y"), strict=True):
        model, _, change = variant.partition(".")
        train = file(f"beyond/train_{model}-0")
        changed = file(f"beyond/measure_{model}-0")["settings"].get("variants", {}).get(change, {})
        prior = changed.get("prior", (train["prior"] or {}).get("class", ""))
        other = {"sampler", "sampler_options"} & changed.keys()  # all of the options are then the variant's
        sampling = changed.get("sampler_options", {}) if other else train["sampler"]
        expected = {
            "joint prior": "mixture" in prior.lower(),
            "training noise": bool(train["settings"]["process"].get("image_noise")),
            "sampling noise": bool(sampling.get("noise") or sampling.get("grey_noise")),
        }
        kinds = ("RMS norm", "dilated", "U-Net")
        expected |= {kind: kind == network_kind(train) for kind in kinds}
        assert columns.keys() == expected.keys()
        ticked = at_row(left, y, "o")
        assert ticked == sorted(columns[column] for column, has in expected.items() if has), variant
        assert label.startswith("Zoom" if train["process"] == "zoom" else "DDPM")
        jobs = [f"beyond/measure_{model}-{seed}" for seed in (0, 1)]
        jobs = [job for job in jobs if (BEYOND / "metrics" / f"{job[7:]}.json").is_file()]
        distances, digits = (
            [row.value for job in jobs for row in rows(job, measure=measure, way=change)]
            for measure in ("frechet", "digit")
        )
        assert at_row(middle, y, "o") == near(sorted(distances))
        share = f"{100 * np.mean(digits):.0f}%" if digits else "–"
        assert drawn.texts_at(right, y) == [f"{geometric_mean(distances):.1f}", share]


# --- images ---


def test_samples_that_are_not_picked_are_the_first_ones_of_the_training_above_them():
    shown = {heads(axes).title: drawn.tiles(axes, 16) for axes in drawn.figure("unpicked").axes}
    assert [*shown] == [titled(*training) for training in TRAININGS]
    for model, seed in TRAININGS:
        assert (shown[titled(model, seed)] == kept(f"samples_{model}-{seed}")[:64]).all()


def test_samples_beyond_the_study_are_of_the_network_above_them():
    """A title's words, against the settings of the training whose samples these are."""
    names = [path.stem for path in (BEYOND / "kept").glob("samples_*.npz")]
    for axes in drawn.figure("beyond_samples").axes:
        title, images = heads(axes).title, drawn.tiles(axes, 8)
        (name,) = (name for name in names if (kept(name, "beyond")[: len(images)] == images).all())
        train = file(f"beyond/train_{name.removeprefix('samples_')}")
        assert train["process"] == ("zoom" if title.startswith("Zoom") else "ddpm")
        assert network_kind(train).partition(" ")[0] in title
        assert bool(train["settings"]["process"].get("image_noise")) == ("noise" in title)


@pytest.mark.parametrize("model", STUDY)
def test_the_most_confident_samples_are_on_the_left(run, model):
    panels = figures.quality(run, model).axes
    for axes, images, word in zip(panels, kept(f"quality_{model}-0"), ("most", "least"), strict=True):
        assert heads(axes).title.startswith(word)
        assert (drawn.tiles(axes, 8)[: len(images)] == images).all()


def test_each_sample_of_the_zoom_is_above_its_nearest_training_image(run, mnist_dir):
    images, _ = diffusion.load("mnist", "train", 2000)
    (axes,) = figures.nearest(run, images).axes
    samples, below = np.split(drawn.tiles(axes, 14), 2)
    assert (samples == kept("samples_zoom-0")[:14]).all()
    train = grey_values(images)[:, 0].numpy()
    for sample, near_it in zip(samples.astype(float), below, strict=True):
        distances = ((train - sample) ** 2).sum((1, 2))
        assert ((near_it - sample) ** 2).sum() == distances.min()


@pytest.mark.parametrize("model", STUDY)
def test_the_front_has_the_first_sixteen_samples(run, model):
    content = figures.front(run, model)._repr_mimebundle_()
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(content["image/png"]))))
    tiles = [sheet[30 * i : 30 * i + 28, 30 * j : 30 * j + 28] for i in range(4) for j in range(4)]
    assert (np.stack(tiles) == kept(f"samples_{model}-0")[:16]).all()
