"""The files that each notebook leaves behind in the results folder, as the workflow expects them."""

STUDY = {"linear", "cosine", "zoom"}  # the study's own models: the numbered figures are theirs

SCHEDULES = [
    "metrics/schedules.json",
    "figures/fig01_schedules.svg",
    "figures/fig02_latents.png",
    "figures/fig07_zoom.png",
]

_ZOOM = [
    "figures/fig08_centre_pixels.svg",
    "figures/fig09_zoom_losses.svg",
    "figures/fig10_reconstructions.png",
    "figures/fig11_level24.png",
    "figures/fig12_trajectory.png",
    "figures/reconstruction_error.svg",
    "figures/confusion.svg",
]

_COMPARED_STUDY = [
    "figures/fig03_ddpm_losses.svg",
    "figures/fig04_fid_ddpm.svg",
    "figures/fig05_linear_samples.png",
    "figures/fig06_cosine_samples.png",
    "figures/fig14_zoom_samples.png",
]


def of_training(model: str) -> list[str]:
    """Files of the training notebook of a model."""
    common = [f"metrics/train_{model}.json", f"figures/loss_{model}.svg", f"figures/samples_{model}.png"]
    return common + (_ZOOM if model == "zoom" else [])


def of_comparison(models: list[str]) -> list[str]:
    """Files of the comparison; some of its figures need all models of the study."""
    common = ["metrics/compare.json", "figures/fig13_fid_all.svg", "figures/classes.svg"]
    return common + (_COMPARED_STUDY if set(models) >= STUDY else [])
