"""Degradation processes: the contract, the study's two kinds, and one of your own by name."""

from typing import Any

from diffusion.bounds import make
from diffusion.processes.base import ColdDiffusion as ColdDiffusion
from diffusion.processes.base import DegradationProcess as DegradationProcess
from diffusion.processes.blur import ColdBlur as ColdBlur
from diffusion.processes.ddpm import DDPM as DDPM
from diffusion.processes.schedules import NoiseSchedule as NoiseSchedule
from diffusion.processes.schedules import cosine as cosine
from diffusion.processes.schedules import linear as linear
from diffusion.processes.zoom import ColdCrop as ColdCrop
from diffusion.processes.zoom import ColdZoom as ColdZoom

DEGRADATIONS: dict[str, type[DegradationProcess]] = {"zoom": ColdZoom, "crop": ColdCrop, "blur": ColdBlur}


def degradation(name: str | type | DegradationProcess, **options: Any) -> DegradationProcess:
    """A process: one of `DEGRADATIONS` by name, or `module:Class` of your own, made with the options.

    ValueError: there is none of that name, it does not degrade, or it refuses its options.
    """
    return make("degradation", name, DEGRADATIONS, options, has="degrade")
