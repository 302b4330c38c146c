"""Parameters of notebooks and profiles: every kind of mistake is one clear line, before anything runs."""

import copy
import re
import subprocess
import sys
from pathlib import Path

import papermill
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from diffusion import parameter_table as table
from diffusion import parameters
from diffusion.parameter_rules import check_value
from diffusion.parameters import ParameterError, check, check_profile, for_model, notebook_parameters
from standin import TARGETS

ROOT = Path(__file__).resolve().parents[1]
PROFILES = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "profiles").glob("*.yaml"))
}
for profile in PROFILES.values():  # a model of one's own, beside those that the profiles have
    profile["models"]["blur"] = {"notebook": table.OWN, "degradation": "diffusion.blur:ColdBlur"}
ALL = [(notebook, name) for notebook in table.NOTEBOOKS for name in table.of(notebook)]


def valid(notebook: str, profile: str = "smoke") -> dict:
    """A complete, valid set of parameters of a notebook."""
    return notebook_parameters(PROFILES[profile], TARGETS[notebook]) | {"out_dir": None}


def refusal(notebook: str, namespace: dict) -> str:
    """The one line with which a set of parameters is refused."""
    with pytest.raises(ParameterError) as error:
        check(notebook, dict(namespace))
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(notebook)
    return message


def edits(name: str) -> st.SearchStrategy[str]:
    """Names that a slip of the finger away from `name` gives."""
    places = st.integers(0, len(name) - 1)
    dropped = places.map(lambda i: name[:i] + name[i + 1 :])
    doubled = places.map(lambda i: name[:i] + name[i] + name[i:])
    swapped = places.map(lambda i: name[: max(i - 1, 0)] + name[max(i - 1, 0) : i + 1][::-1] + name[i + 1 :])
    return st.one_of(dropped, doubled, swapped, st.just(name + "s"), st.just(name.swapcase()))


def wrong_types(parameter: table.Parameter) -> st.SearchStrategy:
    """Values of every plain type that the parameter does not admit."""
    kinds = {
        int: st.integers(),
        float: st.floats(),
        bool: st.booleans(),
        str: st.text(max_size=8) | st.sampled_from(["3", "2e-3", "True", "None"]),
        list: st.lists(st.integers(), max_size=2),
        dict: st.dictionaries(st.text(max_size=3), st.text(max_size=3), min_size=1, max_size=2),
        tuple: st.tuples(st.integers()),
        table.NONE: st.none(),
    }
    admitted = set(parameter.kinds) | ({int} if float in parameter.kinds else set())
    if list in admitted:  # lists of the wrong things are left
        admitted -= {list}
        others = (
            st.text(max_size=3) | st.floats() | st.booleans() if parameter.elements is int else st.integers()
        )
        kinds[list] = st.lists(others, min_size=1, max_size=2)
    if dict in admitted:
        admitted -= {dict}
    return st.one_of(*(values for kind, values in kinds.items() if kind not in admitted))


def outside(parameter: table.Parameter) -> st.SearchStrategy:
    """Values of the right type that are not allowed."""
    if parameter.choices:
        return st.text(max_size=8).filter(lambda text: text not in parameter.choices)
    whole = int in parameter.kinds
    numbers = st.integers if whole else lambda **k: st.floats(allow_nan=False, allow_infinity=False, **k)
    low, high = parameter.low, parameter.high
    if parameter.exclusive:
        return st.one_of(numbers(max_value=low), numbers(min_value=high))
    edge = 1 if whole else 1e-12
    return st.one_of(numbers(max_value=low - edge), numbers(min_value=high + edge))


def inside(parameter: table.Parameter) -> st.SearchStrategy:
    """Values that are allowed."""
    kinds = {bool: st.booleans(), table.NONE: st.none()}
    name = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,39}", fullmatch=True)
    kinds[str] = st.sampled_from(parameter.choices) if parameter.choices else name
    kinds[list] = st.lists(name, min_size=1)
    if parameter.low is not None:
        open_ = dict(exclude_min=parameter.exclusive, exclude_max=parameter.exclusive)
        kinds[int] = st.integers(int(parameter.low), int(parameter.high))
        kinds[float] = st.floats(parameter.low, parameter.high, **open_)
        kinds[dict] = st.dictionaries(name, kinds[int], min_size=1)
    if parameter.elements is int:
        kinds[list] = st.lists(
            kinds[int].filter(bool), min_size=1, unique=True
        )  # 0 is the notebook's own seed
    return st.one_of(*(kinds[kind] for kind in parameter.kinds))


# --- one notebook -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("notebook", table.NOTEBOOKS)
@pytest.mark.parametrize("profile", PROFILES)
def test_good_parameters_come_back_resolved(notebook, profile):
    wanted = valid(notebook, profile) | {"out_dir": "somewhere"}
    interpreter = {"In": ["", "x"], "Out": {}, "exit": "exit", "_i1": "x", "__name__": "__main__", "sys": sys}
    assert check(notebook, wanted | interpreter) == wanted


@given(st.data())
def test_a_misspelt_name_is_refused_with_the_right_one(data):
    notebook, name = data.draw(st.sampled_from(ALL))
    misspelt = data.draw(edits(name).filter(lambda text: text and not text.startswith("_")))
    if misspelt not in table.of(notebook):
        message = refusal(notebook, valid(notebook) | {misspelt: 1})
        assert repr(misspelt) in message
        assert "did you mean" in message or "the known ones are" in message


def test_the_nearest_name_is_suggested():
    message = refusal(table.DDPM, valid(table.DDPM) | {"epoch": 3})
    assert (
        message == "02_train_ddpm: there is no parameter 'epoch'; did you mean 'epochs'? Rename or remove it."
    )


@pytest.mark.parametrize(("notebook", "name"), ALL)
def test_a_missing_parameter_is_refused(notebook, name):
    values = valid(notebook)
    del values[name]
    assert f"{name} is missing; give " in refusal(notebook, values)


@pytest.mark.parametrize(("notebook", "name"), ALL)
@given(data=st.data())
def test_a_wrong_type_is_refused(notebook, name, data):
    value = data.draw(wrong_types(table.of(notebook)[name]))
    assert f"{notebook}: {name} = " in refusal(notebook, valid(notebook) | {name: value})


@pytest.mark.parametrize(
    ("notebook", "name"), [(n, p) for n, p in ALL if table.of(n)[p].low is not None or table.of(n)[p].choices]
)
@given(data=st.data())
def test_a_value_out_of_range_is_refused(notebook, name, data):
    value = data.draw(outside(table.of(notebook)[name]))
    assert f"{notebook}: {name} = " in refusal(notebook, valid(notebook) | {name: value})


@pytest.mark.parametrize(("notebook", "name"), ALL)
@given(data=st.data())
def test_an_allowed_value_is_accepted(notebook, name, data):
    check_value(table.of(notebook)[name], data.draw(inside(table.of(notebook)[name])), notebook)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_none_are_refused(number):
    assert "learning_rate = " in refusal(table.ZOOM, valid(table.ZOOM) | {"learning_rate": number})


def test_true_is_no_number_and_a_numeric_text_gets_a_hint():
    assert "epochs = True" in refusal(table.ZOOM, valid(table.ZOOM) | {"epochs": True})
    message = refusal(table.ZOOM, valid(table.ZOOM) | {"learning_rate": yaml.safe_load("2e-3")})
    assert "'2e-3' is not allowed" in message
    assert "YAML" in message


@pytest.mark.parametrize(
    ("notebook", "values", "said"),
    [
        (table.SCHEDULES, {"beta_start": 0.03}, "beta_start = 0.03 is above beta_end = 0.02"),
        (table.DDPM, {"beta_start": 0.03}, "beta_start = 0.03 is above beta_end = 0.02"),
        (table.DDPM, {"T": 9, "sampling_steps": 10}, "sampling_steps = 10 is above T = 9"),
        (table.SCHEDULES, {"image_index": 10_000}, "image_index = 10000 is not allowed"),
        (table.ZOOM, {"n_reconstruct": 5, "n_test": 4}, "n_reconstruct = 5 is above the n_test = 4"),
        (table.ZOOM, {"T": 25}, "T = 25 is not allowed; give a whole number from 1 to 24"),
        (table.OWN, {"degradation": "ColdBlur"}, "degradation = 'ColdBlur' names no class"),
        (table.OWN, {"degradation": "diffusion.blur:Blur"}, "the module has no class 'Blur'; name a class"),
        (table.OWN, {"degradation": "nope:X"}, "degradation = 'nope:X': there is no module 'nope'"),
        (table.OWN, {"degradation": "diffusion.nope:X"}, "there is no module 'diffusion.nope'"),
        (table.OWN, {"degradation": "diffusion.blur.nope:X"}, "there is no module 'diffusion.blur.nope'"),
        (table.OWN, {"degradation": "diffusion..blur:X"}, "there is no module 'diffusion..blur'"),
        (table.OWN, {"T": 0}, "T = 0 is not allowed; give a whole number from 1"),
        (table.OWN, {"n_test": 9}, "n_test = 9 is not allowed; give a whole number from 12"),
        (table.COMPARE, {"n_test": 9}, "n_test = 9 is not allowed; give a whole number from 12"),
        (table.COMPARE, {"n_final": 11}, "names and whole numbers from 12"),
        (table.COMPARE, {"n_final": {"linear": 3}}, "n_final = {'linear': 3} is not allowed"),
        (
            table.DDPM,
            {"batch_size": 65, "n_train": 64},
            "batch_size = 65 is above the n_train = 64 training images; give 1 to 64, or raise n_train",
        ),
        (table.ZOOM, {"batch_size": 65, "n_train": 64}, "batch_size = 65 is above the n_train = 64"),
        (table.OWN, {"batch_size": 65, "n_train": 64}, "batch_size = 65 is above the n_train = 64"),
        (table.DDPM, {"channels": []}, "channels = [] is empty; give one width a block"),
        (table.ZOOM, {"channels": [16, 0]}, "give a list of whole numbers from 1 to 1024"),
        (table.OWN, {"channels": 16}, "channels = 16 is not allowed; give a list of whole numbers"),
        (table.DDPM, {"model": "a/b"}, "model = 'a/b' is not allowed"),
        (table.COMPARE, {"models": []}, "models = [] is empty"),
        (table.COMPARE, {"models": ["zoom", "zoom"]}, "models names 'zoom' twice"),
        (table.COMPARE, {"n_final": {"linear": 19}}, "no entry for the model 'cosine'"),
        (table.COMPARE, {"distance_every": {"linear": 0}}, "distance_every = {'linear': 0} is not allowed"),
        (
            table.COMPARE,
            {"distance_every": {"linear": 5, "zoom": 1}},
            "distance_every = {'linear': 5, 'zoom': 1} has no entry for the model 'cosine'",
        ),
        (table.COMPARE, {"n_samples": 11}, "n_samples = 11 is not allowed; give a whole number from 12"),
        (
            table.COMPARE,
            {"inception_weights": "nowhere.pt"},
            "inception_weights = 'nowhere.pt' is not a file",
        ),
    ],
)
def test_contradictions_are_refused(notebook, values, said):
    assert said in refusal(notebook, valid(notebook) | values)


def test_the_smallest_numbers_are_accepted():
    check(table.COMPARE, valid(table.COMPARE) | {"n_samples": 12, "n_final": 12, "n_test": 12})
    check(table.DDPM, valid(table.DDPM) | {"n_train": 64, "batch_size": 64})
    check(table.DDPM, valid(table.DDPM) | {"n_train": None, "batch_size": 60_000})


def test_the_comparison_can_measure_the_smallest_numbers():
    pytest.importorskip("torch")
    from diffusion import variety

    low = {name: table.of(table.COMPARE)[name].low for name in ("n_samples", "n_final", "n_test")}
    assert min(low.values()) >= variety.FEWEST
    assert min(low["n_final"], low["n_samples"]) >= 4  # two halves of two, of `frechet_interval`


def test_a_module_is_found_without_being_imported(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "heavy").mkdir()
    for name in ("__init__", "mine"):
        (tmp_path / "heavy" / f"{name}.py").write_text("raise SystemExit('imported')\nclass Mine: ...\n")
    check(table.OWN, valid(table.OWN) | {"degradation": "heavy.mine:Mine"})
    for wrong, said in (
        ("heavy.yours:Mine", "there is no module 'heavy.yours'"),
        ("heavy.mine:Yours", "the module has no class 'Yours'"),
    ):
        assert said in refusal(table.OWN, valid(table.OWN) | {"degradation": wrong})


def test_a_weights_file_that_is_there_is_accepted(tmp_path):
    weights = tmp_path / "inception.pth"
    weights.touch()
    check(table.COMPARE, valid(table.COMPARE) | {"inception_weights": str(weights)})


def test_running_a_cell_again_by_hand_overlooks_later_variables_but_not_a_slip():
    namespace = valid(table.ZOOM)
    check(table.ZOOM, namespace)
    namespace |= {"history": [1.0, 0.5], "x": 3, "In": ["", "x = 3", "epochs = 2", "check"]}
    check(table.ZOOM, namespace)
    namespace |= {"epoch": 2, "In": ["", "x = 3", "epoch = 2", "check"]}
    assert "did you mean 'epochs'" in refusal(table.ZOOM, namespace)


# --- profiles -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["smoke", "quick", "medium", "paper"])
def test_the_profiles_are_good(name):
    assert PROFILES[name]["profile"] == name
    check_profile(PROFILES[name])


def test_the_paper_profile_has_the_numbers_of_the_study():
    for model in ("linear", "cosine", "zoom"):
        values = notebook_parameters(PROFILES["paper"], model)
        study = {"epochs": 100, "batch_size": 128, "learning_rate": 2e-4, "lr_schedule": "constant"}
        study |= {"n_train": None, "n_test": None}
        assert values.items() >= study.items()
    ddpm = {"T": 1000, "beta_start": 1e-5, "beta_end": 0.02, "s": 0.008, "beta_max": 0.02}
    ddpm |= {"clip_x0": False, "sampling_steps": None}
    assert notebook_parameters(PROFILES["paper"], "cosine").items() >= ddpm.items()
    compare = notebook_parameters(PROFILES["paper"], table.COMPARE)
    assert compare["n_samples"] == 500
    assert compare["n_final"].items() >= {"linear": 2000, "cosine": 2000, "zoom": 10000}.items()


def test_a_model_is_one_entry():
    config = copy.deepcopy(PROFILES["quick"])
    config["models"]["bilinear"] = {"notebook": table.ZOOM, "interpolation": "bilinear", "epochs": 7}
    check_profile(config)
    values = notebook_parameters(config, "bilinear")
    assert (values["model"], values["interpolation"], values["epochs"]) == ("bilinear", "bilinear", 7)
    assert notebook_parameters(config, table.COMPARE)["models"] == [
        "linear",
        "cosine",
        "zoom",
        "blur",
        "bilinear",
    ]


@pytest.mark.parametrize("name", table.PER_MODEL)
def test_a_models_own_number_counts_beside_one_for_all_and_beside_a_dictionary(name):
    config = copy.deepcopy(PROFILES["smoke"])
    config["models"]["zoom"][name] = 50
    wanted = dict.fromkeys(config["models"], 40) | {"zoom": 50}
    for of_all in (40, dict.fromkeys(config["models"], 40)):
        config["compare"][name] = of_all
        check_profile(config)
        assert notebook_parameters(config, table.COMPARE)[name] == wanted
        assert [for_model(wanted, model) for model in ("linear", "zoom")] == [40, 50]
    assert for_model(40, "zoom") == 40


def test_the_data_set_of_a_profile_is_that_of_every_notebook():
    for said, expected in (({}, "mnist"), ({"dataset": "kmnist"}, "kmnist")):
        config = copy.deepcopy(PROFILES["smoke"]) | said
        check_profile(config)
        targets = (table.SCHEDULES, table.COMPARE, *config["models"])
        assert {notebook_parameters(config, target)["dataset"] for target in targets} == {expected}


def test_other_sizes_are_accepted_where_all_agree():
    config = copy.deepcopy(PROFILES["smoke"])
    config["schedules"] |= {"T": 500, "beta_end": 0.03, "zoom_T": 20, "interpolation": "bilinear"}
    config["training"] |= {"beta_end": 0.03, "interpolation": "bilinear"}
    for model, T in (("linear", 500), ("cosine", 500), ("zoom", 20)):
        config["models"][model]["T"] = T
    check_profile(config | {"out": "build/elsewhere", "seed": 7})


def test_a_model_that_is_not_compared_may_differ():
    config = copy.deepcopy(PROFILES["smoke"])
    config["models"]["blur"]["seed"] = 1
    config["compare"]["models"] = ["zoom", "cosine", "linear"]
    check_profile(config)


def test_several_seeds_are_one_line():
    config = copy.deepcopy(PROFILES["smoke"])
    del config["seed"]
    config["seeds"] = [4, 0]
    check_profile(config)
    assert notebook_parameters(config, "zoom")["seed"] == 4
    assert notebook_parameters(config, "zoom", 0)["seed"] == 0
    assert notebook_parameters(config, table.COMPARE)["seeds"] == [0]
    assert notebook_parameters(config, table.COMPARE, 0)["seeds"] is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([], "seeds = [] is not allowed; give a list of different whole numbers from 0 to 4294967295"),
        ([1, 1], "seeds = [1, 1] is not allowed"),
        (3, "seeds = 3 is not allowed"),
        ([0, True], "seeds = [0, True] is not allowed"),
        ([-1], "seeds = [-1] is not allowed"),
        (["0"], "seeds = ['0'] is not allowed"),
    ],
)
def test_wrong_seeds_are_refused(value, text):
    config = copy.deepcopy(PROFILES["smoke"])
    del config["seed"]
    with pytest.raises(ParameterError, match=re.escape(text)):
        check_profile(config | {"seeds": value})
    with pytest.raises(ParameterError, match="has both seed and seeds; keep one of them"):
        check_profile(config | {"seeds": value, "seed": 0})


@pytest.mark.parametrize("config", [None, [], {}])
def test_an_empty_profile_is_refused(config):
    with pytest.raises(ParameterError, match="no profile is given"):
        check_profile(config)


def mistake(*path, value):
    """A change of one entry of a profile; the value `...` removes it."""

    def apply(config):
        *above, last = path
        for key in above:
            config = config[key]
        if value is ...:
            del config[last]
        else:
            config[last] = value

    return apply


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (mistake("profile", value=...), "no profile is given"),
        (mistake("profile", value="a b"), "profile = 'a b' is no name"),
        (mistake("trainig", value={}), "there is no section 'trainig'; did you mean 'training'?"),
        (mistake("training", value=...), "training = None is not allowed"),
        (
            mistake("training", "epoch", value=3),
            "training: there is no parameter 'epoch'; did you mean 'epochs'?",
        ),
        (mistake("training", "epochs", value=...), "epochs is missing"),
        (mistake("training", "epochs", value=0), "epochs = 0 is not allowed"),
        (mistake("training", "model", value="x"), "training: there is no parameter 'model'"),
        (mistake("schedules", "clip_x0", value=True), "schedules: there is no parameter 'clip_x0'"),
        (
            mistake("compare", "models", value=["linear", "zom"]),
            "there is no model 'zom'; did you mean 'zoom'?",
        ),
        (mistake("compare", "n_final", value=1), "compare (04_compare_fid): n_final = 1 is not allowed"),
        (mistake("models", value={}), "models is empty"),
        (mistake("models", "zoom", value="03_train_zoom"), "models.zoom = '03_train_zoom' is not allowed"),
        (mistake("models", "zoom", "notebook", value="3"), "give one of 02_train_ddpm, 03_train_zoom"),
        (
            mistake("models", "zoom", "schedule", value="linear"),
            "models.zoom: there is no parameter 'schedule'",
        ),
        (mistake("models", "zoom", "T", value=25), "models.zoom (03_train_zoom): T = 25 is not allowed"),
        (mistake("models", "a b", value={"notebook": table.ZOOM}), "model = 'a b' is no name"),
        (
            mistake("models", "linear", "schedule", value=...),
            "models.linear (02_train_ddpm): schedule is missing",
        ),
        (mistake("training", "sampling_steps", value=1001), "sampling_steps = 1001 is above T = 1000"),
        (mistake("seed", value="0"), "seed = '0' is not allowed"),
        (
            mistake("dataset", value="emnist"),
            "dataset = 'emnist' is not allowed; give one of 'mnist', 'fashion', 'kmnist'",
        ),
        (mistake("training", "dataset", value="kmnist"), "training: dataset holds for the whole profile"),
        (mistake("out", value=""), "out = '' is not allowed; give the path of a folder"),
        (mistake("out", value=3), "out = 3 is not allowed"),
        (mistake("out", value=None), "out = None is not allowed"),
        (
            mistake("compare", "n_samples", value=3),
            "n_samples = 3 is not allowed; give a whole number from 12",
        ),
        (mistake("models", "zoom", "n_final", value=2), "compare (04_compare_fid): n_final = "),
        (mistake("training", "batch_size", value=513), "batch_size = 513 is above the n_train = 512"),
        (
            mistake("models", "blur", "degradation", value="nope:X"),
            "models.blur (05_your_degradation): degra",
        ),
        (
            mistake("models", "zoom", value=...),
            "models has no 'zoom', and the report needs linear, cosine, zoom",
        ),
        (
            mistake("compare", "models", value=["linear", "zoom"]),
            "compare: models = ['linear', 'zoom'] lacks 'co",
        ),
        (
            mistake(
                "models", "zoom", value={"notebook": table.OWN, "degradation": "diffusion.blur:ColdBlur"}
            ),
            "models.zoom: notebook = '05_your_degradation' is not that of the study's zoom; give '03",
        ),
        (
            mistake("models", "cosine", value={"notebook": table.ZOOM}),
            "models.cosine: notebook = '03_train_zoom' is not that of the study's cosine; give",
        ),
        (
            mistake("models", "linear", "schedule", value="cosine"),
            "models.linear: schedule = 'cosine' is not that of the study's linear; give 'linear'",
        ),
        (mistake("models", "linear", "T", value=500), "models.linear: T = 500, but schedules has T = 1000"),
        (mistake("schedules", "T", value=500), "models.linear: T = 1000, but schedules has T = 500"),
        (
            mistake("models", "cosine", "s", value=0.01),
            "models.cosine: s = 0.01, but schedules has s = 0.008",
        ),
        (mistake("models", "zoom", "T", value=23), "models.zoom: T = 23, but schedules has zoom_T = 24"),
        (
            mistake("schedules", "interpolation", value="bilinear"),
            "interpolation = 'nearest', but schedules has",
        ),
        (
            mistake("models", table.COMPARE, value={"notebook": table.ZOOM}),
            "'04_compare_fid' is the name of a notebook; give the model another one",
        ),
        (mistake("models", "blur", "seed", value=1), "models.blur: seed = 1, but schedules has seed = 0"),
        (mistake("training", "seed", value=1), "models.linear: seed = 1, but schedules has seed = 0"),
        (mistake("compare", "seed", value=1), "compare: seed = 1, but schedules has seed = 0"),
        (
            mistake("compare", "seeds", value=[1]),
            "compare: seeds holds for the whole profile; set it at its top",
        ),
    ],
)
def test_a_mistake_in_a_profile_is_one_line(change, said):
    config = copy.deepcopy(PROFILES["smoke"])
    change(config)
    with pytest.raises(ParameterError) as error:
        check_profile(config)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


# --- the notebooks themselves -------------------------------------------------------------------------------


@pytest.mark.parametrize("notebook", table.NOTEBOOKS)
def test_the_parameters_cell_and_the_table_agree(notebook):
    declared = table.of(notebook)
    cell = papermill.inspect_notebook(str(ROOT / "notebooks" / f"{notebook}.ipynb"))
    assert cell.keys() == declared.keys()
    defaults = {name: eval(entry["default"], {}) for name, entry in cell.items()}
    check(notebook, dict(defaults))
    constants = {name: p.default for name, p in declared.items() if p.default is not ...}
    assert {name: defaults[name] for name in constants} == constants


@pytest.mark.parametrize("notebook", table.NOTEBOOKS)
def test_papermill_with_a_misspelt_parameter_fails_before_anything_runs(notebook, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "papermill", str(ROOT / "notebooks" / f"{notebook}.ipynb")]
    command += [str(tmp_path / "executed.ipynb"), "-k", "python3", "-r", "out_dir", str(out)]
    run = subprocess.run([*command, "-p", "sead", "1"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode != 0
    assert "there is no parameter 'sead'; did you mean 'seed'?" in run.stderr
    assert not out.exists()


def test_nothing_heavy_is_imported():
    code = (
        "import sys, diffusion.parameters; print(sorted({'torch', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_error_is_a_value_error():
    assert issubclass(parameters.ParameterError, ValueError)
