"""Settings and profiles: every kind of mistake is one clear line, before anything runs."""

import copy
import functools
import math
import operator

import pytest
from diffusion.parameters import SettingError, TrainZoom

import diffusion as d
from helpers import ROOT
from study import settings
from study.settings import Profile, read_profile


def test_more_has_all_other_parameters_and_is_refused_alike():
    names = {"model": "zoom", "epochs": 5, "n_test": 40}
    P = TrainZoom.of_notebook(given := names | {"more": {"network": "unet", "epochs": 3}})
    assert (P.network, P.epochs, P.n_test) == ("unet", 3, 40)
    assert given["epochs"] == 3  # cells below see it, too
    assert (P.n_train, TrainZoom().n_train) == (4000, None)  # by hand it is short, in a profile the study's
    wrong = [({"netwrok": "unet"}, "'netwrok'; did"), ({"network": "unett"}, "'unett'; allowed")]
    for more, said in [*wrong, ({"epochs": "3"}, "epochs = '3'"), (["network"], "more is")]:
        with pytest.raises(SettingError, match=f"^03_train_zoom: .*{said}"):
            TrainZoom.of_notebook(names | {"more": more})


def test_another_way_to_sample_keeps_what_it_does_not_name():
    P = TrainZoom(sampler="improved", sampler_options={"noise": 0.1}, prior="patches")
    assert P.way().sampler == P.way({"prior": "mixture"}).sampler == d.Improved(noise=0.1)
    assert P.way({"sampler": "improved"}).sampler == d.Improved()  # options are of one sampler
    assert P.way({"sampler_options": {"levels": 12}}).sampler == d.Improved(levels=12)
    assert (type(P.way({"average": 3}).prior), P.way({"average": 3}).average) == (d.Patches, 3)


DDPM, ZOOM = {"notebook": "02_train_ddpm", "schedule": "linear"}, {"notebook": "03_train_zoom", "T": 20}
SMALL = {
    "profile": "small",
    "training": {"epochs": 2, "lr_schedule": "cosine"},
    "models": {
        "linear": DDPM | {"sampler_options": {"clip_x0": True}},
        "zoom": ZOOM
        | {"seeds": [3, 1], "measure": {"n_checkpoint": 50}, "analyse": {"n_way": 99}}
        | {"ways": {"x": {"prior": "patches"}}},
    },
    "measure": {"n_checkpoint": 20, "n_final": 40, "n_distance": 30},
    "analyse": {"n_way": 40},
}


def test_a_profile_is_one_table_of_models_and_seeds():
    found = Profile(SMALL, "small.yaml")
    assert [*found.trainings] == [("linear", 0), ("zoom", 3), ("zoom", 1)]
    assert (found.models, found.seeds("zoom"), found.schedules.seed) == (["linear", "zoom"], [3, 1], 0)
    zoom = found.trainings["zoom", 1]
    assert (zoom.T, zoom.epochs, zoom.seed, zoom.model) == (20, 2, 1, "zoom")
    assert found.trainings["linear", 0].way().sampler == d.Ancestral(clip_x0=True)
    assert (found.measure("zoom", 1).n_checkpoint, found.measure("zoom", 1).seed) == (50, 1)
    assert (found.analyse("zoom", 1).n_way, found.analyse("zoom", 1).seed) == (99, 1)
    assert settings.Measure(n_final=40).n_distance == 40  # where nothing is said of it
    assert found.compare().n == 30  # the notebook that compares tells of what the workflow measures


def test_each_profile_of_the_project_is_one_and_lies_under_its_name():
    for path in sorted((ROOT / "profiles").glob("*.yaml")):
        profile = read_profile(path.stem, ROOT / "profiles")
        assert (profile.name, profile.out) == (path.stem, f"build/{path.stem}")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("trainig", {}, "'trainig'; did you mean 'training'"),
        ("training.epoch", 3, "training: .*'epoch'.*'epochs'"),
        ("training.learning_rate", math.nan, "learning_rate = nan"),
        ("training.learning_rate", "2e-4", "learning_rate = '2e-4' .*remove the quotes"),
        ("measure.n_distance", 60, "n_distance = 60 exceeds n_final = 40"),
        ("models.zoom.notebook", "03_train_zom", "'02_train_ddpm', '03_train_zoom' or"),
        ("models.zoom.seeds", [1, 1], r"seeds = \[1, 1\] has one twice"),
        ("models.zoom.sampler", "ddim", r"allowed: .*d.Improved\(\)"),
        ("models.zoom.sampler", "helpers:Grey", "sampler is a Grey; needed: one with step or __call__"),
        ("models.zoom.ways.x.prior", "patchs", "ways.x: .*'patchs'"),
        ("models.zoom.measure.n_distance", 20, "n_distance differs between models"),
        ("measure.seed", 2, "measure: seed is not set here"),
        ("models", {"a": ZOOM | {"label": "x"}, "b": DDPM | {"label": "x"}}, "two models have one label"),
        # Two models that would share a training are ways of one.
        ("models.other", ZOOM | {"seeds": [1], "prior": "patches"}, "trains what models.zoom trains; .*ways"),
    ],
)
def test_a_mistake_in_a_profile_is_one_line(path, value, said):
    content = copy.deepcopy(SMALL)
    *above, last = path.split(".")
    functools.reduce(operator.getitem, above, content)[last] = value
    with pytest.raises(SettingError, match=rf"^[^\n]*small\.yaml.*{said}[^\n]*$"):
        Profile(content, "small.yaml")


def test_numbers_are_written_as_in_python():
    text = "{a: 2e-4, b: 1E3, c: [.5e2, -1.e+2], d: 1e5x, e: '2e-4', f: 7}"
    expected = {"a": 2e-4, "b": 1000.0, "c": [50.0, -100.0], "d": "1e5x", "e": "2e-4", "f": 7}
    assert settings.read_text(text, "odd") == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"profile: [", "is no YAML"),
        (b"training: {epochs: 2, epochs: 3}", "the key 'epochs' stands twice"),
        (b"", "a mapping"),
        (b"profile: x\nmodels: {zoom: {notebook: 03_train_zoom}}", "profile = 'x'; write 'odd'"),
    ],
)
def test_a_file_that_is_no_profile_is_one_line(tmp_path, text, said):
    (tmp_path / "odd.yaml").write_bytes(text)
    with pytest.raises(SettingError, match=rf"^[^\n]*{said}[^\n]*$"):
        read_profile("odd", tmp_path)
