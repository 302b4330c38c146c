"""Degradation processes: the contract, the study's two kinds, and the way from settings to an object."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffusion.processes import schedules
from diffusion.processes.base import ColdDiffusion, DegradationProcess
from diffusion.processes.blur import ColdBlur
from diffusion.processes.ddpm import DDPM
from diffusion.processes.schedules import NoiseSchedule, cosine, linear
from diffusion.processes.zoom import ColdZoom
from diffusion.runtime import call_with, named

__all__ = [
    "DDPM",
    "ColdBlur",
    "ColdDiffusion",
    "ColdZoom",
    "DegradationProcess",
    "NoiseSchedule",
    "build",
    "cosine",
    "linear",
]


def build(process: str, values: Mapping[str, Any], out: Path | None = None) -> DegradationProcess:
    """A process from the settings of its training notebook.

    Args:
        process: "ddpm", "zoom" or "own".
        values: the settings (`diffusion.settings`) as a mapping.
        out: the run's folder, where a class typed in notebook 05 is kept.

    Raises:
        ValueError: an unknown process, or settings that it refuses.
    """
    if process == "ddpm":
        schedule = schedules.build(values["schedule"], values, values.get("schedule_options"))
        return call_with(DDPM, {**values, "schedule": schedule})
    if process == "zoom":
        return call_with(ColdZoom, values)
    if process == "own":
        return own(values["degradation"], values["T"], values.get("degradation_options"), out)
    raise ValueError(f"process is {process!r}; allowed: ddpm, zoom, own")


def own(
    degradation: str | type, T: int, options: Mapping[str, Any] | None = None, folder: Path | None = None
) -> DegradationProcess:
    """A degradation of one's own, made with T: a class, `module:Class`, or `file.py:Class` in `folder`.

    Raises:
        ValueError: it cannot be loaded, is no `DegradationProcess`, or cannot be made with T.
    """
    cls = degradation
    if isinstance(degradation, str):
        cls = named("degradation", degradation, {"blur": ColdBlur}, folder)
    if not isinstance(cls, type) or not issubclass(cls, DegradationProcess):
        raise ValueError(f"degradation is {degradation!r}; needed: a subclass of diffusion.ColdDiffusion")
    process = call_with(cls, {"T": T}, options)
    if getattr(process, "T", None) != T or not getattr(process, "name", ""):
        raise ValueError(f"{cls.__name__} needs a `name`, and must keep the T it is made with as self.T")
    return process
