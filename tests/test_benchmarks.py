"""The benchmarks: both sides of a ratio compute the same, all of it runs, its results are well formed.

Nothing here asserts a time.
"""

import json
import os

import accelerate
import pytest
import torch
import torchmetrics
import torchvision
from safetensors.torch import save_file
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import (
    __main__,
    baseline,
    breakdown,
    child,
    experiments,
    figures,
    floor,
    groups,
    growth,
    jobs,
    ours,
    paper,
    publish,
    results,
    sampling,
    side_by_side,
    table,
    timing,
    trained,
)
from benchmarks.settings import of_scale
from benchmarks.worker import Worker
from conftest import ROOT
from diffusion import classifier, data, metrics, schedules
from diffusion.ddpm import DDPM
from diffusion.files import read_json, write_json
from diffusion.network import Reconstructor
from diffusion.zoom import ColdZoom, zoom

N = 64


@pytest.fixture(scope="module")
def images(mnist_dir):
    return data.load("train", mnist_dir, N)[0]


def network():
    torch.manual_seed(0)
    return Reconstructor()


# --- the textbook user computes the same --------------------------------------------------------------------


def test_the_textbooks_images_are_ours(images):
    loader = baseline.loader(baseline.dataset("train", N), 16, shuffle=False)
    assert torch.equal(torch.cat([x for x, _ in loader]), images)


def test_the_textbooks_ddpm_loss_is_ours(images):
    schedule, net = schedules.linear(), network()
    same = torch.Generator().manual_seed(1)
    t = torch.randint(1, schedule.T + 1, (N,), generator=same)
    eps = torch.randn(images.shape, generator=same)
    loss = baseline.DDPMLoss(schedule.alpha_bar, torch.device("cpu"))(net, images, t, eps)
    expected = DDPM(schedule).loss(net, images, torch.Generator().manual_seed(1))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)


def test_the_textbooks_zoom_and_its_loss_are_ours(images):
    levels = torch.arange(N) % 25
    assert torch.equal(baseline.zoom(images, levels), zoom(images, levels))
    net = network()
    t = torch.randint(1, 25, (N,), generator=torch.Generator().manual_seed(1))
    expected = ColdZoom().loss(net, images, torch.Generator().manual_seed(1))
    assert baseline.ZoomLoss()(net, images, t).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("clip", [False, True])
def test_the_textbooks_samples_are_ours(clip):
    T = 6
    process, net = DDPM(schedules.linear(T), clip_x0=clip), network().eval()
    theirs = sampling.Walk(sampling.textbook(process, net, 4))
    mine = sampling.Walk(sampling.project(process, net, 4, "fp32"))
    for _ in range(T):
        theirs.advance(1)
        mine.advance(1)
        assert (theirs.x - mine.x).abs().max() < 1e-4
    with pytest.raises(StopIteration):
        theirs.advance(1)


def test_the_textbooks_frechet_distance_is_ours(mnist_dir):
    test, _ = data.load("test", mnist_dir, 600)
    samples = metrics.to_uint8(data.load("train", mnist_dir, 100)[0])
    extractor = metrics.digits()
    reference = metrics.Reference(extractor.features(metrics.to_uint8(test)))
    expected = metrics.frechet(reference, extractor.features(samples))
    assert baseline.frechet(samples, classifier.load(), 600) == pytest.approx(expected, rel=1e-5)


def test_both_training_loops_learn(images, tmp_path):
    schedule = schedules.linear()
    loss = baseline.DDPMLoss(schedule.alpha_bar, torch.device("cpu"))
    batches = baseline.loader(baseline.dataset("train", N), 16)
    steps = baseline.training_steps(loss, schedule.T, network(), batches, torch.device("cpu"))
    found = [next(steps) for _ in range(6)]  # more than one epoch
    assert found[-1] < found[0]
    seen = []

    class Watched(DDPM):
        def loss(self, *arguments):
            value = super().loss(*arguments)
            seen.append(value.item())
            return value

    steps = ours.training_steps(Watched(schedule), images, 16, "fp32", tmp_path / "run")
    for _ in range(6):
        next(steps)
    assert seen[-1] < seen[0]
    assert not (tmp_path / "run").exists()


# --- how time and memory are taken --------------------------------------------------------------------------


def test_candidates_take_turns_and_the_warm_up_does_not_count():
    calls = []
    work = {name: lambda name=name: calls.append(name) for name in "ab"}
    seconds = timing.interleave(work, rounds=3, warm_up=2)
    assert "".join(calls) == "ab" * 5
    assert {name: len(values) for name, values in seconds.items()} == {"a": 3, "b": 3}
    with pytest.raises(ValueError, match="rounds is 0"):
        timing.interleave(work, rounds=0)


def test_a_ratio_is_taken_within_a_round():
    slow = [2.0, 200.0, 4.0]  # the machine was slow in the second round, for both; the medians' ratio is 4
    assert timing.ratio(slow, [1.0, 100.0, 1.0]) == {"median": 2.0, "low": 2.0, "high": 3.0, "rounds": 3}


def test_a_figure_is_met_only_if_all_that_its_target_demands_holds():
    value = {"median": 2.0, "low": 1.0, "high": 3.0, "rounds": 3}
    assert figures.figure("a", figures.AT_LEAST, 2, value)["met"]
    assert not figures.figure("a", figures.AT_LEAST, 2.1, value)["met"]
    assert figures.figure("a", figures.AT_MOST, 2, value)["met"]
    assert not figures.figure("a", figures.AT_MOST, 1.9, value)["met"]
    assert not figures.figure("a", figures.AT_LEAST, 1, value, holds=False)["met"]
    with pytest.raises(ValueError, match="sign is '>'"):
        figures.figure("a", ">", 1, value)


def test_the_floor_does_the_convolutions_of_the_network():
    run, chosen = floor.convolutions(2, torch.device("cpu"), "fp32", rounds=1)
    assert [line["channels"] for line in chosen] == [[1, 16], [16, 32], [32, 32], [32, 16]]
    with FlopCounterMode(display=False) as counter:
        run()
    assert counter.get_total_flops() == floor.flop(2)


def test_the_breakdown_names_the_parts_of_a_step(images, tmp_path):
    steps = ours.training_steps(ColdZoom(), images, 16, "fp32", tmp_path)
    shares = breakdown.shares(steps.__next__, 1)
    assert sum(shares.values()) == pytest.approx(1)
    assert {"convolutions", "layer norm", "GELU"} <= shares.keys()
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_the_peak_is_of_the_child_and_not_inherited():
    ballast = torch.ones(2**28)  # 1 GiB
    found = child.run("reference", n=32, repeats=1)
    assert child.resident() > 1024
    assert 0 < found["start"] <= found["before"] <= found["peak"] < 1024
    del ballast


def test_a_child_that_fails_says_why():
    with pytest.raises(RuntimeError, match="the train split offers 1 to 60000 images"):
        child.run("reference", n=10**6, repeats=1)


def test_a_worker_counts_its_steps():
    for job, more in (("textbook", {}), ("project", {"keep": False})):
        with Worker(job, 1, process="zoom", n_train=8, batch=4, **more) as worker:
            assert side_by_side.throughput([worker], 0.1) > 0
            worker.step()
        assert worker.process.returncode == 0


def test_a_worker_that_cannot_begin_says_so():
    with pytest.raises(RuntimeError, match="ended with status 1"), Worker("project", process="none"):
        pass


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_the_exponent_of_growth(power):
    sizes = [10, 20, 40, 80]
    runs = [{"seconds": 3 * s**power, "start": 100.0, "peak": 100 + 2 * s**power} for s in sizes]
    line = growth.line("batch", sizes, runs)
    assert line["time"] == pytest.approx(power, abs=1e-9)
    assert line["memory"] == (None if power == 0 else pytest.approx(power))
    assert line["linear"] == (power <= 1)


def test_where_nothing_compiles_eager_goes_on(monkeypatch, images):
    def broken(network):
        raise RuntimeError("\nno working C++ compiler\nand more")

    monkeypatch.setattr(torch, "compile", broken)
    before = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    step, _, reason = experiments.compile_step(images, "fp32")
    assert (step, reason) == (None, "no working C++ compiler")
    assert os.environ.get("TORCHINDUCTOR_CACHE_DIR") == before


# --- a whole run --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, mnist_dir):
    """A tiny run through the command line, all but the report; children run in this process."""
    out = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(child, "run", lambda job, threads=None, **values: getattr(jobs, job)(**values))
        patch.setattr(side_by_side, "measure", lambda settings, step: [])
        patch.setattr(torch, "compile", lambda network: (_ for _ in ()).throw(RuntimeError("not in tests")))
        patch.setattr(results.psutil, "cpu_percent", lambda seconds: 0.0)
        assert __main__.main(["--scale", "tiny", "--out", str(out)]) == 0
    return out


def test_a_run_leaves_json_tables_and_pictures(tiny):
    names = {path.name for path in tiny.iterdir() if path.is_file()}
    assert names == {"bench.json", "table.md", "bench.svg", "bench.png", "growth.svg", "growth.png"}
    bench = read_json(tiny / "bench.json")
    assert list(bench["groups"]) == [name for name in groups.GROUPS if name != "report"]
    assert bench["missing"] == ["report"]
    for module in (torch, torchvision, torchmetrics, accelerate):
        assert bench["environment"][module.__name__] == module.__version__
    lines = results.figures(bench)
    assert len(lines) == 9  # with `make report`, the ten of the table
    for line in lines:
        assert line["value"]["low"] <= line["value"]["median"] <= line["value"]["high"]
        assert line["value"]["median"] > 0
    assert [line["kept"] for line in bench["groups"]["tried"]["tried"]].count(False) >= 3
    assert len(bench["groups"]["growth"]["growth"]) == 5


def test_the_tables_are_well_formed(tiny):
    bench = read_json(tiny / "bench.json")
    text = (tiny / "table.md").read_text()
    assert text == table.whole(bench)
    assert str(ROOT) not in text + (tiny / "bench.json").read_text()
    for name, part in table.blocks(bench).items():
        rows = [line for line in part.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in rows}) <= 1, name
    rows = [line for line in table.main_table(bench).splitlines() if line.startswith("|")][2:]
    for row, line in zip(rows, results.figures(bench), strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[0] == line["what"]
        assert cells[2].startswith(f"{table.number(line['value']['median'])} {line['unit']}")
        assert cells[-1] == ("met" if line["met"] else "**missed**")
    assert "these numbers show that everything runs, and no more" in text
    assert "Not measured: report." in text


def test_a_run_goes_on_after_its_last_group(tiny, monkeypatch, capsys):
    calls = []
    broken = {
        name: lambda settings, name=name: calls.append(name) or {"figures": []} for name in groups.GROUPS
    }
    monkeypatch.setattr(results, "GROUPS", broken)
    settings = of_scale("tiny", tiny)
    before = results.group_file("zoom", settings).read_bytes()
    results.run("zoom", settings)
    assert calls == []
    assert "kept" in capsys.readouterr().out
    other = of_scale("quick", tiny)  # the result of another scale does not count
    assert results.earlier("zoom", settings) is not None
    assert results.earlier("zoom", other) is None
    monkeypatch.setattr(results, "source", lambda: "other code")
    assert results.earlier("zoom", settings) is None
    monkeypatch.undo()
    monkeypatch.setattr(results, "GROUPS", broken)
    results.run("zoom", settings, fresh=True)
    assert calls == ["zoom"]
    results.group_file("zoom", settings).write_bytes(before)


def test_a_group_that_fails_is_named_and_the_others_run(tmp_path, monkeypatch, capsys):
    def fails(settings):
        raise RuntimeError("it broke")

    good = {"figures": [], "details": {}}
    monkeypatch.setattr(results, "GROUPS", {"zoom": fails, "data": lambda settings: good})
    assert __main__.main(["--scale", "tiny", "--out", str(tmp_path), "--only", "zoom,data"]) == 1
    said = capsys.readouterr()
    assert "zoom: FAILED: it broke" in said.err
    assert (tmp_path / "groups" / "data.json").is_file()


def test_an_unknown_group_is_refused(capsys):
    with pytest.raises(SystemExit):
        __main__.main(["--only", "trainig"])
    assert "--only 'trainig'; allowed: training, zoom" in capsys.readouterr().err


def test_the_wall_time_of_the_paper_scale(tmp_path, mnist_dir):
    out = tmp_path / "paper.json"
    paper.main(["--epochs", "1", "--n-train", "128", "--out", str(out)])
    found = json.loads(out.read_text())
    assert list(found["models"]) == ["linear", "cosine", "zoom"]
    assert all(run["epochs"] == 1 and run["of"] == 100 for run in found["models"].values())
    assert found["estimate"] == pytest.approx(100 * found["seconds"])


def test_the_best_trained_network_is_sampled_from(tmp_path, monkeypatch):
    monkeypatch.setattr(trained, "ROOT", tmp_path)
    study, narrow = Reconstructor(), Reconstructor([4])
    runs = (("a", 30, study), ("b", 40, study), ("c", 50, None), ("d", 5, study), ("e", 60, narrow))
    for name, epochs, weights in runs:
        run = tmp_path / "build" / "paper" / "runs" / f"linear-{name}"
        (run / "weights").mkdir(parents=True)
        (run / "history.jsonl").write_text("{}\n" * epochs)
        if weights:
            save_file(weights.state_dict(), run / "weights" / f"epoch-{epochs:04d}.safetensors")
    epochs, folder = trained.earlier()
    assert (epochs, folder.path.name) == (40, "linear-b")


# --- what is published --------------------------------------------------------------------------------------


def published():
    """The committed result, None as long as there is none."""
    path = ROOT / "docs" / "bench" / "bench.json"
    return read_json(path) if path.exists() else None


@pytest.mark.parametrize("name", publish.DOCUMENTS)
def test_the_documents_say_what_was_measured(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert publish.BLOCK.search(text)
    assert text == publish.filled(text, published())


def test_what_is_published_is_a_full_run():
    bench = published()
    if bench is not None:
        assert (bench["scale"], bench["missing"]) == ("full", [])
        assert (ROOT / "docs" / "bench" / "table.md").read_text() == table.whole(bench)


def test_publishing_writes_the_documents(tiny, tmp_path):
    (tmp_path / "docs").mkdir()
    for name in publish.DOCUMENTS:
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"))
    with pytest.raises(ValueError, match="of scale 'tiny'; only a full run is published"):
        publish.publish(tiny, tmp_path)
    bench = read_json(tiny / "bench.json") | {"scale": "full"}
    source = tmp_path / "source"
    write_json(source / "bench.json", bench)
    with pytest.raises(ValueError, match="without report; only a full run"):
        publish.publish(source, tmp_path)
    write_json(source / "bench.json", bench | {"missing": []})
    publish.publish(source, tmp_path)
    bench = read_json(source / "bench.json")
    for name in publish.DOCUMENTS:
        text = (tmp_path / name).read_text()
        assert table.main_table(bench) in text or name != "README.md"
        assert publish.filled(text, bench) == text
        assert publish.filled(text, None) != text
    assert table.tried_table(bench) in (tmp_path / "docs" / "speed.md").read_text()


def test_a_block_that_nobody_writes_is_an_error():
    with pytest.raises(ValueError, match="the block bench:tabel is not known"):
        publish.filled(
            "<!-- bench:tabel -->\n<!-- /bench:tabel -->", {"groups": {}, "environment": {}} | _empty()
        )


def _empty():
    environment = dict.fromkeys(("device_name", "cores", "precision", "torch", "python", "commit"), "")
    return {"scale": "full", "busy": False, "missing": [], "groups": {}, "environment": environment}
