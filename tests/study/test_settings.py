"""Settings and profiles: every kind of mistake is one clear line, before anything runs."""

import copy
import math
import re
import types
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import diffusion as d
from diffusion import parameters
from diffusion.parameters import SettingError
from study import settings
from study.settings import NOTEBOOKS, Profile, read_profile, read_text


def refusal(cls: type[parameters.Settings], **values: Any) -> str:
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
        (settings.Schedules, {"beta_start": 0.03}, "beta_start = 0.03 exceeds beta_end = 0.02"),
        (settings.TrainDDPM, {"T": 9, "sampler_options": {"steps": 10}}, "less than or equal to 9 (T steps"),
        (settings.TrainDDPM, {"sampler_options": {"step": 10}}, "Ancestral has no option 'step'"),
        (settings.TrainDDPM, {"sampler": "improved"}, "allowed: d.Ancestral(), d.DDIM()"),
        (settings.TrainZoom, {"sampler": "ddim"}, "allowed: d.Naive(), d.Improved()"),
        (settings.TrainOwn, {"prior_options": {"components": 9}}, "prior is None, which takes no options"),
        (settings.TrainZoom, {"T": 28}, "T = 28 is not allowed"),
        (settings.TrainZoom, {"dataset": "fashoin"}, "did you mean 'fashion'"),
        (settings.Measure, {"n_final": 50, "n_distance": 60}, "n_distance = 60 exceeds n_final = 50"),
    ],
)
def test_impossible_values_are_refused(cls, values, said):
    assert said in refusal(cls, **values)


def test_a_notebooks_parameters_are_read_from_its_variables():
    shell = types.SimpleNamespace(user_ns_hidden={"user": "me"})  # variables of start-up files
    names = {"model": "zoom", "T": 20, "In": ["", "x"], "Out": {}, "_i": "x", "yaml": yaml}
    names |= {"user": "me", "get_ipython": lambda: shell}
    assert settings.TrainZoom.of_notebook(names).T == 20
    with pytest.raises(
        SettingError, match="03_train_zoom: there is no parameter 'epoch'; did you mean 'epochs'"
    ):
        settings.TrainZoom.of_notebook(names | {"epoch": 3})
    with pytest.raises(SettingError, match="there is no parameter '_epochs'; did you mean 'epochs'"):
        settings.TrainZoom.of_notebook(names | {"_epochs": 3})
    with pytest.raises(SettingError, match="there is no parameter 'chanels'; did you mean 'channels'"):
        settings.TrainZoom.of_notebook(names | {"chanels": np.array([4, 4])})  # of Python alone
    with pytest.raises(SettingError, match="there is no parameter 'P'"):
        settings.TrainZoom.of_notebook(names | {"P": 3})
    later = names | {"P": settings.TrainZoom(), "losses": [1.0]}  # the cell is run again
    assert settings.TrainZoom.of_notebook(later).T == 20


def test_the_defaults_are_the_studys():
    for cls in (settings.TrainDDPM, settings.TrainZoom):
        P = cls()
        assert (P.epochs, P.batch_size, P.learning_rate, P.lr_schedule) == (100, 128, 2e-4, "constant")
    assert (P.process().T, P.process().interpolation) == (24, "nearest")
    assert (P.way().sampler, P.way().prior) == (d.Naive(), d.Pixels())
    assert settings.TrainDDPM().way().sampler == d.Ancestral()
    assert "data_dir" not in P.values()
    assert P.fitting().keys() >= {"name", "epochs", "network", "channels", "seed", "precision"}
    assert settings.TrainZoom(steps=7).fitting().items() >= {"steps": 7, "epochs": None}.items()


def test_another_way_to_sample_keeps_what_it_does_not_name():
    P = settings.TrainZoom(sampler="improved", sampler_options={"noise": 0.1}, prior="patches")
    assert P.way().sampler == d.Improved(noise=0.1)
    assert P.way({"prior": "mixture"}).sampler == d.Improved(noise=0.1)
    assert P.way({"sampler": "improved"}).sampler == d.Improved()  # options are of one sampler
    assert P.way({"sampler_options": {"levels": 12}}).sampler == d.Improved(levels=12)
    assert isinstance(P.way({"average": 3}).prior, d.Patches)
    assert P.way({"average": 3}).average == 3


def test_a_class_that_the_notebook_holds_is_no_setting():
    """Its record names it; the profile, which cannot, does not contradict that."""
    assert "degradation" not in settings.TrainOwn().values()
    mine = settings.TrainOwn(degradation="diffusion.processes:ColdBlur")
    assert mine.values()["degradation"] == "diffusion.processes:ColdBlur"


# --- profiles ---

SMALL = {
    "profile": "small",
    "training": {"epochs": 2, "lr_schedule": "cosine"},
    "models": {
        "linear": {"notebook": "02_train_ddpm", "schedule": "linear", "sampler_options": {"clip_x0": True}},
        "zoom": {
            "notebook": "03_train_zoom",
            "T": 20,
            "seeds": [3, 1],
            "measure": {"n_checkpoint": 50},
            "ways": {"x": {"prior": "patches"}},
        },
    },
    "measure": {"n_checkpoint": 20, "n_final": 40, "n_distance": 30},
}


def test_the_projects_profiles_are_good(root):
    for path in sorted((root / "profiles").glob("*.yaml")):
        profile = read_profile(path.stem, root / "profiles")
        assert (profile.name, profile.out) == (path.stem, f"build/{path.stem}")
        if path.stem not in ("beyond", "starts", "tuning"):
            assert {*profile.models} - {"fast"} == {"linear", "cosine", "zoom"}
            schedules = [profile.trainings[model, 0].schedule for model in ("linear", "cosine")]
            assert schedules == ["linear", "cosine"]
        compare = profile.compare()
        if isinstance(compare, settings.Compare):  # it asks for what the workflow measures
            for training in profile.trainings:
                assert compare.measure(*training).values() == profile.measure(*training).values()


def test_samplers_are_tuned_on_trainings_that_are_reported_and_on_other_samples(root):
    tuning, beyond = (read_profile(name, root / "profiles") for name in ("tuning", "beyond"))
    for model, seed in tuning.trainings:
        assert tuning.trainings[model, seed].trains() == beyond.trainings[model, seed].trains()
        assert tuning.measure(model, seed).sample_seed not in beyond.seeds(model)
        assert len(tuning.measures[model].ways) in (8, 16)


def test_a_profile_is_one_table_of_models_and_seeds():
    found = Profile(SMALL, "small.yaml")
    assert list(found.trainings) == [("linear", 0), ("zoom", 3), ("zoom", 1)]
    assert found.seeds("zoom") == [3, 1]
    zoom = found.trainings["zoom", 1]
    assert (zoom.T, zoom.epochs, zoom.seed, zoom.model) == (20, 2, 1, "zoom")
    assert found.trainings["linear", 0].way().sampler == d.Ancestral(clip_x0=True)
    assert (found.measure("zoom", 1).n_checkpoint, found.measure("zoom", 1).seed) == (50, 1)
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
        ("training.epoch", 3, "training: there is no parameter 'epoch'; did you mean 'epochs'"),
        ("models.zoom", "03_train_zoom", "models.zoom = '03_train_zoom' is not allowed"),
        ("models.zoom.notebook", "03_train_zom", "it should be '02_train_ddpm', '03_train_zoom' or"),
        ("models.own", OWN | {"degradation": "os:system"}, "degradation"),
        ("models.own", OWN | {"degradation": "own:Leaves"}, "Leaves cannot be made (SystemExit: 0)"),
        (
            "models.zoom.network",
            "resnet",
            "small.yaml, models.zoom: network is 'resnet'; allowed: cnn, unet, or",
        ),
        (
            "models.zoom.network",
            "subprocess:Popen",
            "models.zoom: network is 'subprocess:Popen', which cannot",
        ),
        ("models.zoom.schedule", "linear", "models.zoom: there is no parameter 'schedule'"),
        ("models.zoom.seeds", [1, 1], "seeds = [1, 1] has one twice"),
        ("models.zoom.seeds", [True], "seeds = True is not allowed: it should be a valid integer"),
        ("models.zoom.ways", {"x": {"prir": "patches"}}, "did you mean 'prior'"),
        ("models.zoom.ways", {"x": {"average": 3}}, "average is 3; allowed: 1 to the 2 epochs"),
        ("models.zoom.ways", {"x": {"sampler": "ddim"}}, "models.zoom, ways.x: "),
        ("models.linear.ways", {"x": {"prior": "patches"}}, "a DDPM starts from noise and takes none"),
        ("measure.ways", {"x": {"prior": "patches"}}, "measure: ways is not set here; they are of a model"),
        (
            "models.patches",
            {"notebook": "03_train_zoom", "T": 20, "seeds": [1], "prior": "patches"},
            "ways: {",
        ),
        ("models.zoom.measure.n_distance", 20, "n_distance differs between models"),
        (
            "models.a-b",
            {"notebook": "03_train_zoom"},
            "model = 'a-b' is not allowed",
        ),
        ("models.zoom.seed", 3, "models.zoom: seed is not set here; write seeds: [0, 1]"),
        ("training.n_train", 100, "batch_size = 128 exceeds n_train = 100"),
        ("schedules", {"out_dir": "/x"}, "schedules: out_dir is not set here; write `out`"),
        ("report", {"authros": "x"}, "there is no parameter 'report.authros'; did you mean 'authors'"),
        ("out", "build/{x}", "out = 'build/{x}' is not allowed"),
        ("training.epochs", None, "steps and epochs are both empty; give one of them"),
        ("models.zoom.label", "a\0b", "it has a character that cannot be printed"),
        ("report", {"title": "a\nb"}, "it has a character that cannot be printed"),
        ("models.zoom.prior", "subprocess:Popen", "it is of Python's standard library"),
        ("models.zoom.sampler", "builtins:exec", "it is of Python's standard library"),
        ("models.zoom.prior", "own:Linear", "prior is a Linear; needed: one with fit or draw"),
        ("models.zoom.sampler", "own:Grey", "sampler is a Grey; needed: one with step or __call__"),
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


def test_two_models_have_two_labels():
    content = copy.deepcopy(SMALL)
    for model in content["models"].values():
        model["label"] = "The same"
    with pytest.raises(SettingError, match="two models have one label"):
        Profile(content, "small.yaml")


def test_the_number_of_samples_alone_is_enough():
    assert settings.Measure.read({"n_final": 64}).n_distance == 64
    assert settings.Measure.read({"n_final": 5000}).n_distance == 2000
    with pytest.raises(SettingError, match="n_distance = 65 exceeds n_final = 64"):
        settings.Measure.read({"n_final": 64, "n_distance": 65})


ZOOM = b"profile: x\nmodels: {zoom: {notebook: 03_train_zoom, epochs: %s}}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"profile: [", "is no YAML"),
        (b"training: {network_options: &a {k: *a}}", "recursive"),
        (b"profile: &a [*a]", "recursive"),
        (b"profile: caf\xe9", "is no YAML"),
        (b"[" * 3000, "is no YAML"),
        (b"training: {epochs: 2, epochs: 3}", "the key 'epochs' stands twice"),
        (b"", "a profile is a mapping of sections"),
        (ZOOM % b"1:30", "epochs = '1:30' is not allowed"),
        (ZOOM % b".nan", "it should be a valid integer (passes over the images)"),
        (ZOOM % (b"9" * 5000), "is no YAML"),
        (ZOOM % b"3", "profile = 'x'; write 'odd'"),
        (ZOOM % b"1_", "epochs = '1_' is not allowed"),
        (ZOOM % b"!!int '1:30'", "1:30 is no whole number"),
    ],
)
def test_a_file_that_is_no_profile_is_one_line(tmp_path, text, said):
    (tmp_path / "odd.yaml").write_bytes(text)
    with pytest.raises(SettingError, match=re.escape(said)) as error:
        read_profile("odd", tmp_path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("text", "value"),
    [("2e-4", 2e-4), ("1e3", 1e3), ("60_000", 60_000), ("0.5", 0.5), ("17", 17), ("yes", True)]
    + [(text, text) for text in ("010", "1:30", "0x1f")],  # no decimal numbers
)
def test_numbers_are_read_as_they_look(text, value):
    found = read_text(f"x: {text}", "here")["x"]
    assert found == value
    assert type(found) is type(value)


def models(**changes: Any) -> dict[str, Any]:
    """A profile of the zoom and of the zoom with changes."""
    zoom = {"notebook": "03_train_zoom"}
    return {"profile": "two", "models": {"zoom": zoom, "other": zoom | changes}}


@pytest.mark.parametrize(
    ("changes", "instead"),
    [
        ({"prior": "patches"}, r"in place of it, ways: \{other: \{prior: patches\}\}"),
        ({"sampler": "improved", "sampler_options": {"noise": 0.1}}, r"ways: \{other: \{sampler: improved, "),
        ({"epochs": 2}, "keep the one with more epochs"),
        ({}, "leave one of them out"),
    ],
)
def test_models_that_would_share_a_training_are_ways_of_one(changes, instead):
    """Such a profile ended in a KeyError, or one model drew from the other's prior."""
    with pytest.raises(SettingError, match=rf"models.other trains what models.zoom trains; .*{instead}"):
        Profile(models(**changes), "two.yaml")


@pytest.mark.parametrize("changes", [{"T": 20}, {"image_noise": 0.1}, {"seeds": [1]}, {"network": "unet"}])
def test_models_that_differ_in_what_trains_them_are_two(changes):
    assert len(Profile(models(**changes), "two.yaml").trainings) == 2
