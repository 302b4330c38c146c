"""The kept page is what the sources make of the released weights."""

import base64
import gzip
import hashlib
import json
import re

import pytest

import diffusion as d
from diffusion.play import bundle, page

LIMIT = 3_000_000  # bytes
AGAIN = "run `python -m diffusion.play.page --out released/page`"


@pytest.fixture(scope="module")
def kept(root):
    return (root / "released/page" / page.NAME).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def content(kept):
    return re.search(r'<script type="application/json" id="data">(.*?)</script>', kept, re.S)[1]


def test_it_is_made_of_the_present_sources(kept, content, root):
    assert page.filled(content, (root / "released/page" / page.STRIP).read_bytes()) == kept, AGAIN
    assert gzip.decompress(base64.b64decode(json.loads(content)["wasm"])) == bundle.kernel()


def test_its_weights_are_the_released_ones(content):
    trainings = {one["label"]: one for one in json.loads(content)["trainings"]}
    assert list(trainings) == [*page.ZOOMS, *page.DDPMS]
    for label, name in (page.ZOOMS | page.DDPMS).items():
        run, one = d.released(*name), trainings[label]
        assert one["sha256"] == run.weights_sha256()
        assert one["weights"]["type"] == ("f4" if label in page.ZOOMS else "f2")
        expected = page.as_json(bundle.packed(bundle.parameters(run.network()), one["weights"]["type"]))
        assert json.loads(expected) == one["weights"]


def test_it_is_one_small_file_that_may_load_nothing(kept):
    assert len(kept.encode()) <= LIMIT
    assert "default-src 'none'" in kept
    scripts = re.findall(r"<script(?: type=\"module\")?>(.*?)</script>", kept, re.S)
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    policy = " ".join(f"'sha256-{one}'" for one in hashes)
    assert f"script-src {policy} 'wasm-unsafe-eval'" in kept  # it runs no others
    assert not re.search(r'(?:src|href)="(?!data:|#)|url\(|@import', kept.replace("<<", ""))
    assert "<<" not in re.sub(r"<script.*?</script>", "", kept, flags=re.S)
