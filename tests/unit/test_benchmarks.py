"""The benchmarks: both sides of a ratio compute the same. No test asserts a time."""

import pytest
import torch

import diffusion as d
from benchmarks import baseline, bench, digits
from diffusion.files import read_json
from diffusion.processes.zoom import zoom

N = 16


@pytest.fixture(scope="module")
def images(mnist_dir):
    return d.load("mnist", data_dir=mnist_dir, n=N)[0]


def same():
    return torch.Generator().manual_seed(1)


def test_the_textbooks_images_and_losses_are_ours(images, monkeypatch):
    assert torch.equal(torch.stack([x for x, _ in baseline.dataset(N)]), images)
    levels = torch.arange(N) % 25
    assert torch.equal(baseline.zoom(images, levels), zoom(images, levels))
    network, ddpm, source = d.Reconstructor().eval(), d.DDPM(d.linear()), same()
    t = torch.randint(1, ddpm.T + 1, (N,), generator=source)
    eps = torch.randn(images.shape, generator=source)
    monkeypatch.setattr(torch, "randn_like", lambda x: eps)
    found = baseline.ddpm_loss(ddpm.schedule.alpha_bar)(network, images, t)
    assert found.item() == pytest.approx(ddpm.loss(network, images, same()).item(), rel=1e-6)
    t = torch.randint(1, 25, (N,), generator=same())
    expected = d.ColdZoom().loss(network, images, same()).item()
    assert baseline.zoom_loss(network, images, t).item() == pytest.approx(expected, rel=1e-6)


def test_the_textbooks_samples_are_ours():
    network, process, noise = d.Reconstructor().eval(), d.DDPM(d.linear(6)), same()
    theirs = list(baseline.sampling_steps(network, 4, process.schedule.beta, same()))
    ours = [x for _, x in process.reverse(network, process.draw_prior(4, noise), d.Ancestral(), noise)]
    assert len(ours) == len(theirs) == 7
    assert max((a - b).abs().max().item() for a, b in zip(ours, theirs, strict=True)) < 1e-4


def test_candidates_take_turns_and_the_first_round_is_thrown_away():
    turns = []

    def work(name):
        return lambda: turns.append(name)

    textbook, ours = bench.in_turns(work("A"), work("B"), rounds=3, units=2)
    assert turns == ["A", "B"] * 4
    assert len(textbook) == len(ours) == 3


def test_a_quick_run_leaves_the_table(tmp_path, mnist_dir, capsys):
    bench.main(["--quick", "zoom", "sampling", "--out", str(tmp_path)])
    text = (tmp_path / "table.md").read_text()
    assert "the same images to the bit" in text
    assert text in capsys.readouterr().out


@pytest.mark.long
def test_time_to_digits_is_told_of_each_candidate(tmp_path, mnist_dir, capsys):
    digits.main(["--quick", "--seeds", "0", "--out", str(tmp_path)])
    points = read_json(tmp_path / "digits-0.json")["points"]
    assert [one["model"] for one in points] == [name for name in digits.CANDIDATES for _ in range(3)]
    assert all(0 <= one["low"] <= one["digit"] <= one["high"] <= 1 for one in points)
    lengths = {(one["steps"], one["images"] // one["steps"]) for one in points if not one["released"]}
    assert lengths == {(2, 128), (4, 128), (2, 32), (4, 32)}
    released = [one for one in points if one["model"] == "Zoom, study's"][-1]
    assert (released["released"], released["steps"]) == (True, 46_900)
    assert (tmp_path / "digits.svg").is_file()
    assert (tmp_path / "digits.md").read_text() in capsys.readouterr().out
