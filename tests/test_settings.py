"""Settings and profiles: every kind of mistake is one clear line, before anything runs."""

import copy
import math
import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from diffusion import settings
from diffusion.settings import NOTEBOOKS, Profile, SettingError, read_profile


def refusal(cls: type[settings.Settings], **values: Any) -> str:
    """The one line with which settings are refused."""
    with pytest.raises(SettingError) as error:
        cls.read(values, "here")
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("here: ")
    return message


def edits(name: str) -> st.SearchStrategy[str]:
    """Names that a slip of the finger away from `name` gives."""
    places = st.integers(0, len(name) - 1)
    dropped = places.map(lambda i: name[:i] + name[i + 1 :])
    doubled = places.map(lambda i: name[:i] + name[i] + name[i:])
    return st.one_of(dropped, doubled, st.just(name + "s"))


@given(st.data())
def test_a_misspelt_name_is_refused_with_the_right_one(data):
    cls = data.draw(st.sampled_from(list(NOTEBOOKS.values())))
    name = data.draw(st.sampled_from([n for n in cls.model_fields if len(n) > 2]))
    misspelt = data.draw(edits(name).filter(lambda text: text not in cls.model_fields))
    message = refusal(cls, **{misspelt: 1})
    assert f"there is no parameter {misspelt!r}; did you mean" in message


@pytest.mark.parametrize(
    ("cls", "values", "said"),
    [
        (settings.TrainZoom, {"learning_rate": math.nan}, "learning_rate = nan is not allowed"),
        (settings.TrainZoom, {"learning_rate": "2e-3"}, "that is text: remove the quotes"),
        (settings.TrainZoom, {"epochs": True}, "a valid integer (passes over the training images)"),
        (settings.Schedules, {"beta_start": 0.03}, "beta_start = 0.03 exceeds beta_end = 0.02"),
        (settings.TrainDDPM, {"T": 9, "sampling_steps": 10}, "sampling_steps is 10; allowed: 2 to T = 9"),
        (settings.TrainDDPM, {"schedule": "cosin"}, "did you mean 'cosine'"),
        (settings.TrainDDPM, {"schedule_options": {"sigma": 1}}, "linear has no option 'sigma'"),
        (settings.TrainZoom, {"T": 28}, "T = 28 is not allowed"),
        (settings.TrainZoom, {"prior": "patch"}, "did you mean 'patches'"),
        (settings.TrainZoom, {"model": "a/b"}, "model = 'a/b' is not allowed"),
        (settings.TrainZoom, {"channels": [16, 0]}, "channels = 0 is not allowed"),
        (settings.TrainZoom, {"dataset": "fashoin"}, "did you mean 'fashion'"),
        (settings.Measure, {"n_final": 50, "n_distance": 60}, "n_distance = 60 exceeds n_final = 50"),
        (settings.Measure, {"n_test": 9}, "n_test = 9 is not allowed"),
    ],
)
def test_impossible_values_are_refused(cls, values, said):
    assert said in refusal(cls, **values)


def test_a_notebooks_parameters_are_read_from_its_variables():
    names = {"model": "zoom", "T": 20, "In": ["", "x"], "Out": {}, "_i": "x", "yaml": yaml}
    assert settings.TrainZoom.of_notebook(names).T == 20
    with pytest.raises(
        SettingError, match="03_train_zoom: there is no parameter 'epoch'; did you mean 'epochs'"
    ):
        settings.TrainZoom.of_notebook(names | {"epoch": 3})
    later = names | {"P": settings.TrainZoom(), "losses": [1.0]}  # the cell is run again
    assert settings.TrainZoom.of_notebook(later).T == 20


def test_the_defaults_are_the_studys():
    for cls in (settings.TrainDDPM, settings.TrainZoom):
        P = cls()
        assert (P.epochs, P.batch_size, P.learning_rate, P.lr_schedule) == (100, 128, 2e-4, "constant")
    assert P.process().settings() == {"process": "zoom", "T": 24, "interpolation": "nearest"}
    assert "data_dir" not in P.values()
    assert P.fitting().keys() >= {"name", "epochs", "network", "channels", "seed", "precision"}


def test_a_class_that_the_notebook_holds_is_no_setting():
    """Its record names it; the profile, which cannot, does not contradict that."""
    assert "degradation" not in settings.TrainOwn().values()
    mine = settings.TrainOwn(degradation="diffusion.processes:ColdBlur")
    assert mine.values()["degradation"] == "diffusion.processes:ColdBlur"


# --- profiles ---

SMALL = {
    "profile": "small",
    "training": {"epochs": 2, "clip_x0": True},
    "models": {
        "linear": {"notebook": "02_train_ddpm", "schedule": "linear"},
        "zoom": {"notebook": "03_train_zoom", "T": 20, "seeds": [3, 1], "measure": {"n_samples": 50}},
    },
    "measure": {"n_samples": 20, "n_final": 40, "n_distance": 30},
}


def test_the_projects_profiles_are_good(root):
    for path in sorted((root / "profiles").glob("*.yaml")):
        profile = read_profile(path.stem, root / "profiles")
        assert (profile.name, profile.out) == (path.stem, f"build/{path.stem}")
        if path.stem != "beyond":
            assert profile.models == ["linear", "cosine", "zoom"]
            schedules = [profile.trainings[model, 0].schedule for model in ("linear", "cosine")]
            assert schedules == ["linear", "cosine"]
        compare = profile.compare()
        if isinstance(compare, settings.Compare):  # it asks for what the workflow measures
            for training in profile.trainings:
                assert compare.measure(*training).values() == profile.measure(*training).values()


def test_the_paper_profile_has_the_numbers_of_the_study(root):
    paper = read_profile("paper", root / "profiles")
    for P in paper.trainings.values():
        assert (P.epochs, P.batch_size, P.learning_rate, P.lr_schedule) == (100, 128, 2e-4, "constant")
        assert P.n_train is None
    linear, zoom = paper.trainings["linear", 0], paper.trainings["zoom", 0]
    assert (linear.T, linear.clip_x0, linear.sampling_steps, zoom.T) == (1000, False, None, 24)
    assert paper.measure("zoom", 1).n_final == 10_000
    assert paper.measure("zoom", 1).n_distance == paper.measure("linear", 0).n_final == 2000


def test_a_profile_is_one_table_of_models_and_seeds():
    found = Profile(SMALL, "small.yaml")
    assert list(found.trainings) == [("linear", 0), ("zoom", 3), ("zoom", 1)]
    assert found.seeds("zoom") == [3, 1]
    zoom = found.trainings["zoom", 1]
    assert (zoom.T, zoom.epochs, zoom.seed, zoom.model) == (20, 2, 1, "zoom")
    assert found.trainings["linear", 0].clip_x0
    assert (found.measure("zoom", 1).n_samples, found.measure("zoom", 1).seed) == (50, 1)
    compare = found.compare()
    assert compare.models == ["linear", "zoom"]
    assert compare.measure("zoom", 1) == found.measure("zoom", 1)
    assert compare.measure("linear", 0) == found.measure("linear", 0)


OWN = {"notebook": "05_your_degradation"}


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("profile", "a b", "profile = 'a b' is not allowed"),
        ("trainig", {}, "there is no parameter 'trainig'; did you mean 'training'"),
        ("training", [1], "training = list is not allowed: it should be a valid dictionary"),
        ("training.epoch", 3, "training: there is no parameter 'epoch'; did you mean 'epochs'"),
        ("training.epochs", 0, "epochs = 0 is not allowed"),
        ("models", {}, "models = dict is not allowed: it should have at least 1 item"),
        ("models.zoom", "03_train_zoom", "models.zoom = '03_train_zoom' is not allowed"),
        ("models.zoom.notebook", "03_train_zom", "it should be '02_train_ddpm', '03_train_zoom' or"),
        ("models.own", OWN | {"degradation": "os:system"}, "degradation"),
        ("models.own", OWN | {"degradation": "gone:X"}, "'gone:X', which cannot be loaded"),
        ("models.zoom.schedule", "linear", "models.zoom: there is no parameter 'schedule'"),
        ("models.zoom.seeds", [1, 1], "seeds = [1, 1] has one twice"),
        ("models.zoom.seeds", [True], "seeds = True is not allowed: it should be a valid integer"),
        ("models.zoom.seeds", 3, "seeds = 3 is not allowed: it should be a valid list"),
        ("models.zoom.measure", 3, "measure = 3 is not allowed"),
        ("models.zoom.measure.n_sample", 3, "there is no parameter 'n_sample'; did you mean 'n_samples'"),
        ("models.zoom.measure.variants", {"x": {"prir": "patches"}}, "prir is no setting of sampling"),
        ("models.zoom.measure.variants", {"x": {"epochs": 3}}, "epochs is no setting of sampling"),
        ("models.zoom.measure.variants", {"x": {"average": 0}}, "average is 0; allowed: 1 to"),
        ("models.zoom.measure.variants", {"x": {"prior": "pach"}}, "did you mean 'patches'"),
        ("models.zoom.measure.n_distance", 20, "n_distance differs between models"),
        (
            "models.a-b",
            {"notebook": "03_train_zoom"},
            "model = 'a-b' is not allowed: it should be short, of letters",
        ),
        ("models.zoom.seed", 3, "models.zoom: seed is not set here; write seeds: [0, 1]"),
        ("models.zoom.dataset", "fashion", "models.zoom: dataset is not set here; it is of all models"),
        ("models.zoom.measure.seed", 3, "models.zoom, measure: seed is not set here"),
        ("training.model", "x", "training: model is not set here; a model's name is its key"),
        ("training.n_train", 100, "batch_size = 128 exceeds n_train = 100"),
        ("measure.data_dir", "/x", "measure: data_dir is not set here"),
        ("schedules", {"out_dir": "/x"}, "schedules: out_dir is not set here; write `out`"),
        ("report", {"repositry": "x"}, "there is no parameter 'report.repositry'; did you mean 'repository'"),
        ("report", {"date": "yesterday"}, "report.date = 'yesterday' is not allowed"),
        ("training.seeds", [1], "training: seeds is not set here; write them at the top"),
        ("dataset", "emnist", "allowed: mnist, fashion, kmnist"),
        ("out", "build/{x}", "out = 'build/{x}' is not allowed"),
        ("out", "a\0b", "out = "),
        ("data_dir", 3, "data_dir = 3 is not allowed"),
    ],
)
def test_a_mistake_in_a_profile_is_one_line(path, value, said):
    content = copy.deepcopy(SMALL)
    *above, last = path.split(".")
    place = content
    for key in above:
        place = place[key]
    place[last] = value
    with pytest.raises(SettingError, match=re.escape(said)) as error:
        Profile(content, "small.yaml")
    assert "\n" not in str(error.value)
    assert "small.yaml" in str(error.value)


ZOOM = b"profile: x\nmodels: {zoom: {notebook: 03_train_zoom, epochs: %s}}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"profile: [", "is no YAML"),
        (b"profile: caf\xe9", "is no YAML"),
        (b"[" * 3000, "is no YAML"),
        (b"training: {epochs: 2, epochs: 3}", "the key 'epochs' stands twice"),
        (b"training: !!python/object/apply:os.system ['true']", "is no YAML"),
        (b"- profile", "a profile is a mapping of sections"),
        (b"", "a profile is a mapping of sections"),
        (ZOOM % (b"9" * 5000), "is no YAML"),
        (ZOOM % b"3", "profile = 'x'; write 'odd'"),
    ],
)
def test_a_file_that_is_no_profile_is_one_line(tmp_path, text, said):
    (tmp_path / "odd.yaml").write_bytes(text)
    with pytest.raises(SettingError, match=said) as error:
        read_profile("odd", tmp_path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("text", "value"), [("2e-4", 2e-4), ("1e3", 1e3), ("0.5", 0.5), ("17", 17), ("yes", True)]
)
def test_numbers_are_read_as_they_look(text, value):
    found = yaml.load(f"x: {text}", settings._Strict)["x"]
    assert found == value
    assert type(found) is type(value)
