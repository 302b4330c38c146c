"""Small networks that measure images: shipped for MNIST, trained once for another data set.

The shipped weights lie beside this file: distances are comparable only under the same features.
Those for another data set are trained when first asked for, and kept beside its files, by a hash of these:

    <data folder>/FashionMNIST/<name>/<key>.safetensors
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
        for batch in progress(order.split(BATCH), f"{name}, epoch {epoch + 1}/{EPOCHS}"):
            optimiser.zero_grad()
            loss(batch).backward()
            optimiser.step()
            schedule.step()
    return network.eval()


@dataclass(frozen=True)
class MeasuringNetwork:
    """A kind of network that measures."""

    name: str  # of its file and its folder
    sha256: str  # of the shipped file
    make: Callable[..., nn.Module]  # (image_shape, number of classes) -> the network, untrained
    train: Callable[[Tensor, Any, int], nn.Module]  # images, labels, classes -> trained

    @property
    def path(self) -> Path:
        """The shipped file."""
        return Path(__file__).with_name(f"{self.name}.safetensors")

    def load(self, path: str | Path | None = None) -> nn.Module:
        """The network in evaluation mode, with the shipped weights (None) or another file's.

        ValueError: the shipped file is another one.
        """
        path = Path(path or self.path)
        if path == self.path and sha256(path) != self.sha256:
            raise ValueError(
                f"{self.path} is damaged, and distances measured with other weights are not comparable; "
                "install the project again"
            )
        with safetensors.safe_open(path, "pt") as opened:
            about = json.loads((opened.metadata() or {}).get("about", "{}"))
        network = self.make(tuple(about.get("image_shape", GREY28)), about.get("classes", 10))
        network.load_state_dict(safetensors.torch.load_file(path))
        return network.eval().requires_grad_(False)

    def weights_for(self, dataset: str | data.DataSet, data_dir: str | os.PathLike | None) -> Path:
        """The weights file for a data set: the shipped one for MNIST.

        For another one it is trained when first asked for, in one to two minutes.
        """
        if dataset == "mnist":
            return self.path
        known, (images, labels) = data.get(dataset), data.load(dataset, "train", data_dir)
        facts = {"image_shape": [*images.shape[1:]], "classes": len(known.classes)}
        parts = [data.fingerprint(part) for part in (images, labels) if part is not None]
        path = (
            data.raw_folder(data_dir, dataset).with_name(self.name) / f"{digest([facts, parts])}.safetensors"
        )
        if not path.is_file():
            print(f"training the {self.name} of {known.title}, once: one to two minutes", flush=True)
            network = self.train(images, labels, len(known.classes))
            # One metadata entry: several are written in an arbitrary order.
            about = {"about": json.dumps(facts)}
            write_bytes(path, safetensors.torch.save(network.state_dict(), about))
        return path

    def of(self, dataset: str | data.DataSet, data_dir: str | os.PathLike | None) -> nn.Module:
        """The network of a data set, in evaluation mode; raises like `weights_for`."""
        return self.load(self.weights_for(dataset, data_dir))
