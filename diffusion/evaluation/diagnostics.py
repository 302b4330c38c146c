"""Diagnostics of a trained network: where a noise predictor errs and is blind; what a zoom restores."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from diffusion.evaluation.results import (
    CentrePixels,
    CommonLoss,
    Confusion,
    DarkCentre,
    RateCheck,
    RateTrial,
    Reconstruction,
    Recoverable,
    Response,
)
from diffusion.evaluation.samples import dark_centre
from diffusion.evaluation.statistics import mean_of, share_of
from diffusion.processes import DDPM, ColdDiffusion
from diffusion.processes.base import Network, in_chunks
from diffusion.runtime import autocast, device, device_of, generator, seeded

LEVELS = tuple(round(0.05 + 0.1 * i, 2) for i in range(10))  # alpha_bar of the scale common to all schedules
SHIFT = 1 / 28  # one standard deviation of the mean of 784 pixels of noise
PRINTED_RATE, USED_RATE = 2**-4, 2e-4  # the study's learning rate as it is printed, and as it must be meant


# --- noise predictors ---


@torch.no_grad()
def predicted(network: Network, latent: Tensor, t: int, T: int, precision: str) -> Tensor:
    """The network's answer to latents (N, 1, 28, 28) of one time step, float32 on the CPU."""
    on = device_of(network)
    with autocast(on, precision):
        return in_chunks(network, latent.to(on), t, T).cpu()


def noise_error(process: DDPM, network: Network, x: Tensor, t: int, precision: str, seed: int) -> Tensor:
    """Mean squared error of the predicted noise at one time step, of each image of x (N, 1, 28, 28): (N,)."""
    eps = torch.randn(x.shape, generator=generator(seed, "probe"))
    latent = process.degrade(x, torch.full((len(x),), t), eps=eps)
    return (predicted(network, latent, t, process.T, precision) - eps).square().mean((1, 2, 3))


def common_loss(process: DDPM, network: Network, x: Tensor, precision: str, seed: int = 0) -> CommonLoss:
    """Test loss over the images x (N, 1, 28, 28) at fixed noise levels, the same for all schedules.

    The loss of Eq. (6) averages over a schedule's own time steps, so those of two schedules are not on one
    scale. This takes, for each of ten values of alpha_bar, the step that comes nearest to it. The noise is
    that of any other schedule with the same seed, so that chance moves the losses of both alike.
    """
    alpha_bar = process.schedule.alpha_bar[1:]
    steps = [int((alpha_bar - level).abs().argmin()) + 1 for level in LEVELS]
    errors = torch.stack([noise_error(process, network, x, t, precision, seed) for t in steps])  # (10, N)
    return CommonLoss(mean=float(errors.mean()), levels=list(LEVELS), by_level=errors.mean(1).tolist())


def response(process: DDPM, network: Network, x: Tensor, precision: str, seed: int = 0) -> Response:
    """The rise of the predicted noise when latents x_t are raised uniformly, over the ideal rise, by step.

    The shift is `SHIFT` standard deviations of the noise at t: one of the mean of its 784 pixels, so that
    training has shown the network such latents. If all of the shift is noise, the prediction should rise by
    the shift over sqrt(1 - alpha_bar_t). It is where the level of the clean image is known, as with MNIST's
    black ground, or where hardly any image is left.

    Args:
        x: test images (N, 1, 28, 28); half of them are raised and half lowered.
    """
    sign = (torch.arange(len(x)) % 2 * 2.0 - 1)[:, None, None, None]
    eps = torch.randn(x.shape, generator=generator(seed, "response"))
    steps = sorted({max(1, process.T // 20), *_steps(process.T, 12)})
    found = []
    for t in steps:
        latent = process.degrade(x, torch.full((len(x),), t), eps=eps)
        raised = latent + SHIFT * sign * process.schedule.sqrt_one_minus_alpha_bar[t]
        rise = predicted(network, raised, t, process.T, precision)
        rise -= predicted(network, latent, t, process.T, precision)
        each = (rise * sign).mean((1, 2, 3)) / SHIFT  # (N,)
        found.append(mean_of(each.tolist()))
    return Response(t=steps, response=found)


def recoverable(
    process: DDPM,
    network: Network,
    classifier: Network,
    x: Tensor,
    labels: Tensor,
    precision: str,
    seed: int = 0,
) -> Recoverable:
    """Share of test images read right in the clean image that the network predicts in one step from x_t.

    Args:
        x, labels: (N, 1, 28, 28) in [-0.5, 0.5] and (N,).
        classifier: images -> logits, (B, 10); it sees the prediction cut to [-0.5, 0.5].
    """
    eps = torch.randn(x.shape, generator=generator(seed, "recoverable"))
    steps = _steps(process.T, 10)
    right = []
    for t in steps:
        latent = process.degrade(x, torch.full((len(x),), t), eps=eps)
        eps_hat = predicted(network, latent, t, process.T, precision)
        x0_hat = (
            latent - process.schedule.sqrt_one_minus_alpha_bar[t] * eps_hat
        ) / process.schedule.sqrt_alpha_bar[t]
        right.append(share_of(classes_of(classifier, x0_hat) == labels))
    return Recoverable(t=steps, right=right)


def _steps(T: int, n: int) -> list[int]:
    """n evenly spaced time steps up to T, fewer where T is smaller."""
    return sorted({max(1, t) for t in torch.linspace(T / n, T, n).round().long().tolist()})


def learning_rate_check(
    process: DDPM,
    make_network: Callable[[], nn.Module],
    x: Tensor,
    precision: str,
    steps: int,
    seed: int = 0,
    batch_size: int = 128,
) -> RateCheck:
    """Losses of a fresh network over a few steps, at the study's learning rate as printed and as meant.

    Args:
        make_network: gives a network with fresh weights from torch's global stream.
        x: training images (N, 1, 28, 28).
        batch_size: of them, in each step.
    """
    on = device()

    def trial(rate: float) -> RateTrial:
        with seeded(seed):
            network = make_network().to(on)
        optimizer = torch.optim.Adam(network.parameters(), lr=rate)
        losses = []
        for step in range(steps):
            batch = x[torch.randint(len(x), (batch_size,), generator=generator(seed, "check", step))].to(on)
            with autocast(on, precision):
                loss = process.loss(network, batch, generator(seed, "check noise", step))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        losses = torch.stack(losses).cpu()
        finite = losses.isfinite()
        return RateTrial(
            learning_rate=rate,
            first_loss=float(losses[0]),
            last_loss=float(losses[-1]) if finite[-1] else None,
            finite=bool(finite.all()),
        )

    return RateCheck(steps=steps, printed=trial(PRINTED_RATE), used=trial(USED_RATE))


# --- restorations by cold diffusion ---


def reconstruct(
    process: ColdDiffusion, network: Network, x: Tensor, level: int, precision: str
) -> tuple[Tensor, Tensor]:
    """Degrade x (N, 1, 28, 28) to one level, predict it back in one go; returns (degraded, reconstructed)."""
    degraded = process.degrade(x, torch.full((len(x),), level))
    return degraded, predicted(network, degraded, level, process.T, precision)


def error_by_level(process: ColdDiffusion, network: Network, x: Tensor, precision: str) -> Reconstruction:
    """Mean squared error per image at every level: mean and standard deviation over the images."""
    levels, mean, sd = list(range(1, process.T + 1)), [], []
    for level in levels:
        restored = reconstruct(process, network, x, level, precision)[1]
        error = (restored - x).square().flatten(1).mean(1)  # (N,)
        mean.append(float(error.mean()))
        sd.append(float(error.std()))
    return Reconstruction(levels=levels, mse=mean, sd=sd, n=len(x))


@torch.inference_mode()
def classes_of(classifier: Network, images: Tensor) -> Tensor:
    """The class that the classifier sees in each image, (N,). Pixels are cut to [-0.5, 0.5] first."""
    return torch.cat([classifier(part.clamp(-0.5, 0.5)).argmax(1) for part in images.split(1000)])


def confusion(
    process: ColdDiffusion, network: Network, classifier: Callable, x: Tensor, labels: Tensor, precision: str
) -> dict[str, Confusion | DarkCentre | float]:
    """The classes that come out of fully degraded images: fields of the study's `ZoomProbes`, by name.

    Args:
        x, labels: (N, 1, 28, 28) in [-0.5, 0.5] and (N,) int64.
        classifier: images -> logits, (B, 10).

    Returns:
        "confusion"; "dark_centre", of the images with a dark one; "five_as_zero" and "seven_as_zero", shares
        of the restored 5s and 7s.
    """
    out = reconstruct(process, network, x, process.T, precision)[1]
    read, real = classes_of(classifier, out), classes_of(classifier, x)
    matrix = (labels * 10 + read).bincount(minlength=100).view(10, 10)
    share = matrix / matrix.sum(1, keepdim=True).clamp(min=1)
    dark = dark_centre(x)  # (N,)
    return {
        "confusion": Confusion(
            matrix=matrix.tolist(),
            accuracy=float((read == labels).float().mean()),
            n=len(x),
            real_accuracy=float((real == labels).float().mean()),
        ),
        "dark_centre": DarkCentre(
            n=int(dark.sum()), share=_shares(read[dark]), true_share=_shares(labels[dark])
        ),
        "five_as_zero": float(share[5, 0]),
        "seven_as_zero": float(share[7, 0]),
    }


def _shares(classes: Tensor) -> list[float]:
    """Shares of the classes, (10,); zeros if there are none."""
    return (classes.bincount(minlength=10) / max(1, len(classes))).tolist()


def centre_pixels(counts: Tensor) -> CentrePixels:
    """Central pixels of training images: counts of the 256 values; shares of black, white, nearly either."""
    share = counts.double() / counts.sum()
    return CentrePixels(
        counts=counts.tolist(),
        black=float(share[0]),
        white=float(share[250:].sum()),
        extreme=float(share[:26].sum() + share[230:].sum()),
    )
