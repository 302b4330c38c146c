"""The size of a run that is to fit a machine."""

import pytest
import yaml

from helpers import ROOT
from study.settings import Profile, SettingError, read_profile
from workflow import jobs, size

SMALL = {
    "profile": "small",
    "minutes": 1000,
    "training": {"epochs": 1, "n_train": 2000, "n_test": 100, "batch_size": 16, "channels": [2]},
    "models": {"zoom": {"notebook": "03_train_zoom", "n_reconstruct": 100}},
    "measure": {"n_checkpoint": 200, "n_final": 200, "n_distance": 200},
    "least": {"training": {"n_train": 400}, "measure": {"n_checkpoint": 20}},
}


def fitted(folder, **changes) -> Profile:
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(SMALL | {"out": str(folder / "out")} | changes, sort_keys=False))
    return size.fitted(read_profile(path, jobs.PROFILES))


def test_an_estimate_grows_with_what_is_asked_for():
    steps = {}

    def minutes(**changes) -> float:
        return size.estimate(Profile(SMALL | changes, "small.yaml"), steps)

    training, measure, once = SMALL["training"], SMALL["measure"], minutes()
    (second,) = steps.values()
    twice = minutes(training=training | {"n_train": 4000})
    assert twice - once == pytest.approx(second * 125 / 60)  # steps more, of 16 images each
    more = minutes(measure=measure | {"n_checkpoint": 1000})  # of 24 calls each, a third of a step
    assert more - once == pytest.approx(second * 800 * 24 / 48 / 60)
    assert len(steps) == 1


def test_a_fast_machine_has_the_profile_and_a_slow_one_less_and_either_keeps_it(tmp_path, capsys):
    kept = tmp_path / "out" / "profile.yaml"
    assert fitted(tmp_path).trainings["zoom", 0].n_train == 2000
    assert "minutes here" in capsys.readouterr().out
    assert "minutes" not in yaml.safe_load(kept.read_text())
    slow = fitted(tmp_path, minutes=0.001)  # the profile changed
    assert slow.trainings["zoom", 0].n_train == 400
    assert (slow.measures["zoom"].n_checkpoint, slow.measures["zoom"].n_final) == (20, 200)
    said, content = capsys.readouterr().out, kept.read_bytes()
    assert "n_train 400 in place of 2,000; n_checkpoint 20 in place of 200" in said
    assert fitted(tmp_path, minutes=0.001).trainings == slow.trainings
    assert (kept.read_bytes(), capsys.readouterr().out) == (content, said)
    assert jobs.folder(slow) == tmp_path / "out"
    smoke = read_profile("smoke", jobs.PROFILES)  # which names no minutes
    assert size.fitted(smoke) is smoke


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("n_train", 3000, "least.training.n_train = 3000 .*1 to 2000"), ("n_trian", 10, "n_trian = 10 ")],
)
def test_least_numbers_that_are_none_are_refused(tmp_path, name, value, said):
    with pytest.raises(SettingError, match=said):
        fitted(tmp_path, least={"training": {name: value}})


def test_the_quick_profile_can_shrink():
    content = yaml.safe_load((ROOT / "profiles/quick.yaml").read_text())
    least = content.pop("least")
    assert content.pop("minutes") > 0
    sized = Profile(size.between(content, least, 0.0, "least"), "quick")
    assert sized.trainings["fast", 0].steps >= 800  # with which it draws digits
