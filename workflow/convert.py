"""Trainings and releases of version 0.3 and earlier in today's form; weights and images stay as they are.

    python -m workflow.convert FOLDER ...     run folders, or folders of a release or of results, in place

A run folder NAME-SEED-DIGEST becomes NAME-SEED: its process has the fitted prior and the sampler by which it
was sampled by default, its settings are as `diffusion.fit` writes them. Paths in metrics and manifest follow.
"""

import functools
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import torch

from diffusion import data, runtime
from diffusion.files import sha256, write_bytes, write_json
from diffusion.identity import name_of, told, tree
from diffusion.processes import priors, samplers, schedules, zoom
from diffusion.processes.blur import ColdBlur
from diffusion.processes.ddpm import DDPM
from diffusion.training import run as training_run
from diffusion.training.folder import RunFolder
from diffusion.training.network import NETWORKS

FITTED = {"Pixels": "PixelCounts", "Patches": "RealPatches", "Mixture": "Gaussians"}
KEPT = [DDPM, ColdBlur, zoom.ColdZoom, schedules.NoiseSchedule, *samplers.SAMPLERS.values()]
KEPT += [vars(priors)[name] for pair in FITTED.items() for name in pair]
OLD = re.compile(r"runs/([\w-]+?-\d+)-[0-9a-f]{12}\b")


class Way:
    """The way in which a run was sampled by default: `sampler`, `prior` and `average`."""


Way.__module__ = training_run.__name__


def load(path: Path) -> Any:
    """A file of an earlier version; of no other classes than these is anything made."""
    vars(training_run).setdefault("Way", Way)
    with torch.serialization.safe_globals([*KEPT, Way]):
        return torch.load(io.BytesIO(path.read_bytes()), map_location="cpu", weights_only=True)


@functools.cache
def fitted_on_mnist(prior: str, T: int) -> Any:
    """A prior of a zoom that was fitted anew each time."""
    process = zoom.ColdZoom(T)
    with runtime.seeded(0):
        return priors.fitted(prior, process.compress(data.load("mnist")[0]))


def run(folder: Path) -> None:
    """Convert a run folder of an earlier version; others stay as they are."""
    about = json.loads((folder / "run.json").read_bytes())
    if "identity" not in about:
        return
    old, process = about["identity"], load(folder / about["process"])
    learnt = {"mean", "spread"} if isinstance(process, ColdBlur) else set()
    plain = object.__new__(type(process))
    vars(plain).update({k: v for k, v in vars(process).items() if k not in learnt})
    way = load(folder / about["sampling"]) if "sampling" in about else Way()
    if (sampler := getattr(way, "sampler", None)) is not None:
        process.sampler = sampler
    prior = getattr(way, "prior", None) or process.prior
    found = {type(one).__name__: one for one in map(load, (folder / "priors").glob("*.pt"))}
    if prior is not None:
        name = FITTED[type(prior).__name__]
        process.prior = (
            found[name] if name in found else fitted_on_mnist(type(prior).__name__.lower(), process.T)
        )
    options, cls = load(folder / about["network"]), old["network"]["class"]
    if cls == "diffusion:Reconstructor" and options.get("channels") == [16, 32, 32, 16]:
        options.pop("channels")  # the default
    settings = {
        "process": told(tree(plain, "process")),
        "network": next((name_of(c) for c in NETWORKS.values() if name_of(c) == cls), cls),
        "network_options": told(tree(options, "network_options")),
        "images": {name: old["data"].get(name) for name in ("train", "test", "n")},
        **{name: old.get(name) for name in ("batch_size", "learning_rate", "lr_schedule", "ema", "seed")},
        **{name: old.get(name) for name in ("steps", "precision", "device", "code", "own")},
    }
    store = RunFolder(folder)
    store.keep("process.pt", tree(process, "process"))
    store.keep("network.pt", tree(options, "network_options"))
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    n = -(-settings["images"]["n"] // settings["batch_size"])
    for line in history:  # the earliest versions kept less of an epoch
        line.setdefault("step", min(line["epoch"] * n, settings["steps"] or line["epoch"] * n))
        line.setdefault("losses", [line["train_loss"]])
    store.write_history(history)
    write_json(folder / "run.json", {"settings": settings, "versions": about["versions"]})
    for path in (*folder.glob("*-????????????????.pt"), *folder.glob("priors/*.pt")):
        path.unlink()
    if (folder / "priors").is_dir():
        (folder / "priors").rmdir()
    if match := OLD.fullmatch(f"runs/{folder.name}"):
        folder.rename(folder.with_name(match[1]))


def release(folder: Path) -> None:
    """Convert all runs of a folder of results, the paths that name them, and the manifest, if it has one."""
    for path in sorted(folder.glob("runs/*/run.json")):
        run(path.parent)
    for path in folder.glob("metrics/*.json"):
        text = path.read_text("utf-8")
        if (changed := OLD.sub(r"runs/\1", text)) != text:
            write_bytes(path, changed.encode())
    if (manifest := folder / "manifest.json").is_file():
        known = json.loads(manifest.read_bytes())
        there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p != manifest}
        names = {OLD.sub(r"runs/\1", name) for name in known["files"]} | {
            n for n in there if "/runs/" in f"/{n}"
        }
        files = {name: sha256(folder / name) for name in sorted(names & there)}
        write_json(manifest, known | {"files": files})


def main() -> None:
    if not sys.argv[1:]:
        sys.exit(__doc__)
    for name in sys.argv[1:]:
        folder = Path(name).resolve()
        (run if (folder / "run.json").is_file() else release)(folder)
        print(f"{folder.name} is converted")


if __name__ == "__main__":
    main()
