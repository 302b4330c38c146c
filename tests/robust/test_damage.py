"""Damaged and lost files of a run, and numbers that explode: noticed, named, and never the truth."""

import math

import pytest

import diffusion as d
from diffusion.processes import ColdZoom
from diffusion.runtime import generator
from diffusion.training.folder import RunError
from helpers import DAMAGES, assert_same, content, stopped, train

damages = pytest.mark.parametrize("damage", [DAMAGES[name] for name in ("half", "a bit within")])


@damages
@pytest.mark.parametrize("spoilt", [["state.pt"], ["state.pt", "state-before.pt"]], ids=len)
def test_damaged_states_are_reported_and_the_one_before_is_used(
    images, tmp_path, whole, capsys, damage, spoilt
):
    left, seen = stopped(images, tmp_path, 7), []
    for path in map(left.path.joinpath, spoilt):
        path.write_bytes(damage(path.read_bytes()))
    assert_same(train(images, tmp_path, callback=lambda step, loss: seen.append(step)), whole)
    assert seen[0] == (6 if len(spoilt) == 1 else 1)
    said = capsys.readouterr().out
    assert all(f"{left.path / name} is lost or damaged" in said for name in spoilt)


@damages
@pytest.mark.parametrize("epoch", [1, 2])
def test_damaged_weights_are_named_and_lost_ones_trained_again(images, tmp_path, capsys, damage, epoch):
    run = train(images, tmp_path, epochs=2)
    path = run.store.weights(epoch)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    for use in (lambda: run.network(epoch), lambda: train(images, tmp_path, epochs=2)):
        with pytest.raises(RunError, match=f"{path} is damaged .*delete it, and call fit again"):
            use()
    path.unlink()
    with pytest.raises(RunError, match=f"{path} is lost .*call fit again"):
        run.network(epoch)
    assert_same(train(images, tmp_path, epochs=2), run)
    assert path.read_bytes() == whole
    assert f"weights of epoch {epoch} are lost; training begins again" in capsys.readouterr().out


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("name", ["history.jsonl", "network.pt", "process.pt", "run.json"])
def test_a_damaged_or_lost_file_beside_the_weights_is_named(images, tmp_path, name, lost):
    run, path = train(images, tmp_path, epochs=1), tmp_path / name
    path.unlink() if lost else path.write_bytes(DAMAGES["half"](path.read_bytes()))
    uses = [lambda: d.open(tmp_path), lambda: train(images, tmp_path, epochs=1)]
    for use in uses if name in ("process.pt", "run.json") else uses[:1]:
        with pytest.raises(RunError, match=rf"{path} is (lost|damaged)|no finished epoch; call fit again"):
            use()
    if name == "history.jsonl":
        assert_same(uses[1](), run)
        assert_same(uses[0](), run)


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
