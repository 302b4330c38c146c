"""No file that is read can have code run: neither Python's, nor this package's."""

import os

import pytest
import torch

import diffusion as d
from diffusion.training.folder import RunError
from helpers import changed, train


class Calls:
    """An object whose pickle calls a function when it is read carelessly."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("name", ["process.pt", "network.pt", "state.pt", "weights/epoch-0001.safetensors"])
def test_a_pickle_that_calls_a_function_is_refused_and_not_run(images, tmp_path, name):
    canary, run = tmp_path / "ran", train(images, tmp_path / "run", epochs=1)
    torch.save({"network": Calls(f"touch {canary}")}, run.folder / name, pickle_protocol=2)
    with pytest.raises(RunError, match=rf"{name} is [^\n]*damaged \([^\n]{{9}}[^\n]*$"):
        train(images, run.folder, epochs=1) if name == "state.pt" else d.open(run.folder).network()
    assert not canary.exists()


NAMES = ["os:system", "subprocess:Popen", "torch.nn:Sequential", "diffusion.files:write_bytes"]
NAMES += ["diffusion.data:DataSet", "helpers:train", "helpers:os.system", "nowhere:Class"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("file", ["process.pt", "network.pt", "run.json"])
def test_a_name_of_what_is_no_process_network_or_ones_own_class_is_refused(images, tmp_path, file, name):
    """As the class of an object, or of the network."""
    run, hostile = train(images, tmp_path, epochs=1), {"class": name, "state": {"args": "true"}}
    if file == "run.json":
        changed(tmp_path / file, lambda about: about["settings"].update(network=name))
    else:
        run.store.keep(file, hostile if file == "process.pt" else {"dict": [["channels", [hostile]]]})
    with pytest.raises(ValueError, match=rf"cannot be opened: .*({name}|network is)"):
        d.open(tmp_path)
