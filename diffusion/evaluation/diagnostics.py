"""What a trained noise predictor does: at which noise levels it errs, and what it cannot see."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from diffusion import devices
from diffusion.ddpm import DDPM
from diffusion.network import CHANNELS, Reconstructor
from diffusion.randomness import generator

LEVELS = tuple(round(0.05 + 0.1 * i, 2) for i in range(10))  # alpha_bar of the scale common to all schedules
SHIFT = 1 / 28


@torch.inference_mode()
def noise_error(process: DDPM, network: nn.Module, x: Tensor, t: int, precision: str, seed: int) -> Tensor:
    """Mean squared error of the predicted noise at one time step, of each image of x (N, 1, 28, 28): (N,)."""
    device = next(network.parameters()).device
    eps = torch.randn(x.shape, generator=generator(seed, "probe"))
    steps = torch.full((len(x),), t)
    latent = process.degrade(x, steps, eps=eps).to(device)
    time = (steps / process.T).to(device)
    with devices.autocast(device, precision):
        parts = [network(a, b).float() for a, b in zip(latent.split(128), time.split(128), strict=True)]
    return (torch.cat(parts).cpu() - eps).square().mean((1, 2, 3))


def timestep_loss(process: DDPM, network: nn.Module, x: Tensor, precision: str, seed: int = 0) -> dict:
    """The test loss resolved by time step, at 20 steps from 1 to T."""
    steps = torch.linspace(1, process.T, min(20, process.T)).round().long().tolist()
    return {
        "t": steps,
        "alpha_bar": [float(process.schedule.alpha_bar[t]) for t in steps],
        "test_loss": [float(noise_error(process, network, x, t, precision, seed).mean()) for t in steps],
    }


def common_loss(process: DDPM, network: nn.Module, x: Tensor, precision: str, seed: int = 0) -> dict:
    """Mean test loss over fixed noise levels, the same for all schedules.

    The loss of Eq. (6) averages over a schedule's own time steps, so those of two schedules are not on one
    scale. This takes, for each of ten values of alpha_bar, the step that comes nearest to it.

    Returns:
        {"mean", "each", "levels", "by_level"}: mean over the images x (N, 1, 28, 28), the N losses, the ten
        values of alpha_bar, and the mean at each. Noise and levels are those of any other schedule with the
        same seed, so that losses can be compared image by image.
    """
    alpha_bar = process.schedule.alpha_bar[1:]
    steps = [int((alpha_bar - level).abs().argmin()) + 1 for level in LEVELS]
    errors = torch.stack([noise_error(process, network, x, t, precision, seed) for t in steps])
    return {
        "mean": float(errors.mean()),
        "each": errors.mean(0).tolist(),
        "levels": list(LEVELS),
        "by_level": errors.mean(1).tolist(),
    }


@torch.inference_mode()
def offset_response(
    process: DDPM, network: nn.Module, precision: str, shift: float = SHIFT, n: int = 256
) -> dict:
    """How much the predicted noise rises when every pixel of pure noise at t = T is raised by `shift`.

    At t = T the input is all but noise, so the answer should rise by `shift` too. By default that is one
    standard deviation of the mean of 784 pixels of noise: training has shown the network such inputs.
    """
    device = next(network.parameters()).device
    noise = torch.randn((n, 1, 28, 28), generator=generator("offset")).to(device)
    time = torch.ones(n, device=device)
    with devices.autocast(device, precision):
        rise = [
            network(x + shift, t).float() - network(x, t).float()
            for x, t in zip(noise.split(128), time.split(128), strict=True)
        ]
    return {"shift": shift, "response": float(torch.cat(rise).mean())}


def learning_rate_check(
    process: DDPM,
    x: Tensor,
    rate: float,
    precision: str,
    steps: int = 30,
    seed: int = 0,
    channels: Sequence[int] = CHANNELS,
) -> dict:
    """Train a fresh network for a few steps at one learning rate and report what its loss does."""
    device = devices.accelerator().device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Reconstructor(channels).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    losses = []
    for step in range(steps):
        batch = x[torch.randint(len(x), (128,), generator=generator(seed, "check", step))].to(device)
        with devices.autocast(device, precision):
            loss = process.loss(network, batch, generator(seed, "check noise", step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    losses = torch.stack(losses).cpu()
    finite = losses[losses.isfinite()]
    return {
        "learning_rate": rate,
        "first_loss": float(losses[0]),
        "last_loss": float(losses[-1]) if losses[-1].isfinite() else None,
        "worst_loss": float(finite.max()),
        "finite": bool(losses.isfinite().all()),
    }
