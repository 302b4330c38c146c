"""The blind comparison: images of several models and of the data, read by eye without knowing their source.

    python -m study.blind draw --out build/blind          sheets of numbered images, and the key
    python -m study.blind read --out build/blind A.csv B.csv    the record of two readers

Distances and recognisers are networks, which may see other things than a reader does. `draw` takes `N` images
of each source, drawn by released models with a seed of their own, shuffles them, and writes sheets. A reader
is given the sheets and `PROTOCOL`, nothing else, and writes a line `number,label` for each image. `read` puts
the key and all labels into OUT/metrics/blind.json, and the images into OUT/kept/blind.npz.
"""

import argparse
import csv
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from diffusion import data, runtime
from diffusion.evaluation.evaluator import Evaluator
from diffusion.evaluation.frechet import to_uint8
from diffusion.evaluation.interval import Interval
from diffusion.evaluation.recogniser import DigitRecogniser
from diffusion.evaluation.statistics import share_of
from diffusion.figures.images import grids
from diffusion.figures.style import save
from diffusion.files import read_json, write_json
from diffusion.processes.priors import Mixture
from diffusion.processes.samplers import DDIM, Ancestral, Naive
from diffusion.provenance import environment
from diffusion.training.opening import released
from study.records import BlindRecord, keep, read_kept

N = 60  # images of each source, shared by the trainings of a model
SEED = 2026  # of the samples and of their order: of none that is reported or that anything was chosen by
A_SHEET = 20
LABELS = (*"0123456789", "n")
PROTOCOL = (
    "For each numbered image write the digit that it shows, 0 to 9, if a reader who met it in a column of "
    "handwritten digits would take it for that digit without hesitation; otherwise n, no digit. A broken, "
    "smudged or grey digit counts as long as there is no doubt which it is."
)
DATA = "data"
# Source -> profile, model, arguments of sampling; its trainings share the images.
SOURCES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "linear": ("paper", "linear", {}),
    "zoom": ("paper", "zoom", {}),
    "zoom_cold": ("beyond", "zoom_dilated", {"prior": "mixture"}),
    "zoom_still": ("beyond", "zoom_unet_noise", {"sampler": Naive()}),
    "zoom_noisy": ("beyond", "zoom_unet_noise", {}),
    "zoom_grey": ("beyond", "zoom_unet_noise", {"sampler": Naive(grey_noise=0.7), "prior": Mixture(200)}),
    "linear_unet_ddim": ("beyond", "linear_unet", {"sampler": DDIM(24)}),
    "linear_unet": ("beyond", "linear_unet", {"sampler": Ancestral(100)}),
    "cosine_unet_ddim": ("beyond", "cosine_unet", {"sampler": DDIM(24)}),
}
TITLES = {
    DATA: "Real digits",
    "linear": "DDPM, linear",
    "zoom": "Cold Zoom",
    "linear_unet": "DDPM with a U-Net, 100 calls",
    "linear_unet_ddim": "The same, DDIM, 24 calls",
    "cosine_unet_ddim": "The same, with the cosine schedule",
    "zoom_cold": "Zoom, dilated, joint start, no noise",
    "zoom_still": "Zoom, U-Net, joint start, trained on noise",
    "zoom_noisy": "The same, with noise in sampling",
    "zoom_grey": "The same, with grey noise, 200 Gaussians",
}


def images(precision: str) -> tuple[torch.Tensor, list[str], list[int]]:
    """Bytes (n, 28, 28) in random order, the source of each, and the class of real ones (-1 of others)."""
    order = torch.randperm(10_000, generator=runtime.generator(SEED, "blind", "data"))[:N]
    x, y = data.load("mnist", "test")
    found, sources, classes = [x[order]], [DATA] * N, y[order].tolist() + [-1] * N * len(SOURCES)
    for name, (profile, model, how) in SOURCES.items():
        seeds = [one.rpartition("-")[2] for one in released(profile) if one.startswith(f"{profile}/{model}-")]
        for part, seed in zip(torch.arange(N).chunk(len(seeds)), seeds, strict=True):
            run = released(profile, model, int(seed), precision=precision)
            found.append(run.sample(len(part), SEED, **how))
        sources += [name] * N
    shuffled = torch.randperm(len(sources), generator=runtime.generator(SEED, "blind", "order")).tolist()
    shown = to_uint8(torch.cat(found))[shuffled, 0]
    return shown, [sources[i] for i in shuffled], [classes[i] for i in shuffled]


def draw(out: Path) -> None:
    """Write OUT/sheets/*.png and OUT/protocol.txt for readers, and what `read` needs: OUT/key.json."""
    precision = runtime.resolve_precision("auto", runtime.device())
    shown, sources, classes = images(precision)
    keep(out, "blind", shown.numpy())
    write_json(out / "key.json", {"sources": sources, "classes": classes, "precision": precision})
    (out / "sheets").mkdir(exist_ok=True)
    for first in range(0, len(shown), A_SHEET):
        part = shown[first : first + A_SHEET]
        numbered = {str(first + i): image[None] for i, image in enumerate(part)}
        save(grids(numbered, columns=1, across=5, highest=150), out / "sheets" / f"{first:03}.png")
    (out / "protocol.txt").write_text(PROTOCOL + "\n", "utf-8")


def labels_of(path: Path, n: int) -> list[str]:
    """The labels of a reader's file, lines `number,label`, in order.

    Raises:
        ValueError: an image has none, or a label is none of `LABELS`.
    """
    with path.open(encoding="utf-8", newline="") as file:
        found = {int(number): label.strip() for number, label in csv.reader(file) if number.isdigit()}
    if wrong := [i for i in range(n) if found.get(i) not in LABELS]:
        raise ValueError(f"{path}: image {wrong[0]} has the label {found.get(wrong[0])!r}; allowed: {LABELS}")
    return [found[i] for i in range(n)]


def read(out: Path, *readers: Path) -> BlindRecord:
    """The record of readers, one file each, which is then on disk; raises like `labels_of`."""
    key, shown = read_json(out / "key.json"), torch.from_numpy(read_kept(out, "blind"))
    evaluator = Evaluator.of("mnist", None, n_train=10_000, n_test=None)
    at = evaluator.classifier, evaluator.x_train, evaluator.x_test, evaluator.labels
    accepted = DigitRecogniser.fit(*at, n=500).accepts(shown[:, None].float() / 255 - 0.5)
    record = BlindRecord(
        job="blind",
        settings={"n": N, "seed": SEED, "protocol": PROTOCOL},
        environment=environment(key["precision"]),
        sources=key["sources"],
        classes=key["classes"],
        labels={path.stem: labels_of(path, len(shown)) for path in readers},
        accepted=accepted.tolist(),
    )
    record.save(BlindRecord.path(out))
    return record


@dataclass(frozen=True)
class Source:
    """The images of one source, as readers and the recogniser see them.

    Attributes:
        digit: share in which every reader sees the same digit.
        each: the share in which a reader sees a digit, one a reader.
        accepted: share that the recogniser takes for digits.
    """

    digit: Interval
    each: list[Interval]
    accepted: Interval


class Blind:
    """The labels of a blind comparison, as numbers.

    Attributes:
        sources: source -> its shares.
        n: images of each source.
        agreement: share of all images of which the readers say the same.
        right: share of the real digits whose class every reader names.
        ddpms: the shares by eye of those with a U-Net.
        taken, mistaken: share that the recogniser accepts of the images of models in which all readers see
            the same digit, and of those in which none sees any.
    """

    def __init__(self, record: BlindRecord):
        labels = np.array([*record.labels.values()])  # (readers, n)
        same = (labels == labels[0]).all(0)
        digit, accepted = same & (labels[0] != "n"), np.array(record.accepted)
        none, real = (labels == "n").all(0), np.array(record.sources) == DATA
        classes = np.array([str(one) for one in record.classes])

        def share(mask: np.ndarray, among: np.ndarray) -> Interval:
            return share_of(torch.from_numpy(mask[among]))

        self.n, self.sources = record.settings["n"], {}
        for name in TITLES:
            of = np.array(record.sources) == name
            each = [share(one != "n", of) for one in labels]
            self.sources[name] = Source(share(digit, of), each, share(accepted, of))
        self.agreement = share(same, np.ones_like(same))
        self.right = share(digit & (labels[0] == classes), real)
        self.ddpms = [one.digit for name, one in self.sources.items() if "_unet" in name]
        self.taken, self.mistaken = share(accepted, digit & ~real), share(accepted, none & ~real)

    def corrected(self, accepted: float) -> tuple[float, float]:
        """The share of digits, lowest and highest, where the recogniser accepts so many.

        It accepts `taken` of the digits, and of other images a share within the interval of `mistaken`
        (Rogan & Gladen 1978).
        """
        wrongly = (self.mistaken.high, self.mistaken.low)
        return tuple(min(1.0, max(0.0, (accepted - f) / (self.taken.value - f))) for f in wrongly)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m study.blind", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("draw", "read"))
    parser.add_argument("readers", nargs="*", type=Path, help="files of lines number,label")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_intermixed_args(arguments)
    try:
        draw(given.out) if given.what == "draw" else read(given.out, *given.readers)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
