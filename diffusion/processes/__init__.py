"""Degradation processes: the contract, the study's two kinds, and one of your own by name."""

from collections.abc import Mapping
from typing import Any

from diffusion.plugins import call_with, named
from diffusion.processes.base import ColdDiffusion, DegradationProcess
from diffusion.processes.blur import ColdBlur
from diffusion.processes.ddpm import DDPM
from diffusion.processes.schedules import NoiseSchedule, cosine, linear
from diffusion.processes.zoom import ColdZoom

USUAL_T = 20  # the deepest level of a degradation of one's own

__all__ = [
    "DDPM",
    "ColdBlur",
    "ColdDiffusion",
    "ColdZoom",
    "DegradationProcess",
    "NoiseSchedule",
    "cosine",
    "linear",
]


def own(degradation: str | type, T: int, options: Mapping[str, Any] | None = None) -> DegradationProcess:
    """A degradation of one's own: a class, or `module:Class`.

    Raises:
        ValueError: it cannot be loaded, is no `DegradationProcess`, or cannot be made with T.
    """
    cls = named("degradation", degradation, {"blur": ColdBlur})
    if not isinstance(cls, type) or not issubclass(cls, DegradationProcess):
        raise ValueError(f"degradation is {degradation!r}; needed: a subclass of diffusion.ColdDiffusion")
    process = call_with(cls, {"T": T}, options)
    if not getattr(process, "name", ""):
        raise ValueError(f"{cls.__name__} has no name; set one in the class, such as name = 'fade'")
    if (kept := getattr(process, "T", None)) != T:
        raise ValueError(f"{cls.__name__} has T = {kept!r}, not the {T} asked for; keep it as self.T")
    return process
