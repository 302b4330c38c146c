"""The classifier that measures samples: its labels, confidence and 64 features.

It is trained without augmentation, because a mirrored digit is not a digit, and with smoothed labels. It thus
stays unsure about images unlike any digit, while a classifier trained on hard labels is often certain.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diffusion.evaluation.small_networks import DIMENSION, FeatureNetwork, MeasuringNetwork, optimise
from diffusion.pixels import GREY28, Shape, shape_of
from diffusion.runtime import seeded

SMOOTHING = 0.1  # share of each target spread evenly over the classes
# Training images that a classifier needs, and the share of test images that it must read, for its features to
# be a data set's main ones. On MNIST it reads 12% after 500 training images, 90% after 1000, 95% after 1500.
ENOUGH_IMAGES, ENOUGH_READ = 1000, 0.9


def _block(inputs: int, outputs: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class DigitClassifier(FeatureNetwork):
    """Five 3x3 convolutions, a 64-unit layer and K logits; for digits, about 107 thousand parameters.

    Its features are the penultimate activations, all >= 0.
    """

    def __init__(self, image_shape: Shape = GREY28, classes: int = 10) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(_block(image_shape[0], 16), nn.MaxPool2d(2)),  # (B, 16, 14, 14) for S = 28
            *(_block(16, 32), _block(32, 32), nn.MaxPool2d(2)),  # (B, 32, 7, 7)
            *(_block(32, 64), _block(64, 64), nn.MaxPool2d(2)),  # (B, 64, 3, 3)
            *(nn.Flatten(), nn.Linear(64 * (image_shape[1] // 8) ** 2, DIMENSION), nn.ReLU()),
        )
        self.head = nn.Linear(DIMENSION, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, (B, K), of images x (B, C, S, S) in [-0.5, 0.5]."""
        return self.head(self.features(x))


def train(images: Tensor, labels: Tensor, classes: int = 10, seed: int = 0) -> DigitClassifier:
    """Train a classifier on images and labels."""
    with seeded(seed):
        model = DigitClassifier(shape_of(images), classes)

    def loss(batch: Tensor) -> Tensor:
        return F.cross_entropy(model(images[batch]), labels[batch], label_smoothing=SMOOTHING)

    optimise(model, len(images), loss, "classifier", seed=seed)
    return model


@torch.inference_mode()
def logits(model: DigitClassifier, images: Tensor, chunk: int = 1000) -> Tensor:
    """Return logits (N, K) of images (N, C, S, S) in [-0.5, 0.5], computed `chunk` images at a time."""
    return torch.cat([model(part) for part in images.split(chunk)])


def classes_of(model: DigitClassifier, images: Tensor) -> Tensor:
    """Return the predicted class of each image, (N,). Pixels are clamped to [-0.5, 0.5] first."""
    return logits(model, images.clamp(-0.5, 0.5)).argmax(1)


def read(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return labels (N,) int64 and confidence (N,) float64 in (1 / K, 1] from logits (N, K)."""
    # In float32 the probability of a clear digit may round to exactly 1, and ties could not be ranked.
    confidence, labels = logits.double().softmax(1).max(1)
    return labels, confidence


CLASSIFIER = MeasuringNetwork("classifier", DigitClassifier, train)
load, classifier_for = CLASSIFIER.load, CLASSIFIER.load_for
