"""The jobs of a profile: the size of a run by the machine."""

import pytest
import yaml

from helpers import ROOT
from study.settings import Profile, SettingError, read_profile
from workflow import jobs

SMALL = {
    "profile": "small",
    "training": {"epochs": 1, "n_train": 2000, "n_test": 100, "batch_size": 16, "channels": [2]},
    "models": {"zoom": {"notebook": "03_train_zoom", "n_reconstruct": 100}},
    "measure": {"n_checkpoint": 200, "n_final": 200, "n_distance": 200},
    "slow": {"training": {"n_train": 400}, "measure": {"n_checkpoint": 20}, "models": {"zoom": {"T": 20}}},
}


def fitted(folder, **changes) -> Profile:
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(SMALL | {"out": str(folder / "out")} | changes, sort_keys=False))
    return jobs.fitted(read_profile(path, jobs.PROFILES))


@pytest.mark.parametrize(
    ("bf16", "n_train", "n_checkpoint", "T"), [(True, 2000, 200, 24), (False, 400, 20, 20)]
)
def test_a_machine_with_bf16_has_the_profile_and_another_less_and_either_keeps_it(
    tmp_path, monkeypatch, bf16, n_train, n_checkpoint, T
):
    def machine(fast: bool) -> None:
        monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: fast, raising=False)
        monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: False, raising=False)

    monkeypatch.setenv("COLD_ZOOM_DEVICE", "cpu")
    machine(bf16)
    found = fitted(tmp_path)
    one = found.trainings["zoom", 0]
    assert (one.n_train, one.epochs, one.T) == (n_train, 1, T)
    assert (found.measures["zoom"].n_checkpoint, found.measures["zoom"].n_final) == (n_checkpoint, 200)
    kept = (tmp_path / "out" / "profile.yaml").read_bytes()
    machine(not bf16)  # the folder has moved
    assert fitted(tmp_path).trainings == found.trainings
    assert (tmp_path / "out" / "profile.yaml").read_bytes() == kept
    assert jobs.folder(found) == tmp_path / "out"
    changed = fitted(tmp_path, seeds=[1])  # the profile changed
    assert changed.trainings["zoom", 1].n_train == {2000: 400, 400: 2000}[n_train]
    smoke = read_profile("smoke", jobs.PROFILES)  # which has no such section
    assert jobs.fitted(smoke) is smoke


def test_settings_for_a_slow_machine_that_are_none_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("COLD_ZOOM_BF16", "0")
    monkeypatch.setenv("COLD_ZOOM_DEVICE", "cpu")
    with pytest.raises(SettingError, match="n_trian.*did you mean 'n_train'"):
        fitted(tmp_path, slow={"training": {"n_trian": 10}})


def test_the_quick_profile_can_shrink():
    content = yaml.safe_load((ROOT / "profiles/quick.yaml").read_text())
    slow = content.pop("slow")
    sized = Profile(jobs.merged(content, slow), "quick")
    assert sized.trainings["fast", 0].steps >= 800  # with which it draws digits
    assert sized.trainings["zoom", 0].n_train < Profile(content, "quick").trainings["zoom", 0].n_train
