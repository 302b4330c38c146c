"""Degradation processes: the contract, DDPM and cold diffusion, and your own by name."""

from typing import Any

from diffusion.names import create
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
    """Make a degradation process by name.

    Args:
        name (str, type or DegradationProcess): "zoom", "crop" or "blur"; your own `module:Class`; or the
            class or process itself.
        **options: Arguments of the class.

    Returns:
        DegradationProcess: The process.

    Raises:
        ValueError: If the name is unknown, the object has no `degrade`, or the class refuses an option.

    Example:
        >>> import diffusion as d
        >>> d.degradation("blur", T=10)
        ColdBlur(T=10)
    """
    return create("degradation", name, DEGRADATIONS, options, has="degrade")
