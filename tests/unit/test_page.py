"""The play page as it is KEPT, its parts in a notebook, and the strip that stands for them."""

import base64
import hashlib
import json
import re

import numpy as np
import torch
from IPython.core.formatters import DisplayFormatter

import diffusion as d
from diffusion.evaluation import classifier
from diffusion.evaluation.recogniser import DigitRecogniser
from helpers import ROOT
from play import page
from play.widget import Dream

AGAIN = "run `python -m play.page --out released/page`"
DIGITS = torch.rand(12, 1, 28, 28, generator=torch.Generator().manual_seed(1)) - 0.5
KEPT = (ROOT / "released/page" / page.NAME).read_text("utf-8")
PICTURE, VIEW = "image/png", "application/vnd.jupyter.widget-view+json"


def test_it_is_made_of_the_present_sources_and_the_released_weights():
    (content,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', KEPT, re.S)
    assert page.filled(content, (ROOT / "released/page" / page.STRIP).read_bytes()) == KEPT, AGAIN
    hashes = {one["label"]: one["sha256"] for one in json.loads(content)["trainings"]}
    assert hashes == {k: d.released(*name).weights_sha256() for k, name in (page.ZOOMS | page.DDPMS).items()}


def test_it_is_one_small_file_that_may_load_nothing():
    assert len(KEPT.encode()) <= 3_000_000
    assert "default-src 'none'" in KEPT
    scripts = re.findall(r"<script(?: type=\"module\")?>(.*?)</script>", KEPT, re.S)
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    policy = " ".join(f"'sha256-{one}'" for one in hashes)
    assert f"script-src {policy} 'wasm-unsafe-eval'" in KEPT  # it runs no others
    assert not re.search(r'(?:src|href)="(?!data:|#)|url\(|@import', KEPT.replace("<<", ""))
    assert "</script" not in page.as_json({"names": ["</script><script>alert(1)</script>"]})


def test_a_strip_is_shown_without_a_person_and_of_what_it_cannot_compute(monkeypatch, capsys):
    blur = d.fit(d.ColdBlur(), DIGITS, steps=1, batch_size=12, network_options={"channels": [4]})
    for sliders, run in (("0", d.released("paper", "zoom")), ("1", blur)):
        monkeypatch.setenv("COLD_ZOOM_SLIDERS", sliders)
        kinds = DisplayFormatter().format(Dream(run))[0]
        assert (PICTURE in kinds, VIEW in kinds) == (True, False)
    assert "is ColdBlur; the page supports" in capsys.readouterr().out


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
