"""Tiny trainings with their records, to be measured and analysed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from diffusion import data
from diffusion.training.fit import fit
from study.record import train_record


@pytest.fixture(scope="session")
def train(mnist_dir: Path) -> Callable[[Path, dict, int], Path]:
    """Trains models, name -> (settings class, process, settings), with seed 3 into a results folder."""

    def function(out: Path, models: dict[str, tuple], epochs: int) -> Path:
        x, _ = data.load("mnist", "train", mnist_dir, 200)
        for name, (cls, kind, values) in models.items():
            values = values | {"model": name, "epochs": epochs, "n_train": 200, "channels": [4, 4]}
            values |= {"out_dir": str(out)}
            P = cls.read(values | {"precision": "fp32", "seed": 3})
            run = fit(P.process(), x, x[:50], folder=out / "runs", **P.fitting())
            train_record(P, kind, name, run)
        return out

    return function
