"""The contract: how a process of one's own is made from settings, and what the ones of the project refuse."""

import pytest
import torch

from diffusion import processes
from diffusion.processes import DDPM, ColdZoom, linear


@pytest.mark.parametrize(
    ("degradation", "options", "named"),
    [
        ("nowhere:Class", {}, "cannot be loaded"),
        ("own:stay", {}, "needed: a subclass of"),
        ("fade", {}, "allowed: blur, or module:name"),
        ("own:Fade", {"power": 2}, "Fade has no option 'power'"),
        ("own:NoName", {}, "has no name; set one"),
        ("own:NoDepth", {}, "has T = 20, not the 5 asked for"),
        ("own:OtherDepth", {}, "has T = 6, not the 5 asked for"),
    ],
)
def test_a_class_that_is_no_degradation_is_refused(degradation, options, named):
    with pytest.raises(ValueError, match=named):
        processes.own(degradation, 5, options)


ZEROS = torch.zeros(2, 1, 28, 28)


@pytest.mark.parametrize("process", [DDPM(linear()), ColdZoom()], ids=["DDPM", "zoom"])
@pytest.mark.parametrize(
    ("x", "t", "named"),
    [
        (ZEROS[:, 0], [1, 1], r"images are \(2, 28, 28\)"),
        (torch.zeros(2, 1, 28, 30), [1, 2], r"\(2, 1, 28, 30\)"),
        (ZEROS.byte(), [1, 2], "uint8"),
        (ZEROS, [0, 1001], "from 0 to 1001; allowed: 0 to T = {T}"),
        (ZEROS, [-1, 5], "from -1 to 5"),
        (ZEROS, [0.5, 1.0], "float"),
        (ZEROS, [1], r"needed: a tensor \(2,\)"),
    ],
)
def test_bad_input_to_degrade_is_named(process, x, t, named):
    with pytest.raises(ValueError, match=named.replace("{T}", str(process.T))):
        process.degrade(x, torch.tensor(t))
