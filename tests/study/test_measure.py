"""The jobs of measuring and analysing, on tiny trainings: what they write, take again, and refuse."""

import json
import math
import shutil
from pathlib import Path

import pytest

import tiny_run
from damage import changed
from diffusion import data
from diffusion.evaluation import measures
from diffusion.evaluation.measures import MEASURES
from diffusion.evaluation.samples import CLASSES
from diffusion.provenance import environment
from diffusion.training import fit
from study import analyse, measure, table
from study.kept import keep, read_kept
from study.results import load
from study.table import CHECKPOINT, PATCHES, REAL, Job, path_of
from tiny_run import MODELS, SEED, N

pytestmark = pytest.mark.usefixtures("one_thread")

ENDS = ("", "_autoencoder", "_random")  # of features


@pytest.fixture(scope="module")
def run(tmp_path_factory, mnist_dir):
    """The files of a tiny run."""
    out = tmp_path_factory.mktemp("out")
    tiny_run.all_of(out, mnist_dir)
    return out


@pytest.fixture(scope="module")
def P(mnist_dir):
    return tiny_run.settings(mnist_dir)[0]


@pytest.fixture
def copied(run, tmp_path):
    """The same, to be spoilt."""
    shutil.copytree(run, tmp_path, dirs_exist_ok=True)
    return tmp_path


def of(out, kind="measure", model="zoom"):
    return Job(out, f"{kind}_{model}-{SEED}")


def numbers(job, without=("seconds",)):
    """The rows of a job by their place."""
    return {
        (row.way, row.epoch, row.measure, row.x): (row.value, row.low, row.high, row.n, row.sd)
        for row in job.rows
        if row.measure not in without
    }


def test_the_rows_of_a_run_are_what_they_were(run):
    """Rows of the edition before there were rows; shares of digits are of another recogniser since."""
    kept, here = json.loads((Path(__file__).parents[1] / "golden/rows.json").read_text()), environment()
    same = all(here[key] == value for key, value in kept["machine"].items())
    close = 1e-9 if same else 0.05  # another processor rounds otherwise: pixels, and which sample is near
    for name, rows in kept["rows"].items():
        found = numbers(Job(run, name))
        for way, epoch, measured, x, *expected in rows:
            values = found[way, epoch, measured, x]
            for one, other in zip(values, expected, strict=True):
                assert (one is None) == (other is None), (name, way, epoch, measured, x)
                if other is not None and (same or measured not in ("kid", "precision", "recall")):
                    # Of few samples most eigenvalues are zero: torchmetrics took the roots of their rounding.
                    near = max(close, 1e-6) if measured.startswith(("frechet", "floor")) else close
                    assert math.isclose(one, other, rel_tol=near, abs_tol=near), (name, way, measured, x)


def test_files_and_images_belong_together(run):
    results = load(run)
    for name in MODELS:
        one = results.first(name)
        assert one.measured.facts.settings.seed == SEED
        assert results.kept(f"samples_{name}-3").shape == (2 * N, 28, 28)
        assert results.kept(f"quality_{name}-3").shape == (2, 16, 28, 28)
        assert results.kept(f"late_{name}-3").shape == (2, N, 28, 28)  # from which any measure can be taken


def test_checkpoints_and_numbers_are_those_asked_for(run):
    for name in MODELS:
        one = load(run).first(name)
        assert [row.epoch for row in one.curve] == [1, 2, 4, 5]
        assert all(row["centre_dark"].n == N for row in one.curve)
        assert {row["coverage"].n for row in one.curve if not row.one_image} <= {N}
        assert (one.final["centre_dark"].n, one.final["ink"].n) == (2 * N, 2 * N)
        assert all(one.final[f"floor{end}"].n == N for end in ENDS)
        if not one.constant:
            assert (one.final.n, one.final["digit"].n) == (N, 2 * N)
            assert all(one.final[f"frechet{end}"].n == N for end in ENDS)
        floors = [row for row in one.measured.rows if row.way == CHECKPOINT and row.epoch is None]
        assert {row.measure: row.n for row in floors} == {f"floor{end}": N for end in ENDS}
        assert one.final["seconds"].value > 0
        assert not one.measured.facts.features.inception.available
        assert one.real["coverage"].n == one.real["divergence_floor"].n == N
        assert one.measured.facts.reference.n == 60
        assert len(one.final["class_share"]) == CLASSES


def test_one_recogniser_says_what_a_digit_is(run):
    one = load(run).first("linear")
    calibrated = one.measured.facts.recogniser
    assert (calibrated.n_digits, calibrated.n_kind) == (300, 12)
    assert all("digit" in row for row in (*one.curve, one.final, *(one.measured[way] for way in one.changes)))
    assert one.real["digit"].n == 30  # the others gave the bound
    assert one.real["digit"].value > 0.8


def test_the_response_of_a_noise_predictor_stands_beside_each_checkpoint(run):
    assert all(row["response"].n == 60 for row in load(run).first("linear").curve)
    assert not any("response" in row for name in ("zoom", "grey") for row in load(run).first(name).curve)


def test_each_ablation_applies_where_it_can(run):
    linear, zoom, grey = (of(run, model=name) for name in ("linear", "zoom", "grey"))
    assert linear["clipping off"]["frechet"] == linear.curve()[-1]["frechet"]  # it is off there
    gap = linear["clipping on"]["frechet"].value - linear["clipping off"]["frechet"].value
    assert linear["clipping"]["frechet_gap"].value == pytest.approx(gap)
    assert [row.epoch for row in zoom.curve(PATCHES)] == [4, 5]
    assert zoom.curve(PATCHES)[-1]["frechet"] != zoom.curve()[-1]["frechet"]  # from patches
    assert PATCHES not in linear
    assert "clipping off" not in zoom
    assert not any("bf16" in job for job in (linear, zoom, grey))  # it was float32 before
    assert {row.way for row in grey.rows} == {"", CHECKPOINT, REAL}  # all samples are one


def test_ways_are_the_same_training_sampled_otherwise(copied, P):
    ways = {"again": {}, "mixture": {"prior": "mixture", "prior_options": {"components": 3}}}
    ways |= {"averaged": {"average": 2}, "six": {"sampler_options": {"levels": 6}}}
    job = measure.measure(copied, "zoom", SEED, P.model_copy(update={"ways": ways, "ablations": False}))
    calls = {name: job[name]["calls"].value for name in ways}
    assert calls == dict.fromkeys(ways, 24) | {"six": 6}
    final = job[""]["frechet"].value
    assert job["again"]["frechet"].value == final == of(copied)[""]["frechet"].value
    assert all(job[name]["frechet"].value != final for name in ("mixture", "averaged", "six"))


def test_samples_may_have_a_seed_of_their_own(copied, P):
    before = numbers(of(copied))
    found = numbers(measure.measure(copied, "zoom", SEED, P.model_copy(update={"sample_seed": 100})))
    assert found.keys() == before.keys()
    other = {place for place in found if found[place] != before[place]}
    assert ("", 5, "frechet", None) in other
    assert not any(way == REAL or name.startswith("floor") for way, _, name, _ in other)


def test_float32_is_an_ablation_of_bf16(copied, P):
    P = P.model_copy(update={"precision": "bf16", "distance_every": 5})
    job = measure.measure(copied, "linear", SEED, P)
    assert job.facts.environment.precision == "bf16"
    assert job["bf16"]["frechet"] == job.curve()[-1]["frechet"]
    gap = job["fp32"]["frechet"].value - job["bf16"]["frechet"].value
    assert job["float32"]["frechet_gap"].value == pytest.approx(gap)


def test_samples_that_are_all_one_image_are_called_so(run):
    results = load(run)
    assert [name for name in MODELS if results.first(name).constant] == ["grey"]
    gone = ("frechet", "kid", "digit", "precision", "recall", "coverage")
    rows = [row for row in results.first("grey").measured.rows if row.way != REAL]
    assert not [row for row in rows if row.measure.startswith(gone)]
    assert len(set(map(bytes, read_kept(run, "samples_grey-3")))) == 1


# --- taken again ---


@pytest.fixture
def untouched(copied, monkeypatch):
    """Runs, and samples on disk, that stay as they are; nothing is trained."""
    monkeypatch.setattr(fit, "fit", lambda *_, **__: pytest.fail("trained again"))
    files = [path for name in ("runs", "samples") for path in (copied / name).rglob("*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in files if path.name != ".lock"}
    assert len(before) > 10
    yield copied
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_what_is_measured_stays(untouched, P):
    path = path_of(untouched, f"measure_zoom-{SEED}")
    before = path.stat().st_mtime_ns
    measure.measure(untouched, "zoom", SEED, P)
    assert path.stat().st_mtime_ns == before
    path.unlink()
    assert numbers(measure.measure(untouched, "zoom", SEED, P)) == numbers(of(untouched)) != {}


@pytest.fixture
def registered():
    """Measures as they are, to which a test may add."""
    before = dict(MEASURES)
    yield MEASURES
    MEASURES.clear()
    MEASURES.update(before)


def brightest(images):
    """The largest grey value of any image."""
    return int(images.max())


def test_a_new_measure_fills_in_its_rows_alone(untouched, P, registered, monkeypatch):
    before = numbers(of(untouched), without=())
    monkeypatch.setattr(brightest, "__module__", "diffusion.evaluation.samples")  # as if it stood there
    measures.measure(lambda seen: (seen.images,), brightest=("grey value", "the largest"))(brightest)
    job = measure.measure(untouched, "zoom", SEED, P)
    found = numbers(job, without=())
    new = {place for place in found if place[2] == "brightest"}
    sets = {(way, epoch) for way, epoch, measured, _ in before if measured in ("ink", "frechet")}
    assert {place[:2] for place in new} == sets
    assert {
        place: found[place] for place in found.keys() - new
    } == before  # times, too: nothing else was taken
    samples = read_kept(untouched, "samples_zoom-3")
    assert found["", 5, "brightest", None][0] == samples.max()
    assert job.facts.codes["brightest"] == measure.codes({"brightest"})["brightest"]


def test_a_changed_measure_is_taken_again_and_no_other(untouched, P, registered):
    path, before = path_of(untouched, f"measure_zoom-{SEED}"), numbers(of(untouched), without=())

    def spoil(content):
        content["codes"]["ink"] = "0123456789abcdef"
        for row in content["rows"]:
            row[4] = 7.0 if row[2] in ("ink", "stroke") else row[4]

    changed(path, spoil)
    found = numbers(measure.measure(untouched, "zoom", SEED, P), without=())
    assert found.keys() == before.keys()
    for place, values in found.items():
        assert values == ((7.0, *before[place][1:]) if place[2] == "stroke" else before[place])


def test_a_measure_that_is_no_more_goes(copied, P, registered):
    del registered["ink"]
    assert "ink" not in measure.measure(copied, "zoom", SEED, P)[""]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"settings": {"n_final": N}}, "settings.n_final"),
        ({"weights_sha256": "0" * 64}, "weights_sha256"),
        ({"code": "0123456789abcdef"}, "code"),
        ({"environment": {"torch": "1.0"}}, "environment.torch"),
    ],
)
def test_other_settings_weights_samples_or_versions_are_measured_anew(copied, P, change, said, capsys):
    path, before = path_of(copied, f"measure_zoom-{SEED}"), numbers(of(copied))

    def spoil(content):
        for key, value in change.items():
            content[key] = content[key] | value if isinstance(value, dict) else value
        content["rows"] = content["rows"][:1]

    changed(path, spoil)
    assert numbers(measure.measure(copied, "zoom", SEED, P)) == before
    assert f"is measured again: {said} was" in capsys.readouterr().out


def test_lost_images_are_kept_again(copied, P):
    (copied / "kept/late_zoom-3.npz").unlink()
    before = path_of(copied, "measure_zoom-3").read_text()
    measure.measure(copied, "zoom", SEED, P)
    assert read_kept(copied, "late_zoom-3").shape == (2, N, 28, 28)
    assert json.loads(path_of(copied, "measure_zoom-3").read_text())["rows"] == json.loads(before)["rows"]


# --- analysed ---


def test_each_way_to_sample_is_drawn_once_and_the_models_own_first(run):
    def drawn(model):
        return [(how.sampler, how.calls, how.noise) for how, _ in load(run).first(model).drawn]

    few = [(sampler, calls, 0.0) for calls in (2, 3) for sampler in ("ancestral", "ddim")]
    assert drawn("linear") == [("ancestral", 4, 0.0), *few]
    zoom = [("naive", calls, 0.0) for calls in (24, 1, 2)]
    assert drawn("zoom") == [*zoom, ("naive", 24, 0.1), ("improved", 24, 0.0)]
    for model in ("linear", "zoom"):
        one = load(run).first(model)
        assert all(row["digit"].n == row["frechet"].n == N for _, row in one.drawn)
        mixed = one.analysed[""]["mix_frechet"].value
        assert mixed == pytest.approx(one.drawn[0][1]["frechet"].value, rel=1e-9)


def test_probes_are_of_noise_predictors(run):
    ddpm, zoom = (load(run).first(name).analysed for name in ("linear", "zoom"))
    assert not any("response" in zoom[way] or "recovered" in zoom[way] for way in {r.way for r in zoom.rows})
    assert ddpm[""].places("recovered")[-1] == ddpm["shift 1"].places("response")[-1] == 20
    assert [size for size in (1, 3, 10, 30, 100) if f"shift {size}" in ddpm] == [1, 3, 10, 30, 100]


def test_copies_of_training_images_are_found_out_unless_they_are_of_an_earlier_training(copied, mnist_dir):
    """The whole job, on a model whose kept samples are copies."""
    before = of(copied, "analyse", "linear")[""]["copies"]
    copies = (data.load("mnist", "train", mnist_dir, N)[0] + 0.5).mul(255).round().byte()[:, 0]
    keep(copied, "samples_linear-3", copies.numpy())
    settings = tiny_run.settings(mnist_dir)[1].model_copy(update={"calls": []})
    job = analyse.analyse(copied, "linear", SEED, settings)
    assert job[""]["copies"].value == 1
    assert job["ancestral, 4 calls"]["digit"].value > 0.8
    changed(path_of(copied, "measure_linear-3"), lambda content: content.update(weights_sha256="earlier"))
    path_of(copied, "analyse_linear-3").unlink()
    assert analyse.analyse(copied, "linear", SEED, settings)[""]["copies"] == before


def test_an_analysis_that_is_there_stays(copied, mnist_dir):
    path = path_of(copied, "analyse_zoom-3")
    before = path.stat().st_mtime_ns
    analyse.analyse(copied, "zoom", SEED, tiny_run.settings(mnist_dir)[1])
    assert path.stat().st_mtime_ns == before


# --- refused ---


def test_weights_that_are_not_those_of_the_file_are_not_measured(copied, P):
    path = path_of(copied, "train_linear-3")
    weights = copied / Job(copied, "train_linear-3").facts.weights.file
    weights.write_bytes(weights.with_name("epoch-0004.safetensors").read_bytes())
    with pytest.raises(measure.RunError):
        measure.measure(copied, "linear", SEED, P)
    assert of(copied, model="linear").rows
    changed(path, lambda content: content.update(run="../../etc"))
    with pytest.raises(ValueError, match="a place outside of"):
        measure.measure(copied, "linear", SEED, P)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "none"], "train_none-3.json does not exist"),
        (["--model", "zoom", "--settings", "text"], "needed: a mapping"),
        (["--model", "zoom", "--settings", "n_checkpoints: 24"], "did you mean 'n_checkpoint'"),
        (["--model", "zoom", "--settings", "dataset: fashion"], "was trained on mnist"),
    ],
)
def test_errors_of_the_command_are_one_line(run, arguments, said):
    with pytest.raises(SystemExit) as stopped:
        measure.main(["--out", str(run), "--seed", str(SEED), *arguments])
    assert said in stopped.value.code
    assert "\n" not in stopped.value.code


def test_every_number_of_a_run_is_of_a_known_measure(run):
    names = {row.measure for row in table.rows(run)}
    assert len(names) > 50
    assert names <= MEASURES.keys()
    assert all(MEASURES[name].meaning for name in names)
