"""The classifier that measures samples: its labels, its confidence and its 64 features.

The weights for MNIST are shipped beside this file, as `train_and_measure` gives them: distances are
comparable only under the same features.
Those for another data set are trained when first asked for, and kept beside its files:

    <data folder>/FashionMNIST/classifier/<key>.safetensors

The key is of the data and of the code.
They are trained without augmentation (a mirrored digit is no digit) and with smoothed labels: the classifier
then stays unsure about images unlike any digit, where one trained on hard labels is often certain.
"""

import hashlib
import json
import math
import os
from pathlib import Path

import safetensors
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diffusion import data, syntax
from diffusion.files import digest, write_bytes
from diffusion.progress import progress
from diffusion.runtime import generator, seeded

SHIPPED = Path(__file__).with_name("classifier.safetensors")
SHA256 = "9fbdd5013071cdfaba83cf8b019c718b40924d21755dbb5abf91009e3c7fb779"
DIMENSION = 64  # features per image
EPOCHS = 5  # passes over the training images
BATCH = 128
RATE = 2e-3  # of Adam, the peak of the one-cycle schedule
SMOOTHING = 0.1  # share of each target spread evenly over the classes


def _block(inputs: int, outputs: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class DigitClassifier(nn.Module):
    """Five 3x3 convolutions, a 64-unit layer, ten logits; about 107 thousand parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(_block(1, 16), nn.MaxPool2d(2)),  # (B, 16, 14, 14)
            *(_block(16, 32), _block(32, 32), nn.MaxPool2d(2)),  # (B, 32, 7, 7)
            *(_block(32, 64), _block(64, 64), nn.MaxPool2d(2)),  # (B, 64, 3, 3)
            *(nn.Flatten(), nn.Linear(576, DIMENSION), nn.ReLU()),
        )
        self.head = nn.Linear(DIMENSION, 10)

    def features(self, x: Tensor) -> Tensor:
        """Penultimate activations, (B, 64), all >= 0, of images x (B, 1, 28, 28) in [-0.5, 0.5]."""
        return self.body(x)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (B, 10), of images x (B, 1, 28, 28) in [-0.5, 0.5]."""
        return self.head(self.features(x))


def train(images: Tensor, labels: Tensor, seed: int = 0) -> DigitClassifier:
    """Train on images (N, 1, 28, 28) in [-0.5, 0.5] and labels (N,); the result is in evaluation mode.

    The same arguments on the same kind of machine give the same weights to the bit.

    Args:
        seed: of the initial weights and the order of the images.
    """
    with seeded(seed):
        model = DigitClassifier().train()
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    steps = math.ceil(len(images) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=EPOCHS * steps)
    for epoch in range(EPOCHS):
        order = torch.randperm(len(images), generator=generator(seed, "classifier", epoch))
        title = f"classifier, epoch {epoch + 1}/{EPOCHS}"
        for batch in progress(order.split(BATCH), title):
            loss = F.cross_entropy(model(images[batch]), labels[batch], label_smoothing=SMOOTHING)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        print(f"{title}: loss of the last batch {loss.item():.4f}", flush=True)
    return model.eval()


def train_and_measure(
    train_split: tuple[Tensor, Tensor], test_split: tuple[Tensor, Tensor]
) -> tuple[DigitClassifier, dict]:
    """Train on the (images, labels) of one split; returns the model, and the facts that go into its file."""
    model = train(*train_split)
    facts = {
        "test_accuracy": round(accuracy(model, *test_split), 6),
        "n_train": len(train_split[0]),
        "n_test": len(test_split[0]),
        "seed": 0,
        "recipe": f"{EPOCHS} epochs, batch {BATCH}, Adam, one-cycle learning rate up to {RATE}, "
        f"label smoothing {SMOOTHING}, no augmentation",
        "torch": torch.__version__,
    }
    return model, facts


@torch.inference_mode()
def logits(model: DigitClassifier, images: Tensor, chunk: int = 1000) -> Tensor:
    """Logits (N, 10) of images (N, 1, 28, 28) in [-0.5, 0.5], `chunk` images at a time."""
    return torch.cat([model(part) for part in images.split(chunk)])


def accuracy(model: DigitClassifier, images: Tensor, labels: Tensor) -> float:
    """Share of images whose most likely class is their label."""
    return (logits(model, images).argmax(1) == labels).float().mean().item()


def to_bytes(model: DigitClassifier, about: dict) -> bytes:
    """The weights and the facts `about` them as the content of a safetensors file."""
    # One metadata entry: several are written in an arbitrary order, and the hash would not be reproducible.
    return safetensors.torch.save(model.state_dict(), {"about": json.dumps(about, sort_keys=True)})


def load(path: str | Path | None = None) -> DigitClassifier:
    """The classifier in evaluation mode, with the shipped weights or those of another file.

    Raises:
        ValueError: the file is missing, is not the one that was shipped (None only), or holds other weights.
    """
    file = Path(path or SHIPPED)
    if not file.is_file():
        raise ValueError(f"there are no classifier weights at {file}; install the project again")
    content = file.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if path is None and found != SHA256:
        raise ValueError(
            f"{file.name} has sha256 {found}, expected {SHA256}; distances measured with other weights "
            "are not comparable, so restore the shipped file or name this one explicitly"
        )
    model = DigitClassifier()
    try:
        model.load_state_dict(safetensors.torch.load(content))
    except (safetensors.SafetensorError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"{file} does not hold weights of the digit classifier: {reason}") from error
    return model.eval().requires_grad_(False)


# --- one for each data set ---


def classifier_for(dataset: str = "mnist", data_dir: str | os.PathLike | None = None) -> DigitClassifier:
    """The classifier of a data set, in evaluation mode; raises like `weights_for`."""
    return load(weights_for(dataset, data_dir))


def weights_for(dataset: str = "mnist", data_dir: str | os.PathLike | None = None) -> Path | None:
    """The weights file for a data set, as `load` takes it: None, the shipped file, for MNIST.

    For another data set it is trained when first asked for, which takes one to two minutes.

    Raises:
        DataError: the data cannot be had, or the data folder cannot be written.
        ValueError: unknown data set.
    """
    if dataset == "mnist":
        return None
    title, splits = data.get(dataset).title, [data.load(dataset, split, data_dir) for split in data.SPLITS]
    key = digest([syntax.code("classifier"), *(data.fingerprint(part) for split in splits for part in split)])
    path = data.raw_folder(data_dir, dataset).with_name("classifier") / f"{key}.safetensors"
    if path.is_file():
        return path
    print(f"training the classifier of {title}, once: one to two minutes", flush=True)
    model, facts = train_and_measure(*splits)
    try:
        write_bytes(path, to_bytes(model, facts | {"dataset": dataset}))
    except OSError as error:
        raise data.DataError(
            f"the classifier of {title} cannot be written to {path.parent} ({error.strerror}); choose "
            "another folder with data_dir or the environment variable MNIST_DIR"
        ) from error
    print(f"classifier of {title}: test accuracy {facts['test_accuracy']:.4f}, in {path.name}", flush=True)
    return path
