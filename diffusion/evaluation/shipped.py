"""Small networks that measure images: shipped for MNIST, trained once for another data set.

The shipped weights lie beside this file: distances are comparable only under the same features.
Those for another data set are trained when first asked for, and kept beside its files:

    <data folder>/FashionMNIST/<name>/<key>-<sha256>.safetensors

The key is of the data, the hash is the file's own: one that is damaged is trained again.
"""

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from diffusion import data
from diffusion.files import digest, sha256, write_bytes
from diffusion.processes.base import GREY28
from diffusion.runtime import generator, progress

EPOCHS = 5  # passes over the training images
BATCH = 128
RATE = 2e-3  # of Adam, the peak of the one-cycle schedule


def fitted(network: nn.Module, n: int, loss: Callable[[Tensor], Tensor], name: str) -> nn.Module:
    """The network, trained on n images by the loss of a batch, given their numbers; the same to the bit."""
    optimiser = torch.optim.Adam(network.train().parameters(), lr=RATE)
    total = EPOCHS * math.ceil(n / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=total)
    for epoch in range(EPOCHS):
        order = torch.randperm(n, generator=generator(0, name, epoch))
        title = f"{name}, epoch {epoch + 1}/{EPOCHS}"
        for batch in progress(order.split(BATCH), title):
            optimiser.zero_grad()
            last = loss(batch)
            last.backward()
            optimiser.step()
            schedule.step()
        print(f"{title}: loss of the last batch {last.item():.4f}", flush=True)
    return network.eval()


@dataclass(frozen=True)
class Shipped:
    """A kind of network that measures."""

    name: str  # of its file and its folder
    sha256: str  # of the shipped file
    make: Callable[..., nn.Module]  # (image_shape, number of classes) -> the network, untrained
    train: Callable[[Tensor, Any, int], nn.Module]  # images, labels, classes -> trained
    folder: Path = Path(__file__).parent

    @property
    def path(self) -> Path:
        """The shipped file."""
        return self.folder / f"{self.name}.safetensors"

    def load(self, path: str | Path | None = None) -> nn.Module:
        """The network in evaluation mode, with the shipped weights or another file's; ValueError: damaged."""
        file = Path(path or self.path)
        if not file.is_file():
            raise ValueError(f"there are no {self.name} weights at {file}; install the project again")
        content = file.read_bytes()
        if path is None and (found := sha256(content)) != self.sha256:
            raise ValueError(
                f"{file.name} has sha256 {found}, expected {self.sha256}; distances measured with other "
                "weights are not comparable, so restore the shipped file or name this one explicitly"
            )
        try:
            with safetensors.safe_open(file, "pt") as opened:
                about = json.loads((opened.metadata() or {}).get("about", "{}"))
            network = self.make(tuple(about.get("image_shape", GREY28)), about.get("classes", 10))
            network.load_state_dict(safetensors.torch.load(content))
        except (safetensors.SafetensorError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(f"{file} does not hold weights of the {self.name}: {reason}") from error
        return network.eval().requires_grad_(False)

    def weights_for(self, dataset: str | data.DataSet, data_dir: str | os.PathLike | None) -> Path | None:
        """The weights file for a data set, as `load` takes it: None, the shipped file, for MNIST.

        For another one it is trained when first asked for, in one to two minutes; DataError: it has no place.
        """
        if dataset == "mnist":
            return None
        title = data.get(dataset).title
        images, labels = data.load(dataset, "train", data_dir)
        shape, classes = tuple(images.shape[1:]), len(data.get(dataset).classes)
        parts = [images] if labels is None else [images, labels]
        known = [shape, classes, *map(data.fingerprint, parts)]
        folder, key = data.raw_folder(data_dir, dataset).with_name(self.name), digest(known)
        for path in folder.glob(f"{key}-*.safetensors"):
            if path.stem == f"{key}-{sha256(path)}":
                return path
            print(f"{path} is damaged: it is removed and trained again", flush=True)
            path.unlink(missing_ok=True)
        print(f"training the {self.name} of {title}, once: one to two minutes", flush=True)
        network = self.train(images, labels, classes)
        named = dataset if isinstance(dataset, str) else title
        facts = {"image_shape": shape, "classes": classes, "dataset": named, "n_train": len(images)}
        # One metadata entry: several are written in an arbitrary order, and no hash would be reproducible.
        about = {"about": json.dumps(facts, sort_keys=True)}
        content = safetensors.torch.save(network.state_dict(), about)
        path = folder / f"{key}-{sha256(content)}.safetensors"
        try:
            write_bytes(path, content)
        except OSError as error:
            raise data.DataError(
                f"the {self.name} of {title} cannot be written to {folder} ({error.strerror}); choose "
                "another folder with data_dir or the environment variable MNIST_DIR"
            ) from error
        return path

    def of(self, dataset: str | data.DataSet, data_dir: str | os.PathLike | None) -> nn.Module:
        """The network of a data set, in evaluation mode; raises like `weights_for`."""
        return self.load(self.weights_for(dataset, data_dir))
