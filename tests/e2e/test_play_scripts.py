"""The play page's scripts without a browser, against torch: walks, networks, noise, reading, files."""

import io
import json
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from scipy import stats

import diffusion as d
from diffusion import data
from diffusion.evaluation import classifier
from diffusion.evaluation.distortions import on_grey, shifted
from diffusion.evaluation.recogniser import DigitRecogniser
from diffusion.pixels import grey_values
from diffusion.processes.zoom import central_patch, enlarge, zoom
from diffusion.runtime import generator
from play import bundle
from play import page as sources
from play_page import PACKED, packed_network, run_script

SIDE, UNKNOWN = 28, -0.34
FLOAT32 = 2.0**-24  # half a unit in the last place, of numbers near 1
# Of a frame's largest number: a walk has at most 100 steps of at most eight roundings each, and its numbers
# grow as fast as their differences.
WALK = 8 * 100 * FLOAT32
CALL = 1e-5  # of one call of a network: see test_kernel.py
SCORE = 0.01  # as docs/play.md has it


def images(n, seed=0, spread=1.0):
    return spread * torch.randn(n, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def plain(x):
    return x.flatten(1).tolist()


# === degradations ========================================================================================


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_every_level_of_the_zoom_is_that_of_the_library(interpolation):
    """To the bit for nearest neighbours; bilinear means of numbers below 5 have three roundings each way."""
    x = images(SIDE)
    code = "return given.x.map((x, t) => processes.zoom(Float32Array.from(x), t, given.interpolation));"
    found = torch.tensor(run_script(code, {"x": plain(x), "interpolation": interpolation}))
    expected = zoom(x, torch.arange(SIDE), interpolation).flatten(1)
    assert (found - expected).abs().max() <= (0 if interpolation == "nearest" else 5 * 6 * 2 * FLOAT32)


def test_painted_and_shown_pixels_are_where_the_zoom_has_them():
    x, sides = images(SIDE, 1), range(1, SIDE + 1)
    code = """
      const [x, sides] = [given.x.map((one) => Float32Array.from(one)), given.sides];
      const centres = sides.map((side, i) => processes.centre(x[i], side));
      return [
        centres,
        centres.map((pixels, i) => processes.enlarge(pixels, sides[i])),
        x.map((one, t) => processes.shrunk(processes.zoom(one, t), t)),
      ];
    """
    centres, enlarged, shown = run_script(code, {"x": plain(x), "sides": [*sides]})
    for one, side, patch, large in zip(x, sides, centres, enlarged, strict=True):
        expected = central_patch(one[None], side)
        assert torch.equal(torch.tensor(patch), expected.flatten())
        assert torch.equal(torch.tensor(large), enlarge(expected, SIDE).flatten())
    for t, (one, picture) in enumerate(zip(x, shown, strict=True)):
        first, left = (t + 1) // 2, SIDE - t
        expected = torch.full((SIDE, SIDE), UNKNOWN)
        expected[first : first + left, first : first + left] = central_patch(one[None], left)
        assert torch.equal(torch.tensor(picture), expected.flatten())


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_noise_is_added_as_the_library_adds_it(schedule):
    """Two products and a sum, of numbers below 5."""
    process, t = d.DDPM(schedule), torch.tensor([1, 10, 370, 999, 1000])
    x, eps = images(len(t), 2, 0.3), images(len(t), 3)
    alpha_bar = process.schedule.alpha_bar.double()[t]
    code = "return given.x.map((x, i) => processes.addNoise(x, given.alphaBar[i], given.eps[i]));"
    found = run_script(code, {"x": plain(x), "eps": plain(eps), "alphaBar": alpha_bar.tolist()})
    a = alpha_bar[:, None]
    expected = a.sqrt() * x.flatten(1) + (1 - a).sqrt() * eps.flatten(1)
    assert (torch.tensor(found) - expected).abs().max() < 5 * 3 * FLOAT32
    assert (process.degrade(x, t, eps).flatten(1) - expected).abs().max() < 1e-5


# === walks ===============================================================================================

# A network that both languages compute alike, and its calls.
NETWORK = """
  let calls = 0;
  const predict = (x, t) => (calls++, Float32Array.from(x, (v, p) => 0.6 * v + 0.3 * Math.sin(t + p / 20)));
"""


def predict(x, t):
    return 0.6 * x + 0.3 * torch.sin(t + torch.arange(SIDE * SIDE).view(SIDE, SIDE).double() / 20)


def walk_of(process, sampler, x_T, seed):
    """The frames (t, x, x0) that the library's steps make, in float64, and the noise that they draw."""
    x, frames = x_T.double(), []
    for t, s in pairwise(sampler.visits(process.T)):
        answer = predict(x, t)
        x0 = answer
        if isinstance(process, d.DDPM):
            a = float(process.schedule.alpha_bar[t])
            x0 = (x - math.sqrt(1 - a) * answer) / math.sqrt(a)
            x0 = x0.clamp(-0.5, 0.5) if sampler.clip_x0 else x0
        frames.append((t, x, x0))
        x = sampler.step(process, x, answer, t, s, seed)
    return [*frames, (0, x, x)]


def assert_same_walk(found, frames):
    assert [one["t"] for one in found] == [t for t, _, _ in frames]
    for one, (t, *expected) in zip(found, frames, strict=True):
        for name, exact in zip(("x", "x0"), expected, strict=True):
            difference = (torch.tensor(one[name]) - exact.flatten()).abs().max()
            assert difference < WALK * max(1, exact.abs().max()), (t, name)


def drawn(random):
    return torch.randn(1, 1, SIDE, SIDE, generator=random).flatten().tolist()


def bare(model):
    """A model without its network."""
    return {key: value for key, value in model.items() if key not in ("weights", "encodings")}


@pytest.mark.parametrize("sampler", [d.Naive, d.Improved])
@pytest.mark.parametrize("process", [d.ColdZoom(), d.ColdZoom(20, "bilinear")], ids=["study", "bilinear"])
def test_each_step_of_the_zoom_is_the_librarys(process, sampler):
    """From a painted start, with each kind of noise, over all levels or some; a step is one call."""
    few = torch.rand(12, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) - 0.5
    run, side = d.fit(process, few, steps=1, batch_size=12), SIDE - process.T
    start = images(1, 4, 0.4)[..., :side, :side]
    asked, expected = [], []
    for options in ({}, {"noise": 0.3}, {"grey_noise": 0.8, "levels": 7}, {"noise": 0.1, "grey_noise": 0.5}):
        run.sampler, random = sampler(**options), generator(0, "walk")
        noise = {s: drawn(random) for s in run.sampler.visits(process.T)[1:-1]}
        asked.append({"model": bare(bundle.training(run)), "noise": noise})
        expected.append(walk_of(process, run.sampler, enlarge(start, SIDE), generator(0, "walk")))
    code = f"""{NETWORK}
      const start = processes.enlarge(given.start, given.side);
      return given.asked.map(({{ model, noise }}) => {{
        calls = 0;
        const frames = [...processes.walkZoom({{ predict }}, model, start, (t) => noise[t])];
        return {{ frames, calls }};
      }});
    """
    answers = run_script(code, {"start": start.flatten().tolist(), "side": side, "asked": asked})
    for found, frames in zip(answers, expected, strict=True):
        assert_same_walk(found["frames"], frames)
        assert found["calls"] == len(frames) - 1


@pytest.mark.parametrize("sampler", [d.Ancestral, d.DDIM])
@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_each_step_of_a_ddpm_is_the_librarys(schedule, sampler):
    """In each number of steps that the page offers, with clipped guesses and without."""
    run = d.released(f"paper/{schedule}-0")
    model, x_T = bare(bundle.training(run, weights="f2")), images(1, 5)
    asked, expected = [], []
    for steps, clip in ((10, True), (10, False), (24, True), (50, False), (100, True)):
        how, random = sampler(steps=steps, clip_x0=clip), generator(0, "walk")
        noise = [x_T.flatten().tolist(), *(drawn(random) for _ in range(steps - 1))]
        asked.append({"steps": steps, "how": {"clip": clip, "sampler": sampler.__name__}, "noise": noise})
        expected.append(walk_of(run.process, how, x_T, generator(0, "walk")))
    code = f"""{NETWORK}
      return given.asked.map(({{ steps, how, noise }}) => {{
        calls = 0;
        const visited = given.model.walks[steps];
        const frames = [...processes.walkNoise({{ predict }}, given.model, visited, how, (k) => noise[k])];
        return {{ frames, calls }};
      }});
    """
    answers = run_script(code, {"model": model, "asked": asked})
    for found, one, frames in zip(answers, asked, expected, strict=True):
        assert_same_walk(found["frames"], frames)
        assert found["calls"] == one["steps"]


# === networks and what Python packed =====================================================================


@torch.inference_mode()
def test_each_network_of_the_page_is_the_released_one():
    """At random steps of its own, on random images; a DDPM with its weights in half precision."""
    packed, random, asked, expected = json.loads(PACKED), np.random.default_rng(1), [], []
    for i, model in enumerate(packed["trainings"]):
        x, t = images(3, i), random.choice(model["steps"], 3, replace=False)
        asked.append({"x": plain(x), "t": t.tolist()})
        network = packed_network(model["label"])
        expected.append(network(x.double(), torch.tensor(t) / model["T"]).flatten(1))
    code = """
      const { open, trainings } = await study.load(given.packed);
      await open(trainings);
      return trainings.map(({ network }, i) => {
        const { x, t } = given.asked[i];
        return t.map((step, k) => network.predict(x[k], step));
      });
    """
    found = run_script(code, {"packed": packed, "asked": asked})
    for answer, exact in zip(found, expected, strict=True):
        assert (torch.tensor(answer) - exact).abs().max() < CALL * max(1, exact.abs().max())


def test_numbers_arrive_as_they_were_packed():
    """All of half precision, and single precision of every size, to the bit."""
    halves = np.arange(2**16, dtype="u2").view("f2")
    halves = halves[np.isfinite(halves)]
    bits = np.random.default_rng(2).integers(0, 2**32, 9999, dtype="u4").view("f4")
    singles = np.append(bits[np.isfinite(bits)], np.float32([0, 1, -1, 1e-45, 3.4e38]))
    grey = np.arange(256, dtype="u1")
    given = [bundle.packed(values, f"f{values.itemsize}") for values in (halves, singles)]
    code = "return Promise.all(given.map(net.unpack));"
    found = run_script(code, [*given, bundle.packed(grey, "u1")])
    for one, values in zip(found, (halves, singles, grey), strict=True):
        assert np.array_equal(np.array(one, dtype=values.dtype), values)


def test_a_painted_grey_level_is_the_librarys_and_shown_as_it_is():
    """Values at each level and near the next ones, and beyond black and white."""
    code = "return [given.map(processes.level), Array.from({ length: 256 }, (_, v) => processes.grey(v))];"
    middle = (torch.arange(256) / 255 - 0.5).double()
    beyond = torch.tensor([-3.0, -0.51, 0.51, 9.0])
    values = torch.cat([middle, middle + 0.4 / 255, middle - 0.4 / 255, beyond])
    levels, greys = run_script(code, values.tolist())
    assert levels == grey_values(values).tolist() == [*range(256), *range(256), *range(256), 0, 0, 255, 255]
    assert torch.equal(torch.tensor(greys), torch.arange(256, dtype=torch.float32) / 255 - 0.5)


# === random numbers ======================================================================================

SEEDS, STREAMS = (1, 2, 3, 7, 8, 50), 20  # of the page: its first noises, and what a person asks for later


def test_the_noise_is_standard_normal_and_independent():
    """Each bound is five standard errors, or a p-value of 1e-5, of 94,080 numbers that seeds determine."""
    code = """
      const draw = (streams) => given.seeds.map((seed) => streams.map((k) => processes.normal(seed, k)));
      const streams = Array.from({ length: given.streams }, (_, k) => k);
      return [draw(streams), processes.normal(given.seeds[0])];
    """
    found, first = run_script(code, {"seeds": SEEDS, "streams": STREAMS})
    noise = np.array(found).reshape(-1, SIDE * SIDE)  # (seeds * streams, 784)
    n, rows = noise.size, len(noise)
    assert first == noise[0].tolist()
    assert abs(noise.mean()) < 5 / math.sqrt(n)
    assert abs(noise.var() - 1) < 5 * math.sqrt(2 / n)
    assert stats.kstest(noise.ravel(), "norm").pvalue > 1e-5
    assert np.abs(noise.mean(1)).max() < 5 / SIDE  # and of each image
    assert np.abs(noise.var(1) - 1).max() < 5 * math.sqrt(2) / SIDE
    for lag in (1, 2, SIDE, SIDE + 1):  # between pixels
        assert abs((noise[:, lag:] * noise[:, :-lag]).mean()) < 5 / math.sqrt(n)
    for lag in range(4):  # between images, also where one is another that is moved on
        products = noise[:, lag:] @ noise[:, : SIDE * SIDE - lag].T / SIDE
        others = products[~np.eye(rows, dtype=bool)]
        assert np.abs(others).max() < 5.5  # of 14,280


def test_a_random_start_is_one_of_the_priors_draws():
    """Each is as likely as the others; a start is pixels that were drawn together."""
    code = """
      const shares = Array.from({ length: 400 }, (_, i) => (i + 0.5) / 400);
      return given.map(({ starts }) => shares.map((share) => {
        Math.random = () => share;
        return processes.anyStart({ starts }, 4);
      }));
    """
    zooms = [bundle.training(d.released(name)) for name in sources.ZOOMS.values()]
    for found, model in zip(run_script(code, [bare(one) for one in zooms]), zooms, strict=True):
        starts = np.array(model["starts"]).reshape(bundle.STARTS, 16)
        assert np.array_equal(np.array(found), starts.repeat(400 // bundle.STARTS, 0))


# === reading =============================================================================================


def recogniser_of(x, labels):
    """The page's recogniser; these images decide its threshold alone."""
    return DigitRecogniser.fit(classifier.load(), data.load("mnist", "train")[0][: sources.NEAR], x, labels)


@pytest.mark.long
def test_the_threshold_of_a_digit_is_the_librarys():
    bound = recogniser_of(*data.load("mnist", "test")).bound
    assert json.loads(PACKED)["reader"]["bound"] == pytest.approx(bound, abs=1e-3)


def test_it_reads_as_the_library_does():
    """Digits, distorted ones, ones that fade into noise, on a bright background; noise, grey, blank."""
    packed = json.loads(PACKED)
    x, labels = data.load("mnist", "test", n=400)
    recogniser, random = (
        recogniser_of(*(given[400:600] for given in data.load("mnist", "test"))),
        generator("read"),
    )
    noise = images(30, 6)
    fading = torch.cat([x[i : i + 1] * (1 - i / 60) + noise[i % 30][None] * i / 120 for i in range(60)])
    kinds = [x[300:330], shifted(4)(x[330:345], None, random), on_grey(0.4)(x[345:360], None, random), fading]
    kinds += [x[360:370].clamp(max=0), 0.5 - (x[370:380] + 0.5), noise[:5], (noise[:5] > 0).float() - 0.5]
    kinds += [torch.full((1, 1, SIDE, SIDE), value) for value in (-0.5, 0.0, 0.49, 0.5)] + [3 * x[380:385]]
    shown = torch.cat(kinds)
    code = (
        "const reader_ = await reader.Reader.load(given.reader); return given.x.map((x) => reader_.read(x));"
    )
    found = run_script(code, {"reader": packed["reader"], "x": plain(shown)})
    expected = classifier.logits(recogniser.classifier, shown.clamp(-0.5, 0.5))
    scores, (most, second) = recogniser.scores(shown), expected.topk(2, dim=1).values.T
    clear = most - second > 0.1  # half precision decides no ties
    digits = [one["digit"] for one in found]
    assert clear.float().mean() > 0.9
    for name, exact, sure in zip(digits, expected.argmax(1).tolist(), clear.tolist(), strict=True):
        assert name == str(exact) or not sure
    assert [one["score"] for one in found] == pytest.approx(scores.tolist(), abs=SCORE)
    for one, score in zip(found, scores.tolist(), strict=True):
        assert one["accepted"] == (one["score"] >= packed["reader"]["bound"])
        assert one["likeness"] == pytest.approx(max(0, 1 - math.exp(-score / 2)), abs=SCORE)
    accepted = [one["accepted"] for one in found]
    assert sum(accepted[:30]) >= 27
    assert 20 < sum(accepted) < len(found) - 20


# === turns and files =====================================================================================


def test_walks_take_turns_by_rank_and_stop_when_told():
    code = """
      const log = [];
      const walk = function* (n) { for (let i = 0; i < n; i++) yield i; };
      const add = (name, rank, n, after = () => {}) =>
        new Promise((done) => {
          const step = (frame) => (log.push(name + frame), after());
          const end = (last, ms) => (log.push(`${name} ended with ${last}`), done(ms));
          stops[name] = runner.advance(walk(n), { rank, step, end });
        });
      const stops = {};
      const all = [add("a", 1, 2), add("b", 0, 2), add("c", 0, 3), add("d", 2, 1)];
      add("e", 3, 9, () => stops.e());
      const times = await Promise.all(all);
      await new Promise((go) => setTimeout(go, 50));
      return { log, times };
    """
    found = run_script(code)
    first = ["b0", "c0", "b1", "c1", "b ended with 1", "c2", "c ended with 2"]
    assert found["log"] == [*first, "a0", "a1", "a ended with 1", "d0", "d ended with 0", "e0"]
    assert all(0 <= ms < 1000 for ms in found["times"])


def test_a_gif_has_all_images_enlarged_and_their_times():
    """Also of noise, which fills the table of the compression many times over."""
    flat = [torch.full((1, 1, SIDE, SIDE), value) for value in (0.0, 1.0)]
    x = torch.cat([images(2, 7), images(1, 8, 0.1), *flat])
    code = "return new Uint8Array(await keep.gif(given.x, given.delays).arrayBuffer());"
    delays = [8, 300, 1, 150, 77]
    gif = Image.open(io.BytesIO(bytes(run_script(code, {"x": plain(x), "delays": delays}))))
    assert (gif.format, gif.n_frames, gif.info["loop"]) == ("GIF", len(x), 0)
    for frame, one, delay in zip(ImageSequence.Iterator(gif), x, delays, strict=True):
        grey = np.array(frame.convert("L"))
        assert np.array_equal(grey, grey_values(one[0]).numpy().repeat(9, 0).repeat(9, 1))
        assert frame.info["duration"] == 10 * delay
