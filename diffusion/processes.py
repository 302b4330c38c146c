"""Degradation processes by name: from the parameters in a record to the object that degrades and samples."""

from collections.abc import Callable
from typing import Any

from diffusion import schedules
from diffusion.ddpm import DDPM
from diffusion.process import DegradationProcess
from diffusion.zoom import ColdZoom


def ddpm(p: dict[str, Any]) -> DDPM:
    """The DDPM of notebook 02's parameters."""
    schedule = schedules.build(p["schedule"], p["T"], p["beta_start"], p["beta_end"], p["s"], p["beta_max"])
    return DDPM(schedule, p["clip_x0"], p["sampling_steps"])


def zoom(p: dict[str, Any]) -> ColdZoom:
    """The zoom of notebook 03's parameters."""
    return ColdZoom(p["T"], p["interpolation"])


PROCESSES: dict[str, Callable[[dict[str, Any]], DegradationProcess]] = {"ddpm": ddpm, "zoom": zoom}


def build(process: str, parameters: dict[str, Any]) -> DegradationProcess:
    """A process by name.

    Raises:
        ValueError: an unknown process.
    """
    if process not in PROCESSES:
        raise ValueError(f"process is {process!r}; allowed: {', '.join(PROCESSES)}")
    return PROCESSES[process](parameters)
