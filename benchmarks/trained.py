"""A trained DDPM to sample from: one that earlier runs trained well, else one that is trained here."""

from dataclasses import dataclass

from torch import nn

from benchmarks.settings import Settings
from diffusion import data, schedules, training
from diffusion.ddpm import DDPM
from diffusion.files import ROOT, sha256
from diffusion.network import Reconstructor
from diffusion.runs import RunError, RunFolder, load_weights

MODEL = "linear"
WELL = 20  # epochs; samples of a network trained for fewer drift far out of range unless they are clipped


@dataclass
class Network:
    """A network, where it comes from, and whether its samples are to be clipped."""

    network: nn.Module
    about: dict  # run, epoch and sha256 of the weights
    clip: bool


def earlier() -> tuple[int, RunFolder] | None:
    """The linear DDPM in build/paper/runs with the most epochs, `WELL` or more, as (epochs, run)."""
    best = None
    for history in sorted(ROOT.glob(f"build/paper/runs/{MODEL}-*/history.jsonl")):
        epochs, folder = len(history.read_text().splitlines()), RunFolder(history.parent)
        if epochs >= WELL and (best is None or epochs > best[0]) and fits(folder, epochs):
            best = epochs, folder
    return best


def fits(folder: RunFolder, epochs: int) -> bool:
    """Whether the weights after an epoch are there, and are those of the study's network."""
    try:
        load_weights(folder.weights(epochs), Reconstructor())
    except RunError:
        return False
    return True


def here(settings: Settings) -> tuple[int, RunFolder]:
    """Trained as the quick profile trains; the next call finds the run and trains nothing."""
    x, _ = data.load("train", n=settings.n_train)
    x_test, _ = data.load("test", n=settings.n_test)
    found = training.fit(
        DDPM(schedules.linear()),
        x,
        x_test,
        settings.out / "runs",
        MODEL,
        epochs=settings.epochs,
        batch_size=settings.batch,
        learning_rate=2e-3,
        lr_schedule="cosine",
    )
    return settings.epochs, found.folder


def ddpm(settings: Settings) -> Network:
    """The network on the device, in evaluation mode."""
    epochs, folder = (settings.scale == "full" and earlier()) or here(settings)
    path = folder.weights(epochs)
    network = load_weights(path, Reconstructor()).to(settings.device)
    about = {"run": folder.path.name, "epoch": epochs, "sha256": sha256(path)}
    return Network(network, about, epochs < WELL)
