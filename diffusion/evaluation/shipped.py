"""Small networks that measure images: shipped for MNIST, trained once for another data set.

The shipped weights lie beside this file: distances are comparable only under the same features.
Those for another data set are trained when first asked for, and kept beside its files:

    <data folder>/FashionMNIST/<name>/<key>.safetensors

The key is of the data and of the code.
"""

import hashlib
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

from diffusion import data, syntax
from diffusion.files import digest, write_bytes
from diffusion.processes.base import GREY28
from diffusion.progress import progress
from diffusion.runtime import generator

EPOCHS = 5  # passes over the training images
BATCH = 128
RATE = 2e-3  # of Adam, the peak of the one-cycle schedule
RECIPE = f"{EPOCHS} epochs, batch {BATCH}, Adam, one-cycle learning rate up to {RATE}"
Named = str | data.DataSet
Split = tuple[Tensor, Any]  # images and labels


def fitted(network: nn.Module, n: int, loss: Callable[[Tensor], Tensor], name: str, seed: int) -> nn.Module:
    """The network, trained and in evaluation mode.

    The same arguments on the same kind of machine give the same weights to the bit.

    Args:
        n: training images.
        loss: the loss of a batch, given the numbers of its images.
        seed: of the order of the images.
    """
    optimiser = torch.optim.Adam(network.train().parameters(), lr=RATE)
    total = EPOCHS * math.ceil(n / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=total)
    for epoch in range(EPOCHS):
        order = torch.randperm(n, generator=generator(seed, name, epoch))
        title = f"{name}, epoch {epoch + 1}/{EPOCHS}"
        for batch in progress(order.split(BATCH), title):
            optimiser.zero_grad()
            last = loss(batch)
            last.backward()
            optimiser.step()
            schedule.step()
        print(f"{title}: loss of the last batch {last.item():.4f}", flush=True)
    return network.eval()


def to_bytes(network: nn.Module, about: dict) -> bytes:
    """The weights and the facts `about` them as the content of a safetensors file."""
    # One metadata entry: several are written in an arbitrary order, and the hash would not be reproducible.
    return safetensors.torch.save(network.state_dict(), {"about": json.dumps(about, sort_keys=True)})


@dataclass(frozen=True)
class Shipped:
    """A kind of network that measures.

    Attributes:
        name: of its file, of its folder, and of its code in `syntax.PARTS`.
        sha256: of the shipped file.
        make: (image_shape, number of classes) -> the network, untrained.
        train: training and test split, number of classes -> the network, trained, and the facts that go into
            its file.
    """

    name: str
    sha256: str
    make: Callable[..., nn.Module]
    train: Callable[[Split, Split, int], tuple[nn.Module, dict]]
    folder: Path = Path(__file__).parent

    @property
    def path(self) -> Path:
        """The shipped file."""
        return self.folder / f"{self.name}.safetensors"

    def load(self, path: str | Path | None = None) -> nn.Module:
        """The network in evaluation mode, with the shipped weights or those of another file.

        Raises:
            ValueError: the file is missing, is not the one that was shipped (None only), or holds other
                weights.
        """
        file = Path(path or self.path)
        if not file.is_file():
            raise ValueError(f"there are no {self.name} weights at {file}; install the project again")
        content = file.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if path is None and found != self.sha256:
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

    def weights_for(self, dataset: Named = "mnist", data_dir: str | os.PathLike | None = None) -> Path | None:
        """The weights file for a data set, as `load` takes it: None, the shipped file, for MNIST.

        For another data set it is trained when first asked for, which takes one to two minutes.

        Raises:
            DataError: the data cannot be had, or the data folder cannot be written.
            ValueError: unknown data set.
        """
        if dataset == "mnist":
            return None
        title = data.get(dataset).title
        splits = [data.load(dataset, split, data_dir) for split in data.SPLITS]
        shape, classes = tuple(splits[0][0].shape[1:]), len(data.get(dataset).classes)
        parts = [part for split in splits for part in split if part is not None]
        known = [syntax.code(self.name), shape, classes, *map(data.fingerprint, parts)]
        path = data.raw_folder(data_dir, dataset).with_name(self.name) / f"{digest(known)}.safetensors"
        if path.is_file():
            return path
        print(f"training the {self.name} of {title}, once: one to two minutes", flush=True)
        network, facts = self.train(*splits, classes)
        facts |= {"image_shape": shape, "classes": classes}
        facts |= {
            "dataset": dataset if isinstance(dataset, str) else title,
            "recipe": RECIPE,
            "seed": 0,
            "torch": torch.__version__,
        }
        try:
            write_bytes(path, to_bytes(network, facts))
        except OSError as error:
            raise data.DataError(
                f"the {self.name} of {title} cannot be written to {path.parent} ({error.strerror}); choose "
                "another folder with data_dir or the environment variable MNIST_DIR"
            ) from error
        return path

    def of(self, dataset: Named = "mnist", data_dir: str | os.PathLike | None = None) -> nn.Module:
        """The network of a data set, in evaluation mode; raises like `weights_for`."""
        return self.load(self.weights_for(dataset, data_dir))
