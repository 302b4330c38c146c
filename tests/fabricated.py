"""A small data set made up for the tests, in the files and under the rules of a real one.

Ten classes, each a bright bar at a place of its own on a noisy ground: a classifier learns them quickly.
"""

import gzip
import hashlib
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from diffusion.datasets import DataSet
from diffusion.idx import idx_bytes


def split(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 28, 28) and labels (n,), uint8; every class comes up equally often."""
    random, labels = np.random.default_rng(seed), np.arange(n, dtype=np.uint8) % 10
    images = random.integers(0, 60, (n, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 + 2 * label : 6 + 2 * label, 4:24] = 255 - random.integers(0, 40)
    return images, labels


def archives(n_train: int = 600, n_test: int = 200) -> dict[str, bytes]:
    """The four compressed IDX files by name."""
    out = {}
    for prefix, n, seed in (("train", n_train, 0), ("t10k", n_test, 1)):
        images, labels = split(n, seed)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            out[f"{prefix}-{kind}-ubyte.gz"] = gzip.compress(idx_bytes(array), mtime=0)
    return out


def place(known: DataSet, data_dir: Path, files: dict[str, bytes]) -> Path:
    """Put archives where a user would put them by hand; returns their folder."""
    raw = data_dir / known.loader / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (raw / name).write_bytes(content)
    return raw


def vouch(monkeypatch: pytest.MonkeyPatch, known: DataSet, files: dict[str, bytes]) -> None:
    """Make these the archives that torchvision knows of a data set."""
    resources = [(name, hashlib.md5(content).hexdigest()) for name, content in files.items()]
    monkeypatch.setattr(known.torchvision, "resources", resources)


@contextmanager
def mirror(monkeypatch: pytest.MonkeyPatch, known: DataSet, folder: Path) -> Iterator[list[str]]:
    """Serve a folder as the only mirror that torchvision knows of a data set; yields the requested paths."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_request(self, *_: object) -> None:
            asked.append(self.path)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(known.torchvision, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()
