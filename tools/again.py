"""Train one model of a profile once more, with a seed of its own, and measure it by itself.

    python tools/again.py PROFILE MODEL SEED

How much of a result is chance in the training? A second training shows it, and repeating one model costs a
part of what it costs to repeat the whole study, as `seeds` in a profile does.
The results lie in the profile's folder, in again/MODEL-SEED. A report that is made after it sets the
trainings side by side, and puts each claim about the model to all of them.
Killed, it goes on where it stopped when it is started again.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # in place of tools/

from diffusion import parameter_table as table  # noqa: E402
from diffusion.parameters import ParameterError, check_profile, for_model, notebook_parameters, seeds  # noqa: E402
from report import profile as profiles  # noqa: E402
from tools import outputs  # noqa: E402
from tools.run_workflow import hold  # noqa: E402

THREADS = 16  # at most, as in the workflow


def parameters(config: dict[str, Any], model: str, seed: int) -> dict[str, dict[str, Any]]:
    """Parameters of the two notebooks by their names: as in the profile, with this seed and this model alone.

    Distances depend on the number of images, and are therefore taken of as many as the profile compares.

    Raises:
        ParameterError: there is no such model, or the seed is not another one.
    """
    check_profile(config)
    where, known, (low, high) = f"profile {config['profile']!r}", seeds(config), table.SEEDS
    if model not in config["models"]:
        raise ParameterError(f"{where} has no model {model!r}; give one of {', '.join(config['models'])}.")
    if len(known) > 1:
        raise ParameterError(f"{where} repeats the whole study with seeds {known}; add {seed} there instead.")
    if seed in known or not low <= seed <= high:
        raise ParameterError(
            f"seed = {seed} is not allowed; give one from {low} to {high} other than {known[0]}."
        )
    compare = notebook_parameters(config, table.COMPARE)
    if model not in compare["models"]:
        raise ParameterError(
            f"{where} does not compare {model!r}; add it to compare.models, or remove that line."
        )
    alone = {
        "seed": seed,
        "models": [model],
        "n_final": min(for_model(compare["n_final"], m) for m in compare["models"]),
        "distance_every": for_model(compare["distance_every"], model),
    }
    training = notebook_parameters(config, model, seed)
    return {config["models"][model]["notebook"]: training, table.COMPARE: compare | alone}


def run(notebook: str, name: str, values: dict[str, Any], out: str) -> int:
    """Execute a notebook as the workflow does, under `name`; its exit status.

    Paths are relative to the project: the executed notebook keeps them, and may be released.
    """
    for folder in ("logs", "notebooks"):
        (ROOT / out / folder).mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(values, default_flow_style=True, width=10**6, sort_keys=True).strip()
    log, executed = f"{out}/logs/{name}.log", f"{out}/notebooks/{name}.ipynb"
    papermill = ["-y", text, "-r", "out_dir", out]
    command = [sys.executable, "tools/run_notebook.py", log, str(os.getpid())]
    command += [f"notebooks/{notebook}.ipynb", executed, *papermill]
    threads = {"OMP_NUM_THREADS": str(min(THREADS, os.cpu_count() or 1))}
    return subprocess.run(command, cwd=ROOT, env=threads | os.environ).returncode


def main() -> None:
    if len(sys.argv) != 4 or not sys.argv[3].isdecimal():
        sys.exit(__doc__)
    profile, model = sys.argv[1:3]
    try:
        seed = int(sys.argv[3])
        _, config = profiles.read(profile)
        (training, values), (comparison, measured) = parameters(config, model, seed).items()
    except ValueError as error:
        sys.exit(f"error: {error}")
    out = outputs.of_further_training(outputs.folder(config), model, seed)
    hold(ROOT / out)
    if run(training, f"{training}-{model}", values, out) or run(comparison, comparison, measured, out):
        sys.exit(1)
    print(f"{out} has {model} with seed {seed}; `make report PROFILE={profile}` takes it in")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
