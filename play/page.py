"""Build the play page, on which you paint the start of a zoom: one self-contained file.

python -m play.page                        write it to build/page, with a still picture
python -m play.page --out released/page    write it to the release
"""

import argparse
import base64
import gzip
import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision.utils import make_grid

from diffusion import data
from diffusion.evaluation import classifier
from diffusion.evaluation.recogniser import DigitRecogniser
from diffusion.files import write_bytes
from diffusion.pixels import grey_values
from diffusion.processes.zoom import central_patch
from diffusion.progress import progress
from diffusion.training.run import released
from play import bundle

NAME, STRIP = "cold-zoom.html", "strip.png"
ZOOMS = {  # label -> released run
    "Original study": "paper/zoom-0",
    "Trained again": "paper/zoom-1",
    "Sees the whole image": "beyond/zoom_dilated-0",
}
JOINT = "beyond/zoom_unet_noise-0"  # its fitted mixture is the prior of the dilated zoom
DDPMS = {
    "linear": "paper/linear-0",
    "cosine": "paper/cosine-0",
    "linear, U-Net": "beyond/linear_unet-0",
}
EACH = 6  # test digits of each class
FIRST = 56  # the test digit that the page shows first; the first two zooms turn it into different digits
NEAR = 500  # training digits of the recogniser: a result near to one of them is a digit
COLUMNS = range(24, -1, -2)  # levels of the still strip
ENLARGED, GAP = 3, 6  # of the still strip: pixels for each pixel of an image, and between images


def page() -> tuple[bytes, bytes]:
    """Build the page and its still strip, a PNG."""
    zooms, ddpms = (
        {label: released(name, precision="fp32") for label, name in models.items()}
        for models in (ZOOMS, DDPMS)
    )
    *_, dilated = zooms.values()
    dilated.prior = released(JOINT).fitted()
    trainings = []
    for label, run in progress((zooms | ddpms).items(), "packing"):
        trainings.append(bundle.training(run, label, *(["f2"] if label in ddpms else [])))
    print("fitting the recogniser of digits", flush=True)
    images, labels = data.load("mnist", "test")
    few = torch.cat([(labels == c).nonzero()[:EACH, 0] for c in range(10)])
    near = data.load("mnist", "train")[0][:NEAR]
    recogniser = DigitRecogniser.fit(classifier.load(), near, images, labels)
    content = bundle.content(trainings, images[few], labels[few], recogniser)
    two = [*zooms.values()][:2]
    start = central_patch(images[few[FIRST]][None], 28 - two[0].process.T)  # (1, 1, 4, 4)
    still = strip([run.trajectory(start=start) for run in two])
    return filled(as_json(content | {"first": FIRST}), still).encode(), still


def strip(walks: Sequence[Mapping[int, Tensor]]) -> bytes:
    """Draw walks as a PNG: a row for each walk from start to digit, with transparent gaps."""
    latents = torch.cat([walk[t] for walk in walks for t in COLUMNS])  # (n, 1, 28, 28)
    grey = grey_values(latents).repeat_interleave(ENLARGED, 2).repeat_interleave(ENLARGED, 3)
    opaque = torch.full_like(grey, 255)
    layers = [make_grid(x, len(COLUMNS), GAP)[0, GAP:-GAP, GAP:-GAP] for x in (grey, opaque)]
    buffer = io.BytesIO()
    Image.merge("LA", [Image.fromarray(layer.numpy()) for layer in layers]).save(buffer, "png", optimize=True)
    return buffer.getvalue()


def as_json(content: Mapping[str, Any]) -> str:
    """Format JSON for a script element, with bytes as base64 of gzip."""
    text = json.dumps(
        content, separators=(",", ":"), default=lambda data: _base64(gzip.compress(data, 9, mtime=0))
    )
    return text.replace("<", "\\u003c")


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def filled(content: str, still: bytes) -> str:
    """Fill the template of the page with scripts, styles, data as JSON, and the still strip."""
    text = (bundle.HERE / "page.html").read_text(encoding="utf-8")
    text = text.replace("<<script>>", bundle.script("page.js"), 1)
    scripts = re.findall(
        r"<script(?: type=\"module\")?>(.*?)</script>", text, re.DOTALL
    )  # only these may run
    parts = {
        "style": (bundle.HERE / "style.css").read_text(encoding="utf-8"),
        "still": f"data:image/png;base64,{_base64(still)}",
        "scripts": " ".join(
            f"'sha256-{_base64(hashlib.sha256(code.encode()).digest())}'" for code in scripts
        ),
        "data": content,
    }
    for name, part in parts.items():
        text = text.replace(f"<<{name}>>", part, 1)
    return text


def main() -> None:
    parser = argparse.ArgumentParser("python -m play.page", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("build/page"), help="folder; default: build/page")
    out = parser.parse_args().out
    content, still = page()
    write_bytes(out / STRIP, still)
    print(f"Page ready: {write_bytes(out / NAME, content)}, {len(content) / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
