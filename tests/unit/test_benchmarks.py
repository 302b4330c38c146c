"""The benchmarks: both sides of a ratio compute the same. No test asserts a time."""

import pytest
import torch

import diffusion as d
from benchmarks import baseline, bench, digits
from diffusion.files import read_json
from diffusion.processes.zoom import zoom

N = 16


def same():
    return torch.Generator().manual_seed(1)


def test_the_textbooks_images_and_losses_are_ours(mnist_dir, monkeypatch):
    images = d.load("mnist", data_dir=mnist_dir, n=N)[0]
    assert torch.equal(torch.stack([x for x, _ in baseline.dataset(N)]), images)
    levels = torch.arange(N) % 25
    assert torch.equal(baseline.zoom(images, levels), zoom(images, levels))
    network, ddpm, source = d.Reconstructor().eval(), d.DDPM(d.linear()), same()
    t = torch.randint(1, ddpm.T + 1, (N,), generator=source)
    eps = torch.randn(images.shape, generator=source)
    monkeypatch.setattr(torch, "randn_like", lambda x: eps)
    of_ddpm = baseline.ddpm_loss(ddpm.schedule.alpha_bar)(network, images, t)
    of_zoom = baseline.zoom_loss(network, images, torch.randint(1, 25, (N,), generator=same()))
    for process, theirs in ((ddpm, of_ddpm), (d.ColdZoom(), of_zoom)):
        assert theirs.item() == pytest.approx(process.loss(network, images, same()).item(), rel=1e-6)


def test_a_quick_run_leaves_the_table(tmp_path, mnist_dir, capsys):
    bench.main(["--quick", "zoom", "sampling", "share", "--out", str(tmp_path)])
    text = (tmp_path / "table.md").read_text()
    assert "the same images to the bit" in text
    assert text.count("share of a product's rate") in (2, 4)  # of two networks, in bf16 too where it is fast
    assert text in capsys.readouterr().out


@pytest.mark.long
def test_time_to_digits_is_told_of_each_candidate(tmp_path, mnist_dir, capsys):
    digits.main(["--quick", "--seeds", "0", "--out", str(tmp_path)])
    points = read_json(tmp_path / "digits-0.json")["points"]
    found = [(one["model"], one["steps"], one["images"] // one["steps"]) for one in points]
    assert found[:3] == [("Zoom, study's", 2, 128), ("Zoom, study's", 4, 128), ("Zoom, study's", 46_900, 128)]
    lengths = {name: 3 if released else 2 for name, (*_, released) in digits.CANDIDATES.items()}
    assert [name for name, *_ in found] == [name for name in lengths for _ in range(lengths[name])]
    assert all(0 <= one["low"] <= one["digit"] <= one["high"] <= 1 for one in points)
    assert (tmp_path / "digits.md").read_text() in capsys.readouterr().out
