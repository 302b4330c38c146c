"""Known data sets are fetched once, verified at every load, and there is verified data or none."""

import gzip
import hashlib

import numpy as np
import pytest
import torch

from diffusion import data, idx


class WithoutMirrors(idx.IdxFiles):
    def download(self):
        raise OSError("Name or service\nnot known")


PIXELS = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)


def made_up(end: str = "") -> dict[str, bytes]:
    """30 images and labels a split in four files, gzipped if they end so."""
    labels = np.arange(30, dtype=np.uint8) % 10
    files = {"train-images-idx3": PIXELS, "train-labels-idx1": labels}
    files |= {"t10k-images-idx3": PIXELS + 1, "t10k-labels-idx1": labels}
    pack = gzip.compress if end else bytes
    return {f"{name}-ubyte{end}": pack(idx.idx_bytes(array)) for name, array in files.items()}


FILES = made_up()


def made(files: dict[str, bytes] = FILES, **sources) -> data.DataSet:
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    return data.DataSet("Made up", WithoutMirrors("MNIST", md5, sources))


def there(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*ubyte*")}


@pytest.mark.parametrize("end", ["", ".gz"])
def test_it_is_fetched_once_and_verified_at_every_load(tmp_path, capsys, end):
    files = made_up(end)
    found = data.load(made(files, good=lambda: files), "train", tmp_path)
    assert np.array_equal(data.grey_values(found[0])[:, 0], PIXELS)
    assert torch.equal(found[1], torch.arange(30) % 10)
    assert there(tmp_path) == files
    without, raw = made(files), data.raw_folder(tmp_path, made(files))
    before = raw.stat().st_mtime_ns
    assert torch.equal(data.load(without, "train", tmp_path)[0], found[0])
    assert raw.stat().st_mtime_ns == before  # which may be a folder that nobody may write
    path = next(tmp_path.rglob("train-images*"))
    path.write_bytes(path.read_bytes()[:-9] + b"x" + path.read_bytes()[-8:])
    with pytest.raises(data.DataError, match=f"{path.name} missing or corrupt, no source delivered"):
        data.load(without, "train", tmp_path)
    capsys.readouterr()
    data.load(made(files, odd=dict, good=lambda: files), "train", tmp_path)
    assert capsys.readouterr().out == f"{path}: good\n"
    assert there(tmp_path) == files


@pytest.mark.parametrize("delivers", [[], sorted(FILES)[:2], None], ids=["nothing", "in part", "swapped"])
def test_a_lying_source_is_not_believed(tmp_path, delivers):
    swapped = dict(zip(FILES, reversed(FILES.values()), strict=True))
    delivered = swapped if delivers is None else {name: FILES[name] for name in delivers}
    with pytest.raises(data.DataError, match="no source delivered. odd: .* has the wrong MD5"):
        data.load(made(odd=lambda: delivered), data_dir=tmp_path)
    assert there(tmp_path).keys() == set(delivers or [])


def test_without_network_the_error_is_one_line(tmp_path):
    with pytest.raises(data.DataError, match="^[^\n]*Name or service not known. Put the original[^\n]*$"):
        data.load(made(), data_dir=tmp_path)
