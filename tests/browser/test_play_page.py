"""The play page in a browser: painting, its numbers, its manners."""

from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

import diffusion as d
from diffusion.evaluation import classifier
from diffusion.processes.zoom import central_patch, zoom
from wasm_kernel import Kernel

PATIENCE = 120_000  # milliseconds for 48 digits, on a busy machine
DIGIT = 1e-2  # of the worst pixel after 24 calls
READY = "html.ready"
AGAIN = "Again, U-Net"


@pytest.fixture(scope="session")
def play_file(root):
    return root / "released/page/cold-zoom.html"


@pytest.fixture(scope="module")
def desktop(open_for_all, play_file):
    page = open_for_all(play_file)
    page.locator(READY).wait_for()
    return page


@pytest.fixture
def page(desktop):
    """The page when its first digits are drawn, as the test before has left it."""
    yield desktop
    assert not desktop.complaints


@pytest.fixture(scope="module")
def references():
    return np.load(Path(__file__).parents[1] / "play/references.npz")


def cell(page, row, column):
    """The middle of a pixel of the seed, on the screen."""
    editor = page.locator("#cold-zoom .editor")
    editor.scroll_into_view_if_needed()
    box = editor.bounding_box()
    return box["x"] + box["width"] * (column + 0.5) / 4, box["y"] + box["height"] * (row + 0.5) / 4


def seed(page):
    return page.evaluate("coldZoom.seed()")


def drawn(page):
    """The digits on the screen, once they belong to the seed on the screen; (trainings, 784)."""
    page.locator("#cold-zoom .dream[aria-busy=false]").wait_for()
    return np.array(page.evaluate("coldZoom.shown()"))


def grey_levels(page, selector):
    """The pixels of a canvas, (784,)."""
    script = "(c) => [...c.getContext('2d').getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0)"
    return np.array(page.locator(selector).first.evaluate(script))


def levels(x):
    return np.clip(np.asarray(x) + 0.5, 0, 1) * 255


# --- painting ---


def flipped(before, row, column):
    after = list(before)
    after[4 * row + column] = -0.5 if round(255 * (before[4 * row + column] + 0.5)) == 255 else 0.5
    return after


def test_painting_with_the_mouse_changes_the_digit(page):
    before, digits = seed(page), drawn(page)
    page.mouse.click(*cell(page, 1, 2))
    assert seed(page) == flipped(before, 1, 2)
    after = drawn(page)
    assert np.abs(after - digits).max() > 0.1
    expected = page.evaluate("['zoom-0', 'zoom-1'].map((name) => coldZoom.zoom(name, coldZoom.seed()))")
    assert np.array_equal(after[:2], np.array(expected))
    assert "of the pixels changed" in page.locator("#cold-zoom .was").first.text_content()


def test_a_stroke_has_one_colour(page):
    page.get_by_role("button", name="All black").click()
    page.mouse.move(*cell(page, 0, 0))
    page.mouse.down()
    page.mouse.move(*cell(page, 0, 3), steps=3)
    page.mouse.move(*cell(page, 2, 3), steps=2)
    page.mouse.up()
    found = np.array(seed(page)).reshape(4, 4) > 0
    assert found.tolist() == [[True] * 4, [False] * 3 + [True], [False] * 3 + [True], [False] * 4]


def test_painting_with_a_finger(open_page, play_file):
    page = open_page(play_file, 390, has_touch=True, is_mobile=True)
    page.locator(READY).wait_for()
    before = seed(page)
    page.touchscreen.tap(*cell(page, 3, 0))
    assert seed(page) == flipped(before, 3, 0)
    drawn(page)


def test_painting_with_the_keys(page):
    page.get_by_role("button", name="All black").click()
    page.get_by_role("application", name="Seed").focus()
    for key in ("Home", "ArrowRight", "ArrowDown", "Space", "ArrowDown", "+", "ArrowUp"):
        page.keyboard.press(key)
    found = (np.array(seed(page)) + 0.5) * 255
    assert np.flatnonzero(found.round()).tolist() == [5, 9]
    assert found.round()[[5, 9]].tolist() == [255, 32]
    assert page.locator("#cold-zoom .easel .unseen").text_content() == "row 2, column 2: white"
    drawn(page)


def test_a_seed_from_the_prior_and_from_a_real_digit(page):
    before = seed(page)
    page.get_by_role("button", name="Draw independent pixels").click()
    from_prior = seed(page)
    assert from_prior != before
    page.get_by_role("button", name="Draw correlated pixels").click()
    assert seed(page) != from_prior
    from_prior = seed(page)
    page.get_by_role("button", name="From a real digit").click()
    assert seed(page) != from_prior
    assert "no training has seen" in page.locator("#cold-zoom .origin").text_content()


# --- numbers ---


@pytest.mark.parametrize(
    ("training", "run", "kept"),
    [
        ("zoom-0", ("paper", "zoom", 0), ("seeds", "zoom-0")),
        ("zoom-1", ("paper", "zoom", 1), ("seeds", "zoom-1")),
        ("zoom_unet_noise-0", ("beyond", "zoom_unet_noise"), ("unet-seeds", "unet-digits", "unet-noise")),
    ],
)
def test_the_digits_are_those_of_torch_and_to_the_bit_those_of_wasmtime(
    page, references, training, run, kept
):
    seeds, digits, *noise = (references[name] for name in kept)
    for i in (0, 7):
        arguments = [training, seeds[i].tolist(), *(one.tolist() for one in noise)]
        found = page.evaluate("(given) => coldZoom.zoom(...given)", arguments)
        assert np.abs(np.array(found) - digits[i]).max() < DIGIT
    kernel = Kernel(d.released(*run).network())
    assert np.array_equal(np.float32(found), kernel.digit(seeds[i], *noise))


def test_the_picture_is_the_digit(page, references):
    page.evaluate("(seed) => coldZoom.use(seed)", references["seeds"][3].tolist())
    drawn(page)
    shown = grey_levels(page, "#cold-zoom .card > .picture")
    assert np.abs(shown - levels(references["zoom-0"][3])).max() <= 1


HOW = {"plain": (False, "ancestral"), "clipped": (True, "ancestral"), "ddim": (False, "ddim")}


@pytest.mark.parametrize("model", ["linear", "linear_unet"])
def test_a_ddpm_is_that_of_torch(page, references, model):
    for how, (clip, sampler) in HOW.items():
        before = page.evaluate("coldZoom.calls()")
        arguments = [f"{model}-0", 10, {"clip": clip, "sampler": sampler}, references["noise"].tolist()]
        found = page.evaluate(
            "([name, calls, how, noise]) => coldZoom.ddpm(name, calls, how, noise)", arguments
        )
        expected = references[f"ddpm-{model}-{how}"]
        assert np.abs(np.array(found) - expected).max() < 1e-3 * max(1, np.abs(expected).max())
        assert page.evaluate("coldZoom.calls()") >= before + 10


def test_the_classifier_reads_what_the_projects_classifier_reads(page):
    images = page.evaluate("coldZoom.digits().filter((_, i) => i % 3 === 0)")
    found = page.evaluate("(images) => images.map((x) => coldZoom.read(x))", images)
    expected = classifier.logits(classifier.load(), torch.tensor(images).view(-1, 1, 28, 28)).softmax(1)
    confidence, digit = expected.max(1)
    assert [one["digit"] for one in found] == digit.tolist()
    assert [one["confidence"] for one in found] == pytest.approx(confidence.tolist(), abs=0.02)


def test_the_zoom_and_the_centre_are_those_of_torch(page):
    x = torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5
    for t in (0, 1, 2, 7, 12, 13, 23, 24, 27):
        for interpolation, tolerance in (("nearest", 0), ("bilinear", 1e-6)):
            arguments = [x.flatten().tolist(), t, interpolation]
            found = page.evaluate("([x, t, how]) => coldZoom.degrade(x, t, how)", arguments)
            expected = zoom(x, torch.tensor([t]), interpolation).flatten()
            assert (torch.tensor(found) - expected).abs().max() <= tolerance
    for side in (1, 4, 7):
        found = page.evaluate("([x, side]) => coldZoom.centre(x, side)", [x.flatten().tolist(), side])
        assert torch.equal(torch.tensor(found), central_patch(x, side).flatten())


# --- the ways through it ---


def test_stepping_through_the_walk(page):
    drawn(page)
    slider = page.locator("#cold-zoom .walk input[type=range]")
    slider.focus()
    page.keyboard.press("Home")
    assert slider.get_attribute("aria-valuetext") == "t = 24, 4 × 4 pixels left"
    start = np.array(seed(page)).reshape(4, 4).repeat(7, 0).repeat(7, 1).ravel()
    assert np.abs(grey_levels(page, "#cold-zoom .walk .pair .picture") - levels(start)).max() <= 1
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "t = 23, 5 × 5 pixels left"
    assert page.locator("#cold-zoom .thumb").count() == 25
    page.locator("#cold-zoom .thumb").nth(24).click()
    assert slider.input_value() == "24"
    other = grey_levels(page, "#cold-zoom .walk .pair .picture")
    page.get_by_role("radio", name="Training 1").check()
    assert not np.array_equal(grey_levels(page, "#cold-zoom .walk .pair .picture"), other)


def test_noise_changes_the_digit_and_none_brings_it_back(page):
    before = drawn(page)
    for name in ("Noise on the seed", "Noise on the way, Training 0"):
        slider = page.get_by_role("slider", name=name)
        slider.focus()
        page.keyboard.press("End")
        assert np.abs(drawn(page)[0] - before[0]).max() > 0.1
        page.keyboard.press("Home")
        assert np.array_equal(drawn(page), before)


def test_again_draws_one_more_of_the_same_pixels_by_the_u_net_alone(page):
    assert page.get_by_role("button", name="Again, Training 0").is_disabled()
    page.get_by_role("button", name="Draw correlated pixels").click()
    before, pixels = drawn(page), seed(page)
    same = page.get_by_role("img", name="of these pixels")
    assert same.count() == 1
    page.get_by_role("button", name=AGAIN).focus()
    page.keyboard.press("Enter")
    after = drawn(page)
    assert seed(page) == pixels
    assert np.array_equal(after[:2], before[:2])
    assert np.abs(after[2] - before[2]).max() > 0.1
    assert same.count() == 2
    slider = page.get_by_role("slider", name="Noise on the way, U-Net")
    slider.focus()
    page.keyboard.press("Home")
    still = drawn(page)
    expected = page.evaluate("coldZoom.zoom('zoom_unet_noise-0', coldZoom.seed())")
    assert np.array_equal(still[2], np.array(expected))
    assert page.get_by_role("button", name=AGAIN).is_disabled()
    assert same.count() == 0


def test_noise_falls_along_the_walk_as_its_model_says(open_page, play_file):
    """To so high a power it is gone after the start: the digit is that of a walk without noise."""
    parse = "const parse = JSON.parse; JSON.parse = (text) => { const found = parse(text);"
    parse += " found.trainings?.forEach((one) => { one.noise_power = 1e4; }); return found; };"
    page = open_page(play_file, before=parse)
    page.locator(READY).wait_for()
    expected = page.evaluate("coldZoom.zoom('zoom_unet_noise-0', coldZoom.seed())")
    assert np.array_equal(drawn(page)[2], np.array(expected))


def test_each_pixel_can_be_flipped(page):
    page.get_by_role("button", name="Flip each pixel").click()
    assert page.locator("#cold-zoom .mosaic .picture").count() == 48
    expect(page.get_by_text("of 16 pixels change the reading.")).to_have_count(3, timeout=PATIENCE)
    page.mouse.click(*cell(page, 0, 0))
    assert page.locator("#cold-zoom .mosaic").count() == 0


def test_the_ddpm_counts_its_calls(page):
    page.locator("#ddpm").scroll_into_view_if_needed()
    page.get_by_text("10 network calls, ").wait_for()
    page.get_by_role("radio", name="clipped").check(force=True)
    page.get_by_role("radio", name="cosine").check(force=True)
    page.locator("#ddpm").get_by_role("radio", name="linear, U-Net").check(force=True)
    page.get_by_role("radio", name="10 steps").check()
    assert page.locator("#ddpm .thumb").count() == 11
    assert "network calls on this page" in page.locator("#ddpm .calls").text_content()
    assert page.locator("#ddpm").get_by_text("24 network calls").count() >= 1  # the zoom's, beside it


def test_degrading_a_drawing(page):
    page.locator("#degrade").scroll_into_view_if_needed()
    page.get_by_role("button", name="Clear, to draw").click()
    box = page.locator("#degrade .editor").bounding_box()
    middle = box["x"] + box["width"] / 2
    page.mouse.move(middle, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(middle, box["y"] + box["height"] * 0.8, steps=8)
    page.mouse.up()
    slider = page.get_by_role("slider", name="Part of the way")
    slider.focus()
    page.keyboard.press("Home")
    place = page.locator("#degrade .place").first
    expect(place).to_contain_text("t = 0 of 1000")
    page.keyboard.press("End")
    expect(place).to_contain_text("t = 1000 of 1000")
    zoomed = page.locator("#degrade .card").nth(2)
    assert "4 × 4 pixels left" in zoomed.text_content()


# --- manners ---


def test_it_is_for_everyone(accessible, play_file):
    def ready(page):
        page.locator(READY).wait_for()
        page.locator("#ddpm").scroll_into_view_if_needed()
        page.get_by_text("10 network calls").wait_for()

    accessible(play_file, ready)


@pytest.mark.parametrize(
    "how",
    [{"before": "delete globalThis.WebAssembly"}, {"java_script_enabled": False}],
    ids=["wasm", "scripts"],
)
def test_without_what_it_needs_there_is_a_picture_and_a_sentence(open_page, play_file, how):
    page = open_page(play_file, **how)
    assert page.locator(".still img").is_visible()
    assert "This browser lacks it" in page.locator(".still figcaption").text_content()
    assert not page.locator("#ddpm").is_visible()
