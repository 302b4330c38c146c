"""The kept page is what the sources make of the released weights, and may load nothing."""

import base64
import hashlib
import json
import re

import diffusion as d
from diffusion.play import page

AGAIN = "run `python -m diffusion.play.page --out released/page`"


def test_it_is_made_of_the_present_sources_and_the_released_weights(root):
    kept, strip = (root / "released/page" / name for name in (page.NAME, page.STRIP))
    content = re.search(
        r'<script type="application/json" id="data">(.*?)</script>', kept.read_text("utf-8"), re.S
    )[1]
    assert page.filled(content, strip.read_bytes()) == kept.read_text("utf-8"), AGAIN
    hashes = {one["label"]: one["sha256"] for one in json.loads(content)["trainings"]}
    assert hashes == {k: d.released(*name).weights_sha256() for k, name in (page.ZOOMS | page.DDPMS).items()}


def test_it_is_one_small_file_that_may_load_nothing(root):
    kept = (root / "released/page" / page.NAME).read_text(encoding="utf-8")
    assert len(kept.encode()) <= 3_000_000
    assert "default-src 'none'" in kept
    scripts = re.findall(r"<script(?: type=\"module\")?>(.*?)</script>", kept, re.S)
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    policy = " ".join(f"'sha256-{one}'" for one in hashes)
    assert f"script-src {policy} 'wasm-unsafe-eval'" in kept  # it runs no others
    assert not re.search(r'(?:src|href)="(?!data:|#)|url\(|@import', kept.replace("<<", ""))
    assert "</script" not in page.as_json({"names": ["</script><script>alert(1)</script>"]})
