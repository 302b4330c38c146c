"""The files that each notebook leaves behind in the results folder, as the workflow expects them."""

import os.path
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffusion import parameter_table as table

SCHEDULES = [
    "metrics/schedules.json",
    "figures/fig01_schedules.svg",
    "figures/fig02_latents.png",
    "figures/fig07_zoom.png",
]

# Between name and ending goes "_<model>", except for the study's own zoom.
_ZOOM = (
    ("fig08_centre_pixels", "svg"),
    ("fig09_zoom_losses", "svg"),
    ("fig10_reconstructions", "png"),
    ("fig11_level24", "png"),
    ("fig12_trajectory", "png"),
    ("reconstruction_error", "svg"),
    ("confusion", "svg"),
)

_COMPARED = [
    "metrics/compare.json",
    "figures/fig03_ddpm_losses.svg",
    "figures/fig04_fid_ddpm.svg",
    "figures/fig05_linear_samples.png",
    "figures/fig06_cosine_samples.png",
    "figures/fig13_fid_all.svg",
    "figures/fig14_zoom_samples.png",
    "figures/classes.svg",
    "figures/classes_along.svg",
]

_ALONE = ["metrics/compare.json", "figures/fig13_fid_all.svg"]  # of the comparison of any single model


def folder(config: Mapping[str, Any]) -> str:
    """The results folder of a checked profile; a relative path starts at the project's folder."""
    return os.path.normpath(os.path.expanduser(config.get("out", f"build/{config['profile']}")))


def of_further_training(out: str, model: str, seed: int) -> str:
    """The folder with a further training of one model of a profile, and its measurements."""
    return f"{out}/again/{model}-{seed}"


def everywhere(out: Path, pattern: str) -> list[Path]:
    """What matches a pattern in the results of a profile, of its other seeds and of its further trainings."""
    return [path for part in ("", "seeds/*/", "again/*/") for path in out.glob(part + pattern)]


def of_seed(out: str, seed: int, seeds: list[int]) -> str:
    """The folder with the results of one seed of a profile: the first one's is `out` itself."""
    return out if seed == seeds[0] else f"{out}/seeds/{seed}"


def of_training(notebook: str, model: str) -> list[str]:
    """Files of a training notebook for a model."""
    files = [f"metrics/train_{model}.json", f"figures/loss_{model}.svg", f"figures/samples_{model}.png"]
    if notebook == table.ZOOM:
        suffix = "" if model == "zoom" else f"_{model}"
        files += [f"figures/{name}{suffix}.{kind}" for name, kind in _ZOOM]
    if notebook == table.OWN:
        files += [f"figures/degradation_{model}.png", f"figures/trajectory_{model}.png"]
    return files


def of_again(notebook: str, model: str) -> list[str]:
    """Files of a further training of a model, and of its comparison, that the report or a release takes."""
    return of_training(notebook, model) + _ALONE + ["figures/classes_along.svg"] * (model == "zoom")


def of_comparison(models: list[str], other_seeds: list[int] | None = None) -> list[str]:
    """Files of the comparison of the study's models and others; one more where it takes in other seeds."""
    files = _COMPARED + [f"figures/quality_{model}.png" for model in models if model not in table.STUDY]
    return files + (["figures/seeds.svg"] if other_seeds else [])
