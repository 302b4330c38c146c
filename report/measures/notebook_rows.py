"""Rows for the measures of notebooks 02 and 03, and the meanings of measures of all notebooks."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from diffusion.pixels import grey
from diffusion.processes.base import DegradationProcess
from diffusion.processes.priors import PixelCounts
from diffusion.runtime import generator
from report.measures.pixels import dark_centre
from report.measures.registry import register
from report.results.table import Interval, lines

register(
    # notebook 01
    beta=("variance", "variance of the noise that a step adds; x: time step"),
    alpha_bar=("share", "share of the image's variance that is left; x: time step"),
    clipped_steps=("steps", "steps with a clipped beta"),
    signal_T=("share", "amplitude of the image that is left at the end"),
    mean_alpha_bar=("share", "mean of alpha_bar over the steps"),
    informative_steps=("steps", "steps with alpha_bar between 0.05 and 0.95"),
    latent_correlation=("correlation", "correlation of images with their latents; x: time step"),
    min_beta=("variance", "smallest beta"),
    max_beta=("variance", "largest beta"),
    share_above_one=("share", "steps with a beta above one"),
    # notebook 02
    learning_rate=("", "learning rate, as the original study prints it and as it uses it"),
    loss_of_steps=("squared error", "loss at the first and the last of a few steps; x: step"),
    common_loss=("squared error", "test loss, mean over noise levels that all schedules share"),
    common_loss_at=("squared error", "test loss at a noise level; x: alpha_bar"),
    # notebook 08
    variance_in_class=(
        "ratio",
        "variance of accepted samples of one class in the autoencoder's features, divided by real digits'",
    ),
    # notebooks 09 and 13
    predicted=("grey", "standard deviation of the mean grey over samples, predicted by the law of offsets"),
    # notebook 03
    restored_right=("share", "test images that are read correctly after restoring them from the last level"),
    original_right=("share", "test images that are read correctly"),
    restored_as=("images", "images of a class, restored from the last level; x: class that is read"),
    dark_centre_restored_as=("share", "classes read in restored images with a dark centre; x: class"),
    dark_centre_of=("share", "true classes of images with a dark centre; x: class"),
    centre_pixels=("pixels", "central pixels of training images; x: grey value"),
    centre_black=("share", "central pixels of training images that are black"),
    centre_extreme=("share", "central pixels of training images within a tenth of black or white"),
)


def first_losses(
    process: DegradationProcess,
    network: torch.nn.Module,
    learning_rate: float,
    x_train: Tensor,
    batch_size: int,
    seed: int,
    steps: int = 20,
) -> list[float]:
    """The losses of the first steps of Adam at a constant learning rate.

    Args:
        process: what the network learns.
        network: an untrained network, which is trained here.
        x_train: training images (N, C, S, S).
        batch_size: images in a step, drawn with replacement.
        seed: of the images and the noise.
        steps: number of steps. Default 20.
    """
    losses, optimizer = [], torch.optim.Adam(network.parameters(), lr=learning_rate)
    for step in range(steps):
        random = generator(seed, "rate", step)
        batch = x_train[torch.randint(len(x_train), (batch_size,), generator=random)]
        loss = process.loss(network, batch, random)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def list_ddpm_rows(
    rates: Mapping[float, Sequence[float]], losses: Mapping[float, float], epoch: int
) -> list[list[Any]]:
    """The rows of notebook 02.

    Args:
        rates: losses of the first steps for two learning rates: as printed, and as used.
        losses: loss of the network by noise level (alpha_bar).
        epoch: epoch of the weights.
    """
    rows = []
    for source, (rate, first) in zip(("printed", "used"), rates.items(), strict=True):
        shown = {step: first[step - 1] for step in (1, len(first)) if abs(first[step - 1]) < float("inf")}
        rows += lines({"learning_rate": rate, "loss_of_steps": shown}, way=source)
    common = {"common_loss": sum(losses.values()) / len(losses), "common_loss_at": losses}
    return [*rows, *lines(common, epoch=epoch)]


def list_zoom_rows(
    x_test: Tensor,
    classes: Mapping[str, Tensor],
    counts: Tensor,
    errors: Sequence[Tensor],
    pixels: PixelCounts,
    epoch: int,
) -> list[list[Any]]:
    """The rows of notebook 03.

    Args:
        x_test: test images (N, C, S, S).
        classes: classes (N,) of the test images: "true", "read" in the originals, and "restored": read in the
            images that the network restores from the last level.
        counts: (K, K), images by true class and by the class that is read after restoring.
        errors: squared errors (n,) of restored images for each level, from level 1.
        pixels: grey values in the centres of the training images.
        epoch: epoch of the weights.
    """
    n, dark = len(x_test), dark_centre(grey(x_test))

    def right(read: str) -> Interval:
        return Interval((classes[read] == classes["true"]).double().mean().item(), n=n)

    def shares(read: str) -> list[Interval]:
        part = classes[read][dark].bincount(minlength=len(counts)) / max(1, int(dark.sum()))
        return [Interval(share, n=int(dark.sum())) for share in part.tolist()]

    error = {t: Interval(e.mean().item(), n=len(e), sd=e.std().item()) for t, e in enumerate(errors, 1)}
    restored = {"restoration_error": error, "restored_right": right("restored")}
    restored |= {"dark_centre_restored_as": shares("restored"), "dark_centre_of": shares("true")}
    share = pixels.counts.double() / pixels.counts.sum()
    centre = {"centre_pixels": pixels.counts.tolist(), "centre_black": share[0].item()}
    # A tenth of the 256 grey values at each end.
    centre["centre_extreme"] = (share[:26].sum() + share[230:].sum()).item()
    rows = [*lines(restored, epoch=epoch), *lines(centre, way="training images")]
    rows += lines({"original_right": right("read")})
    for true, by_class in enumerate(counts.tolist()):
        rows += lines({"restored_as": by_class}, way=str(true), epoch=epoch)
    return rows
