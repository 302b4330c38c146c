"""Chosen numbers that a report prints. Each has a public id, which stays when code moves."""

from diffusion.evaluation.variety import MEANINGFUL

DEFINITIONS: dict[str, float] = {}


def define(name: str, value: float) -> float:
    """Define a chosen number and return it; placeholders of a text then read it as chosen('late_part')."""
    DEFINITIONS[name] = value
    return value


# The last part of training, whose checkpoints represent the training run.
LATE = define("late_part", 0.2)
# The first part of training, in which distance and class mix are not compared.
SETTLED = define("settled_part", 0.3)
# Samples of a training run that a report shows without selection.
UNPICKED = define("unpicked_samples", 64)
# Samples below which coverage means little.
FEW_SAMPLES = define("few_samples", MEANINGFUL)
# Steps of training up to which even a zoom with a U-Net draws fewer digits (docs/speed.md).
ENOUGH = define("enough_steps", 2000)
