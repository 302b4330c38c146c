"""The play page in a browser: painting, its numbers, its manners."""

from itertools import product

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

import diffusion as d
from conftest import until
from diffusion import data
from diffusion.evaluation import classifier
from diffusion.evaluation.distortions import on_grey, shifted
from diffusion.evaluation.recogniser import DigitRecogniser
from diffusion.processes.zoom import zoom
from diffusion.runtime import generator
from helpers import ROOT
from play import page as sources

DIGIT = 1e-2  # of the worst pixel after 24 calls; 1 grey level is 4e-3
READY, EDITOR = "html.ready", "#cold-zoom .editor"
FILE = ROOT / "released" / "page" / sources.NAME


@pytest.fixture(scope="module")
def page(open_page):
    """The page when its first digits are drawn; each test leaves it as it may."""
    page = open_page(FILE)
    page.locator(READY).wait_for()
    return page


def cell(page, row, column):
    """The middle of a pixel of the start, within the editor."""
    box = page.locator(EDITOR).bounding_box()
    return {"x": box["width"] * (column + 0.5) / 4, "y": box["height"] * (row + 0.5) / 4}


def start(page):
    """The grey levels that are painted, (4, 4)."""
    return (np.array(page.evaluate("coldZoom.start()")).reshape(4, 4) * 255 + 127.5).round()


def drawn(page):
    """The digits on the screen, once they belong to the start on the screen; (trainings, 784)."""
    page.locator("#cold-zoom .dream[aria-busy=false]").wait_for()
    return np.array(page.evaluate("coldZoom.shown()"))


def test_painting_with_keys_changes_the_digit(page):
    digits = drawn(page)
    page.get_by_role("button", name="Empty").click()
    page.get_by_role("application", name="Start").focus()
    for key in ("Home", "ArrowRight", "ArrowDown", "Space"):
        page.keyboard.press(key)
    painted = [[0] * 4, [0, 255, 0, 0], [0] * 4, [0] * 4]
    assert until(lambda: np.array_equal(start(page), painted)), start(page)
    assert np.abs(drawn(page) - digits).max() > 0.1


def test_a_stroke_is_played_to_its_end(page):
    drawn(page)
    until(lambda: page.evaluate("coldZoom.playing() === 24"))  # what was played before
    log = "new MutationObserver(() => (globalThis.seen ??= []).push(coldZoom.playing()))"
    strip = page.locator("#cold-zoom .strip")
    strip.evaluate(f"(strip) => {log}.observe(strip, {{ subtree: true, attributes: true }})")
    page.locator(EDITOR).click(position=cell(page, 0, 0))
    assert until(lambda: page.evaluate("globalThis.seen?.at(-1) === 24"))
    assert page.evaluate("seen") == [*range(25)]


@pytest.mark.parametrize(
    ("label", "sampler"),
    [
        ("As in the study", d.Naive()),
        ("Sees the whole image", d.Naive(noise=0.1, grey_noise=0.5)),
        ("linear", d.Ancestral(steps=10)),
        ("linear", d.DDIM(steps=10)),
        ("linear, U-Net", d.Ancestral(steps=10, clip_x0=True)),
    ],
)
@torch.inference_mode()
def test_a_walk_is_that_of_torch_in_float64(page, label, sampler):
    run = d.released(*(sources.ZOOMS | sources.DDPMS)[label])
    process, network, name = run.process, run.network().cpu(), run.name
    draw = generator(0, "walk")
    drawn = {s: torch.randn(1, 1, 28, 28, generator=draw) for s in sampler.visits(process.T)[1:-1]}
    noise = {s: x.flatten().tolist() for s, x in drawn.items()}
    if label in sources.ZOOMS:
        pixels = page.evaluate("coldZoom.start()")
        how = {"noise": sampler.noise, "greyNoise": sampler.grey_noise}
        x_T = process.from_pixels(torch.tensor(pixels).view(1, 1, 4, 4))
        found = page.evaluate("(given) => coldZoom.zoom(...given)", [name, pixels, how, noise])
    else:
        x_T = torch.randn(1, 1, 28, 28, generator=generator(1, "start"))
        how = {"clip": sampler.clip_x0, "sampler": type(sampler).__name__}
        given = [name, 10, how, [x_T.flatten().tolist(), *noise.values()]]
        found = page.evaluate("(given) => coldZoom.ddpm(...given)", given)
        for key, parameter in network.named_parameters():  # as the page has them, in half precision
            if "time" not in key.split("."):
                parameter.copy_(parameter.half())
    exact = network.double()
    walk = process.reverse(lambda x, t: exact(x.double(), t.double()), x_T, sampler, generator(0, "walk"))
    *_, (_, expected) = walk
    difference = (torch.tensor(found) - expected.flatten()).abs().max()
    assert difference < DIGIT * max(1, expected.abs().max())


def test_it_reads_and_degrades_as_the_library_does(page):
    images = page.evaluate("coldZoom.digits().filter((_, i) => i % 3 === 0)")
    x, random = torch.tensor(images).view(-1, 1, 28, 28), generator("read")
    near, test = data.load("mnist", "train")[0][: sources.NEAR], data.load("mnist", "test")
    recogniser = DigitRecogniser.fit(classifier.load(), near, *test)
    noise = torch.randn(10, 1, 28, 28, generator=random)
    spoilt = on_grey(0.1)(shifted(2)(x, None, random), None, random)
    shown = torch.cat([x, spoilt, noise, (noise > 0).float() - 0.5, torch.zeros(1, 1, 28, 28)])
    found = page.evaluate("(images) => images.map((x) => coldZoom.read(x))", shown.flatten(1).tolist())
    digit = classifier.logits(recogniser.classifier, shown.clamp(-0.5, 0.5)).argmax(1)
    assert [one["digit"] for one in found] == [str(one) for one in digit.tolist()]
    assert [one["score"] for one in found] == pytest.approx(recogniser.scores(shown).tolist(), abs=0.01)
    assert [one["accepted"] for one in found] == recogniser.accepts(shown).tolist()
    assert sum(one["accepted"] for one in found[:20]) >= 18
    assert not any(one["accepted"] for one in found[40:])
    for t, (way, most) in product((0, 7, 12, 24), (("nearest", 0), ("bilinear", 1e-6))):
        found = page.evaluate("(given) => coldZoom.degrade(...given)", [images[0], t, way])
        assert (torch.tensor(found) - zoom(x[:1], torch.tensor([t]), way).flatten()).abs().max() <= most


def test_it_is_for_everyone(open_page, accessible):
    phone = open_page(FILE, 390, has_touch=True, is_mobile=True)
    phone.locator(READY).wait_for()
    before = start(phone)
    phone.locator(EDITOR).tap(position=cell(phone, 3, 0))
    assert until(lambda: start(phone)[3, 0] != before[3, 0])
    phone.locator("#ddpm").scroll_into_view_if_needed()
    phone.get_by_text("10 steps, ").wait_for()
    accessible(phone)
    without = open_page(FILE, java_script_enabled=False)
    expect(without.locator(".still img")).to_be_visible()
    assert "This browser lacks it" in without.locator(".still figcaption").text_content()
    expect(without.locator("#ddpm")).to_be_hidden()
