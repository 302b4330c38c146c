"""Damaged and lost files of a run, and numbers that explode: noticed, named, and never the truth."""

import math

import pytest

from diffusion.processes import ColdZoom
from diffusion.runtime import generator
from diffusion.training.folder import RunError
from helpers import DAMAGES, assert_same, content, stopped, train

damages = pytest.mark.parametrize("damage", [DAMAGES[name] for name in ("half", "a bit within")])


@damages
def test_a_damaged_state_is_named(images, tmp_path, damage):
    path = stopped(images, tmp_path, 7).path / "state.pt"
    path.write_bytes(damage(path.read_bytes()))
    said = (
        rf"^{path} is missing or damaged \([^\n]+\); use another folder, or delete this one to train again$"
    )
    with pytest.raises(RunError, match=said):
        train(images, tmp_path)


@damages
@pytest.mark.parametrize("epoch", [1, 2])
def test_damaged_weights_are_named_and_lost_ones_trained_again(images, tmp_path, capsys, damage, epoch):
    run = train(images, tmp_path, epochs=2)
    path = run.store.weights(epoch)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    for use in (lambda: run.network(epoch), lambda: train(images, tmp_path, epochs=2)):
        with pytest.raises(RunError, match=f"{path} is damaged .*delete it and call fit"):
            use()
    path.unlink()
    with pytest.raises(RunError, match=f"{path} is missing .*call fit"):
        run.network(epoch)
    assert_same(train(images, tmp_path, epochs=2), run)
    assert path.read_bytes() == whole
    assert f"weights of epoch {epoch} are missing; training restarts" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("explode", "checkpoint_steps", "said"),
    [
        (lambda loss: loss * math.inf, 1, "loss is no longer finite at step 7"),
        (lambda loss: loss + (0 * loss).sqrt(), 1, "weight is no longer finite at step 7"),  # by its gradient
        (lambda loss: loss + (0 * loss).sqrt(), 100, "loss is no longer finite at step 8"),
    ],
)
def test_a_number_that_is_not_finite_overwrites_nothing(
    images, tmp_path, monkeypatch, explode, checkpoint_steps, said
):
    left, loss = stopped(images, tmp_path, 7), ColdZoom.loss

    def exploding(self, network, x, noise):
        found, seventh = loss(self, network, x, noise), generator(0, "noise", 6).initial_seed()
        return explode(found) if noise.initial_seed() == seventh else found

    before = content(left.path)
    monkeypatch.setattr(ColdZoom, "loss", exploding)
    with pytest.raises(RunError, match=said):
        train(images, tmp_path, checkpoint_steps=checkpoint_steps)
    assert content(left.path) == before
