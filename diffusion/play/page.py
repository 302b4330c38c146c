"""Make the page in which one paints a seed and watches it become a digit: one file, which loads nothing.

    python -m diffusion.play.page                        in build/page, with a still strip of it
    python -m diffusion.play.page --out released/page    where it is kept
    python -m diffusion.play.page RUN ...                of other released trainings: PROFILE/MODEL-SEED

Weights are taken up by their hash. Trainings of another network than the page computes are refused.
"""

import argparse
import base64
import hashlib
import html
import io
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Generator, Tensor

from diffusion import data
from diffusion.evaluation import classifier, samples
from diffusion.files import write_bytes
from diffusion.play import bundle
from diffusion.processes.priors import prior_of
from diffusion.processes.samplers import Naive, sampler_of
from diffusion.runtime import generator
from diffusion.training.opening import released
from diffusion.training.run import Run

NAME = "cold-zoom.html"
STRIP = "strip.png"
LIMIT = 3_000_000  # bytes of the page
RUNS = (
    *("paper/zoom-0", "paper/zoom-1", "beyond/zoom_unet_noise-0"),
    *("paper/linear-0", "paper/cosine-0", "beyond/linear_unet-0"),
)
LABELS = {"zoom": "Training", "zoom_unet_noise": "U-Net", "linear_unet": "linear, U-Net"}
EACH = 6  # test digits of each class
TRIED = 200  # seeds among which the first one that is shown is found
DRAWS = 3  # digits of each of them by a training that samples with noise
COLUMNS = (24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0)  # levels of the still strip
PRECISION = {"zoom": "f4", "ddpm": "f2"}  # of weights


def opened(name: str) -> Run:
    """A released training, by PROFILE/MODEL-SEED.

    Raises:
        ValueError: there is none.
    """
    profile, _, training = name.partition("/")
    model, _, seed = training.rpartition("-")
    if not model or not seed.isdecimal():
        raise ValueError(f"the training is {name!r}; needed: PROFILE/MODEL-SEED, such as {RUNS[0]}")
    return released(profile, model, int(seed))


def label(run: Run) -> str:
    """The name of a training on the page."""
    name = LABELS.get(run.name, run.name)
    if run.name == "zoom":
        return f"{name} {run.seed}"
    return f"{name}, seed {run.seed}" if run.seed else name


def threshold() -> float:
    """The confidence from which the study counts an image as recognised: that of 95 % of the test images."""
    logits = classifier.logits(classifier.load(), data.load("mnist", "test")[0])
    return samples.not_digit_threshold(logits.softmax(1).amax(1))


def example_digits() -> tuple[Tensor, Tensor]:
    """The first test images of each class, and their labels."""
    images, labels = data.load("mnist", "test")
    chosen = torch.cat([(labels == c).nonzero()[:EACH, 0] for c in range(10)])
    return images[chosen], labels[chosen]


@torch.inference_mode()
def telling(zooms: Sequence[Run], sure: float) -> tuple[Tensor, list[Tensor]]:
    """A seed (1, 1, side, side) of which the trainings without noise make different digits, and their walks.

    Each walk is (T + 1, 28, 28). Of the first few seeds of the last zoom's prior it is the one of which all
    digits are recognised, those with noise too, and are nearest to real ones of the class that is read.

    Args:
        sure: the classifier's confidence from which a digit is recognised.
    """
    reader, draw = classifier.load(), generator(0, "page")
    patches = zooms[-1].fitted(_way(zooms[-1])[1]).draw(TRIED, draw)
    drawn = [run for run in zooms for _ in range(DRAWS if _way(run)[0].noise else 1)]
    walks = [walked(run, patches, draw) for run in drawn]  # each (T + 1, TRIED, 28, 28)
    last = torch.stack([walk[-1] for walk in walks]).clamp(-0.5, 0.5)  # (drawn, TRIED, 28, 28)
    read = [torch.softmax(classifier.logits(reader, images[:, None]), 1).max(1) for images in last]
    digit, confidence = (torch.stack([one[i] for one in read]) for i in (1, 0))  # (drawn, TRIED)
    real, labels = data.load("mnist", "test", n=5000)
    distance = torch.cdist(last.flatten(2), real.flatten(1)[None])  # (drawn, TRIED, 5000)
    distance = distance.masked_fill(digit[:, :, None] != labels, torch.inf).amin(2)
    sharp = [i for i, run in enumerate(drawn) if not _way(run)[0].noise]
    same = (digit[sharp].sort(0).values.diff(dim=0) == 0).sum(0)
    unfit = same + (confidence < sure).sum(0)  # (TRIED,)
    best = int((distance.amax(0).nan_to_num(posinf=1e3) + 1e3 * unfit).argmin())
    return patches[best : best + 1], [walks[i][:, best] for i in sharp]


def walked(run: Run, patches: Tensor, draw: Generator) -> Tensor:
    """The latents from patches (n, 1, side, side) to digits, (T + 1, n, 28, 28)."""
    process, network = run.process, run.network().cpu()
    walk = process.reverse(network, process.expand(patches), _way(run)[0], draw, len(patches))
    return torch.stack([x for _, x in walk])[:, :, 0]


def _way(run: Run) -> tuple[Naive, Any]:
    """The sampler of a released zoom, and its prior."""
    sampler = sampler_of(run.way.sampler, run.process)
    return sampler, prior_of(run.process.prior if run.way.prior is None else run.way.prior)


def strip(walks: Sequence[Tensor], T: int) -> bytes:
    """A PNG: a row for each walk, some of its latents from the seed to the digit."""
    size, gap = 28 * 3, 6
    columns = [t for t in COLUMNS if t <= T]
    shape = (len(columns) * (size + gap) - gap, len(walks) * (size + gap) - gap)
    sheet = Image.new("LA", shape)  # gaps are transparent
    for row, walk in enumerate(walks):
        for column, t in enumerate(columns):
            grey = data.grey_values(walk[T - t])
            tile = Image.fromarray(grey.numpy()).resize((size, size), Image.Resampling.NEAREST)
            sheet.paste(tile.convert("LA"), (column * (size + gap), row * (size + gap)))
    buffer = io.BytesIO()
    sheet.save(buffer, "png", optimize=True)
    return buffer.getvalue()


def page(names: Sequence[str] = RUNS) -> tuple[bytes, bytes]:
    """The page of some trainings, and its still strip.

    Raises:
        ValueError: a training is not released, is damaged, or has a network or process that the page lacks;
            there is no DDPM among them or no zoom that samples without noise, or zooms have different T.
    """
    runs = [opened(name) for name in names]
    trainings = [bundle.training(run, label(run), PRECISION.get(run.process.name, "f4")) for run in runs]
    zooms = [run for run in runs if run.process.name == "zoom"]
    noisy = all(_way(run)[0].noise for run in zooms)
    if noisy or len(zooms) == len(runs) or len({run.process.T for run in zooms}) > 1:
        known = ", ".join(names)
        raise ValueError(f"the trainings are {known}; needed: zooms of one T, one without noise, and a DDPM")
    sure = threshold()
    seed, walks = telling(zooms, sure)
    still = strip(walks, zooms[0].process.T)
    content = {
        "wasm": bundle.kernel(),
        "trainings": trainings,
        "classifier": bundle.classifier(classifier.load(), sure),
        "digits": bundle.digits(*example_digits()),
        "seed": seed.flatten().tolist(),
    }
    text = json.dumps(bundle.as_text(content), separators=(",", ":")).replace("<", "\\u003c")
    pairs = zip(trainings, names, strict=True)
    facts = [f"{one['label']}: {name}, weights {one['sha256']}" for one, name in pairs]
    return filled(text, bundle.plain(still), facts).encode(), still


def filled(content: str, still: str, facts: Sequence[str]) -> str:
    """The page's HTML.

    Args:
        content: what it computes with, as JSON.
        still: the still strip, as base64.
        facts: lines on the trainings, for its end.
    """
    parts = {
        "style": (bundle.HERE / "style.css").read_text(encoding="utf-8"),
        "still": f"data:image/png;base64,{still}",
        "bytes": f"{len(bundle.kernel()):,}",
        "facts": "\n".join(f"<li>{html.escape(fact)}</li>" for fact in facts),
        "data": content,
    }
    text = (bundle.HERE / "page.html").read_text(encoding="utf-8")
    text = text.replace("<<script>>", bundle.script("page.js"), 1)
    scripts = re.findall(r"<script(?: type=\"module\")?>(.*?)</script>", text, re.DOTALL)  # it runs no others
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    parts["scripts"] = " ".join(f"'sha256-{one}'" for one in hashes)
    for name, part in parts.items():
        text = text.replace(f"<<{name}>>", part, 1)
    return text


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m diffusion.play.page", description=__doc__.splitlines()[0]
    )
    parser.add_argument("runs", nargs="*", default=RUNS, metavar="RUN", help="PROFILE/MODEL-SEED")
    parser.add_argument("--out", type=Path, default=Path("build/page"), help="folder; default: build/page")
    options = parser.parse_args(arguments)
    try:
        content, still = page(options.runs)
    except (ValueError, OSError) as error:
        sys.exit(f"page: {error}")
    path = write_bytes(options.out / NAME, content)
    write_bytes(options.out / STRIP, still)
    print(f"wrote {path}, {len(content):,} bytes")
    if len(content) > LIMIT:
        print(f"page: it has more than {LIMIT:,} bytes; name fewer trainings")


if __name__ == "__main__":
    main()
