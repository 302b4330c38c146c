"""Profiles: those of the project are right; a mistake in one is one line, before anything runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from diffusion.settings import SettingError, read_profile

ROOT = Path(__file__).resolve().parents[2]
PROFILES = ROOT / "profiles"
GOOD = "profile: mine\nmodels:\n  zoom: {notebook: 03_train_zoom}\n"
BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
BAD = {
    "a doubled key": (GOOD + "training:\n  epochs: 2\n  epochs: 3\n", "the key 'epochs' stands twice"),
    "minutes": (GOOD + "training: {epochs: 1:30}\n", "epochs = '1:30' is not allowed"),
    "an alias bomb": (BOMB + GOOD, "aliases (*name) are not allowed"),
    "deep nesting": (GOOD + "training: " + "[" * 3000 + "]" * 3000, "nested more than 20 deep"),
    "a long number": (GOOD + "training: {epochs: " + "9" * 5000 + "}\n", "epochs"),
    "a NUL": (GOOD + 'out: "build/a\\0b"\n', "out"),
    "braces": (GOOD + 'out: "build/{x}"\n', "out"),
    "Latin-1": (GOOD.encode() + b"# caf\xe9\n", "is no YAML"),
    "no YAML": ("profile: mine\nmodels: [", "is no YAML"),
    "a list": ("- mine\n", "a profile is a mapping of sections"),
    "nothing": ("", "a profile is a mapping of sections"),
    "no models": ("profile: mine\n", "models is missing"),
    "a Python tag": (GOOD + "training: !!python/object/apply:os.system [true]\n", "is no YAML"),
    "an unknown section": (GOOD + "trainings: {epochs: 2}\n", "did you mean 'training'?"),
    "an unknown parameter": (GOOD + "training: {epoch: 2}\n", "did you mean 'epochs'?"),
    "a wrong type": (GOOD + "training: {epochs: many}\n", "epochs = 'many' is not allowed"),
    "a number as text": (GOOD + 'training: {learning_rate: "0.1"}\n', "remove the quotes"),
    "out of range": (GOOD + "training: {learning_rate: 0}\n", "learning_rate = 0"),
    "not a number": (GOOD + "training: {learning_rate: .nan}\n", "learning_rate"),
    "another notebook": (GOOD.replace("03_train", "03_trian"), "did you mean '03_train_zoom'?"),
    "a seed twice": (GOOD + "seeds: [1, 1]\n", "seeds = [1, 1] has one twice"),
    "a name with a slash": (GOOD.replace("zoom:", '"a/b":'), "is not allowed"),
    "no process": (
        GOOD.replace("03_train_zoom", "05_your_degradation, degradation: 'os:system'"),
        "degradation",
    ),
    "no module": (GOOD.replace("03_train_zoom", "05_your_degradation, degradation: 'gone:X'"), "degradation"),
    "much too large": (GOOD + "#" * 200_000, "at most 100000"),
}


@pytest.mark.parametrize("name", ["smoke", "quick", "paper"])
def test_the_projects_profiles_are_right(name):
    profile = read_profile(name, PROFILES)
    assert (profile.name, profile.out) == (name, f"build/{name}")
    assert profile.models == ["linear", "cosine", "zoom"]
    assert profile.trainings["linear", 0].schedule == "linear"
    assert profile.trainings["cosine", 0].schedule == "cosine"


def test_the_paper_is_the_study():
    profile = read_profile("paper", PROFILES)
    assert [profile.seeds(m) for m in profile.models] == [[0], [0], [0, 1]]
    for p in profile.trainings.values():
        assert (p.epochs, p.batch_size, p.learning_rate, p.lr_schedule) == (100, 128, 2e-4, "constant")
        assert p.n_train is None
    linear, zoom = profile.trainings["linear", 0], profile.trainings["zoom", 0]
    assert (linear.T, linear.clip_x0, linear.sampling_steps, zoom.T) == (1000, False, None, 24)
    assert profile.measure("zoom", 1).n_final == 10_000
    assert profile.measure("zoom", 1).n_distance == profile.measure("linear", 0).n_final == 2000


@pytest.mark.parametrize("what", BAD)
def test_a_mistake_is_one_line(what, tmp_path):
    text, said = BAD[what]
    (tmp_path / "mine.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingError) as error:
        read_profile("mine", tmp_path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600


def test_a_mistake_ends_the_command_before_anything_is_written(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD + f"out: {tmp_path}/out\ntraining: {{epoch: 2}}\n")
    run = subprocess.run(
        [sys.executable, "-m", "tools.run", str(file)], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert re.fullmatch(r"error: .*there is no parameter 'epoch'; did you mean 'epochs'\?.*\n", run.stderr)
    assert not (tmp_path / "out").exists()


def test_names_cannot_collide(tmp_path):
    """`zoom_seed1` beside seed 1 of `zoom`: each has its own jobs."""
    from tools import jobs

    models = {
        name: {"notebook": "03_train_zoom", "seeds": [0, 1]} for name in ("zoom", "zoom_1", "zoom_seed1")
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"profile": "mine", "models": models}))
    assert len(jobs.of(read_profile("mine", tmp_path))) == 3 + 2 * 6


def test_a_profile_under_another_name_is_refused(tmp_path):
    (tmp_path / "other.yaml").write_text(GOOD)
    with pytest.raises(SettingError, match=r"profile = 'mine'; write 'other'"):
        read_profile("other", tmp_path)
