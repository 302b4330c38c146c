"""The play page in a browser: painting, starts, what it shows, files, its manners."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from playwright.sync_api import expect

import diffusion as d
from conftest import until
from diffusion.processes.zoom import zoom
from diffusion.runtime import generator
from play import page as sources
from play_page import PACKED, of_present_sources, packed_network, run_script

DIGIT = 1e-2  # of the worst pixel after 24 calls; 1 grey level is 4e-3
READY, EDITOR = "html.ready", "#cold-zoom .editor"
CALL = 1e-4  # of a pixel of one call
TRAININGS = json.loads(PACKED)["trainings"]


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    """The page of the present scripts; test_page.py compares it with the kept page."""
    path = tmp_path_factory.mktemp("play") / sources.NAME
    path.write_text(of_present_sources(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def page(open_page, file):
    """The page when its first digits are drawn, which it does not play; each test leaves it as it may."""
    page = open_page(file, reduced_motion="reduce")
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
    """The digits on the screen, once they belong to the start on the screen; (models, 784)."""
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


def test_a_stroke_is_played_to_its_end_for_all_who_want_to_see_it(page):
    drawn(page)
    assert page.evaluate("coldZoom.playing() === 24")  # at once
    page.emulate_media(reduced_motion="no-preference")
    log = "new MutationObserver(() => (globalThis.seen ??= []).push(coldZoom.playing()))"
    strip = page.locator("#cold-zoom .strip")
    strip.evaluate(f"(strip) => {log}.observe(strip, {{ subtree: true, attributes: true }})")
    page.locator(EDITOR).click(position=cell(page, 0, 0))
    assert until(lambda: page.evaluate("globalThis.seen?.at(-1) === 24"))
    assert page.evaluate("seen") == [*range(25)]
    page.emulate_media(reduced_motion="reduce")


@pytest.mark.parametrize(
    ("label", "sampler"),
    [
        ("Original study", d.Naive()),
        ("Sees the whole image", d.Naive(noise=0.1, grey_noise=0.5)),
        ("linear", d.Ancestral(steps=10)),
        ("linear", d.DDIM(steps=10)),
        ("linear, U-Net", d.Ancestral(steps=10, clip_x0=True)),
    ],
)
@torch.inference_mode()
def test_a_walk_is_that_of_torch_in_float64(page, label, sampler):
    run = d.released((sources.ZOOMS | sources.DDPMS)[label])
    process, exact, name = run.process, packed_network(label), run.name
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
    walk = process.reverse(lambda x, t: exact(x.double(), t.double()), x_T, sampler, generator(0, "walk"))
    *_, (_, expected) = walk
    difference = (torch.tensor(found) - expected.flatten()).abs().max()
    assert difference < DIGIT * max(1, expected.abs().max())


# === starts ==============================================================================================

PRESETS = {
    "Empty": "....  ....  ....  ....",
    "Dot": "....  ....  ..#.  ....",
    "Bar": "..#.  ..#.  ..#.  ..#.",
    "Ring": "####  #..#  #..#  ####",
    "White": "####  ####  ####  ####",
}


def press(page, name):
    page.locator("#cold-zoom").get_by_role("button", name=name, exact=True).click()


def test_each_start_is_what_its_button_says(page):
    for name, drawing in PRESETS.items():
        press(page, name)
        expected = np.array([[255 * (pixel == "#") for pixel in row] for row in drawing.split()])
        assert np.array_equal(start(page), expected), name
    press(page, "Undo")
    assert start(page).sum() == 12 * 255  # of the ring, before it was all white
    digits = np.array(page.evaluate("coldZoom.digits()")).reshape(-1, 28, 28) * 255 + 127.5
    labels, seen = json.loads(PACKED)["digits"]["labels"], []
    for _ in range(3):
        press(page, "A real digit's centre")
        same = [
            i for i, digit in enumerate(digits) if np.array_equal(digit[12:16, 12:16].round(), start(page))
        ]
        question = page.locator(".question").text_content()
        assert any(f" {labels[i]} " in question for i in same), question
        seen.append(same)
    assert seen[0] != seen[1] != seen[2]
    for name, model in (("Random pixels", TRAININGS[0]), ("Random, like a digit's", TRAININGS[2])):
        press(page, name)
        known = (np.array(model["starts"]).reshape(-1, 4, 4) * 255 + 127.5).round()
        assert any(np.array_equal(one, start(page)) for one in known), name


def test_undo_goes_back_through_all_starts_one_by_one(page):
    seen = [start(page)]
    for name in ("Dot", "Ring", "Bar"):
        press(page, name)
        seen.append(start(page))
    page.locator(EDITOR).click(position=cell(page, 3, 0))
    assert until(lambda: not np.array_equal(start(page), seen[-1]))
    for i, expected in enumerate(reversed(seen)):
        if i % 2:
            page.keyboard.press("Control+z")
        else:
            press(page, "Undo")
        assert np.array_equal(start(page), expected), i


def test_an_address_holds_a_start(page):
    press(page, "Dot")
    drawn(page)
    assert page.evaluate("location.hash") == "#s=00000000000000000000ff0000000000"
    other = "#s=00112233445566778899aabbccddeeff"
    page.evaluate(f"location.hash = '{other}'")
    assert until(lambda: np.array_equal(start(page).ravel(), 17 * np.arange(16)))
    drawn(page)  # the page writes its address when the digit is drawn
    page.evaluate("history.replaceState(null, '', '#')")
    press(page, "Copy link")
    expect(page.locator(".share [role=status]")).not_to_be_empty()
    assert page.evaluate("location.hash") == other
    page.evaluate("location.hash = '#s=0011'")
    expect(page.locator(".share [role=status]")).to_contain_text("16 pixels")
    assert np.array_equal(start(page).ravel(), 17 * np.arange(16))


# === what is shown =======================================================================================


SHOWN = """
  (canvas) => {
    const context = canvas.getContext("2d");
    const size = canvas.width / 28;
    const middle = (i) => Math.floor((i + 0.5) * size);
    const red = (p) => context.getImageData(middle(p % 28), middle(Math.floor(p / 28)), 1, 1).data[0];
    return Array.from({ length: 784 }, (_, p) => red(p));
  }
"""


def shown(canvas):
    """The grey levels of a picture, or of the middles of an editor's pixels, (28, 28)."""
    return np.array(canvas.evaluate(SHOWN)).reshape(28, 28)


def as_levels(x):
    return (np.clip(np.asarray(x).reshape(-1, 28, 28) + 0.5, 0, 1) * 255).round()


def percent(element, name):
    return float(re.search(rf"{name}: ([0-9.]+)%", element.get_attribute("style"))[1])


def assert_reads(page, card, x):
    """A card says what an image is read as, and how far it is a digit."""
    read = page.evaluate("(x) => coldZoom.read(x)", np.asarray(x).ravel().tolist())
    assert card.locator(".word").text_content() == (read["digit"] if read["accepted"] else "no digit")
    width, mark = (
        percent(card.locator(f".reading {tag}"), name) for tag, name in (("i", "width"), ("b", "left"))
    )
    assert width == pytest.approx(100 * read["likeness"], abs=1e-3)
    assert (width >= mark) == read["accepted"]


def test_cards_show_and_read_the_digits_of_their_models(page):
    for name in ("Random pixels", "White"):
        press(page, name)
        digits, cards = drawn(page), page.locator("#cold-zoom .card").all()
        for model, card, digit in zip(TRAININGS[:3], cards, digits, strict=True):
            found = page.evaluate("(name) => coldZoom.zoom(name, coldZoom.start())", model["name"])
            assert found == digit.tolist()
            assert card.locator(".head").text_content() == model["label"]
            assert np.array_equal(shown(card.locator(".picture").first), as_levels(digit)[0])
            assert_reads(page, card, digit)


def test_the_large_picture_shows_a_latent_at_its_place_and_the_film_all_of_them(page):
    drawn(page)
    digit = as_levels(page.evaluate("coldZoom.shown()"))[0]
    thumbs, large = page.locator("#cold-zoom .thumb").all(), page.locator("#cold-zoom .large")
    assert [one.text_content() for one in thumbs] == [str(t) for t in range(24, -1, -1)]
    for t in (24, 17, 8, 1, 0):
        page.locator("#cold-zoom .controls input").fill(str(24 - t))
        latent, guess = (shown(one) for one in thumbs[24 - t].locator(".picture").all())
        picture = torch.tensor(shown(large))[None, None]
        assert np.array_equal(zoom(picture, torch.tensor([t]))[0, 0].numpy(), latent)
        kept = np.zeros((28, 28), bool)
        first, last = (t + 1) // 2, 28 - t // 2
        kept[first:last, first:last] = True
        assert (picture[0, 0].numpy()[~kept] == 41).all()
        box = page.locator("#cold-zoom .framed b")
        place = [100 * first / 28, 100 * (28 - t) / 28]
        assert [percent(box, "left"), percent(box, "width")] == pytest.approx(place, abs=1e-3)
        if t == 1:  # the last guess is the digit
            assert np.array_equal(guess, digit)
    assert np.array_equal(shown(large), digit)


@pytest.mark.long
def test_each_tile_is_the_digit_of_one_flipped_pixel(page):
    page.evaluate("location.hash = '#s=00112233445566778899aabbccddeeff'")
    digits = drawn(page)
    press(page, "Flip each pixel in turn")
    page.locator("#cold-zoom progress").wait_for(state="hidden")
    for model, card, digit in zip(TRAININGS, page.locator("#cold-zoom .card").all(), digits, strict=False):
        read, changed = page.evaluate("(x) => coldZoom.read(x)", digit.tolist())["digit"], 0
        for p, tile in enumerate(card.locator(".mosaic .picture").all()):
            levels = 17 * np.arange(16)
            levels[p] = 255 - levels[p]
            pixels = (np.float32(levels) / np.float32(255) - np.float32(0.5)).tolist()
            found = page.evaluate("([name, pixels]) => coldZoom.zoom(name, pixels)", [model["name"], pixels])
            assert np.array_equal(shown(tile), as_levels(found)[0])
            other = page.evaluate("(x) => coldZoom.read(x)", found)["digit"] != read
            assert ("other" in tile.get_attribute("class")) == other
            changed += other
        assert card.locator(".flips p").text_content().startswith(f"{changed} of 16 ")


def test_each_ddpm_card_shows_its_steps_and_the_digit_they_make(page):
    part = page.locator("#ddpm")
    streams = "Array.from({ length: 24 }, (_, k) => processes.normal(seed, k))"
    noise = run_script(f"return given.map((seed) => {streams})", [7, 8])
    part.scroll_into_view_if_needed()
    for i, (name, how) in enumerate((("linear", ("no", "Ancestral")), ("linear_unet", ("yes", "DDIM")))):
        if i:
            part.get_by_label("linear, U-Net").check(force=True)
            part.get_by_label("clipped to black and white").check(force=True)
            part.get_by_label("none (DDIM)").check(force=True)
            part.get_by_role("button", name="Other noise").click()
        expect(part.locator(".unseen[role=status]")).to_have_text("All digits are drawn.")
        assert until(lambda: all("ms" in one for one in part.locator(".cost").all_text_contents()))
        model = next(one for one in TRAININGS if one["name"] == f"{name}-0")
        cards = part.locator(".card").all()
        for card, calls in zip(cards, (10, 24, 50, 100, 24), strict=True):
            assert card.locator(".cost").text_content().startswith(f"{calls} steps, ")
        for card, calls in zip(cards, (10, 24), strict=False):
            given = [model["name"], calls, {"clip": how[0] == "yes", "sampler": how[1]}, noise[i]]
            found = page.evaluate("(given) => coldZoom.ddpm(...given)", given)
            assert np.array_equal(shown(card.locator(".picture")), as_levels(found)[0])
            assert_reads(page, card, found)
        zoomed = as_levels(page.evaluate("coldZoom.shown()"))[0]
        assert np.array_equal(shown(cards[-1].locator(".picture")), zoomed)


@torch.inference_mode()
def test_each_degraded_image_and_its_restoration_are_the_librarys(page):
    """To one grey level, and the error of a network, divided by the square root of alpha_bar."""
    part = page.locator("#degrade")
    noise = run_script("return given.map((seed) => processes.normal(seed))", [3, 4])
    columns = {"Noise, linear": "linear", "Noise, cosine": "cosine", "Zoom": "Original study"}
    processes = {"Noise, linear": d.DDPM(), "Noise, cosine": d.DDPM("cosine"), "Zoom": d.ColdZoom()}
    networks = {label: packed_network(label) for label in columns.values()}
    cards = dict(zip(columns, part.locator(".card").all(), strict=True))
    for share, seed in ((40, 3), (0, 3), (78, 4), (100, 4)):  # levels 9.6 and 18.7 of the zoom
        if share == 78:
            part.get_by_role("button", name="Other noise").click()
        part.get_by_label("How much is lost").fill(str(share))
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        x = torch.tensor(shown(part.locator(".editor")) / 255 - 0.5).float()[None, None]
        eps = torch.tensor(noise[seed - 3]).view(1, 1, 28, 28)
        for title, label in columns.items():
            model = next(one for one in TRAININGS if one["label"] == label)
            process, network = processes[title], networks[label]
            if title == "Zoom":
                t = round(share / 100 * 24)
                latent = process.degrade(x, torch.tensor([t]))
                signal = 1.0
            else:
                t = min(model["steps"], key=lambda step: abs(step - share * 10))
                a = float(process.schedule.alpha_bar[t])
                latent, signal = a**0.5 * x + (1 - a) ** 0.5 * eps, a**0.5
            restored = latent
            if t:
                answer = network(latent.double(), torch.tensor([t]) / process.T)
                restored = answer if title == "Zoom" else (latent - (1 - signal**2) ** 0.5 * answer) / signal
            assert cards[title].locator(".place").text_content().startswith(f"t = {t}/{process.T}")
            pictures, near = cards[title].locator(".picture").all(), (1, 1 + 255 * CALL / signal)
            for picture, exact, most in zip(pictures, (latent, restored), near, strict=True):
                assert np.abs(shown(picture) - as_levels(exact)[0]).max() <= most, (title, share)


# === files and views =====================================================================================


def test_saved_files_have_the_start_and_the_digits(page):
    press(page, "Ring")
    digits = as_levels(drawn(page))
    with page.expect_download() as got:
        press(page, "Save picture")
    picture = np.array(Image.open(got.value.path()).convert("L"))
    ring = np.kron([[int(pixel == "#") for pixel in row] for row in PRESETS["Ring"].split()], np.ones((7, 7)))
    for i, expected in enumerate([255 * ring, *digits]):
        part = picture[20:300, 20 + 300 * i : 300 + 300 * i]
        assert np.array_equal(part[5::10, 5::10], expected)
        assert picture[305:340, 20 + 300 * i : 300 + 300 * i].min() < 128  # its words
    with page.expect_download() as got:
        press(page, "Save as GIF")
    frames = [*ImageSequence.Iterator(Image.open(got.value.path()))]
    assert len(frames) == 25
    assert np.array_equal(np.array(frames[-1].convert("L"))[4::9, 4::9], digits[0])


def test_it_has_two_views_and_a_second_start(page):
    for key, full in (("f", 1), ("Escape", 0)):
        page.keyboard.press(key)
        assert page.locator("html.full").count() == full
        pressed = page.get_by_role("button", name="Full window (F)", pressed=bool(full))
        expect(pressed).to_have_count(1)
    for n in (2, 1):
        press(page, "Two starts")
        expect(page.locator("#cold-zoom .dream")).to_have_count(n)


def test_it_is_for_everyone(open_page, file, accessible):
    phone = open_page(file, 390, has_touch=True, is_mobile=True)
    phone.locator(READY).wait_for()
    before = start(phone)
    phone.locator(EDITOR).tap(position=cell(phone, 3, 0))
    assert until(lambda: start(phone)[3, 0] != before[3, 0])
    phone.locator("#ddpm").scroll_into_view_if_needed()
    phone.get_by_text("10 steps, ").wait_for()
    accessible(phone)
    without = open_page(file, java_script_enabled=False)
    expect(without.locator(".still img")).to_be_visible()
    expect(without.locator("#ddpm")).to_be_hidden()
