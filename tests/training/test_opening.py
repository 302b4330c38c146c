"""A run folder describes itself: it is opened wherever it lies, and runs nothing unasked."""

import shutil
import subprocess
import sys
from fractions import Fraction

import pytest
import torch

import diffusion as d
from damage import changed
from diffusion import syntax
from diffusion.training import fit as module
from diffusion.training.checkpoints import RunError
from own import Fade, Linear
from short_runs import assert_same, train


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"process": d.DDPM(d.cosine(20))},
        {"process": Fade(5, mask=torch.rand(28, 28))},
        {"network": Linear, "network_options": {"scale": 0.5}},
    ],
    ids=["zoom", "ddpm", "own", "own network"],
)
def test_a_run_is_opened_wherever_its_folder_lies(images, tmp_path, options):
    run = train(images, tmp_path / "runs", epochs=1, **options)
    moved = shutil.copytree(run.folder, tmp_path / "elsewhere" / "anything")
    found = d.open(moved)
    assert_same(found, run)
    assert (found.name, found.seed, found.identity, found.steps) == ("m", 0, run.identity, run.steps)
    assert torch.equal(found.sample(2), run.sample(2))
    assert repr(found).replace(str(moved), "") == repr(run).replace(str(run.folder), "")


TYPED = """
import sys
import torch
import diffusion as d
import enum, logging
from dataclasses import dataclass
from typing import Optional
from torch import clamp as limited, nn

AMOUNT = torch.tensor([0.5])
logger = logging.getLogger("mine")

@dataclass
class Config:
    k: float = 1.0

class Kind(enum.Enum):
    GREY = 1

def shade(x):
    return limited(x * AMOUNT, -0.5, 0.5)

class Mine(d.ColdDiffusion):
    name, T = "mine", 3

    def degrade(self, x, t):
        logger.debug("%s %s", Config().k, Kind.GREY)
        return torch.where(t.view(-1, 1, 1, 1) > 0, shade(x), x)

    def prepare(self, x):
        self.mean = x.mean(0)

    def draw_prior(self, n, generator):
        return self.mean + 0.01 * torch.randn(n, 1, 28, 28, generator=generator)

class Net(nn.Module):
    @torch.no_grad()
    def __init__(self, width: Optional[int] = None):
        super().__init__()
        self.layer = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x, t):
        return self.layer(x)

open({canary!r}, "a").write("ran")
x = torch.rand(16, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5
run = d.fit(Mine(), x, steps=2, batch_size=8, network=Net, folder=sys.argv[1], precision="fp32")
again = d.open(run.folder)
Mine.extra = 3  # set after the class was typed, so that its source is not all of it
changed = d.fit(Mine(), x, steps=2, batch_size=8, network=Net, folder=sys.argv[1], precision="fp32")
print(changed.folder, run.folder)
print(run.sample(2).sum().item() == again.sample(2).sum().item(), run.sample(2).sum().item())
"""


def test_classes_of_a_script_are_kept_and_run_only_when_they_are_trusted(tmp_path, capsys):
    canary = tmp_path / "canary"
    (tmp_path / "script.py").write_text(TYPED.format(canary=str(canary)))
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "runs")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    changed, folder, same, total = done.stdout.split()[-4:]
    assert same == "True", done.stderr
    with pytest.raises(ValueError, match="__main__:Mine was changed after it was typed; give process="):
        d.open(changed, trust=True)
    with pytest.raises(
        ValueError, match=r"was typed in a notebook; read .*own.py, and open it with trust=True"
    ):
        d.open(folder)
    run = d.open(folder, trust=True)
    assert "has changed" not in capsys.readouterr().out
    assert run.sample(2).sum().item() == pytest.approx(float(total), abs=1e-4)
    x = torch.rand(4, 1, 28, 28) - 0.5
    assert torch.equal(run.process.degrade(x, torch.full((4,), 1)), x / 2)
    assert canary.read_text() == "ran"  # by the script alone
    source = (run.folder / "own.py").read_text()
    assert "def shade" in source
    assert "canary" not in source
    (run.folder / "own.py").write_text(source.replace("x * AMOUNT", "x"))
    with pytest.raises(ValueError, match="is not what was kept"):
        d.open(folder, trust=True)


def test_a_process_may_be_handed_over(images, tmp_path, capsys):
    process = Fade(5)
    process.part = Fraction(1, 3)  # is known, and is not made from a file
    run = train(images, tmp_path, process=process, epochs=1)
    with pytest.raises(ValueError, match="cannot be opened: fractions:Fraction cannot be made again"):
        d.open(run.folder)
    assert_same(d.open(run.folder, process=process), run)
    assert "is not the one that" not in capsys.readouterr().out
    d.open(run.folder, process=Fade(4))
    assert "note: the process is not the one that" in capsys.readouterr().out
    with pytest.raises(ValueError, match="its process is a str"):
        d.open(run.folder, process="fade")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / "run.json").unlink(), "is no run: it has no run.json"),
        (lambda f: (f / "run.json").write_text("[]"), "is no run: it has no run.json"),
        (lambda f: (f / "history.jsonl").unlink(), "has no finished epoch; call fit again, which goes on"),
        (lambda f: (f / "history.jsonl").write_text("{}"), "history.jsonl is damaged"),
        (
            lambda f: (f / "process.safetensors").unlink(),
            "process.safetensors is not the one that was written",
        ),
    ],
)
def test_what_is_no_whole_run_is_named(images, tmp_path, damage, said):
    run = train(images, tmp_path, epochs=1)
    damage(run.folder)
    with pytest.raises((RunError, ValueError), match=said):
        d.open(run.folder)
    with pytest.raises(RunError, match="is no run"):
        d.open(tmp_path / "nowhere")
    shutil.copytree(d.released("paper/zoom-0").folder, tmp_path / "zoom-0")
    with pytest.raises(RunError, match="in it are the runs .*zoom-0"):
        d.open(tmp_path)


@pytest.mark.parametrize("lost", ["process", "identity.code", "identity.data.train"])
def test_a_run_json_that_lacks_something_stops_no_other_run(images, tmp_path, lost):
    run = train(images, tmp_path, epochs=1)
    *way, last = lost.split(".")

    def lose(about):
        for key in way:
            about = about[key]
        del about[last]

    changed(run.folder / "run.json", lose)
    with pytest.raises(RunError, match="is no run"):
        d.open(run.folder)
    train(images, tmp_path, epochs=1, seed=1)


def test_a_run_json_of_another_run_is_noticed(images, tmp_path):
    one, other = (train(images, tmp_path, epochs=1, seed=seed) for seed in (0, 1))
    a, b = (run.folder / "run.json" for run in (one, other))
    a.write_text(b.read_text())
    with pytest.raises(RunError, match=r"epoch-0001.safetensors is of another run than .*run.json"):
        d.open(one.folder).sample(1)


@pytest.mark.parametrize("name", ["os:system", "nowhere:Class", "pathlib:Path"])
def test_a_name_that_is_no_process_or_network_is_not_called(images, tmp_path, name):
    run = train(images, tmp_path, epochs=1)
    network = {"!call": name, "command": f"touch {tmp_path / 'ran'}"}
    changed(run.folder / "run.json", lambda about: about["identity"].update(network=network))
    with pytest.raises(
        ValueError,
        match=r"cannot be opened: .*(needed: a subclass of torch.nn.Module|cannot be loaded|from a file)",
    ):
        d.open(run.folder)
    assert not (tmp_path / "ran").exists()


def test_a_run_of_other_code_opens_with_a_line_that_says_so(images, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(module, "CODE", "0123456789abcdef")
    run = train(images, tmp_path, process=Fade(5), epochs=1)
    capsys.readouterr()
    assert_same(d.open(run.folder), run)
    assert "note: this project's code of training has changed since" in capsys.readouterr().out
    monkeypatch.setattr(syntax, "accepted", lambda part: ("0123456789abcdef", syntax.code("weights")))
    d.open(run.folder)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(Fade, "degrade", lambda self, x, t: x * 0.9)
    d.open(run.folder)
    assert "note: own:Fade has changed since" in capsys.readouterr().out


# --- released ones ---


def test_a_released_model_in_one_line(mnist_dir):
    run = d.released("paper", "zoom")
    assert (run.name, run.seed, run.epochs, run.parameters_count) == ("zoom", 0, 100, 146_961)
    before = sorted(run.folder.rglob("*"))
    x = run.sample(2)
    assert x.shape == (2, 1, 28, 28)
    assert -1 < x.min() < -0.4 < 0.4 < x.max() < 1
    assert run.sample(2, sampler="improved", prior="patches").shape == x.shape
    assert sorted(run.folder.rglob("*")) == before  # nothing is added to a release
    with pytest.raises(RunError, match="epoch-0001"):
        run.network(1)
    best = d.released("beyond", "zoom_unet_noise")
    assert (best.way.sampler, best.way.prior) == (d.Naive(noise=0.15), d.Mixture())


def test_no_released_prior_is_kept_that_is_not_read():
    """One of another name, of earlier code, would lie there for nothing, and the prior be fitted anew."""
    kept = 0
    for name in d.released():
        run = d.released(name)
        for path in (run.folder / "priors").glob("*"):
            prior = run.way.prior if run.way.prior is not None else run.process.prior
            assert run._prior_file(prior)[0] == f"priors/{path.name}", name
            kept += 1
    assert kept > 10


def test_all_that_is_released_is_listed():
    names = d.released()
    assert {"paper/zoom-0", "paper/zoom-1", "beyond/zoom_unet_noise-1"} <= set(names)
    assert d.released("paper") == [name for name in names if name.startswith("paper/")]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("papers",), "profile is 'papers'; released in .*: .*did you mean 'paper'"),
        (("paper", "zoon"), "model is 'zoon', seed None; .*did you mean 'zoom-0'"),
        (("paper", "zoom", "0"), "model is 'zoom', seed '0'"),
        (("paper", "zoom", 77), "model is 'zoom', seed 77; .*zoom-0"),
    ],
)
def test_what_is_not_released_is_refused(arguments, named):
    with pytest.raises(ValueError, match=named):
        d.released(*arguments)
