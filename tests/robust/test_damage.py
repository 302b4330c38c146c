"""Damaged and lost files of a run, and numbers that explode: noticed, named, and never the truth."""

import math
import os

import pytest

import diffusion as d
from diffusion.processes import ColdZoom
from diffusion.runtime import generator
from diffusion.training.checkpoints import RunError
from helpers import DAMAGES, assert_same, content, stopped, train

damages = pytest.mark.parametrize("damage", [DAMAGES[name] for name in ("half", "a bit within")])


@damages
@pytest.mark.parametrize("number", [1, 2])
def test_damaged_states_are_reported_and_the_one_before_is_used(
    images, tmp_path, whole, capsys, damage, number
):
    left, seen = stopped(images, tmp_path, 7), []
    spoilt = left.states()[:number]
    for state in spoilt:
        state.write_bytes(damage(state.read_bytes()))
    assert_same(train(images, tmp_path, callback=lambda step, loss: seen.append(step)), whole)
    assert seen[0] == (6 if number == 1 else 1)
    back = "the state before it" if number == 1 else "the start"
    said = f"warning: {spoilt[-1].name} is damaged and not used; going back to {back}"
    assert said in capsys.readouterr().out


@damages
@pytest.mark.parametrize("epoch", [1, 2])
def test_damaged_weights_are_named_and_lost_ones_made_again(images, tmp_path, capsys, damage, epoch):
    run = train(images, tmp_path, epochs=2)
    path = run.weights_file(epoch)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    for use in (lambda: run.network(epoch), lambda: train(images, tmp_path, epochs=2)):
        with pytest.raises(RunError, match=rf"{path.name} is damaged or was changed .*; delete the run's"):
            use()
    path.unlink()
    with pytest.raises(RunError, match=f"{path.name}"):
        run.network(epoch)
    assert_same(train(images, tmp_path, epochs=2), run)
    if epoch == 2:  # the earlier ones may be taken away, the last may not
        assert path.read_bytes() == whole
        assert "are lost; trained again" in capsys.readouterr().out


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("name", ["history.jsonl", "process-*.pt", "run.json", "priors/*"])
def test_a_damaged_or_lost_file_beside_the_weights_is_named_and_made_again(images, tmp_path, name, lost):
    run = train(images, tmp_path, epochs=1)
    before, (path,) = content(run.folder), run.folder.glob(name)
    path.unlink() if lost else path.write_bytes(path.read_bytes()[:-3] + b"xyz")
    if name != "priors/*":
        with pytest.raises(RunError, match="is no run|damaged|is lost|no finished epoch"):
            d.open(run.folder)
    assert_same(train(images, tmp_path, epochs=1), run)
    assert content(run.folder) == before


class Explodes(ColdZoom):
    """What is not finite, and in which batch, is said by the environment, which no identity knows."""

    def loss(self, network, x, source):
        loss, (what, *key) = super().loss(network, x, source), os.environ.get("EXPLODES", "nothing").split()
        if not key or source.initial_seed() != generator(0, *key).initial_seed():
            return loss
        return loss * math.inf if what == "inf" else loss + (0 * loss).sqrt()  # whose gradient is not finite


@pytest.mark.parametrize(
    ("exploding", "checkpoint_steps", "said"),
    [
        ("inf noise 6", 1, "loss became inf in step 7"),
        ("gradient noise 6", 1, "is no longer finite after step 7"),
        ("inf test 1", 100, "test_loss is no longer finite after epoch 2"),
    ],
)
def test_a_number_that_is_not_finite_overwrites_nothing(
    images, tmp_path, monkeypatch, exploding, checkpoint_steps, said
):
    left = stopped(images, tmp_path, 7, Explodes())
    before = content(left.path)
    monkeypatch.setenv("EXPLODES", exploding)
    with pytest.raises(RunError, match=f"{said}; nothing was overwritten, .*state-00000006"):
        train(images, tmp_path, Explodes(), checkpoint_steps=checkpoint_steps)
    assert content(left.path) == before
