"""Degradation processes by name: from the parameters in a record to the object that degrades and samples."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from diffusion import schedules
from diffusion.cold import ColdDiffusion
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


def own(p: dict[str, Any]) -> ColdDiffusion:
    """A degradation of one's own, notebook 05: the class that `degradation` names, made with `T`.

    Raises:
        ValueError: not "module:Class", no such module or class, or a class that is no cold diffusion or
            cannot be made with T.
    """
    module, _, name = p["degradation"].partition(":")
    try:
        cls = getattr(import_module(module), name)
        good = issubclass(cls, ColdDiffusion)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"degradation is {p['degradation']!r}, which cannot be loaded ({error}); needed: module:Class, "
            "such as diffusion.blur:ColdBlur"
        ) from error
    if not good:
        raise ValueError(
            f"degradation is {p['degradation']!r}; needed: a subclass of ColdDiffusion (diffusion/cold.py); "
            "README.md says what a random degradation takes"
        )
    try:
        process = cls(T=p["T"])
        process.settings()  # asks for its name and its T
    except (TypeError, AttributeError) as error:
        raise ValueError(
            f"degradation is {p['degradation']!r}, which cannot be made with T = {p['T']} ({error}); needed: "
            "a class with a name, whose __init__ takes T and keeps it as self.T, and with degrade and seeds"
        ) from error
    return process


PROCESSES: dict[str, Callable[[dict[str, Any]], DegradationProcess]] = {
    "ddpm": ddpm,
    "zoom": zoom,
    "own": own,
}


def build(process: str, parameters: dict[str, Any]) -> DegradationProcess:
    """A process by name.

    Raises:
        ValueError: an unknown process, or parameters that it refuses.
    """
    if process not in PROCESSES:
        raise ValueError(f"process is {process!r}; allowed: {', '.join(PROCESSES)}")
    return PROCESSES[process](parameters)
