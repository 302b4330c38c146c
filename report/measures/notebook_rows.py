"""The rows of what notebooks 02 and 03 measure of a training, and the meanings of what notebooks measure."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from diffusion.evaluation.measures import register
from diffusion.processes.priors import PixelCounts
from report.measures.pixels import dark_centre
from report.results.table import Interval, lines

register(
    # notebook 01
    beta=("variance", "of the noise that a step adds; x: time step"),
    alpha_bar=("share", "of the image's variance that is left; x: time step"),
    clipped_steps=("steps", "whose beta is cut"),
    signal_T=("share", "amplitude of the image that is left at the end"),
    mean_alpha_bar=("share", "mean of alpha_bar over the steps"),
    informative_steps=("steps", "with alpha_bar between 0.05 and 0.95"),
    latent_correlation=("correlation", "of images with their latents; x: time step"),
    min_beta=("variance", "the least beta"),
    max_beta=("variance", "the largest beta"),
    share_above_one=("share", "steps whose beta exceeds one"),
    # notebook 02
    learning_rate=("", "as the study prints it, and as it is used"),
    loss_of_steps=("squared error", "at the first and at the last of a few steps; x: step"),
    common_loss=("squared error", "test loss, mean over noise levels that are the same for all schedules"),
    common_loss_at=("squared error", "test loss at a noise level; x: alpha_bar"),
    # notebooks 09 and 13
    predicted=("grey", "standard deviation over samples of their mean, by the law of offsets"),
    # notebook 03
    restored_right=("share", "test images read right when restored from the last level"),
    original_right=("share", "test images read right"),
    restored_as=("images", "of a class, restored from the last level; x: class that is read"),
    dark_centre_restored_as=("share", "classes read in restored images with a dark centre; x: class"),
    dark_centre_of=("share", "classes of images with a dark centre; x: class"),
    centre_pixels=("pixels", "central pixels of training images; x: grey value"),
    centre_black=("share", "central pixels of training images that are black"),
    centre_extreme=("share", "central pixels of training images within a tenth of black or white"),
)


def list_ddpm_rows(
    rates: Mapping[float, Sequence[float]], losses: Mapping[float, float], epoch: int
) -> list[list[Any]]:
    """The rows of notebook 02.

    Args:
        rates: learning rate, as it is printed and as it is used -> losses of the first steps.
        losses: noise level, as alpha_bar -> loss of the network after the epoch.
    """
    rows = []
    for way, (rate, first) in zip(("printed", "used"), rates.items(), strict=True):
        shown = {step: first[step - 1] for step in (1, len(first)) if abs(first[step - 1]) < float("inf")}
        rows += lines({"learning_rate": rate, "loss_of_steps": shown}, way=way)
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
        x_test: (N, 1, 28, 28), whose `classes` are (N,) each: "true", "read" in them, and "restored": read in
            what the network restores from the last level.
        counts: (K, K), images by true class and by the class that is restored.
        errors: of the restored images of each level, from the first, (n,) each.
        pixels: grey values in the centres of the training images.
    """
    n, dark = len(x_test), dark_centre(x_test)

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
    # Of 256 grey values a tenth at either end.
    centre["centre_extreme"] = (share[:26].sum() + share[230:].sum()).item()
    rows = [*lines(restored, epoch=epoch), *lines(centre, way="training images")]
    rows += lines({"original_right": right("read")})
    for true, by_class in enumerate(counts.tolist()):
        rows += lines({"restored_as": by_class}, way=str(true), epoch=epoch)
    return rows
