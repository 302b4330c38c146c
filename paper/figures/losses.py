"""The losses of the original study, for a comparison with a run."""

from report.files import read_json
from report.results.views import Results

# The published files of losses, with their labels in Figures 3 and 9 of the original study.
LOSSES = {  # label -> file, and the model that it belongs to; the original study exchanged two labels
    "linear": ("ddpm_linear", "cosine"),
    "cosine": ("ddpm_cosine", "linear"),
    "zoom": ("zoom_NEAREST", "zoom"),
}


def original_losses(results: Results) -> list[tuple[str, str, list[float]]]:
    """Label, model, and test loss of each epoch, for each published file of losses."""
    if "original" not in results.beside:
        return []
    folder = results.beside["original"].out / "files"
    read = {label: read_json(folder / f"losses_{name}.json") for label, (name, _) in LOSSES.items()}
    return [
        (f"published “{label}”", model, read[label]["test_avg_losses"])
        for label, (_, model) in LOSSES.items()
    ]
