"""Numbers that we chose and that a report prints: each has a public id, which no move of a file changes."""

DEFINITIONS: dict[str, float] = {}


def define(name: str, value: float) -> float:
    """The value, which placeholders of a text can then name: chosen('late_part')."""
    DEFINITIONS[name] = value
    return value


# The part of training at its end whose checkpoints speak for it, the last one among them.
LATE = define("late_part", 0.2)
# The part of training at its beginning of which distance and class mix are not compared.
SETTLED = define("settled_part", 0.3)
# Samples of a training that a report shows as they come.
UNPICKED = define("unpicked_samples", 64)
# Steps of a training, before which even a U-Net's zoom draws fewer digits (docs/speed.md).
ENOUGH = define("enough_steps", 2000)
