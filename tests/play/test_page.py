"""The kept page is what the sources make of the released weights; other weights are refused."""

import base64
import gzip
import hashlib
import html
import json
import re

import numpy as np
import pytest
import torch

import diffusion as d
from diffusion.play import bundle, page


@pytest.fixture(scope="module")
def kept(root):
    return (root / "released/page" / page.NAME).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def content(kept):
    return re.search(r'<script type="application/json" id="data">(.*?)</script>', kept, re.S)[1]


def test_it_is_made_of_the_present_sources(kept, content, root):
    still = re.search(r'src="data:image/png;base64,([^"]+)"', kept)[1]
    facts = [html.unescape(one) for one in re.findall(r"<li>(.*?)</li>", kept)]
    assert page.filled(content, still, facts) == kept, (
        "run `python -m diffusion.play.page --out released/page`"
    )
    assert base64.b64decode(still) == (root / "released/page" / page.STRIP).read_bytes()
    assert gzip.decompress(base64.b64decode(json.loads(content)["wasm"])) == bundle.kernel()


def test_its_weights_are_the_released_ones(content):
    trainings = json.loads(content)["trainings"]
    assert [one["kind"] for one in trainings] == ["zoom"] * 3 + ["ddpm"] * 3
    assert [one["network"] for one in trainings] == ["cnn", "cnn", "unet"] * 2
    for one, name in zip(trainings, page.RUNS, strict=True):
        run = page.opened(name)
        assert (one["name"], one["sha256"]) == (f"{run.name}-{run.seed}", run.weights_sha256())
        size = {"f4": 4, "f2": 2}[one["weights"]["type"]]
        planes = np.frombuffer(gzip.decompress(base64.b64decode(one["weights"]["data"])), np.uint8)
        values = planes.reshape(size, -1).T.copy().view(f">f{size}")[:, 0].astype(np.float32)
        parameters = run.network().named_parameters()
        own = [p.detach().numpy().ravel() for n, p in parameters if "time" not in n.split(".")]
        expected = np.concatenate(own)
        assert np.array_equal(
            values, expected if size == 4 else expected.astype(np.float16).astype(np.float32)
        )
        assert size == 4 or one["kind"] == "ddpm"


def test_it_is_one_small_file_that_may_load_nothing(kept):
    assert len(kept.encode()) <= page.LIMIT
    assert "default-src 'none'" in kept
    scripts = re.findall(r"<script(?: type=\"module\")?>(.*?)</script>", kept, re.S)
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    policy = " ".join(f"'sha256-{one}'" for one in hashes)
    assert f"script-src {policy} 'wasm-unsafe-eval'" in kept  # it runs no others
    assert not re.search(r'(?:src|href)="(?!data:|#)|url\(|@import', kept.replace("<<", ""))
    assert "<<" not in re.sub(r"<script.*?</script>", "", kept, flags=re.S)


class Narrow(d.Reconstructor):
    """A network of one's own with the layers of the study's."""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"channels": (8, 8)}, "own-0 is another than the page computes"),
        ({"network": "unet", "network_options": {"width": 8}}, "own-0 is another than the page computes"),
        ({"network": Narrow}, "cnn with channels (16, 32, 32, 16) and no dilations, and unet of width 16"),
        ({"network_options": {"dilations": [1, 2, 1, 1]}}, "own-0 is another than the page computes"),
        ({}, "needed: zooms of one T, one without noise, and a DDPM"),
    ],
)
def test_weights_that_it_cannot_compute_are_refused_in_one_line(monkeypatch, options, said):
    x = torch.zeros(4, 1, 28, 28)
    run = d.fit(d.ColdZoom(), x, steps=1, batch_size=4, name="own", **options)
    monkeypatch.setattr(page, "opened", lambda name: run)
    with pytest.raises(SystemExit) as stopped:
        page.main(["own/own-0"])
    assert said in str(stopped.value)
    assert "\n" not in str(stopped.value)
