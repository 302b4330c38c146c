"""The data sets that a run may be about: 28 x 28 grey images of ten classes, 60,000 to train, 10,000 to test.

    mnist     handwritten digits, the study's own; the only one that needs no download server
    fashion   Fashion-MNIST, articles of clothing
    kmnist    Kuzushiji-MNIST, cursive Japanese characters

Of MNIST the four IDX files themselves have known hashes.
Of the others torchvision knows those of the archives: these are kept, and vouch for what is in them.
"""

from dataclasses import dataclass
from functools import cached_property

MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


@dataclass(frozen=True)
class DataSet:
    """One data set.

    Attributes:
        name: the value of the parameter `dataset`.
        title: what it is called in text.
        loader: its class in torchvision.datasets, which also names its folder.
        noun: what figures and notebooks call a class of it.
    """

    name: str
    title: str
    loader: str
    noun: str = "class"

    @property
    def torchvision(self) -> type:
        """Its class in torchvision, imported when first needed: that takes a second or two."""
        from torchvision import datasets

        return getattr(datasets, self.loader)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of its ten classes, in the order of the labels."""
        return tuple(map(str, range(10))) if self is MNIST else tuple(self.torchvision.classes)

    @property
    def md5(self) -> dict[str, str]:
        """MD5 by name of the four files that are checked: the IDX files (MNIST) or their .gz archives."""
        return MNIST_MD5 if self is MNIST else dict(self.torchvision.resources)


MNIST = DataSet("mnist", "MNIST", "MNIST", "digit")
FASHION = DataSet("fashion", "Fashion-MNIST", "FashionMNIST")
KMNIST = DataSet("kmnist", "Kuzushiji-MNIST", "KMNIST")
DATASETS = {known.name: known for known in (MNIST, FASHION, KMNIST)}


def get(name: str) -> DataSet:
    """The data set of a name; a ValueError names the known ones."""
    if name not in DATASETS:
        raise ValueError(f"dataset is {name!r}; allowed: {', '.join(DATASETS)}")
    return DATASETS[name]
