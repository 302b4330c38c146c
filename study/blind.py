"""The blind reading of notebook 08: its sources, and the recogniser's shares corrected by it."""

from typing import Any

from diffusion.processes.priors import Mixture
from diffusion.processes.samplers import DDIM, Ancestral, Naive
from study.table import Job

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


def corrected(blind: Job, accepted: float) -> tuple[float, float]:
    """The share of digits, lowest and highest, where the recogniser accepts so many.

    It accepts `taken` of the digits, and of other images a share within the interval of `mistaken`
    (Rogan & Gladen 1978).
    """
    taken, mistaken = blind[""]["taken"].value, blind[""]["mistaken"]
    wrongly = (mistaken.high, mistaken.low)
    return tuple(min(1.0, max(0.0, (accepted - f) / (taken - f))) for f in wrongly)
