"""No file that is read can have code run: neither Python's, nor this package's."""

import contextlib
import io
import os
from pathlib import Path

import pytest
import torch

import diffusion as d
from diffusion.files import sha256
from diffusion.training.checkpoints import RunError, RunFolder, load_weights
from diffusion.training.network import Reconstructor
from helpers import changed, train


class Calls:
    """An object whose pickle calls a function when it is read carelessly."""

    def __init__(self, function, *arguments):
        self.called = function, arguments

    def __reduce__(self):
        return self.called


def test_a_state_or_weights_with_code_are_refused_and_the_code_is_not_run(tmp_path):
    canary, run, written = tmp_path / "ran", RunFolder(tmp_path / "run"), io.BytesIO()
    torch.save({"network": Calls(os.system, f"touch {canary}")}, written, pickle_protocol=2)
    hostile = written.getvalue()
    run.write(f"state-00000001-{sha256(hostile)[:16]}.pt", hostile)
    with pytest.raises(RunError, match="is not read any further.*delete it to go on"):
        run.load_state()
    with pytest.raises(RunError, match="does not hold weights of this network"):
        load_weights(hostile, Reconstructor())
    assert not canary.exists()
    with contextlib.suppress(RuntimeError):  # the canary sings where a reader is careless
        torch.load(io.BytesIO(hostile), weights_only=False)
    assert canary.exists()


def touch(path):
    Path(path).touch()


@pytest.mark.parametrize("file", ["process", "network", "sampling"])
@pytest.mark.parametrize("call", [(os.system, "touch {}"), (touch, "{}")])
def test_a_file_of_a_run_that_calls_a_function_is_refused_and_not_run(images, tmp_path, file, call):
    """A function of Python, or one of the user's own."""
    run = train(images, tmp_path, epochs=1)
    hostile = run.store.keep(file, Calls(call[0], call[1].format(tmp_path / "ran")))
    changed(run.folder / "run.json", lambda about: about.update({file: hostile}))
    if file == "sampling":  # it is opened without
        assert d.open(run.folder).way.sampler is None
    else:
        with pytest.raises(ValueError, match=r"(posix.system|touch) is not made from a file"):
            d.open(run.folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["os:system", "diffusion.files:write_bytes"])
def test_a_name_that_is_no_network_is_not_called(images, tmp_path, name):
    run = train(images, tmp_path, epochs=1)
    changed(run.folder / "run.json", lambda about: about["identity"]["network"].update({"class": name}))
    with pytest.raises(ValueError, match=r"cannot be opened: network is .*; needed: "):
        d.open(run.folder)
