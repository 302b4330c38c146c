"""Run folders of the third edition, made those of the fourth: releases, and trainings that are to become one.

    python -m workflow.convert released/*/runs/* ../trainings/runs/linear-2-65686b2be08a

Weights and history stay the files that they are. Process, way to sample and priors were JSON with tensors
beside; torch writes them now. Only what this package makes is converted; of one's own classes train anew.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

import diffusion as d
from diffusion.files import digest
from diffusion.identity import describe
from diffusion.plugins import named
from diffusion.processes.priors import prior_of
from diffusion.sources import found_by, name_of
from diffusion.training.checkpoints import FORM, RunFolder


class Old:
    """A file of the third edition: a description as JSON, and its tensors."""

    def __init__(self, data: bytes):
        self.tensors = safetensors.torch.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        self.content = json.loads(json.loads(header["__metadata__"]["about"])["content"])

    def thing(self) -> Any:
        """The thing that was described."""
        return self.of(self.content)

    def of(self, found: Any) -> Any:
        if isinstance(found, list):
            return [self.of(one) for one in found]
        if not isinstance(found, dict):
            return found
        if "!tuple" in found:
            return tuple(self.of(found["!tuple"]))
        if "!dict" in found:
            return {self.of(key): self.of(one) for key, one in found["!dict"]}
        if "!array" in found:
            return self._array(found)
        if "!class" in found:
            return _class(found["!class"])
        if "!object" in found:
            made = object.__new__(_class(found["!object"]))
            for key, value in found.items():
                if not key.startswith("!"):
                    object.__setattr__(made, key, self.of(value))
            return made
        if marks := [key for key in found if key.startswith("!")]:
            raise ValueError(f"a {marks[0]} is not converted; train anew")
        return {key: self.of(one) for key, one in found.items()}

    def _array(self, found: dict[str, Any]) -> Tensor | np.ndarray:
        data = self.tensors[found["sha256"]].numpy().tobytes()
        if found["!array"].startswith("numpy "):
            kind = np.dtype(found["!array"].removeprefix("numpy "))
            return np.frombuffer(data, kind).reshape(found["shape"]).copy()
        kind = getattr(torch, found["!array"].removeprefix("torch."))
        return torch.frombuffer(bytearray(data), dtype=kind).view(found["shape"])


def _class(name: str) -> type:
    if name.partition(":")[0].partition(".")[0] != "diffusion":
        raise ValueError(f"{name} is not this package's; train anew")
    return found_by(name) or named("class", name, {})


def convert(folder: Path) -> bool:
    """Convert a run folder; False where it is one of this edition."""
    store, path = RunFolder(folder), folder / "run.json"
    about = json.loads(path.read_text())
    if about["form"] == FORM:
        return False
    old, run = about["identity"], digest(about["identity"])
    process = Old((folder / "process.safetensors").read_bytes()).thing()
    made = dict(old["network"])
    cls = _class(made.pop("!call"))
    identity = {
        **old,
        "process": describe(process, "process"),
        "network": {"class": name_of(cls), "options": describe(made, "network_options")},
        "own": {},
    }
    about |= {
        "form": FORM,
        "identity": json.loads(json.dumps(identity)),
        "earlier": about.get("earlier", run),
    }
    about |= {"prepared": digest(about["identity"]["process"]), "process": store.keep("process", process)}
    about |= {"network": store.keep("network", made)}
    gone = [folder / "process.safetensors", *folder.glob("state-*.pt")]  # a training ends in its own edition
    if (sampling := folder / "sampling.safetensors").is_file():
        about["sampling"] = store.keep("sampling", Old(sampling.read_bytes()).thing())
        gone.append(sampling)
    del about["typed"]
    store.write_about(about)
    for prior in folder.glob("priors/*.safetensors"):  # of releases, all are that of the process
        name = d.open(folder).prior_name(prior_of(process.prior))
        store.keep(name, Old(prior.read_bytes()).thing()["prior"])
        gone.append(prior)
    for one in gone:
        one.unlink()
    return True


def main() -> None:
    for name in sys.argv[1:]:
        done = convert(Path(name))
        print(f"{name} {'is converted' if done else 'is of this edition'}", flush=True)


if __name__ == "__main__":
    main()
