"""Training: what it learns, what a run's identity is, and what is refused."""

import json
import math
import shutil

import pytest
import torch

from diffusion.processes import DDPM, ColdZoom, cosine
from diffusion.training import fit as module
from diffusion.training.checkpoints import RunError
from diffusion.training.fit import learning_rate_at
from own import Fade, Linear
from short_runs import STEPS, assert_same, losses, train


def test_one_step_is_adams(images):
    """Against the loop written out: one generator for the order, one a step for the noise, torch's Adam."""
    run = train(images, None, epochs=1, learning_rate=1e-3)
    torch.manual_seed(module.generator(0, "network").initial_seed())
    network, process = module.networks.Reconstructor((4,)), ColdZoom()
    adam = torch.optim.Adam(network.parameters(), lr=1e-3)
    order, seen = torch.randperm(32, generator=module.generator(0, "order", 1)), []
    for step, batch in enumerate(order.split(8)):
        loss = process.loss(network, images[0][batch], module.generator(0, "noise", step))
        adam.zero_grad()
        loss.backward()
        adam.step()
        seen.append(loss.item())
    assert run.history[0]["train_loss"] == pytest.approx(sum(seen) / STEPS, rel=1e-6)
    for name, value in network.state_dict().items():
        assert torch.equal(run.network().state_dict()[name], value)


def test_two_runs_are_equal_and_another_seed_is_not(images, tmp_path):
    process = DDPM(cosine())
    kept, temporary = (train(images, folder, process, epochs=1) for folder in (tmp_path, None))
    assert_same(temporary, kept)
    assert losses(train(images, None, process, epochs=1, seed=1)) != losses(kept)
    place = temporary.folder.path
    assert place.is_dir()
    del temporary
    assert not place.exists()


def test_bf16_follows_fp32(images):
    a, b = (train(images, None, precision=p, epochs=4) for p in ("fp32", "bf16"))
    for x, y in zip(a.history, b.history, strict=True):
        assert y["train_loss"] == pytest.approx(x["train_loss"], rel=0.02)


# --- length ---


def test_more_epochs_extend_a_run_at_a_constant_rate(images, tmp_path, whole, before_step):
    short = train(images, tmp_path, epochs=1)
    before_step(1, lambda _: pytest.fail("the first epoch was trained again"))
    long = train(images, tmp_path)
    assert long.folder.path == short.folder.path
    assert_same(long, whole)
    again = train(images, tmp_path, epochs=2)  # fewer: nothing to do
    assert losses(again) == losses(whole)[:2]
    assert again.weights().name == "epoch-0002.safetensors"


def test_a_rate_that_falls_to_an_end_makes_another_length_another_run(images, tmp_path, capsys):
    short, long = (train(images, tmp_path, epochs=n, lr_schedule="cosine") for n in (1, 2))
    assert long.folder.path != short.folder.path
    said = capsys.readouterr().out
    assert f"m, seed 0: a new run, since steps was 4, is 8; {short.folder.path} stays as it is" in said


def test_steps_end_within_an_epoch(images, tmp_path, killed):
    whole = train(images, None, epochs=None, steps=6)
    assert (whole.steps, whole.epochs) == (6, 2)
    two = train(images, None, epochs=2)
    assert losses(whole)[0][:3] == losses(two)[0][:3]
    assert losses(whole)[1][1] != losses(two)[1][1]  # of two steps instead of four
    killed(6, epochs=None, steps=6)
    assert_same(train(images, tmp_path, epochs=None, steps=6), whole)
    train(images, tmp_path, epochs=None, steps=7)
    assert len(list(tmp_path.glob("*/run.json"))) == 2


def test_learning_rate_courses():
    assert {learning_rate_at(s, 100, 1e-3, "constant") for s in (0, 50, 99)} == {1e-3}
    course = [learning_rate_at(s, 1000, 1.0, "cosine") for s in range(1000)]
    top = course.index(max(course))
    assert max(course) == pytest.approx(1)
    assert 20 < top < 40  # 3 % of 1000 steps
    assert course[: top + 1] == sorted(course[: top + 1])
    assert course[top:] == sorted(course[top:], reverse=True)
    assert course[-1] < 1e-4


# --- what is recorded ---


def test_history_is_one_line_an_epoch_with_the_hash_of_its_weights(whole):
    lines = [json.loads(line) for line in (whole.folder.path / "history.jsonl").read_text().splitlines()]
    assert lines == whole.history
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert all(set(line) == {"epoch", "train_loss", "test_loss", "seconds", "sha256"} for line in lines)
    assert whole.weights_sha256(2) == module.runtime.sha256(whole.weights(2))


def test_without_test_images_there_is_no_test_loss(images, tmp_path):
    run = train((images[0], None), tmp_path, epochs=1)
    assert run.history[0]["test_loss"] is None
    assert run.identity["data"]["test"] is None


# --- identity ---


def test_run_json_is_the_runs_identity_and_its_folder_may_be_renamed(images, tmp_path, before_step):
    run = train(images, tmp_path, epochs=1)
    identity = json.loads((run.folder.path / "run.json").read_text())
    assert identity == run.identity
    assert identity["recipe"] == module.RECIPE
    assert (identity["seed"], identity["precision"], identity["device"]) == (0, "fp32", run.device.type)
    renamed = run.folder.path.rename(tmp_path / "moved")
    before_step(1, lambda _: pytest.fail("trained again"))
    assert train(images, tmp_path, epochs=1, name="other").folder.path == renamed


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"learning_rate": 1e-3}, "learning_rate was 0.0002, is 0.001"),
        ({"batch_size": 16}, "batch_size was 8, is 16"),
        ({"precision": "bf16"}, "precision was 'fp32', is 'bf16'"),
        ({"channels": [4, 6]}, r"network.channels was \[4\], is \[4, 6\]"),
        ({"process": ColdZoom(T=23)}, "process.T was 24, is 23"),
        ({"process": Fade(T=24)}, "process.code was None, is '.*'"),
        ({"network": Linear}, "network.code was None, is '.*'"),
        ({"images": lambda x, x_test: (x.flip(3), x_test)}, "data.train was '.*', is '.*'"),
        ({"recipe": 99}, "recipe was 1, is 99"),
    ],
)
def test_whatever_determines_the_weights_makes_another_run_and_is_named(
    images, tmp_path, monkeypatch, capsys, change, named
):
    first = train(images, tmp_path, epochs=1)
    capsys.readouterr()
    changed = {"images": lambda *both: both, "recipe": module.RECIPE} | change
    monkeypatch.setattr(module, "RECIPE", changed.pop("recipe"))
    second = train(changed.pop("images")(*images), tmp_path, epochs=1, **changed)
    assert second.folder.path != first.folder.path
    assert second.folder.path.name.startswith("m-0-")
    assert module.re.search(f"a new run, since {named}; .* stays", capsys.readouterr().out)


def test_another_seed_is_another_run(images, tmp_path):
    assert len({train(images, tmp_path, epochs=1, seed=seed).folder.path for seed in (0, 1)}) == 2


def test_a_network_of_ones_own_is_trained_and_found_again(images, tmp_path, before_step):
    options = {"epochs": 1, "network": "own:Linear", "network_options": {"scale": 0.5}}
    run = train(images, tmp_path, **options)
    assert run.parameters_count == 1
    assert run.network().scale != 0.5
    before_step(1, lambda _: pytest.fail("trained again"))
    assert_same(train(images, tmp_path, **options), run)


def test_a_process_may_be_trained_twice_and_each_run_keeps_its_own(images, tmp_path):
    process, (x, x_test) = ColdZoom(), images
    first = train(images, tmp_path, epochs=1, process=process)
    samples = first.sample(2, seed=5)
    shutil.rmtree(first.samples)
    train((x * 0.5, x_test), tmp_path, epochs=1, process=process)
    assert torch.equal(first.sample(2, seed=5), samples)


# --- sampling ---


def test_a_run_samples_without_anything_being_named(images, tmp_path, monkeypatch):
    on_disk, in_memory = (train(images, folder, epochs=1) for folder in (tmp_path / "runs", None))
    x = on_disk.sample(3)
    assert x.shape == (3, 1, 28, 28)
    assert torch.equal(in_memory.sample(3), x)
    assert not torch.equal(in_memory.sample(3, seed=1), x)
    assert len(list((tmp_path / "samples").iterdir())) == 1
    monkeypatch.setattr(ColdZoom, "reverse", lambda *a, **k: pytest.fail("sampled again"))
    assert torch.equal(on_disk.sample(3), x)


def test_averaged_weights_are_the_mean_of_the_last_epochs(whole):
    each = [whole.network(epoch).state_dict() for epoch in (2, 3)]
    mean = whole.network(average=2).state_dict()
    assert all(torch.allclose(mean[k], (each[0][k] + each[1][k]) / 2, atol=1e-7) for k in mean)
    assert not torch.equal(whole.sample(2, average=2), whole.sample(2))
    assert torch.equal(whole.sample(2, average=1), whole.sample(2))
    with pytest.raises(RunError, match="average is 4; .* has 3 epochs"):
        whole.network(average=4)


# --- refused ---


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": None, "steps": 0}, "steps is 0"),
        ({"steps": 5}, r"steps and epochs is \(5, 3\)"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": 10**6}, "batch_size is 1000000, but there are"),
        ({"process": "zoom"}, "process is a str; needed: a process such as"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"lr_schedule": "step"}, "lr_schedule is 'step'"),
        ({"channels": [16, 0]}, r"channels is \[16, 0\]"),
        ({"name": "../x"}, "name is '../x'"),
        ({"precision": "fp16"}, "'fp16'; allowed: auto, fp32, bf16"),
        ({"network": "cnnn"}, "did you mean 'cnn'"),
    ],
)
def test_bad_arguments_are_named(images, tmp_path, change, named):
    with pytest.raises(ValueError, match=named):
        train(images, tmp_path, **change)
    assert not list(tmp_path.iterdir())
