"""Convert run folders of the second edition, once: `python -m workflow.convert FOLDER ...`

A folder is a run, or has runs below it. What is rewritten is what a run says of itself, run.json, the process
and the prior that it had learnt, and the name of the run in its resumable states; weights and history stay as
they are. What run.json did not say is taken from the training's record,
OUT/metrics/train_<model>-<seed>.json, where there is one. Runs that are converted already are left alone.
"""

import argparse
import io
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from diffusion import data
from diffusion.files import digest, read_json, sha256
from diffusion.identity.describe import Found, called, describe
from diffusion.identity.packing import pack
from diffusion.plugins import named
from diffusion.processes import DDPM, ColdBlur, ColdZoom, DegradationProcess, cosine, linear
from diffusion.processes.priors import Gaussians, PixelCounts, RealPatches
from diffusion.training import network as networks
from diffusion.training.checkpoints import FORM, PROCESS, RunError, RunFolder, _short_hash, run_of
from diffusion.training.opening import open as open_run
from study import records, settings

BEFORE, UNDER_WAY = "process.second.safetensors", "converting"
EARLIER = "recipe 1"  # the code of the second edition, among the accepted ones


def convert(folder: Path) -> bool:
    """Convert a run, or end what an earlier call began; returns False where it is whole already.

    Raises:
        ValueError: it lacks what cannot be made up: its data, or the class of its process.
    """
    store, under_way = RunFolder(folder), folder / UNDER_WAY
    old = store.about()
    if (old or {}).get("form") == FORM and not under_way.is_file():
        return False
    if old is None or "recipe" not in old and not under_way.is_file():
        raise ValueError(f"{folder / 'run.json'} is no run of the second edition")
    record = record_of(folder)
    P = None
    if record:
        cls = settings.TRAININGS[record["job"]]
        P = cls.read(records.modern(record["settings"]), str(folder))
    if "recipe" in old:
        rewrite(store, old, record, P)
    if store.history():
        run, learnt = open_run(folder), _old_tensors(folder / BEFORE)
        way = P.way() if P else run.way
        if isinstance(run.process, ColdZoom) and learnt:
            run.keep_prior(way.prior, prior_from(learnt))
        if P and P.way() != type(P)().way():
            run.by_default(way.sampler, way.prior)
    (folder / BEFORE).unlink(missing_ok=True)
    under_way.unlink(missing_ok=True)
    return True


def rewrite(
    store: RunFolder, old: dict[str, Any], record: dict[str, Any] | None, P: settings.Training | None
) -> None:
    """Write what a run says of itself in today's form, run.json last. All of it is read before that."""
    folder = store.path
    store.history()  # raises where it is damaged
    states = {path: torch.load(path, map_location="cpu", weights_only=True) for path in store.states()}
    learnt = _old_tensors(folder / (BEFORE if (folder / BEFORE).is_file() else PROCESS))
    if old["process"]["code"] or old["network"]["code"]:
        print(f"{folder}: a class of your own is taken to be what it was")
    process = process_of(old["process"], P)
    cls = {"Reconstructor": networks.Reconstructor, "UNet": networks.UNet}.get(old["network"]["name"])
    cls = cls or named("network", old["network"]["name"], {})
    architecture = networks.architecture(cls, old["network"]["channels"], old["network"]["options"])
    n = number_of_images(old["data"]["train"], P)
    kept = {k: v for k, v in old.items() if k not in ("recipe", "process", "network", "data")}
    found = Found()
    identity = {
        "code": EARLIER,
        "process": describe(process, "process", found),
        "network": called(*architecture, "network", found),
        "data": {"train": old["data"]["train"], "n": n, "test": old["data"]["test"]},
        **kept,
    }
    name = record["model"] if record else folder.name.rsplit("-", 2)[0]
    versions = {"torch": record["environment"]["torch"]} if record else {}
    store.write(UNDER_WAY, b"workflow.convert has begun, and ends it when it is called again")
    if (folder / PROCESS).is_file() and not (folder / BEFORE).is_file():
        (folder / PROCESS).rename(folder / BEFORE)
    if not isinstance(process, ColdZoom):
        for key, value in learnt.items():
            setattr(process, key, value)
    store.write(PROCESS, pack(process, "the process"))
    for path, state in states.items():
        buffer = io.BytesIO()
        torch.save(state | {"run": digest(json.loads(json.dumps(identity)))}, buffer)
        step = path.name.split("-")[1]
        new = f"state-{step}-{_short_hash(buffer.getvalue())}.pt"
        store.write(new, buffer.getvalue())
        if new != path.name:  # it was rewritten before the end of an earlier call
            path.unlink()
    about = {"form": FORM, "name": name, "identity": identity, "process": sha256(folder / PROCESS)}
    weights = sorted(folder.glob("weights/*.safetensors"))
    about["earlier"] = run_of(weights[-1].read_bytes()) if weights else None  # what these say they are of
    store.write_about(about | {"versions": versions, "typed": None})


def record_of(folder: Path) -> dict[str, Any] | None:
    """The record of the training that lies in a run folder, where its results folder has one."""
    for out in folder.resolve().parents:
        for path in sorted((out / "metrics").glob("train_*.json")):
            found = read_json(path)
            if (out / found["run"]).resolve() == folder.resolve():
                return found
    return None


def process_of(old: dict[str, Any], P: settings.Training | None) -> DegradationProcess:
    """The process of a run, unprepared."""
    if old["process"] == "zoom" and old["code"] is None:
        return ColdZoom(old["T"], old["interpolation"], old.get("latent_noise", 0.0))
    if old["process"] == "blur" and old["code"] is None:
        return ColdBlur(old["T"])
    if old["process"] == "ddpm":
        known = [P.process()] if P else [DDPM(linear(old["T"])), DDPM(cosine(old["T"]))]
        for process in known:
            if digest([float(f"{a:.12g}") for a in process.schedule.alpha_bar]) == old["alpha_bar"]:
                return process
        raise ValueError("its noise schedule is not one that is known, and there is no record that names it")
    if P is None or P.process() is None:
        raise ValueError(
            f"its process, {old['process']}, is one's own, and no record names a class to import"
        )
    return P.process()


def number_of_images(sha256: str, P: settings.Training | None) -> int:
    """Number of training images of a run."""
    if P and P.n_train:
        return P.n_train
    x = data.load(P.dataset if P else "mnist")[0]
    if data.fingerprint(x) != sha256:
        raise ValueError("its training images are not known: there is no record that names them")
    return len(x)


def prior_from(state: dict[str, torch.Tensor]) -> Any:
    """A fitted prior, from the state of the zoom that had it."""
    if "counts" in state:
        return PixelCounts(state["counts"], int(state["side"]))
    if "patches" in state:
        return RealPatches(state["patches"])
    if "spread" in state:
        return Gaussians(state["weights"], state["means"], state["spread"])
    raise ValueError("its prior is one's own; delete process.safetensors, and it is fitted again")


def _old_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of the second edition's process.safetensors, verified by the hash in its header."""
    if not path.is_file():
        return {}
    content = path.read_bytes()
    tensors = safetensors.torch.load(content)
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    parts = [[name, str(v.dtype), list(v.shape), data.fingerprint(v)] for name, v in sorted(tensors.items())]
    if header["__metadata__"]["sha256"] != digest(parts, 64):
        raise ValueError(f"{path} is damaged")
    return tensors


def runs_below(folder: Path) -> Iterator[Path]:
    yield from (path.parent for path in sorted(folder.rglob("run.json")))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m workflow.convert", description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="a run, or a folder of runs")
    failed = False
    for given in parser.parse_args(arguments).folders:
        runs = list(runs_below(given))
        if not runs:
            failed = True
            print(f"{given}: there is no run.json in it, or below")
        for folder in runs:
            try:
                print(f"{folder}: {'converted' if convert(folder) else 'is converted already'}")
            except Exception as error:  # whatever a damaged file makes its reader raise
                failed = True
                said = (
                    error if isinstance(error, ValueError | RunError) else f"{type(error).__name__}: {error}"
                )
                print(f"{folder}: is not converted: {' '.join(str(said).split())[:300]}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
