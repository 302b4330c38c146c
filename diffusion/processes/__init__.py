"""Degradation processes: the contract, the study's two kinds, and one of your own by name."""

from collections.abc import Mapping
from typing import Any

from diffusion.bounds import whole
from diffusion.plugins import call_with, named
from diffusion.processes.base import ColdDiffusion as ColdDiffusion
from diffusion.processes.base import DegradationProcess
from diffusion.processes.blur import ColdBlur
from diffusion.processes.ddpm import DDPM as DDPM
from diffusion.processes.schedules import NoiseSchedule as NoiseSchedule
from diffusion.processes.schedules import cosine as cosine
from diffusion.processes.schedules import linear as linear
from diffusion.processes.zoom import ColdZoom as ColdZoom


def own(
    degradation: str | type, T: int | None, options: Mapping[str, Any] | None = None
) -> DegradationProcess:
    """A degradation of one's own, of a class or `module:Class`; T is its deepest level, None: the class's.

    ValueError: it cannot be loaded, is no `DegradationProcess`, or cannot be made with T.
    """
    cls = named("degradation", degradation, {"blur": ColdBlur})
    if not isinstance(cls, type) or not issubclass(cls, DegradationProcess):
        raise ValueError(f"degradation is {degradation!r}; needed: a subclass of diffusion.ColdDiffusion")
    process = call_with(cls, {} if T is None else {"T": T}, options)
    if not getattr(process, "name", ""):
        raise ValueError(f"{cls.__name__} has no name; set one in the class, such as name = 'fade'")
    meaning = f"the deepest level, which {cls.__name__} keeps as self.T"
    kept = whole("T", getattr(process, "T", None), 1, meaning=meaning)
    if T not in (None, kept):
        raise ValueError(f"{cls.__name__} has T = {kept!r}, not the {T} asked for; keep it as self.T")
    return process
