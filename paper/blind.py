"""The sources of images for the blind readers (notebook 08)."""

from typing import Any

from diffusion.processes.priors import Mixture
from diffusion.processes.samplers import DDIM, Ancestral, Naive

DATA = "data"
# Source -> profile, model, arguments of sampling; the images are shared between its trainings.
SOURCES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "linear": ("paper", "linear", {}),
    "zoom": ("paper", "zoom", {}),
    "zoom_cold": ("beyond", "zoom_dilated", {"prior": "mixture"}),
    "zoom_noisy": ("beyond", "zoom_unet_noise", {}),
    "zoom_grey": ("beyond", "zoom_unet_noise", {"sampler": Naive(grey_noise=0.7), "prior": Mixture(200)}),
    "linear_unet": ("beyond", "linear_unet", {"sampler": Ancestral(100)}),
    "cosine_unet": ("beyond", "cosine_unet", {"sampler": Ancestral(100)}),
    "cosine_unet_ddim": ("beyond", "cosine_unet", {"sampler": DDIM(24)}),
}
TITLES = {
    DATA: "Real digits",
    "linear": "Linear DDPM",
    "zoom": "Cold Zoom",
    "linear_unet": "Linear DDPM, U-Net, 100 calls",
    "cosine_unet": "Cosine DDPM, U-Net, 100 calls",
    "cosine_unet_ddim": "The same, DDIM, 24 calls",
    "zoom_cold": "Zoom, dilated, joint start, no noise",
    "zoom_noisy": "Zoom, U-Net, joint start, noise throughout",
    "zoom_grey": "The same, grey noise, 200 Gaussians",
}
