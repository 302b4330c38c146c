"""Variety within a class: the variance of accepted samples of one class, relative to real digits.

    python -m paper.variety OUT    # measures kept samples of a run or release; writes the job `variety`

Measures of variety over all samples mix three things: the shares of the classes, samples that are not digits,
and variety within a class. Here only samples that the recogniser accepts count, and each class is compared
with itself. The features are the autoencoder's, which saw no labels.
"""

import sys
from pathlib import Path

import torch
from torch import Tensor

from diffusion.evaluation.evaluator import Evaluator
from diffusion.evaluation.measures import MeasuredImages
from diffusion.evaluation.statistics import Interval
from report.measures.registry import register
from report.results import kept, table
from report.results.environment import environment
from report.results.views import load

JOB = "variety"
MEASURE = "variance_in_class"
FEATURES = "autoencoder"
N_REAL, N_CONTROL = (
    1500,
    500,
)  # test images behind the real variances, and others that are measured as samples
register(
    variance_in_class=(
        "ratio",
        "variance of accepted samples of one class in the autoencoder's features, over that of real digits",
    )
)


def variances(features: Tensor, labels: Tensor) -> dict[int, tuple[float, int]]:
    """The variance within each class, summed over features, and the number of images.

    Args:
        features: (N, D).
        labels: (N,) integers; classes with a single image are left out.
    """
    found = {}
    for label in labels.unique().tolist():
        of_class = features[labels == label].double()
        if len(of_class) > 1:
            found[label] = float(of_class.var(0).sum()), len(of_class)
    return found


def relative_variance(features: Tensor, labels: Tensor, real: dict[int, tuple[float, int]]) -> Interval:
    """The mean over classes of variance divided by real variance, weighted by degrees of freedom.

    Args:
        features: (N, D), of accepted samples.
        labels: (N,), read by the classifier.
        real: variances of real digits.

    Raises:
        ValueError: no class has two samples.
    """
    found = {k: v for k, v in variances(features, labels).items() if k in real}
    weights = {label: n - 1 for label, (_, n) in found.items()}
    if not weights:
        raise ValueError("no class has two accepted samples")
    ratios = {label: variance / real[label][0] for label, (variance, _) in found.items()}
    mean = sum(weights[label] * ratios[label] for label in found) / sum(weights.values())
    return Interval(mean, n=len(labels))


def measure(out: Path, evaluator: Evaluator) -> None:
    """Measure the kept samples of all training runs in `out`, and write the job."""
    space = evaluator.spaces[FEATURES]

    def read(images: Tensor) -> tuple[Tensor, Tensor]:
        accepted = images[evaluator.recogniser.accepts(images)]
        return space.features(accepted), MeasuredImages(evaluator, accepted).labels

    real = variances(*read(evaluator.x_test[:N_REAL]))
    control = read(evaluator.x_test[N_REAL : N_REAL + N_CONTROL])
    rows = [table.row(MEASURE, relative_variance(*control, real), way=table.REAL)]
    samples = {}
    for training in load(out).trainings.values():
        images = kept.read_kept(out, f"samples_{training.name}")[:, None]
        samples[training.name] = len(images)
        features = read(torch.from_numpy(images).float() / 255 - 0.5)
        rows.append(table.row(MEASURE, relative_variance(*features, real), way=training.name))
    facts = {"job": JOB, "settings": {"samples": samples, "n_real": N_REAL, "features": FEATURES}}
    table.write(out, JOB, facts | {"environment": environment("fp32")}, rows)


if __name__ == "__main__":
    measure(Path(sys.argv[1]), Evaluator.for_dataset("mnist"))
