"""Wall time of the whole paper-scale training of the three models, on whatever device there is.

    python -m benchmarks.paper                 100 epochs each: hours on two cores
    python -m benchmarks.paper --epochs 2      a share of it, from which the whole is estimated

Everything counts, from reading the data on: moving them to the device, training, test losses, checkpoints.
The runs start from nothing, in a folder of their own, and are removed at the end.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks.settings import OUT
from benchmarks.timing import seconds_of
from diffusion import data, devices, parameters, processes, training
from diffusion.files import ROOT, write_json
from diffusion.progress import clock


def measure(epochs: int | None, n_train: int | None = None, profile: str = "paper") -> dict[str, Any]:
    """Seconds of each model of a profile; epochs and n_train: None as the profile says."""
    config = yaml.safe_load((ROOT / "profiles" / f"{profile}.yaml").read_text(encoding="utf-8"))
    found: dict[str, Any] = {"models": {}}
    for model in config["models"]:
        values = parameters.notebook_parameters(config, model)
        whole = values["epochs"]
        wanted = epochs or whole
        result: dict[str, Any] = {}

        def work(values=values, wanted=wanted, result=result, model=model) -> None:
            x, _ = data.load("train", n=n_train or values["n_train"])
            x_test, _ = data.load("test", n=min(n_train, 10_000) if n_train else values["n_test"])
            process = processes.build("zoom" if "interpolation" in values else "ddpm", values)
            names = ("batch_size", "learning_rate", "lr_schedule", "channels", "seed", "precision")
            options = {name: values[name] for name in names}
            with tempfile.TemporaryDirectory() as folder:
                run = training.fit(process, x, x_test, folder, model, epochs=wanted, **options)
            result.update(test_loss=run.history[-1]["test_loss"], precision=run.precision)

        seconds = seconds_of(work)
        found["models"][model] = {"seconds": seconds, "epochs": wanted, "of": whole} | result
        print(f"{model}: {wanted} of {whole} epochs in {clock(seconds)}", flush=True)
    found["seconds"] = sum(run["seconds"] for run in found["models"].values())
    found["estimate"] = sum(run["seconds"] / run["epochs"] * run["of"] for run in found["models"].values())
    device = devices.accelerator().device
    precision = next(iter(found["models"].values()))["precision"]
    return found | {"environment": devices.environment(precision, device)}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paper", description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, help="of each model (default: the profile's)")
    parser.add_argument("--n-train", type=int, help="only the first n images (default: all)")
    parser.add_argument("--out", type=Path, default=OUT / "paper.json")
    options = parser.parse_args(arguments)
    if options.epochs is not None and options.epochs < 1:
        parser.error(f"--epochs is {options.epochs}; needed: 1 or more")
    try:
        found = measure(options.epochs, options.n_train)
    except (ValueError, RuntimeError, OSError) as error:
        sys.exit(f"error: {error}")
    write_json(options.out, found)
    print(f"three models: {clock(found['seconds'])}; the whole profile: {clock(found['estimate'])}")


if __name__ == "__main__":
    main()
