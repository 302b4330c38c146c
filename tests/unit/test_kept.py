"""Samples that are kept: for what they are drawn again; images that a release has."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from diffusion.files import sha256
from report.files import write_json
from report.results import kept
from report.results.kept import Drawn, kept_samples, verify


@pytest.fixture
def code(tmp_path, monkeypatch):
    """A file in place of the code that draws, which takes a moment to read."""
    source = tmp_path / "samplers.py"
    source.write_text("x = 1")
    monkeypatch.setattr(kept, "SAMPLING", [source])
    return source


@dataclass
class Counted:
    """A run of four epochs that notes what is drawn of it; a sample is the number of the draw."""

    weights: str = "w"
    sampler: object = None
    prior: object = None
    precision: str = "fp32"
    device: torch.device = torch.device("cpu")
    average: int = 1
    drawn: list = field(default_factory=list)
    name: str = ""
    folder: Path = Path()

    @property
    def history(self):
        return [{"sha256": f"{self.weights}{epoch}"} for epoch in (1, 2, 3, 4)]

    def sample(self, n, seed, epoch):
        self.drawn.append((n, seed, epoch))
        return torch.full((n, 1, 28, 28), float(len(self.drawn)))


def test_a_set_is_drawn_as_it_is_asked_for_and_has_its_name(tmp_path, code):
    run, folder = Counted(), tmp_path / "samples"
    draw = Drawn(folder, run, 7)
    assert draw(3).tolist() == torch.full((3, 1, 28, 28), 1.0).tolist()
    draw(4, epoch=2)
    other = Counted(precision="bf16")
    draw(5, variant="a way, of: 3.5")
    draw(6, other, "other")
    assert (run.drawn, other.drawn) == ([(3, 7, None), (4, 7, 2), (5, 7, None)], [(6, 7, None)])
    names = {"3", "epoch-0002-4", "a-way-of-3.5-5", "other-6"}
    assert {path.name.removesuffix(".safetensors") for path in folder.glob("*.safetensors")} == names
    assert float(draw(3).mean()) == 1.0
    assert len(run.drawn) == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weights", "other"),
        ("precision", "bf16"),
        ("device", torch.device("meta")),
        ("sampler", {"levels": 3}),
        ("prior", {"components": 3}),
    ],
)
def test_a_set_is_drawn_again_if_what_determines_it_changes(tmp_path, code, name, value):
    run = Counted()
    for change, seed, drawn in ((False, 0, 1), (False, 0, 1), (True, 0, 2), (True, 0, 2), (True, 1, 3)):
        if change:
            setattr(run, name, value)
        assert float(Drawn(tmp_path, run, seed)(3).mean()) == len(run.drawn) == drawn


def test_the_weights_are_those_of_the_epochs_that_are_asked_for(tmp_path, code):
    """Other weights of an epoch make a set stale if it rests on them, and no other."""

    class Trained(Counted):
        changed = 0

        @property
        def history(self):
            return [{"sha256": f"{epoch}{'*' * (epoch == self.changed)}"} for epoch in (1, 2, 3, 4)]

    rests = {(None, 1): {4}, (None, 2): {3, 4}, (2, 1): {2}, (1, 2): {1}}
    for i, ((epoch, average), epochs) in enumerate(rests.items()):
        for changed in (1, 2, 3, 4):
            run, folder = Trained(average=average), tmp_path / f"{i}-{changed}"
            for run.changed in (0, changed):
                Drawn(folder, run, 0)(3, epoch=epoch)
            assert (len(run.drawn) == 2) == (changed in epochs), (epoch, average, changed)


def test_samples_are_drawn_again_if_code_that_draws_changed(tmp_path, code):
    run = Counted()
    for text, drawn in (("x = 1", 1), ("x = 1  # a comment", 1), ("x = 2", 2), ("x = 2", 2)):
        code.write_text(text)
        Drawn(tmp_path / "samples", run, 0)(3)
        assert len(run.drawn) == drawn


@pytest.mark.parametrize("shape", [(28, 28), (20, 20, 3)])
def test_released_samples_are_the_first_as_they_were_drawn(tmp_path, shape):
    images = np.random.default_rng(0).integers(0, 256, (5, *shape), dtype=np.uint8)
    kept.keep(tmp_path, "samples_zoom-0", images)
    run = SimpleNamespace(folder=tmp_path / "runs" / "zoom-0", name="zoom-0")
    for n in (3, 9):
        expected = images[:n].reshape(-1, *shape[:2], images[0].size // shape[0] ** 2) / 255 - 0.5
        assert np.allclose(kept_samples(run, n).permute(0, 2, 3, 1), expected, atol=1e-6)


def test_samples_are_drawn_where_fewer_are_kept(tmp_path, code):
    run = Counted(name="zoom-3", folder=tmp_path / "made" / "runs" / "zoom-3")
    kept.keep(tmp_path / "made", "samples_zoom-3", np.full((4, 28, 28), 0))
    x = {n: kept.read_or_draw(run, n, 3, tmp_path / "other") for n in (4, 5)}
    assert (x[4].shape, x[4].max(), x[5].min(), len(run.drawn)) == ((4, 1, 28, 28), -0.5, 0.5, 1)
    assert (tmp_path / "other" / "samples" / "made" / "zoom-3" / "5.safetensors").is_file()


def test_images_are_kept_as_they_are_and_equal_ones_as_equal_files(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (2, 25, 28, 28), dtype=np.uint8)
    path = kept.keep(tmp_path, "x", images)
    whole = path.read_bytes()
    assert np.array_equal(kept.read_kept(tmp_path, "x"), images)
    assert kept.keep(tmp_path, "x", images.astype(np.int64, order="F")).read_bytes() == whole


def test_the_files_of_a_release_are_those_of_its_manifest(tmp_path):
    folder = tmp_path / "mine"
    (folder / "a").mkdir(parents=True)
    for name in ("a/one", "two"):
        (folder / name).write_text(name)
    hashes = {name: sha256(folder / name) for name in ("a/one", "two")}
    write_json(folder / kept.MANIFEST, {"files": hashes})
    assert verify(folder) == ["a/one", "two"]
    (folder / "two").write_text("changed")
    with pytest.raises(ValueError, match=r"mine/two is missing or differs.*-- released/mine.*PROFILE=mine"):
        verify(folder)
    (folder / "two").unlink()
    with pytest.raises(ValueError, match="two is missing"):
        verify(folder)
    for content in ("", "[]", "{}", '{"files": 3}', '{"files": {}}'):
        (folder / kept.MANIFEST).write_text(content)
        with pytest.raises(ValueError, match=r"manifest.json is missing or differs"):
            verify(folder)
