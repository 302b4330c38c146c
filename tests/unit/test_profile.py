"""Profiles: a run as a table of trainings, and every kind of mistake is one line before anything runs."""

import functools
import operator
import re
from types import SimpleNamespace

import pytest
import yaml

import diffusion as d
from report import places, profile
from report.results.settings import make, vary

SMALL = """
profile: small
training: {epochs: 2, learning_rate: 2e-4, fit_options: {lr_schedule: constant, ema: 0.9}, n_reconstruct: 7}
models:
  linear: {notebook: 02_train_ddpm, sampler_options: {steps: 5}, fit_options: {ema: 0.99}}
  zoom:
    {notebook: 03_train_zoom, T: 20, seeds: [3, 1], measure: {n_checkpoint: 50, n_probe: 99},
     variants: {x: {prior: patches}}}
  own: {notebook: 05_your_degradation, degradation: "helpers:Fade", seeds: [0]}
measure: {n_checkpoint: 20, n_final: 40, n_distance: 30}
"""


def read(folder, text: str = SMALL, **changes) -> profile.Profile:
    """The profile of a text, values of it changed by their dotted path."""
    if changes:
        content = yaml.safe_load(text)
        for path, value in changes.items():
            *above, last = path.split(".")
            functools.reduce(operator.getitem, above, content)[last] = value
        text = yaml.safe_dump(content)
    (folder / "small.yaml").write_text(text)
    return profile.read(folder / "small.yaml")


def test_a_profile_is_one_table_of_models_and_seeds(tmp_path):
    found = read(tmp_path)
    assert [*found.trainings] == [("linear", 0), ("zoom", 3), ("zoom", 1), ("own", 0)]
    assert ([*found.measures], found.schedules["seed"]) == (["linear", "zoom", "own"], 0)
    notebook, zoom = found.trainings["zoom", 1]
    expected = {"model": "zoom", "seed": 1, "T": 20, "epochs": 2, "learning_rate": 2e-4, "n_train": 4000}
    assert {name: zoom[name] for name in expected} == expected
    assert (notebook, zoom.keys()) == ("03_train_zoom", profile.parameters("03_train_zoom")[0].keys())
    _, linear = found.trainings["linear", 0]
    assert linear["fit_options"] == {"lr_schedule": "constant", "ema": 0.99}
    assert "n_reconstruct" not in linear
    assert [found.measures["zoom"][name] for name in ("n_checkpoint", "n_final", "n_probe")] == [50, 40, 99]
    assert "n_probe" not in found.measures["linear"]
    assert [found.measures[model]["variants"] for model in ("linear", "zoom")] == [
        {},
        {"x": {"prior": "patches"}},
    ]
    (tmp_path / "words.md").write_text("# Mine")
    assert read(tmp_path, report={"text": "words.md"}).text == "# Mine"


def test_a_list_of_variants_may_begin_as_another_one_does(tmp_path):
    """`<<` takes over the keys of a section, which may itself have taken over some."""
    text = SMALL.replace(
        "{x: {prior: patches}}",
        "{a: &a {n: 20, measures: [kid]}, b: &b {<<: *a, n: 30}, c: {<<: *b, sampler: improved}}",
    )
    assert read(tmp_path, text).measures["zoom"]["variants"] == {
        "a": {"n": 20, "measures": ["kid"]},
        "b": {"n": 30, "measures": ["kid"]},
        "c": {"n": 30, "measures": ["kid"], "sampler": "improved"},
    }


OF_MODEL = {  # word in a model's name -> what its training then has
    "linear": lambda P: P["schedule"] == "linear",
    "cosine": lambda P: P["schedule"] == "cosine",
    "unet": lambda P: P["network"] == "unet",
    "rms": lambda P: P["network_options"] == {"norm": "rms"},
    "dilated": lambda P: max(P["network_options"]["dilations"]) > 1,
    "bilinear": lambda P: P["interpolation"] == "bilinear",
    "noise": lambda P: P["image_noise"] > 0,
    "constant": lambda P: P["fit_options"]["lr_schedule"] == "constant",
    "float32": lambda P: P["fit_options"]["precision"] == "fp32",
}
CALLS = {"naive": "levels", "improved": "levels", "ancestral": "steps", "ddim": "steps"}
KINDS = "|".join(CALLS)
OF_VARIANT = {  # words in a variant's name -> what its sampler, prior and settings then have
    rf"({KINDS})": lambda way, told: type(way.sampler) is type(d.sampler(told[1])),
    r"noise(?: 0[.]|_)(\d+)": lambda way, told: way.sampler.noise == float(f"0.{told[1]}"),
    rf"({KINDS})(?!.*noise)": lambda way, told: getattr(way.sampler, "noise", 0) == 0,
    rf"({KINDS})(?:, |_)(\d+)": lambda way, told: (
        (getattr(way.sampler, CALLS[told[1]]) or way.T) == int(told[2])
    ),
    r"grey_(\d+)": lambda way, told: way.sampler.grey_noise == float(f"0.{told[1]}"),
    r"still": lambda way, told: (way.sampler.noise, way.sampler.grey_noise) == (0, 0),
    r"(pixels|patches|mixture)": lambda way, told: type(way.prior) is type(d.prior(told[1])),
    r"start_(\d+)": lambda way, told: way.prior.components == int(told[1]),
    r"float32": lambda way, told: way.changes["precision"] == "fp32",
}


@pytest.mark.parametrize("name", sorted(places.profiles()))
def test_models_and_variants_of_the_projects_profiles_are_what_their_names_say(name):
    found = profile.read(name)
    for model, entry in found.file.models.items():
        _, P = found.trainings[model, found.seeds(model)[0]]
        for word in model.split("_"):
            assert OF_MODEL.get(word, lambda P: True)(P), (model, word)
            assert not word.isdigit() or P["epochs"] == int(word), model
        own = vary({}, {key: value for key, value in P.items() if key.startswith(("sampler", "prior"))})
        T = P["T"] if "T" in P else P["schedule_options"].get("T", 1000)
        for variant, changes in entry.variants.items():
            sampler, prior = make(vary(own, changes))
            way = SimpleNamespace(sampler=sampler, prior=prior, changes=changes, T=T)
            for words, is_so in OF_VARIANT.items():
                told = re.search(words, variant)
                assert not told or is_so(way, told), (model, variant, words)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("trainig", {}, "'trainig'; did you mean 'training'"),
        ("training.epoch", 3, "training: .*'epoch'.*'epochs'"),
        ("measure.n_fianl", 20, "measure: .*'n_fianl'.*'n_final'"),
        ("training.fit_options", {"lr_shedule": "constant"}, "'lr_shedule'.*'lr_schedule'"),
        ("training.fit_options", {"seed": 3}, "parameter 'seed'"),  # which is one of the notebook
        ("modles", {}, "'modles'; did you mean 'models'"),
        ("models.zoom", {"T": 20}, r"models\.zoom\.notebook: Field required"),
        ("training.learning_rate", -0.1, r"models\.linear: learning_rate: .*greater than 0"),
        ("training.fit_options", {"precision": "fp61"}, r"models\.linear: precision: .*'bf16'"),
        ("training.fit_options", {"steps": 10}, r"models\.linear: steps is 10 and epochs is 2"),
        ("training.fit_options", {"device": "gpu"}, r"models\.linear: .*cuda.* gpu"),
        ("training.epochs", 0, r"models\.linear: epochs: .* greater than or equal to 1"),
        ("training.n_train", 0, r"models\.linear: n_train: .*1"),
        ("schedules", {"image_index": -1}, "schedules: image_index: .*0"),
        ("models.own.degradation", None, r"models\.own: degradation is None"),
        # of another type
        ("training.learning_rate", "high", "learning_rate: Input should be a valid number"),
        ("measure.n_final", 11, "n_final: .*12"),
        ("report", {"text": "gone.md"}, "report: .*gone.md"),
        ("report", {"date": "28.11.2026"}, r"report\.date: .*valid date"),
        ("seeds", 3, "seeds: .*valid list"),
        ("models.zoom", None, r"models\.zoom: .*valid dictionary"),
        ("models.zoom.notebook", "03_train_zom", "'02_train_ddpm', '03_train_zoom' or"),
        # what would be dropped, or could not be told apart
        ("models.zoom.variants.x", {"sampler_options": {"levels": 21}}, r"models\.zoom: .*21.* 1 to 20"),
        (
            "models.linear.variants",
            {"x": {"sampler_options": {"steps": 5000}}},
            r"linear: .*5000.* 1 to 1000",
        ),
        ("models.zoom.variants", {"a/b": {"prior": "patches"}}, r"variants\.a/b\."),
        ("models.zoom.variants", {"../a": {"prior": "patches"}}, r"variants\.\.\./a\."),
        ("models.zoom.variants.x", None, r"variants\.x: .*valid dictionary"),
        ("models.zoom.variants.x", {"smapler": "ddim"}, r"variants\.x\.smapler: Extra inputs"),
        ("models.zoom.variants.x", {"n": 5}, r"variants\.x\.n: .*12"),
        ("models.zoom.variants.x", {"measures": ["kidd"]}, r"variants\.x: .*'kidd'.*'kid'"),
        ("models.zoom.variants.x", {"checkpoints": "last"}, r"variants\.x\.checkpoints: .*'late'"),
        *(
            ("models.zoom.variants", {name: {"prior": "patches"}}, rf"models\.zoom: variants\.{name}")
            for name in ("real", "checkpoint", "shift 1")
        ),
        ("models.zoom.label", "", "label: .*at least 1"),
        ("report", {"beside": ["beyonnd"]}, "report: beside contains 'beyonnd'.*did you mean 'beyond'"),
        ("notebooks", {"11_model": None}, r"notebooks\.11_model: .*did you mean '11_models'"),
        ("notebooks", {"04_compare_fid": {"k": 1}}, r"notebooks\.04_compare_fid: unknown parameter 'k'"),
        ("data_dir", "/nonexistent", "data_dir is '/nonexistent'.*folder"),
        # what a process, sampler, prior or network refuses
        ("models.zoom.T", 28, r"models\.zoom: T is 28; allowed: .*27"),
        ("models.zoom.sampler", "ddim", r"use .*d\.Improved\(\)"),
        ("models.linear.sampler_options", {"stepps": 3}, "Ancestral .*'stepps'"),
    ],
)
def test_a_mistake_in_a_profile_is_one_line(tmp_path, path, value, said):
    with pytest.raises(profile.ProfileError, match=rf"^[^\n]*small\.yaml[^\n]*{said}[^\n]*$"):
        read(tmp_path, **{path: value})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("profile: [", ""),
        ("- profile", "NAME: VALUE"),
        ("profile: x\nmodels:\nzoom: {notebook: 03_train_zoom}", "'zoom'"),
        (f"{SMALL}\nseeds: [1]\nseeds: [2]", "'seeds' occurs twice"),
        (SMALL.replace("  own:", "  zoom:"), "'zoom' occurs twice"),
    ],
)
def test_a_file_that_is_no_profile_is_one_line(tmp_path, text, said):
    with pytest.raises(profile.ProfileError, match=rf"^[^\n]*small.yaml: [^\n]*{said}[^\n]*$"):
        read(tmp_path, text)
    with pytest.raises(profile.ProfileError, match="'papre'; did you mean 'paper'"):
        profile.read("papre")
