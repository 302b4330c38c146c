"""Profiles: a run as a table of trainings, and every kind of mistake is one line before anything runs."""

import functools
import operator

import pytest
import yaml

import diffusion as d
from study import profile
from study.settings import sampling

SMALL = """
profile: small
training: {epochs: 2, learning_rate: 2e-4, fit_options: {lr_schedule: constant, ema: 0.9}, n_reconstruct: 7}
models:
  linear: {notebook: 02_train_ddpm, sampler_options: {steps: 5}, fit_options: {ema: 0.99}}
  zoom:
    {notebook: 03_train_zoom, T: 20, seeds: [3, 1], measure: {n_checkpoint: 50, n_way: 99},
     ways: {x: {prior: patches}}}
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
    assert [found.measures["zoom"][name] for name in ("n_checkpoint", "n_final", "n_way")] == [50, 40, 99]
    assert "n_way" not in found.measures["linear"]
    (tmp_path / "words.md").write_text("# Mine")
    assert read(tmp_path, report={"text": "words.md"}).text == "# Mine"


def test_another_way_to_sample_keeps_what_it_does_not_name():
    settings = {"sampler": "improved", "sampler_options": {"noise": 0.1}, "prior": "patches"}
    sampler, prior = sampling(settings, {})
    assert (sampler, type(prior)) == (d.Improved(noise=0.1), d.Patches)
    assert sampling(settings, {"prior": "mixture"})[0] == sampler
    assert sampling(settings, {"sampler": "improved"})[0] == d.Improved()  # options are of one sampler
    sampler, prior = sampling(settings, {"sampler_options": {"levels": 12}, "average": 3})
    assert (sampler, type(prior)) == (d.Improved(levels=12), d.Patches)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("trainig", {}, "'trainig'; did you mean 'training'"),
        ("training.epoch", 3, "training: .*'epoch'.*'epochs'"),
        ("measure.n_fianl", 20, "measure: .*'n_fianl'.*'n_final'"),
        ("training.fit_options", {"lr_shedule": "constant"}, "'lr_shedule'.*'lr_schedule'"),
        ("training.fit_options", {"seed": 3}, "no parameter 'seed'"),  # which is one of the notebook
        ("modles", {}, "'modles'; did you mean 'models'"),
        ("models.zoom", {"T": 20}, r"models\.zoom\.notebook is missing"),
        ("training.learning_rate", -0.1, r"models\.linear: learning_rate is -0\.1: .*greater than 0"),
        ("training.fit_options", {"precision": "fp61"}, r"models\.linear: precision is 'fp61': .*'bf16'"),
        ("training.fit_options", {"steps": 10}, r"models\.linear: steps is 10 and epochs is 2"),
        ("training.fit_options", {"device": "gpu"}, r"models\.linear: device is 'gpu'; .*'cuda'"),
        ("training.epochs", 0, r"models\.linear: epochs is 0: .*1"),
        ("training.batch_size", 0, r"models\.linear: batch_size is 0: .*1"),
        ("training.n_keep", 0, r"models\.linear: n_keep is 0: .*1"),
        ("training.n_train", 0, r"models\.linear: n_train is 0: .*1"),
        ("schedules", {"image_index": -1}, "schedules: image_index is -1: .*0"),
        ("models.own.degradation", None, r"models\.own: degradation is missing.*module:Class"),
        ("report", {"text": "typo.md"}, "report: @fig:losess refers to nothing; did you mean 'fig:losses'"),
        # of another type
        ("training.learning_rate", "high", "learning_rate is 'high': .*number"),
        ("measure.n_final", 11, "n_final is 11: .*12"),
        ("report", {"text": "gone.md"}, "report: there is no file .*gone.md"),
        ("report", {"date": "28.11.2026"}, r"report\.date is .*such as 2026-11-28"),
        ("seeds", 3, r"seeds is 3: .*such as \[0, 1\]"),
        ("models.zoom", None, r"models\.zoom is None: .*indented below it"),
        ("models.zoom.notebook", "03_train_zom", "'02_train_ddpm', '03_train_zoom' or"),
        # what would be dropped, or could not be told apart
        ("measure.n_distance", 64, r"models\.linear, measure: n_distance is 64; allowed: .* 40"),
        ("models.zoom.measure", {"levels": [3, 20]}, r"models\.zoom, measure: levels\[1\] is 20; .* 1 to 19"),
        ("models.linear.measure", {"calls": [5000]}, r"models\.linear, measure: calls\[0\] is 5000; .* 999"),
        ("models.zoom.ways", {"a b": {"prior": "patches"}}, r"ways.*'a b': "),
        ("models.zoom.ways", {"../a": {"prior": "patches"}}, r"ways.*'\.\./a': "),
        ("models.zoom.ways", {"x": None}, r"ways\.x is .*at least 1"),
        ("models.zoom.ways", {"real": {"prior": "patches"}}, r"models\.zoom: ways\.real"),
        ("models.zoom.label", "", "label is '': .*at least 1"),
        ("models.zoom.seeds", [3, 3], "seeds is .*3 occurs twice"),
        ("seeds", [0, 0], "seeds is .*0 occurs twice"),
        ("report", {"beyond": "beyonnd"}, "report: beyond is 'beyonnd'; .*did you mean 'beyond'"),
        ("data_dir", "/nonexistent", "data_dir is '/nonexistent'.*folder"),
        ("report", {"text": "model.md"}, "model.md, line 2: .* no model 'zom'; did you mean 'zoom'"),
        ("report", {"text": "way.md"}, "way.md, line 1: .* no model 'lineer'; did you mean 'linear'"),
        ("report", {"text": "samples.md"}, "@fig:samples-zom .*did you mean 'fig:samples-zoom'"),
        # what a process, sampler, prior or network refuses
        ("models.zoom.T", 28, r"models\.zoom: T is 28; allowed: .*27"),
        ("models.zoom.sampler", "ddim", r"use .*d\.Improved\(\)"),
        ("models.linear.sampler_options", {"stepps": 3}, "Ancestral .*'stepps'; .*'steps'"),
    ],
)
def test_a_mistake_in_a_profile_is_one_line(tmp_path, path, value, said):
    (tmp_path / "typo.md").write_text("# Mine\n\nSee @fig:losess.\n")
    (tmp_path / "model.md").write_text(
        "# Mine\n<< percent(final.zoom.digit) >>, << percent(final.zom.digit) >>\n"
    )
    (tmp_path / "way.md").write_text("<< num(models['lineer'].measured['x'].frechet) >>\n")
    (tmp_path / "samples.md").write_text("See @fig:samples-zom.\n")
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
    with pytest.raises(profile.ProfileError, match="there is no profile 'papre'; .* did you mean 'paper'"):
        profile.read("papre")


def test_two_models_have_two_labels(tmp_path):
    entry = {"notebook": "03_train_zoom", "label": "Zoom"}
    with pytest.raises(profile.ProfileError, match=r"^[^\n]*small\.yaml: models: label 'Zoom' occurs twice$"):
        read(tmp_path, models={"a": entry, "b": entry})


def test_a_text_may_name_models_that_a_condition_asks_for_and_functions_of_all(tmp_path):
    words = "%% if final.blur\n<< num(final.blur.frechet) >>\n%% endif\n"
    words += "<< num(final.zoom.frechet) >> << models.keys() | list >> << other.models.blur >>\n"
    (tmp_path / "words.md").write_text(words)
    assert read(tmp_path, report={"text": "words.md"}).text == words


def test_a_text_may_reference_its_own_labels_the_reports_and_those_in_code(tmp_path):
    words = "# Mine {#sec:mine}\n\n@sec:mine, [@Fig:losses; @fig:loss-zoom], `@fig:x`, a@fig:x\n"
    words += "\n```\n@fig:x\n```\n"
    (tmp_path / "words.md").write_text(words)
    assert read(tmp_path, report={"text": "words.md"}).text == words
