"""A further training of one model: what the report makes of it and refuses, and the command that makes it."""

import fcntl
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from bs4 import BeautifulSoup

import fake_run
from diffusion.files import sha256, write_json
from report import build, claims, context, evidence, phrases, render, results, tables, trainings
from report.claims import FAILS, HOLDS, OPEN
from tools import again, outputs, readme_results, release

ROOT = Path(__file__).resolve().parents[1]


def poor(train, compare):
    """A zoom model that is much further from the data, at every checkpoint."""
    for row in fake_run.ends(compare, "zoom"):
        for extractor in ("digits", "inception"):
            row[extractor] |= {"fid": 900.0, "low": 890.0, "high": 910.0}


def place(out: Path, model="zoom", seed=1, change=lambda train, compare: None, name=None) -> Path:
    """A fake run with one further training; returns its profile."""
    content = fake_run.records()
    profile = fake_run.write(out, content)
    fake_run.write_again(out, name or f"{model}-{seed}", fake_run.again(content, model, seed, change))
    return profile


@pytest.fixture(scope="module")
def apart(tmp_path_factory) -> tuple[Path, BeautifulSoup]:
    """A run whose second training disagrees with the first, and its page."""
    out = tmp_path_factory.mktemp("apart")
    build.build(out, str(place(out, change=poor)))
    return out, BeautifulSoup((out / "report.html").read_text(), "html.parser")


def report_of(out: Path, profile: Path) -> BeautifulSoup:
    """The page of a run, after its report is built."""
    build.build(out, str(profile))
    return BeautifulSoup((out / "report.html").read_text(), "html.parser")


def page_of(out: Path, run: results.Results) -> str:
    """The page of a run that no profile describes."""
    source = build.SOURCE.read_text(encoding="utf-8")
    return render.html(render.markdown(source, context.build(run, "fake", [])), out).decode()


def text(page: BeautifulSoup) -> str:
    return " ".join(page.get_text().split())


# --- records ------------------------------------------------------------------------------------------------


def test_the_training_takes_the_place_of_its_model_and_of_nothing_else(tmp_path):
    place(tmp_path, change=poor)
    run = results.load(tmp_path)
    (one,) = run.again
    assert (one.model, one.seed, one.folder) == ("zoom", 1, "again/zoom-1")
    assert one.run.train["zoom"]["parameters"]["seed"] == 1
    assert one.run.final["zoom"]["digits"]["fid"] == 900
    for model in ("linear", "cosine"):
        assert one.run.train[model] is run.train[model]
        assert one.run.final[model] is run.final[model]
        assert one.run.compare["clipping"][model] is run.compare["clipping"][model]
    assert run.final["zoom"]["digits"]["fid"] != 900
    assert run.runs == (run, one.run)


def test_what_is_measured_of_a_ddpm_is_taken_over_with_it(tmp_path):
    def clipped_to(train, compare):
        compare["clipping"]["linear"]["on"]["digits"]["fid"] = 77.0

    place(tmp_path, "linear", 3, clipped_to)
    run = results.load(tmp_path)
    (one,) = run.again
    assert one.run.compare["clipping"]["linear"]["on"]["digits"]["fid"] == 77
    assert run.compare["clipping"]["linear"]["on"]["digits"]["fid"] != 77
    assert one.run.compare["seed_sources"] == run.compare["seed_sources"]


@pytest.mark.parametrize("name", ["zoom-01", "zoom", "notes", "zoom-1.old"])
def test_a_folder_of_another_name_is_none(tmp_path, name):
    place(tmp_path)
    (tmp_path / "again/zoom-1").rename(tmp_path / "again" / name)
    assert results.load(tmp_path).again == ()


def test_one_that_is_not_yet_measured_is_left_out(tmp_path):
    place(tmp_path)
    (tmp_path / "again/zoom-1/metrics/compare.json").unlink()
    assert results.load(tmp_path).again == ()


def set_in(which, *path, value):
    """A change of one value of the training's record ("train") or of its comparison ("compare")."""

    def change(train, compare):
        *above, last = path
        found = {"train": train, "compare": compare}[which]
        for key in above:
            found = found[key]
        found[last] = value

    return change


def both(key, keys, value):
    """A change of what the training's record and the comparison say alike."""

    def change(train, compare):
        train[key] = compare[keys]["zoom"] = value

    return change


def drop(which, key):
    return lambda train, compare: {"train": train, "compare": compare}[which].pop(key)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_in("train", "parameters", "learning_rate", value=1e-3), "learning_rate of the training"),
        (set_in("compare", "parameters", "n_samples", value=7), "n_samples of the comparison"),
        (set_in("compare", "parameters", "distance_every", value=7), "distance_every"),
        (set_in("train", "parameters", "seed", value=9), "disagree about the seed"),
        (set_in("compare", "parameters", "seed", value=9), "disagree about the seed"),
        (set_in("train", "fingerprint", value="other"), "fingerprint of zoom"),
        (set_in("train", "epochs", value=7), "epochs of zoom"),
        (set_in("train", "model", value="linear"), "name of the model"),
        (both("label", "labels", "another"), "disagree about the label"),
        (set_in("compare", "models", value=["zoom", "linear"]), "models of again/zoom-1"),
        (set_in("compare", "extractors", "digits", "sha256", value="ee"), "weights behind the digits"),
        (set_in("compare", "extractors", "inception", "sha256", value="ee"), "weights behind the inception"),
        (set_in("compare", "final", "zoom", "n", value=7), "different numbers of samples"),
        (set_in("compare", "final", value={}), "final.zoom"),
        (drop("compare", "curves"), "curves"),
        (drop("train", "history"), "history"),
        (drop("train", "confusion"), "confusion"),
    ],
)  # fmt: skip
def test_a_training_that_differs_in_more_than_its_seed_is_refused(tmp_path, change, message):
    place(tmp_path, change=change)
    with pytest.raises(ValueError, match=message):
        results.load(tmp_path)


def test_the_seed_of_the_run_itself_is_no_further_training(tmp_path):
    place(tmp_path, seed=0)
    with pytest.raises(ValueError, match="no further training"):
        results.load(tmp_path)


def test_a_model_that_the_run_lacks_is_refused(tmp_path):
    place(tmp_path)
    (tmp_path / "again/zoom-1").rename(tmp_path / "again/blur-1")
    with pytest.raises(
        ValueError, match="no model 'blur' in the run, which has linear, cosine, zoom .*move the folder away"
    ):
        results.load(tmp_path)


def test_a_missing_record_names_the_command_that_makes_it(tmp_path):
    place(tmp_path)
    (tmp_path / "again/zoom-1/metrics/train_zoom.json").unlink()
    with pytest.raises(ValueError, match="MODEL=zoom SEED=1"):
        results.load(tmp_path)


def test_several_seeds_of_the_whole_study_and_a_further_training_do_not_mix(tmp_path):
    content = fake_run.records()
    found = fake_run.seeds(content, 4)
    fake_run.write_seeds(tmp_path, content, found)
    fake_run.write_again(tmp_path, "zoom-1", fake_run.again(content, "zoom", 1))
    with pytest.raises(ValueError, match="several seeds of the whole study"):
        results.load(tmp_path)


def test_records_of_other_code_are_refused(tmp_path):
    profile = place(tmp_path, change=set_in("train", "code", value="0ther"))
    with pytest.raises(ValueError, match=r"03_train_zoom zoom \(seed 1\) was made by other code"):
        build.build(tmp_path, str(profile))


# --- claims -------------------------------------------------------------------------------------------------


def test_claims_about_the_model_are_put_to_both_trainings(tmp_path):
    place(tmp_path, change=poor)
    run = results.load(tmp_path)
    found, (one,) = claims.ledger(run), run.again
    for v in found.values():
        assert bool(v.seeds) == ("zoom" in v.claim.models), v.claim.id
    alone = (
        claims.decide(found["comparable"].claim, run).verdict,
        claims.decide(found["comparable"].claim, one.run).verdict,
    )
    assert alone == (HOLDS, FAILS)
    assert (found["comparable"].verdict, found["comparable"].parted) == (OPEN, True)
    assert found["comparable"].seeds == "of 2 trainings of the zoom model: holds with 1, does not hold with 1"
    assert (found["struggles"].seeds, found["struggles"].parted) == (
        "with both trainings of the zoom model",
        False,
    )


def test_trainings_of_several_models_are_all_asked(tmp_path):
    content = fake_run.records()
    fake_run.write(tmp_path, content)
    for model, seed in (("zoom", 2), ("zoom", 10), ("linear", 1)):
        fake_run.write_again(tmp_path, f"{model}-{seed}", fake_run.again(content, model, seed))
    run = results.load(tmp_path)
    assert [(one.model, one.seed) for one in run.again] == [("linear", 1), ("zoom", 2), ("zoom", 10)]
    found = claims.ledger(run)
    assert found["struggles"].seeds == "with all 3 trainings of the zoom model"
    assert found["lower-loss"].seeds == "with both trainings of the linear model"
    assert found["comparable"].seeds == "with all 4 trainings"
    page = report_of(tmp_path, tmp_path / "fake.yaml")
    assert [c.get_text() for c in page.find(id="tbl:again-2").find_all("th")][1:] == [
        "Seed 0",
        "Seed 2",
        "Seed 10",
    ]
    assert "The linear model and zoom model were trained again" in text(page)
    assert "each by itself in the place of its model" in text(page)


def test_a_variant_may_be_repeated_though_no_claim_is_about_it(tmp_path):
    """One with too few checkpoints for a mean over the final epochs."""
    content = fake_run.records()
    compare, sparse = content["compare.json"], "sparse"
    content["train_sparse.json"] = content["train_zoom.json"] | {
        "model": sparse,
        "label": "Cold Zoom, sparse",
    }
    compare["models"].append(sparse)
    compare["labels"][sparse] = "Cold Zoom, sparse"
    for key in ("fingerprints", "curves", "final"):
        compare[key][sparse] = compare[key]["zoom"]
    compare["curves"][sparse] = compare["curves"]["zoom"][-2:]
    fake_run.write(tmp_path, content)
    fake_run.write_again(tmp_path, "sparse-1", fake_run.again(content, sparse, 1))
    run = results.load(tmp_path)
    assert not any(v.seeds for v in claims.ledger(run).values())
    ((found,),) = [trainings.beside(run)]
    assert found["apart"] is None
    assert not any("mean over" in name for name, _ in found["rows"])
    shown = text(BeautifulSoup(page_of(tmp_path, run), "html.parser"))
    assert "sets the trainings of the sparse model side by side." in shown
    assert "the same answer" not in shown


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({True}, "more frequent than there"),
        ({None}, "not clearly more or less frequent than there"),
        ({True, None}, "more frequent than there, but not clearly so with every training"),
        ({False, None}, "rarer than there, but not clearly so with every training"),
        ({True, False}, "more frequent than there with one training and rarer with another"),
    ],
)
def test_trainings_that_disagree_are_not_said_to_be_unclear(answers, said):
    assert phrases.frequency(set(answers)) == said


# --- the report ---------------------------------------------------------------------------------------------


def test_the_report_sets_the_trainings_side_by_side(apart):
    _, page = apart
    table = page.find(id="tbl:again-1")
    rows = {
        row.td.get_text(): [c.get_text() for c in row.find_all("td")[1:]] for row in table.find_all("tr")[1:]
    }
    assert [c.get_text() for c in table.find_all("th")][1:] == ["Seed 0", "Seed 1"]
    first, second = rows["Distance, digit features"]
    assert second == "900 [890,\N{NO-BREAK SPACE}910]"
    assert first != second
    assert (
        "with seeds 0 and 1 the intervals of the mean distance over the last 20% of training do not overlap"
        in text(page)
    )
    assert page.find(id="fig:again-1-1")


def test_the_report_says_what_the_trainings_do_not_agree_about(apart):
    _, page = apart
    shown = text(page)
    (number,) = [i for i, v in enumerate(claims.ledger(results.load(apart[0])).values(), 1) if v.parted]
    assert (
        f"On claim {number} of Table 7 the trainings do not all give the same answer, and it stays" in shown
    )
    assert "of 2 trainings of the zoom model: holds with 1, does not hold with 1" in shown
    assert "Whether Cold Zoom Diffusion matches the linear DDPM by distance remains open here" in shown
    assert "no verdict says how it would fare with another seed" in shown
    assert "make again PROFILE=fake MODEL=zoom SEED=1" in shown
    assert "Each model was trained once" not in shown


def test_one_checkpoint_of_each_training_is_said_to_rank_nothing_where_they_differ(apart):
    run = results.load(apart[0])
    first = trainings.AGAINST_LINEAR[evidence.below(*(run.final[m]["digits"] for m in ("zoom", "linear")))]
    further = "further from the data than the linear DDPM with seed 1"
    said = f"the zoom model would be {first} with seed 0 and {further}: one checkpoint of one training"
    assert first != trainings.AGAINST_LINEAR[False]
    assert said in text(apart[1])
    assert trainings.zoom_by_seed(replace(run, again=())) is None
    same = replace(run, again=(replace(run.again[0], run=run),))
    assert trainings.zoom_by_seed(same) == f"{first} with every seed"


def test_its_notebooks_are_rendered_and_linked(apart):
    out, page = apart
    for name in ("03_train_zoom-zoom", "04_compare_fid"):
        link = page.find("a", href=f"again/zoom-1/notebooks/{name}.html")
        assert link.get_text() == f"again/zoom-1/{name}"
        assert (out / link["href"]).is_file()


def test_trainings_that_agree_say_so(tmp_path):
    build.build(tmp_path, str(place(tmp_path)))
    shown = text(BeautifulSoup((tmp_path / "report.html").read_text(), "html.parser"))
    assert "On every claim about the zoom model all trainings give the same answer" in shown
    assert "overlap, so that they do not clearly tell the seeds apart" in shown


def test_a_sentence_holds_for_both_trainings_or_is_not_said(apart, tmp_path):
    """With seed 0 the zoom model is not clearly further from the data than the linear DDPM, with 1 it is."""
    further = "the zoom model is further from the data than the linear DDPM"
    build.build(tmp_path, str(place(tmp_path, change=poor)))
    content = fake_run.records()
    poor(content["train_zoom.json"], content["compare.json"])
    both = tmp_path / "both"
    profile = fake_run.write(both, content)
    fake_run.write_again(both, "zoom-1", fake_run.again(content, "zoom", 1))
    build.build(both, str(profile))
    assert further in text(BeautifulSoup((both / "report.html").read_text(), "html.parser"))
    assert further not in text(apart[1])


def test_a_missing_figure_is_one_line(tmp_path):
    profile = place(tmp_path)
    (tmp_path / "again/zoom-1/figures/fig13_fid_all.svg").unlink()
    with pytest.raises(ValueError, match=r"lacks again/zoom-1/figures/fig13_fid_all\.svg"):
        build.build(tmp_path, str(profile))


def test_the_machines_of_all_trainings_are_shown(tmp_path):
    content = fake_run.records()
    fake_run.write(tmp_path, content)
    for seed in (1, 2):
        change = set_in("train", "environment", "torch", value=f"9.9.{seed}")
        fake_run.write_again(tmp_path, f"zoom-{seed}", fake_run.again(content, "zoom", seed, change))
    rows = dict(tables.environment(results.load(tmp_path)))
    assert "zoom with seed 1" in rows["torch"]
    assert "zoom with seed 2" in rows["torch"]


# --- release and README -------------------------------------------------------------------------------------


def released(out: Path) -> Path:
    """A fake run with every file that a release takes; returns its profile."""
    profile = place(out)
    for folder, record in ((out, f"train_{m}.json") for m in fake_run.MODELS):
        _weights(folder, folder / "metrics" / record)
    _weights(out / "again/zoom-1", out / "again/zoom-1/metrics/train_zoom.json")
    files = outputs.SCHEDULES + outputs.of_comparison(list(fake_run.MODELS))
    for model, notebook in fake_run.NOTEBOOK.items():
        files += outputs.of_training(notebook, model)
    files += [f"again/zoom-1/{file}" for file in outputs.of_again("03_train_zoom", "zoom")]
    files += ["notebooks/02_train_ddpm-cosine.ipynb", "notebooks/03_train_zoom-zoom.ipynb"]
    for path in (out / file for file in files):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            shutil.copy(out / "notebooks/01_schedules.ipynb", path)
    build.build(out, str(profile))
    return profile


def _weights(folder: Path, path: Path) -> None:
    record = json.loads(path.read_text())
    weights = folder / record["weights"]["file"]
    weights.parent.mkdir(parents=True)
    weights.write_bytes(record["fingerprint"].encode())
    (folder / record["run"] / "history.jsonl").write_text("{}\n")
    record["weights"]["sha256"] = sha256(weights)
    write_json(path, record)


def test_a_release_keeps_the_training_and_its_report_has_it(tmp_path):
    profile = released(tmp_path / "run")
    kept = release.release(tmp_path / "run", str(profile), tmp_path / "kept")
    (weights,) = kept.glob("again/zoom-1/runs/*/weights/*.safetensors")
    assert (kept / "again/zoom-1/metrics/compare.json").is_file()
    release.report(kept, str(profile), tmp_path / "again")
    page = (tmp_path / "again" / "report.html").read_text()
    assert page == (tmp_path / "run" / "report.html").read_text()
    assert "Trained again" in page
    (tmp_path / "run/again/zoom-1" / weights.relative_to(kept / "again/zoom-1")).write_bytes(b"other")
    with pytest.raises(ValueError, match="not the file that its record names"):
        release.release(tmp_path / "run", str(profile), tmp_path / "kept")
    assert weights.is_file()


def test_the_report_of_a_release_takes_in_what_was_trained_here_and_nothing_older(tmp_path):
    profile = released(tmp_path / "run")
    run, own, out = tmp_path / "run", tmp_path / "own", tmp_path / "out"
    (run / "again").rename(tmp_path / "aside")
    build.build(run, str(profile))
    kept = release.release(run, str(profile), tmp_path / "kept")
    shutil.copytree(tmp_path / "aside", own / "again")
    (own / "again/zoom-2/metrics").mkdir(parents=True)  # under way
    release.report(kept, str(profile), out, own)
    assert [one.folder for one in results.load(out).again] == ["again/zoom-1"]
    assert "Trained again" in (out / "report.html").read_text()
    shutil.rmtree(own / "again/zoom-1")
    release.report(kept, str(profile), out, own)
    assert "Trained again" not in (out / "report.html").read_text()


def test_the_readme_has_a_row_of_it_and_the_verdicts_of_both(apart):
    shown = readme_results.block(results.load(apart[0]), "fake")
    assert "| Cold Zoom, again (seed 1) |" in shown
    assert "`make again PROFILE=fake MODEL=zoom SEED=1` trains the zoom model once more." in shown
    assert "with seed 1: one checkpoint of one training does not rank the two." in shown
    assert "| undecided, of 2 trainings of the zoom model: holds with 1, does not hold with 1 |" in shown


# --- the command --------------------------------------------------------------------------------------------


def paper() -> dict:
    return yaml.safe_load((ROOT / "profiles" / "paper.yaml").read_text())


def test_the_notebooks_get_the_profile_s_parameters_with_the_seed_and_the_model():
    found = again.parameters(paper(), "zoom", 1)
    assert list(found) == ["03_train_zoom", "04_compare_fid"]
    training, compare = found.values()
    assert (training["seed"], training["epochs"], training["model"]) == (1, 100, "zoom")
    assert (compare["seed"], compare["models"], compare["seeds"]) == (1, ["zoom"], None)
    assert (compare["n_final"], compare["distance_every"]) == (2000, 1)  # as many as are compared
    assert again.parameters(paper(), "cosine", 1)["04_compare_fid"]["distance_every"] == 5


@pytest.mark.parametrize(
    ("change", "model", "seed", "message"),
    [
        ({}, "zoo", 1, "has no model 'zoo'; give one of linear, cosine, zoom"),
        ({}, "zoom", 0, "seed = 0 is not allowed; give one from 0 to .* other than 0"),
        ({}, "zoom", 2**70, "is not allowed"),
        ({}, "linear", 0, "is not allowed"),
        ({"seeds": [0, 1]}, "zoom", 2, r"repeats the whole study with seeds \[0, 1\]; add 2 there instead"),
        ({"epoch": 3}, "zoom", 1, "epoch"),
    ],
)
def test_a_mistake_is_one_line_before_anything_runs(tmp_path, change, model, seed, message):
    config = {key: value for key, value in paper().items() if key != "seed" or "seeds" not in change} | change
    with pytest.raises(ValueError, match=message) as error:
        again.parameters(config, model, seed)
    assert "\n" not in str(error.value)
    profile = tmp_path / "paper.yaml"
    profile.write_text(yaml.safe_dump(config | {"out": str(tmp_path / "out")}))
    command = [sys.executable, ROOT / "tools" / "again.py", str(profile), model, str(seed)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("error: ")
    assert run.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_executed_notebook_keeps_no_path_of_this_machine(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(again, "ROOT", tmp_path)
    monkeypatch.setattr(
        again.subprocess, "run", lambda *a, **k: asked.append((a, k)) or SimpleNamespace(returncode=0)
    )
    assert again.run("03_train_zoom", "03_train_zoom-zoom", {"seed": 1}, "build/paper/again/zoom-1") == 0
    (((_, *command),), options) = asked[0]
    assert options["cwd"] == tmp_path
    assert not any(argument.startswith("/") or str(tmp_path) in argument for argument in command)
    assert (tmp_path / "build/paper/again/zoom-1/logs").is_dir()


def test_a_folder_that_another_one_writes_is_left_alone(tmp_path):
    profile, out = tmp_path / "paper.yaml", tmp_path / "out"
    profile.write_text(yaml.safe_dump(paper() | {"out": str(out)}))
    folder = out / "again" / "zoom-1"
    folder.mkdir(parents=True)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [sys.executable, str(ROOT / "tools" / "again.py"), str(profile), "zoom", "1"]
        run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 1
    assert "is being written by another run" in run.stderr
    assert [path.name for path in folder.iterdir()] == [".lock"]


@pytest.mark.parametrize("arguments", [(), ("paper",), ("paper", "zoom", "one"), ("paper", "zoom", "-1")])
def test_it_says_how_it_is_called(arguments):
    command = [sys.executable, str(ROOT / "tools" / "again.py"), *arguments]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 1
    assert "tools/again.py PROFILE MODEL SEED" in run.stderr


def test_from_the_command_to_the_report(smoke_out, tmp_path):
    """With the real notebooks."""
    out, model = tmp_path / "out", "zoom"
    for part in ("metrics", "figures", "notebooks"):
        shutil.copytree(smoke_out / part, out / part)
    config = yaml.safe_load((smoke_out.parent / "smoke.yaml").read_text()) | {"out": str(out)}
    profile = tmp_path / "smoke.yaml"
    profile.write_text(yaml.safe_dump(config, sort_keys=False))
    command = [sys.executable, str(ROOT / "tools" / "again.py"), str(profile), model, "7"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout + run.stderr
    folder = out / "again" / f"{model}-7"
    notebook = config["models"][model]["notebook"]
    for file in outputs.of_again(notebook, model):
        assert (folder / file).is_file(), file
    build.build(out, str(profile))
    found = results.load(out)
    results.check_code(found)
    (one,) = found.again
    assert one.train["weights"]["sha256"] != found.train[model]["weights"]["sha256"]
    assert one.run.final[model]["digits"]["fid"] != found.final[model]["digits"]["fid"]
    page = BeautifulSoup((out / "report.html").read_text(), "html.parser")
    assert page.find(id="tbl:again-1")
