"""The classifier of a data set: shipped for MNIST, trained once for another one and kept beside its files.

    <data folder>/FashionMNIST/classifier/<key>-<hash>.safetensors

The key is of the data and of the code that trains, the hash of the content: changed code never finds stale
weights, and a damaged file is not used. Processes that need it at the same time wait for the one that trains.
"""

import hashlib
import os
from pathlib import Path

from filelock import FileLock

from diffusion import classifier, data, datasets, fingerprints
from diffusion.files import digest, sha256, write_bytes
from diffusion.idx import DataError

DETERMINED_BY = ("classifier", "randomness")  # modules behind the weights, beside the data


def load(dataset: str, data_dir: str | os.PathLike | None = None) -> classifier.DigitClassifier:
    """The classifier of a data set, in evaluation mode; raises like `weights`."""
    return classifier.load(weights(dataset, data_dir))


def weights(dataset: str, data_dir: str | os.PathLike | None = None) -> Path | None:
    """The weights file for a data set, as `classifier.load` takes it: None, the shipped file, for MNIST.

    For another data set it is trained when first asked for, which takes one to two minutes.

    Raises:
        DataError: the data cannot be had, or the data folder cannot be written.
        ValueError: unknown data set.
    """
    known = datasets.get(dataset)
    if known is datasets.MNIST:
        return None
    where = data.raw_folder(data_dir, dataset).with_name("classifier")
    key = digest({"data": known.md5, "code": fingerprints.of_modules(DETERMINED_BY)})
    if kept := _intact(where, key):
        return kept
    try:
        where.mkdir(parents=True, exist_ok=True)
        with FileLock(where / f".{key}.lock"):  # the system drops the lock of a process that dies
            return _intact(where, key) or _train(dataset, data_dir, where, key)
    except OSError as error:
        raise DataError(
            f"the classifier of {known.title} cannot be written to {where} ({error.strerror}); free or "
            "choose another data folder with data_dir or the environment variable MNIST_DIR"
        ) from error


def _intact(where: Path, key: str) -> Path | None:
    """The file kept under a key, or None; a damaged one is reported and passed over."""
    for path in sorted(where.glob(f"{key}-*.safetensors")):
        if sha256(path)[:16] == path.stem.rsplit("-", 1)[1]:
            return path
        print(f"warning: {path} is damaged and not used; its classifier is trained again", flush=True)
    return None


def _train(dataset: str, data_dir: str | os.PathLike | None, where: Path, key: str) -> Path:
    """Train the classifier of a data set, and keep it under a key."""
    title = datasets.get(dataset).title
    print(f"training the classifier of {title}, once: one to two minutes", flush=True)
    splits = [data.load(split, data_dir, dataset=dataset) for split in ("train", "test")]
    model, facts = classifier.train_and_measure(*splits)
    content = classifier.to_bytes(model, facts | {"dataset": dataset})
    path = where / f"{key}-{hashlib.sha256(content).hexdigest()[:16]}.safetensors"
    for damaged in where.glob(f"{key}-*.safetensors"):
        damaged.unlink()
    write_bytes(path, content)
    print(f"classifier of {title}: test accuracy {facts['test_accuracy']:.4f}, in {path.name}", flush=True)
    return path
