"""The play page as it is KEPT, its parts in a notebook, and the strip that stands for them."""

import base64
import gzip
import hashlib
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter

import diffusion as d
from diffusion import data
from diffusion.evaluation import classifier
from diffusion.evaluation.recogniser import DigitRecogniser
from helpers import ROOT
from play import bundle, page
from play.widget import Dream
from play_page import KEPT, PACKED, of_present_sources

AGAIN = "run `python -m play.page --out released/page`"
DIGITS = torch.rand(12, 1, 28, 28, generator=torch.Generator().manual_seed(1)) - 0.5
PICTURE, VIEW = "image/png", "application/vnd.jupyter.widget-view+json"


def made() -> list[dict]:
    """The trainings that `python -m play.page` packs; its reader and its strip are not made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "DigitRecogniser", SimpleNamespace(fit=lambda *given: None))
        patch.setattr(page, "strip", lambda walks: b"")
        patch.setattr(page, "filled", lambda content, still: content)
        patch.setattr(bundle, "content", lambda trainings, *given: {"trainings": trainings})
        return json.loads(page.page()[0])["trainings"]


def test_it_is_made_of_the_present_sources_and_the_released_weights():
    assert of_present_sources() == KEPT, AGAIN
    packed = json.loads(PACKED)
    assert unpacked(packed["wasm"]) == bundle.kernel(), AGAIN
    assert [one["label"] for one in packed["trainings"]] == [*page.ZOOMS, *page.DDPMS]
    for found, expected in zip(packed["trainings"], made(), strict=True):
        assert {*found} == {*expected}
        for key, value in expected.items():
            if key == "encodings":  # in float64 they differ from processor to processor, in the last place
                assert numbers(found[key]) == pytest.approx(numbers(value), abs=1e-6), AGAIN
            elif key == "weights":
                assert np.array_equal(numbers(found[key]), numbers(value)), AGAIN
            elif key in ("starts", "alpha_bar"):
                assert found[key] == pytest.approx(value, abs=1e-4), AGAIN
            else:
                assert found[key] == value, f"{key}: {AGAIN}"


def test_its_digits_are_those_of_the_test_set():
    """Six of each class; its first start is the centre of one that the first two zooms draw differently."""
    images, labels = data.load("mnist", "test")
    digits = json.loads(PACKED)["digits"]
    few = torch.cat([(labels == c).nonzero()[: page.EACH, 0] for c in range(10)])
    assert digits["labels"] == [str(c) for c in range(10) for _ in range(page.EACH)]
    grey = numbers(digits["images"]).reshape(-1, 28, 28)
    assert np.array_equal(grey, ((images[few] + 0.5) * 255).round().squeeze(1).numpy())
    assert json.loads(PACKED)["first"] == page.FIRST < len(few)


def unpacked(text: str) -> bytes:
    return gzip.decompress(base64.b64decode(text))


def numbers(packed: dict) -> np.ndarray:
    planes = np.frombuffer(unpacked(packed["data"]), np.uint8)
    size = int(packed["type"][1])
    return planes.reshape(size, -1).T.copy().view(f">{packed['type']}").ravel().astype(float)


def test_it_is_one_small_file_that_may_load_nothing():
    assert len(KEPT.encode()) <= 3_000_000
    assert "default-src 'none'" in KEPT
    scripts = re.findall(r"<script(?: type=\"module\")?>(.*?)</script>", KEPT, re.S)
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    policy = " ".join(f"'sha256-{one}'" for one in hashes)
    assert f"script-src {policy} 'wasm-unsafe-eval'" in KEPT  # it runs no others
    links = re.findall(r'<a href="(?!#)(.*?)"', KEPT)  # which are followed, not loaded
    assert {*links} == {"../../README.md", "../../released/paper/report.pdf"}
    assert all((ROOT / "released" / "page" / link).is_file() for link in links)
    assert not re.search(r'src="(?!data:)|<(?!a )[^<>]*href="(?!data:|#)|url\(|@import', KEPT)
    assert "</script" not in page.as_json({"names": ["</script><script>alert(1)</script>"]})


def test_a_strip_is_shown_without_a_person_and_of_what_it_cannot_compute(monkeypatch, capsys):
    short = {"steps": 1, "batch_size": 12}
    crop = d.fit(d.ColdCrop(), DIGITS, **short)
    small = d.fit(d.ColdZoom(), DIGITS, network_options={"channels": [4]}, **short)
    wide = d.fit(d.ColdZoom(), DIGITS, network_options={"dilations": [1, 5, 1, 1]}, **short)
    runs = (("0", d.released("paper/zoom-0")), ("1", crop), ("1", small), ("1", wide))
    for sliders, run in runs:
        monkeypatch.setenv("COLD_ZOOM_SLIDERS", sliders)
        kinds = DisplayFormatter().format(Dream(run))[0]
        assert (PICTURE in kinds, VIEW in kinds) == (True, False)
    said = capsys.readouterr().out
    assert "ColdCrop; the page supports" in said
    assert said.count("network") == 2


def test_a_person_gets_the_widget_which_sends_back_start_and_image(monkeypatch):
    monkeypatch.setenv("COLD_ZOOM_SLIDERS", "1")
    run = d.fit(d.ColdZoom(20, "bilinear"), DIGITS, steps=1, batch_size=12)
    run.sampler, run.prior = d.Naive(noise=0.2, levels=10), d.Patches()
    reader = DigitRecogniser(classifier.load(), DIGITS[:7, 0, 0, :8], torch.rand(7, 144), bound=1.5)
    widget = Dream(run, DIGITS, torch.arange(12) % 10, reader, names=list("abcdefghij"))
    assert VIEW in DisplayFormatter().format(widget)[0]
    (training,) = widget.widget.data["trainings"]
    assert (training["T"], training["interpolation"], training["noise"]) == (20, "bilinear", 0.2)
    assert training["walk"] == list(range(20, -1, -2))
    x = np.linspace(-0.5, 0.5, 784, dtype=np.float32)
    widget.widget.set_state({"start": [0.5] * 64, "pixels": memoryview(x.tobytes())})
    assert widget.start == [0.5] * 64
    assert np.array_equal(widget.image.numpy().ravel(), x)
