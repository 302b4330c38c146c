"""A run folder describes itself: it is opened wherever it lies, and runs nothing unasked."""

import os
import shutil
import subprocess
import sys
from fractions import Fraction

import pytest
import torch

import diffusion as d
from damage import changed
from diffusion.files import write_bytes
from diffusion.training.checkpoints import RunError
from own import Fade, Linear, stay
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
from torch import nn

AMOUNT = torch.tensor([0.5])

class Mine(d.ColdDiffusion):
    name, T = "mine", 3

    def degrade(self, x, t):
        return torch.where(t.view(-1, 1, 1, 1) > 0, x * AMOUNT, x)

    def prepare(self, x):
        self.mean = x.mean(0)

    def draw_prior(self, n, generator):
        return self.mean + 0.01 * torch.randn(n, 1, 28, 28, generator=generator)

class Net(nn.Module):
    def __init__(self, width=None):
        super().__init__()
        self.layer = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x, t):
        return self.layer(x)

def trained(**how):
    x = torch.rand(16, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5
    return d.fit(Mine(), x, steps=2, batch_size=8, network=Net, folder=sys.argv[1], precision="fp32", **how)

run = trained()
again = d.open(run.folder)
AMOUNT = torch.tensor([0.4])
changed = trained()
print(changed.folder != run.folder, run.sample(2).sum().item() == again.sample(2).sum().item())
print(run.folder)
"""


def test_classes_of_a_script_are_defined_where_its_runs_are_opened(tmp_path):
    """Nothing that a run folder keeps is executed."""
    (tmp_path / "script.py").write_text(TYPED)
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "runs")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    *_, differs, same, folder = done.stdout.split()
    assert (differs, same) == ("True", "True"), done.stderr
    assert "a new run, since __main__:AMOUNT has changed" in done.stdout
    with pytest.raises(ValueError, match="__main__.Mine cannot be had: define it first.* or network="):
        d.open(folder)
    with pytest.raises(ValueError, match="network is '__main__:Net'.* or network="):
        d.open(folder, process=Fade(3))
    assert isinstance(d.open(folder, process=Fade(3), network=Linear).process, Fade)


def test_a_process_may_be_handed_over(images, tmp_path, capsys):
    process = Fade(5)
    process.part = Fraction(1, 3)  # is known, and is not made from a file
    run = train(images, tmp_path, process=process, epochs=1)
    with pytest.raises(ValueError, match="cannot be opened: .*fractions.Fraction is not made from a file"):
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
        (lambda f: next(f.glob("process-*.pt")).unlink(), "process-.* is lost, or is not what was written"),
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
    network = {"class": name, "options": {}}
    changed(run.folder / "run.json", lambda about: about["identity"].update(network=network))
    with pytest.raises(
        ValueError,
        match=r"cannot be opened: .*(needed: a subclass of torch.nn.Module|cannot be loaded|from a file)",
    ):
        d.open(run.folder)


def test_a_run_of_other_code_of_ones_own_opens_with_a_line_that_says_so(
    images, tmp_path, capsys, monkeypatch
):
    run = train(images, tmp_path, process=Fade(5), epochs=1)
    monkeypatch.setattr(
        sys.modules["diffusion.training.fit"], "CODE", "0123456789abcdef"
    )  # that of the package says nothing
    capsys.readouterr()
    assert_same(d.open(run.folder), run)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(Fade, "degrade", fades)
    d.open(run.folder)
    assert "note: own:Fade.degrade has changed since" in capsys.readouterr().out


def fades(self, x, t):
    return x * 0.9


class Calls:
    """A thing whose pickle calls a function."""

    def __init__(self, function, *arguments):
        self.called = function, arguments

    def __reduce__(self):
        return self.called


@pytest.mark.parametrize("file", ["process", "network"])
@pytest.mark.parametrize(
    "call", [lambda at: (os.system, f"touch {at}"), lambda at: (write_bytes, str(at), b"x")]
)
def test_a_hostile_file_under_the_right_name_is_refused_and_not_run(images, tmp_path, file, call):
    """It calls a function of Python, or one of this package."""
    run = train(images, tmp_path, epochs=1)
    canary = tmp_path / "ran"
    hostile = run.store.keep(file, Calls(*call(canary)))
    changed(run.folder / "run.json", lambda about: about.update({file: hostile}))
    with pytest.raises(ValueError, match=r"(posix.system|write_bytes) is not made from a file"):
        d.open(run.folder)
    assert not canary.exists()


def test_a_sampler_that_is_a_function_is_kept_by_its_name(images, tmp_path):
    run = train(images, tmp_path, epochs=1).by_default(sampler=stay)
    again = d.open(run.folder)
    assert again.way.sampler.step is stay
    for name in ("os:system", "diffusion.files:write_bytes"):
        with pytest.raises(ValueError, match="sampler is "):
            again.way.sampler.__setstate__({"step": name})


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
    """One of another name would lie there for nothing, and the prior be fitted anew."""
    kept = 0
    for name in d.released():
        run = d.released(name)
        for path in (run.folder / "priors").glob("*"):
            prior = run.way.prior if run.way.prior is not None else run.process.prior
            assert f"priors/{path.name}".startswith(f"{run.prior_name(prior)}-"), name
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
