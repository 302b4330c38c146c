"""The contract of processes: what is learnt, and the way back."""

import pytest
import torch

from diffusion.processes import DDPM, ColdBlur, ColdZoom, linear, own
from helpers import Fade, NoDepth, walk

X = torch.rand(400, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5


def test_cold_diffusion_learns_the_clean_image_from_each_level_from_1_to_T():
    """Algorithm 1 and Eq. (11)."""
    process, seen, random = Fade(T=4, strength=0.5), [], torch.Generator().manual_seed(0)

    def restores(x_t, t):
        seen.extend(t.tolist())
        return x_t / (1 - 0.5 * t)[:, None, None, None] + 0.1

    assert process.loss(restores, X, random).item() == pytest.approx(0.01, rel=1e-4)
    assert {*seen} == {0.25, 0.5, 0.75, 1.0}
    assert sum(seen) / 400 == pytest.approx(0.625, abs=0.05)  # uniform
    assert process.loss(lambda x_t, t: 0 * x_t, X, random).item() == pytest.approx(float(X.square().mean()))


def test_the_way_back_is_in_chunks_and_in_float32_whatever_sampler_and_network_compute_in():
    asked, start = [], X[:7]

    def wide(process, x_t, prediction, t, s, generator):
        return process.degrade(prediction, torch.full((7,), s)).double()

    def network(x, t):
        asked.append((len(x), x.dtype, t.dtype, *{*t.tolist()}))
        return (x * 0.5).half()

    x = walk(Fade(T=2), network, 7, start=start, sampler=wide, chunk=3)
    assert asked == [(n, torch.float32, torch.float32, share) for share in (1.0, 0.5) for n in (3, 3, 1)]
    assert torch.equal(x[1], (start * 0.5).half().float() * 0.5)
    assert torch.equal(walk(Fade(T=2), network, 7, start=start, sampler=wide)[0], x[0])


ZEROS, STEPS = torch.zeros(2, 1, 28, 28), torch.ones(2).long()
REFUSED = {
    "degradation is 'fade'; allowed: blur, or module:name": lambda one: own("fade", 5),
    "T = 20, not the 5": lambda one: own(NoDepth, 5),
    r"images are \(2, 28, 28\)": lambda one: one.degrade(ZEROS[:, 0], STEPS),
    "t ranges from 0 to 1001; allowed: 0 to T = ": lambda one: one.degrade(ZEROS, torch.tensor([0, 1001])),
    "t is .*float.*integers": lambda one: one.degrade(ZEROS, torch.ones(2)),
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_is_no_degradation_image_or_level_is_refused(said):
    for process in (DDPM(linear()), ColdZoom(), ColdBlur()):
        with pytest.raises(ValueError, match=said):
            REFUSED[said](process)
