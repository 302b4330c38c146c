"""The benchmarks: both sides of a ratio compute the same; the table says what was measured. No times."""

import json
from pathlib import Path

import pytest
import torch

import diffusion as d
from benchmarks import baseline, bench
from diffusion import settings
from diffusion.evaluation import classifier, features, frechet
from diffusion.processes.zoom import zoom

ROOT = Path(__file__).resolve().parents[1]
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
    process = d.DDPM(d.linear(6), clip_x0=clip)
    theirs = list(baseline.sampling_steps(network, 4, process.schedule.beta, same(), clip))
    with torch.inference_mode():
        ours = [x for _, x in process.reverse(network, 4, same(), 128)]
    assert len(ours) == len(theirs) == 7
    assert max((a - b).abs().max().item() for a, b in zip(ours, theirs, strict=True)) < 1e-4


def test_the_textbooks_frechet_distance_is_ours(mnist_dir, images):
    test, _ = d.load("mnist", "test", data_dir=mnist_dir, n=600)
    digits, samples = features.digits(), frechet.to_uint8(images)
    reference = frechet.Reference(digits.features(frechet.to_uint8(test)))
    expected = frechet.frechet_distance(reference, digits.features(samples))
    assert baseline.frechet(samples, classifier.load(), 600) == pytest.approx(expected, rel=1e-5)


def test_the_textbooks_training_learns():
    loss = baseline.DDPMLoss(d.linear().alpha_bar, torch.device("cpu"))
    batches = baseline.loader(baseline.dataset("train", N), 16)
    steps = baseline.training_steps(loss, 1000, d.Reconstructor(), batches, torch.device("cpu"), 2e-3)
    found = [next(steps) for _ in range(6)]  # more than one epoch
    assert found[-1] < found[0]


# --- ratios and the table ---


def test_candidates_take_turns_and_the_first_round_does_not_count():
    calls = []
    seconds = bench.interleave({name: lambda name=name: calls.append(name) for name in "ab"}, rounds=3)
    assert "".join(calls) == "ab" * 4
    assert {name: len(values) for name, values in seconds.items()} == {"a": 3, "b": 3}


def test_a_ratio_is_taken_within_a_round():
    slow = {"textbook": [2.0, 200.0, 4.0], "ours": [1.0, 100.0, 1.0]}  # the ratio of the medians is 4
    row = bench.compared("work", slow, per=2)
    assert row.ratio == (2.0, 2.0, 3.0)
    assert (row.textbook, row.ours) == ("2.00 s", "500 ms")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(6.59e-5, "65.9 µs"), (0.0959, "95.9 ms"), (1.9, "1.90 s"), (105.2, "105 s"), (264, "4.40 min")],
)
def test_a_duration_has_a_unit_that_suits_it(seconds, said):
    assert bench.duration(seconds) == said


def test_a_run_leaves_json_and_the_table(tmp_path, mnist_dir, capsys):
    assert bench.main(["--quick", "--only", "zoom,distance", "--out", str(tmp_path)]) == 0
    content = json.loads((tmp_path / "bench.json").read_text())
    rows = [bench.Row(**row) for row in content["rows"]]
    assert [row.what.split()[0] for row in rows] == ["zoom", "Fréchet"]
    assert not any("DIFFERENT" in row.remark for row in rows)
    assert (tmp_path / "table.md").read_text() == bench.table(rows, content["environment"])
    assert rows[0].ours in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("name", ["step", "batches", "sampling", "memory"])
def test_each_measure_runs(name, mnist_dir):
    rows = bench.MEASURES[name](bench.QUICK)
    assert all(row.ours for row in rows)


@pytest.mark.parametrize("sizes", [bench.Sizes(), bench.QUICK])
def test_the_report_that_is_timed_is_a_profile_with_a_folder_of_its_own(sizes, monkeypatch):
    seen = []

    def run(command, **options):
        assert command[:2] == ["make", "report"]
        seen.append(settings.read_profile(command[2].removeprefix("PROFILE="), ROOT / "profiles"))

    monkeypatch.setattr(bench.subprocess, "run", run)
    (row,) = bench.report(sizes)
    assert row.what == f"`make report`, profile {sizes.profile}"
    assert seen[0].models == ["linear", "cosine", "zoom"]
    assert seen[0].out not in ("build/quick", "build/smoke")


def test_a_measure_that_fails_is_named_and_the_others_run(tmp_path, monkeypatch, capsys):
    def broken(sizes):
        raise RuntimeError("it broke")

    fine = bench.Row("fine", "2 s", "1 s", (2.0, 2.0, 2.0))
    monkeypatch.setattr(bench, "MEASURES", {"broken": broken, "fine": lambda sizes: [fine]})
    assert bench.main(["--out", str(tmp_path)]) == 1
    assert "broken failed: it broke" in capsys.readouterr().err
    assert "| fine | 2 s | 1 s | 2.00 (2.00 to 2.00) |" in (tmp_path / "table.md").read_text()


def test_an_unknown_measure_is_refused(capsys):
    with pytest.raises(SystemExit):
        bench.main(["--only", "zom"])
    assert "did you mean 'zoom'?" in capsys.readouterr().err


def test_the_published_table_is_that_of_its_record():
    content = json.loads((ROOT / "docs" / "bench" / "bench.json").read_text())
    rows = [bench.Row(**row) for row in content["rows"]]
    assert not content["quick"]
    assert (ROOT / "docs" / "bench" / "table.md").read_text() == bench.table(rows, content["environment"])
