"""Train one model of a profile: by itself, or with several processes, GPUs or machines together.

    python tools/train.py PROFILE MODEL [SEED]
    torchrun --nproc_per_node 4 tools/train.py PROFILE MODEL
    accelerate launch --multi_gpu --num_processes 4 tools/train.py PROFILE MODEL

The run lies where the model's training notebook looks for it, under the same fingerprint, whatever the number
of processes: `make retrain` afterwards finds it finished, draws the samples and goes on.
PROFILE is a name in profiles/ or the path of a YAML file; SEED is one of its seeds, if not the first.
Every process takes its share of each batch, so that batch size, order of images and noise are those of one
process; only the first one writes.
Several machines need the project on a shared file system.
"""

import os
import sys
import time
from pathlib import Path

import torch
import yaml
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, parse_flag_from_env

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # in place of tools/

from diffusion import data, parameters, processes, records, training  # noqa: E402
from diffusion import parameter_table as table  # noqa: E402
from diffusion.runs import RunError  # noqa: E402
from tools import outputs  # noqa: E402

PROCESSES = {table.DDPM: "ddpm", table.ZOOM: "zoom", table.OWN: "own"}
FIT = (
    "epochs",
    "batch_size",
    "learning_rate",
    "lr_schedule",
    "channels",
    "seed",
    "precision",
)  # arguments of training.fit
SECONDS_TO_AGREE = 120


def settings(profile: str, model: str, seed: str | None = None) -> tuple[str, dict, Path]:
    """A model's notebook, its parameters, and the results folder; exits with one line if there are none."""
    named = Path(profile).suffix in (".yaml", ".yml")
    file = Path(profile) if named else ROOT / "profiles" / f"{profile}.yaml"
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
        parameters.check_profile(config)
    except (OSError, yaml.YAMLError) as error:
        sys.exit(f"error: the profile {file} cannot be read: {' '.join(str(error).split())}.")
    if model not in config["models"]:
        known = ", ".join(config["models"])
        sys.exit(f"error: there is no model {model!r} in {file}; it has {known}.")
    seeds = parameters.seeds(config)
    if seed is not None and seed not in map(str, seeds):
        sys.exit(f"error: there is no seed {seed} in {file}; it has {', '.join(map(str, seeds))}.")
    number = seeds[0] if seed is None else int(seed)
    out = outputs.of_seed(outputs.folder(config), number, seeds)
    values = parameters.notebook_parameters(config, model, number)
    return config["models"][model]["notebook"], values, records.out_folder(out)


def launched() -> PartialState:
    """This process among its fellows; exits where a launcher started several that do not know each other."""
    size = int(os.environ.get("WORLD_SIZE", 1))
    # Of several CPUs it has to be said, or each one would train for itself.
    cpus = parse_flag_from_env("ACCELERATE_USE_CPU") or (size > 1 and not torch.cuda.is_available())
    os.environ["ACCELERATE_MIXED_PRECISION"] = "no"  # the profile's precision counts, not the launcher's
    state = PartialState(cpu=cpus)
    if state.num_processes != size:
        sys.exit(f"error: {size} processes were launched, and this one knows of {state.num_processes}.")
    return state


def agree(runs: Path, state: PartialState) -> None:
    """Wait until all processes see the checkpoints that the first one sees.

    Each one reads the last of them by itself; another machine may be shown an old listing of the folder for a
    while, and would then go on from another step.
    """
    seen = sorted(str(path.relative_to(runs)) for path in runs.glob("*/state-*.pt"))
    (first,) = broadcast_object_list([seen])
    end = time.monotonic() + SECONDS_TO_AGREE
    while seen != first:
        if time.monotonic() > end:
            raise RunError(
                f"process {state.process_index} sees other checkpoints in {runs} than the first one; "
                "all machines need the same shared folder"
            )
        time.sleep(1)
        seen = sorted(str(path.relative_to(runs)) for path in runs.glob("*/state-*.pt"))


def main() -> None:
    if len(sys.argv) not in (3, 4):
        sys.exit("usage: [torchrun or accelerate launch ...] tools/train.py PROFILE MODEL [SEED]")
    notebook, p, out = settings(*sys.argv[1:])
    state = launched()
    with state.local_main_process_first():  # one process of a machine fetches what is missing
        x_train, _ = data.load("train", p["data_dir"], p["n_train"], p["dataset"])
        x_test, _ = data.load("test", p["data_dir"], p["n_test"], p["dataset"])
    process = processes.build(PROCESSES[notebook], p)
    runs = out / "runs"
    if state.num_processes > 1:
        agree(runs, state)
    run = training.fit(process, x_train, x_test, runs, p["model"], **{name: p[name] for name in FIT})
    if state.is_main_process:
        by = f"{state.num_processes} process" + ("es" if state.num_processes > 1 else "")
        print(f"{p['model']}: {len(run.history)} epochs by {by} in {run.folder.path}")
    state.destroy_process_group()


if __name__ == "__main__":
    try:
        main()
    except (RunError, ValueError) as error:
        sys.exit(f"error: {error}")
