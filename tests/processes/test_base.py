"""The contract: what a process of one's own gets for free, and how it is built from settings."""

import pytest
import torch

from diffusion import processes
from diffusion.processes import DDPM, ColdBlur, ColdDiffusion, ColdZoom, linear
from diffusion.settings import TrainDDPM, TrainOwn, TrainZoom
from own import Fade


def test_settings_hold_every_argument_of_a_class_of_ones_own():
    """Otherwise a run of one strength would be taken for that of another."""
    assert Fade().settings() == {"process": "fade", "T": 10, "strength": 1.0, "mask": None}
    assert Fade(10, 2.0).settings()["strength"] == Fade(strength=2.0).settings()["strength"] == 2.0
    a, b, c = (Fade(mask=torch.tensor(m)).settings()["mask"] for m in ([1.0, 2.0], [1.0, 3.0], [1.0, 2.0]))
    assert a == c != b
    assert ColdBlur(7).settings() == {"process": "blur", "T": 7}


def test_settings_of_the_studys_processes_are_what_determines_a_training():
    assert ColdZoom(prior="patches").settings() == ColdZoom().settings()
    assert ColdZoom(interpolation="bilinear").settings() != ColdZoom().settings()
    assert DDPM(clip_x0=True, sampling_steps=5).settings() == DDPM().settings()
    assert DDPM(linear(T=10)).settings() != DDPM(linear(T=11)).settings()


def test_a_process_is_made_from_settings():
    found = TrainDDPM(schedule="cosine", T=10, s=0.1, beta_max=0.5, clip_x0=True, sampling_steps=5).process()
    assert (found.T, found.clip_x0, found.schedule.name, found.sampling_steps) == (10, True, "cosine", 5)
    assert TrainZoom(T=5, prior="patches").process().prior.name == "patches"
    own = TrainOwn(degradation="own:Fade", T=3, degradation_options={"strength": 0.5})
    assert own.process().settings() == {"process": "fade", "T": 3, "strength": 0.5, "mask": None}


@pytest.mark.parametrize(
    ("degradation", "options", "named"),
    [
        ("nowhere:Class", {}, "cannot be loaded"),
        ("os:system", {}, "needed: a subclass of"),
        ("fade", {}, "allowed: blur, or module:name"),
        ("own:Fade", {"power": 2}, "Fade has no option 'power'"),
        ("own:NoName", {}, "needs a `name`"),
        ("own:NoDepth", {}, "must keep the T"),
        ("own:OtherDepth", {}, "must keep the T"),
    ],
)
def test_a_class_that_is_no_degradation_is_refused(degradation, options, named):
    with pytest.raises(ValueError, match=named):
        processes.own(degradation, 5, options)


class Adds(ColdDiffusion):
    """A degradation that is linear in its level: it adds t times one image."""

    name, T = "adds", 6

    def __init__(self, image):
        self.image = image

    def degrade(self, x, t):
        return x + t.view(-1, 1, 1, 1) * self.image

    def draw_prior(self, n, generator):
        return torch.randn((n, 1, 28, 28), generator=generator)


def walk(**how):
    """Levels at which the network was asked, and the latents, of one walk whose network always says 0.1."""
    process = Adds(torch.full((1, 28, 28), 0.05)).walk(**how)
    asked = []

    def network(x, t):
        asked.append(round(float(t[0]) * process.T))
        return torch.full_like(x, 0.1)

    latents = dict(process.reverse(network, 2, torch.Generator().manual_seed(0)))
    assert len(asked) == process.reverse_steps()
    return asked, latents


def test_the_improved_sampler_undoes_a_linear_degradation_whatever_the_network_says():
    """Bansal et al. (2022), Sec. 3.2."""
    _, x = walk(sampler="improved")
    assert torch.allclose(x[0], x[6] - 6 * 0.05, atol=1e-6)
    assert torch.allclose(walk()[1][0], torch.tensor(0.1))  # the naive one ends at the network's last word


@pytest.mark.parametrize("power", [0, 1])
def test_noise_is_added_in_each_step_but_the_last_and_may_fall_along_the_walk(power):
    how = {"noise": 0.6, "noise_power": power}
    _, x = walk(**how)
    for t in range(1, 6):
        assert (x[t] - 0.1 - 0.05 * t).std().item() == pytest.approx(0.6 * (t / 6) ** power, rel=0.1)
    assert torch.allclose(x[0], torch.tensor(0.1))
    assert torch.equal(walk(**how)[1][3], x[3])


def test_levels_may_be_skipped():
    assert walk()[0] == [6, 5, 4, 3, 2, 1]
    assert walk(sampling_levels=3)[0] == [6, 4, 2]
    assert walk(sampling_levels=1)[0] == [6]


def test_only_ways_of_sampling_that_are_not_the_studys_have_a_name():
    assert Adds(torch.zeros(1)).walk().sampling_settings() == {}
    assert ColdZoom().sampling_settings() == {"prior": "pixels"}
    walk = {"noise": 0.1, "noise_power": 0.5, "sampler": "improved", "sampling_levels": 6}
    assert ColdZoom(**walk).sampling_settings() == {"prior": "pixels"} | walk


def test_a_sampler_of_ones_own_takes_each_step_and_its_code_is_known(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    for name, step in {"one": 1, "two": 2}.items():
        code = f"def up(process, x_t, x0_hat, s, less):\n    return x_t + {step}\n"
        code += "def to(x_t, eps, a, b, generator):\n    return x_t * 0 + b\n"
        (tmp_path / f"own_sampler_{name}.py").write_text(code)
    one, two = (ColdZoom(T=5, sampler=f"own_sampler_{name}:up") for name in ("one", "two"))
    one.prepare(torch.zeros(2, 1, 28, 28))
    drawn = one.sample(lambda x, t: x, 3, torch.Generator())
    assert torch.allclose(drawn, torch.tensor(5.0), atol=0.01)  # the prior is grey, to 1 / 255
    assert one.sampling_settings()["sampler_code"] != two.sampling_settings()["sampler_code"]
    ddpm = DDPM(linear(T=4), sampler="own_sampler_one:to")
    assert (ddpm.sample(lambda x, t: x, 3, torch.Generator()) == 1).all()
    assert ddpm.sampling_settings()["sampler_code"]


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ({"sampler": "best"}, "sampler is 'best'; allowed: naive, improved"),
        ({"noise": -0.1}, "noise is -0.1"),
        ({"noise": float("nan")}, "noise is nan"),
        ({"noise_power": -1}, "noise_power is -1; allowed: 0"),
        ({"sampling_levels": 25}, "sampling_levels is 25; allowed: 1 to T = 24"),
        ({"sampling_levels": 0}, "sampling_levels is 0"),
    ],
)
def test_ways_of_sampling_are_checked(how, named):
    with pytest.raises(ValueError, match=named):
        ColdZoom(**how)


ZEROS = torch.zeros(2, 1, 28, 28)


@pytest.mark.parametrize("process", [DDPM(linear()), ColdZoom()], ids=["DDPM", "zoom"])
@pytest.mark.parametrize(
    ("x", "t", "named"),
    [
        (ZEROS[:, 0], [1, 1], r"images are \(2, 28, 28\)"),
        (torch.zeros(2, 1, 32, 32), [1, 2], r"\(2, 1, 32, 32\)"),
        (torch.zeros(2, 3, 28, 28), [1, 2], r"\(2, 3, 28, 28\)"),
        (ZEROS.byte(), [1, 2], "uint8"),
        (ZEROS, [0, 1001], "from 0 to 1001; allowed: 0 to T = {T}"),
        (ZEROS, [-1, 5], "from -1 to 5"),
        (ZEROS, [0.5, 1.0], "float"),
        (ZEROS, [1], r"needed: \(2,\)"),
    ],
)
def test_bad_input_to_degrade_is_named(process, x, t, named):
    with pytest.raises(ValueError, match=named.replace("{T}", str(process.T))):
        process.degrade(x, torch.tensor(t))
