"""The benchmarks: both sides of a ratio compute the same. No test asserts a time."""

import pytest
import torch

import diffusion as d
from benchmarks import baseline, bench
from diffusion.processes.zoom import zoom

N = 64


@pytest.fixture(scope="module")
def images(mnist_dir):
    return d.load("mnist", data_dir=mnist_dir, n=N)[0]


@pytest.fixture
def network():
    torch.manual_seed(0)
    return d.Reconstructor().eval()


def same():
    return torch.Generator().manual_seed(1)


# --- the textbook computes the same ---


def test_the_textbooks_images_are_ours(images):
    loader = baseline.loader(baseline.dataset("train", N), 16, shuffle=False)
    assert torch.equal(torch.cat([x for x, _ in loader]), images)


def test_the_textbooks_ddpm_loss_is_ours(images, network):
    schedule, source = d.linear(), same()
    t = torch.randint(1, schedule.T + 1, (N,), generator=source)
    eps = torch.randn(images.shape, generator=source)
    found = baseline.DDPMLoss(schedule.alpha_bar, torch.device("cpu"))(network, images, t, eps)
    assert found.item() == pytest.approx(d.DDPM(schedule).loss(network, images, same()).item(), rel=1e-6)


def test_the_textbooks_zoom_and_its_loss_are_ours(images, network):
    levels = torch.arange(N) % 25
    assert torch.equal(baseline.zoom(images, levels), zoom(images, levels))
    t = torch.randint(1, 25, (N,), generator=same())
    expected = d.ColdZoom().loss(network, images, same()).item()
    assert baseline.ZoomLoss()(network, images, t).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("clip", [False, True])
def test_the_textbooks_samples_are_ours(clip, network):
    process, noise = d.DDPM(d.linear(6)), same()
    theirs = list(baseline.sampling_steps(network, 4, process.schedule.beta, same(), clip))
    start = process.draw_prior(4, noise)
    ours = [x for _, x in process.reverse(network, start, d.Ancestral(clip_x0=clip), noise)]
    assert len(ours) == len(theirs) == 7
    assert max((a - b).abs().max().item() for a, b in zip(ours, theirs, strict=True)) < 1e-4


# --- the table ---


def test_a_run_leaves_the_table(tmp_path, mnist_dir, capsys):
    bench.main(["--quick", "zoom", "--out", str(tmp_path)])
    text = (tmp_path / "table.md").read_text()
    assert "| zoom operator, batch 16" in text
    assert "the same images to the bit" in text
    assert text in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("name", ["step", "sampling"])
def test_each_measure_runs(name, mnist_dir):
    rows = list(bench.MEASURES[name](bench.QUICK))
    assert all(min(row.ours + row.textbook) > 0 for row in rows)
