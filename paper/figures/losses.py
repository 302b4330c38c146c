"""The losses of the original study, beside those of a run."""

from report.files import read_json
from report.results.views import Results

# The study's own files of losses, as its Figures 3 and 9 name them.
LOSSES = {  # the study's label -> its file, and the model whose losses these are: two labels are exchanged
    "linear": ("ddpm_linear", "cosine"),
    "cosine": ("ddpm_cosine", "linear"),
    "zoom": ("zoom_NEAREST", "zoom"),
}


def original_losses(results: Results) -> list[tuple[str, str, list[float]]]:
    """Of each file of losses its label, the model whose losses these are, and the test loss of each epoch."""
    if "original" not in results.beside:
        return []
    folder = results.beside["original"].out / "files"
    read = {label: read_json(folder / f"losses_{name}.json") for label, (name, _) in LOSSES.items()}
    return [
        (f"the study's “{label}”", model, read[label]["test_avg_losses"])
        for label, (_, model) in LOSSES.items()
    ]
