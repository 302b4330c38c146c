"""The jobs of measuring, analysing and of the yardstick, on tiny trainings: what they write and refuse."""

import shutil

import numpy as np
import pytest

from damage import changed
from diffusion import data
from diffusion.evaluation.samples import CLASSES
from diffusion.training.fit import fit
from study import again, analyse, measure, yardstick
from study.changes import table
from study.record import train_record
from study.records import (
    AnalyseRecord,
    MeasureRecord,
    TrainRecord,
    YardstickRecord,
    keep,
    load_results,
    read_kept,
)
from study.settings import Analyse, Measure, TrainDDPM, TrainOwn, TrainZoom, Yardstick

pytestmark = pytest.mark.usefixtures("one_thread")

N = 24
SPACES = {"digits", "autoencoder", "random"}
SMALL = {"n_test": 60, "n_checkpoint": N, "n_final": 2 * N, "n_distance": N, "distance_every": 2}
SMALL |= {"floor_repeats": 2, "interval_repeats": 4, "precision": "fp32"}
OTHERS = {"clipped": {"steps": 4, "clip_x0": True}, "few": {"steps": 2}}  # of linear, measured and analysed
OTHERS = {name: {"sampler_options": options} for name, options in OTHERS.items()}
ANALYSED = {"n_test": 100, "n_way": N, "calls": [2, 3, 50], "levels": [1, 2, 24], "noise": [0.1]}
ANALYSED |= {"n_probe": 12, "n_real": 200, "n_kind": 12, "interval_repeats": 3, "precision": "fp32"}
MODELS = {
    "linear": (TrainDDPM, "ddpm", {"T": 20, "sampler_options": {"steps": 4}, "beta_end": 0.5}),
    "zoom": (TrainZoom, "zoom", {}),
    "grey": (TrainOwn, "own", {"degradation": "own:Fade", "T": 2}),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory, mnist_dir):
    """A results folder with one tiny training of each kind, with seed 3."""
    out = tmp_path_factory.mktemp("out")
    x, _ = data.load("mnist", "train", mnist_dir, 200)
    for name, (cls, kind, values) in MODELS.items():
        values = values | {"model": name, "epochs": 5, "n_train": 200, "channels": [4, 4]}
        P = cls.read(values | {"out_dir": str(out), "precision": "fp32", "seed": 3})
        run = fit(P.process(), x, x[:50], folder=out / "runs", **P.fitting())
        train_record(P, kind, name, run)
    return out


@pytest.fixture(scope="module")
def P(mnist_dir):
    return Measure.read(SMALL | {"data_dir": str(mnist_dir)})


@pytest.fixture(scope="module")
def measured(trained, P):
    ways = {"linear": OTHERS}
    return {m: measure.measure(trained, m, 3, P.model_copy(update={"ways": ways.get(m, {})})) for m in MODELS}


@pytest.fixture
def copied(trained, measured, tmp_path):
    """The results with their measures, to be spoilt."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_the_record_and_the_images_are_on_disk_and_belong_together(trained, measured):
    results = load_results(trained)
    for name, record in measured.items():
        assert results.trainings[name, 3].measure == record
        assert record.weights_sha256 == results.trainings[name, 3].train.weights.sha256
        assert results.kept(f"samples_{name}-3").shape == (2 * N, 28, 28)
        assert results.kept(f"quality_{name}-3").shape == (2, 16, 28, 28)
        assert results.kept(f"late_{name}-3").shape == (2, N, 28, 28)  # from which any measure can be taken
        assert record.settings["seed"] == 3


def test_checkpoints_and_numbers_are_those_asked_for(measured):
    for record in measured.values():
        assert [row.epoch for row in record.curve] == [1, 2, 4, 5]
        assert all(row.variety.n == row.centre.n == N for row in record.curve)
        assert (record.final.epoch, record.final.n, record.final.n_classes) == (5, N, 2 * N)
        assert record.final.centre.n == 2 * N
        for floors in (record.floors, record.final.floors):
            assert {name: floor.n for name, floor in floors.items()} == dict.fromkeys(SPACES, N)
        assert {"digits", *record.final.distances} == SPACES == {"digits", *record.curve[0].distances}
        assert record.final.seconds > 0
        assert not record.features["inception"].available
        assert record.real.variety.n == record.real.divergence_floor.n == N
        assert record.reference.n == 60
        assert len(record.final.classes.share) == CLASSES


def test_the_response_of_a_noise_predictor_stands_beside_each_checkpoint(measured):
    assert all(row.response.n == 60 for row in measured["linear"].curve)
    assert not any(row.response for name in ("zoom", "grey") for row in measured[name].curve)


def test_each_ablation_applies_where_it_can(measured):
    found = {name: record.ablations for name, record in measured.items()}
    assert found["linear"].clipping.first.n == N
    assert found["linear"].clipping.first.frechet == measured["linear"].curve[-1].frechet  # it is off there
    assert found["linear"].prior is found["zoom"].clipping is None
    assert [row.epoch for row in found["zoom"].prior.curve] == [4, 5]
    assert found["zoom"].prior.curve[-1].frechet != measured["zoom"].curve[-1].frechet  # from patches
    assert all(ablations.float32 is None for ablations in found.values())  # it was float32 before


def test_ways_are_the_same_training_sampled_otherwise(copied, measured, P):
    ways = {"again": {}, "mixture": {"prior": "mixture", "prior_options": {"components": 3}}}
    ways |= {"averaged": {"average": 2}, "six": {"sampler_options": {"levels": 6}}}
    record = measure.measure(copied, "zoom", 3, P.model_copy(update={"ways": ways, "ablations": False}))
    found = record.ways
    assert {name: one.calls for name, one in found.items()} == dict.fromkeys(ways, 24) | {"six": 6}
    final = record.final.frechet.value
    assert found["again"].frechet.value == final == measured["zoom"].final.frechet.value
    assert all(found[name].frechet.value != final for name in ("mixture", "averaged", "six"))


def test_float32_is_an_ablation_of_bf16(copied, P):
    P = P.model_copy(update={"precision": "bf16", "distance_every": 5})
    record = measure.measure(copied, "linear", 3, P)
    assert record.environment["precision"] == "bf16"
    found = record.ablations.float32
    assert found.first.frechet == record.curve[-1].frechet
    assert found.gap.frechet.value == pytest.approx(found.second.frechet.value - found.first.frechet.value)


def test_samples_that_are_all_one_image_are_called_so(trained, measured):
    assert [name for name, record in measured.items() if record.final.constant] == ["grey"]
    assert measured["grey"].ablations.model_dump() == {"clipping": None, "float32": None, "prior": None}
    assert len(set(map(bytes, read_kept(trained, "samples_grey-3")))) == 1


def test_measuring_twice_gives_the_same_record_and_draws_nothing_twice(copied, measured, P):
    before = {path: path.stat().st_mtime_ns for path in (copied / "samples").iterdir()}
    assert len(before) > 10
    again = measure.measure(copied, "zoom", 3, P)
    again.final.seconds = measured["zoom"].final.seconds  # of another time
    assert again == measured["zoom"]
    assert before == {path: path.stat().st_mtime_ns for path in (copied / "samples").iterdir()}


def test_a_record_gets_what_it_lacked_and_keeps_what_it_had(copied, measured, capsys):
    whole, path = measured["zoom"], MeasureRecord.path(copied, "zoom", 3)
    lacking = {
        "distances": {},
        "stroke": None,
        "seconds": None,
        "floors": {"digits": whole.final.floors["digits"]},
    }
    final = whole.final.model_copy(update=lacking)
    whole.model_copy(update={"final": final, "curve": []}).save(path)
    found = again.again(copied, "zoom", 3)
    found.final.seconds = whole.final.seconds
    assert found == MeasureRecord.load(path).model_copy(update={"final": whole.final})
    assert found.curve == []
    assert "not as in the record" not in capsys.readouterr().out
    changed = whole.final.frechet.model_copy(update={"value": 0.0})
    whole.model_copy(update={"final": whole.final.model_copy(update={"frechet": changed})}).save(path)
    assert again.again(copied, "zoom", 3).final.frechet == changed
    assert "not as in the record: frechet" in capsys.readouterr().out


# --- measured already ---


def test_a_record_that_answers_is_taken_and_one_of_other_code_or_weights_is_not(copied, P, monkeypatch):
    monkeypatch.setattr(measure, "measure", lambda *given: "measured again")
    path = MeasureRecord.path(copied, "zoom", 3)
    assert measure.measured(copied, "zoom", 3, P) == MeasureRecord.load(path)
    good = path.read_bytes()
    for change in ({"code": "0123456789abcdef"}, {"weights_sha256": "0" * 64}):
        path.write_bytes(good)
        changed(path, lambda content, change=change: content.update(change))
        assert measure.measured(copied, "zoom", 3, P) == "measured again"
    path.write_bytes(good)
    other = P.model_copy(update={"n_final": N})
    assert measure.measured(copied, "zoom", 3, other) == "measured again"


# --- analysed ---


@pytest.fixture(scope="module")
def analysed(trained, measured, mnist_dir):
    settings = Analyse.read(ANALYSED | {"data_dir": str(mnist_dir)})
    return {name: analyse.analyse(trained, name, 3, settings) for name in ("linear", "zoom")}


def drawn(record):
    return [(row.sampler, row.calls, row.noise) for row in record.drawn]


def test_each_way_to_sample_is_drawn_once_and_the_models_own_first(trained, analysed):
    assert drawn(analysed["linear"]) == [
        ("ancestral", 4, 0.0),
        ("ancestral", 2, 0.0),
        ("ddim", 2, 0.0),
        ("ancestral", 3, 0.0),
        ("ddim", 3, 0.0),
    ]
    zoom = [
        ("naive", 24, 0.0),
        ("naive", 1, 0.0),
        ("naive", 2, 0.0),
        ("naive", 24, 0.1),
        ("improved", 24, 0.0),
    ]
    assert drawn(analysed["zoom"]) == zoom
    for name, record in analysed.items():
        assert all(row.digit.n == N for row in record.drawn)
        assert record.mix.frechet.value == pytest.approx(record.drawn[0].frechet.value, rel=1e-9)
        assert AnalyseRecord.load(AnalyseRecord.path(trained, name, 3)) == record


def test_the_ways_that_measuring_names_are_analysed(analysed):
    linear = analysed["linear"]
    assert {name: (one.calls, one.clip_x0) for name, one in linear.ways.items()} == {
        "clipped": (4, True),
        "few": (2, False),
    }
    assert linear.ways["few"].frechet == linear.drawn[1].frechet  # the same samples
    assert analysed["zoom"].ways == {}


def test_the_table_of_changes_has_the_share_of_digits(trained, analysed):
    linear = analysed["linear"]
    shares = [linear.drawn[0].digit.value, *(one.digit.value for one in linear.ways.values())]
    rows = table(load_results(trained))
    assert [row.digit for row in rows if row.model == "linear"] == shares


def test_probes_are_of_noise_predictors(analysed):
    ddpm, zoom = analysed["linear"], analysed["zoom"]
    assert zoom.response is zoom.recoverable is None
    assert (ddpm.response.t[-1], ddpm.recoverable.t[-1]) == (20, 20)
    assert [one.size for one in ddpm.larger] == [3, 10, 30, 100]


def test_copies_of_training_images_are_found_out_unless_they_are_of_an_earlier_training(
    copied, analysed, mnist_dir
):
    """The whole job, on a model whose kept samples are copies."""
    copies = (data.load("mnist", "train", mnist_dir, N)[0] + 0.5).mul(255).round().byte()[:, 0]
    keep(copied, "samples_linear-3", copies.numpy())
    settings = Analyse.read(ANALYSED | {"data_dir": str(mnist_dir), "calls": []})
    record = analyse.analyse(copied, "linear", 3, settings)
    assert record.memorised.closer.value == 1
    assert record.drawn[0].digit.value > 0.8
    measured = MeasureRecord.load(MeasureRecord.path(copied, "linear", 3))
    measured.model_copy(update={"weights_sha256": "earlier"}).save(MeasureRecord.path(copied, "linear", 3))
    again = analyse.analyse(copied, "linear", 3, settings)
    assert again.memorised == analysed["linear"].memorised


def test_the_yardstick(tmp_path, mnist_dir):
    values = {"n": 64, "n_kind": 40, "n_real": 400, "n_test": 300}
    record = yardstick.yardstick(tmp_path, Yardstick.read(values | {"data_dir": str(mnist_dir)}))
    assert YardstickRecord.load(YardstickRecord.path(tmp_path)) == record
    (one,) = record.candidates
    assert one.name == record.used == yardstick.USED
    assert np.mean([one.accepted[kind] for kind in record.mild]) == pytest.approx(0.95, abs=0.05)
    assert one.wrongly == pytest.approx(np.mean([one.accepted[kind] for kind in record.no_digits]))
    assert record.old.keys() == one.accepted.keys()
    fid = {one.kind: one.frechet for one in record.distorted}
    assert fid["unchanged"] < fid["turned by 20°"] < fid["strokes deleted"] < fid["uniform noise"]
    assert [one.frechet for one in record.mixed] == sorted(one.frechet for one in record.mixed)


# --- what is refused ---


def test_weights_that_are_not_those_of_the_record_are_not_measured(copied, P):
    path = TrainRecord.path(copied, "linear", 3)
    record = TrainRecord.load(path)
    weights = copied / record.weights.file
    weights.write_bytes(weights.with_name("epoch-0004.safetensors").read_bytes())
    with pytest.raises(measure.RunError):
        measure.measure(copied, "linear", 3, P)
    assert MeasureRecord.load(MeasureRecord.path(copied, "linear", 3))
    changed(path, lambda content: content.update(run="../../etc"))
    with pytest.raises(ValueError, match="a place outside of"):
        measure.measure(copied, "linear", 3, P)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "none"], "train_none-3.json does not exist"),
        (["--model", "zoom", "--settings", "text"], "needed: a mapping"),
        (["--model", "zoom", "--settings", "n_checkpoints: 24"], "did you mean 'n_checkpoint'"),
        (["--model", "zoom", "--settings", "dataset: fashion"], "was trained on mnist"),
    ],
)
def test_errors_of_the_command_are_one_line(trained, arguments, said):
    with pytest.raises(SystemExit) as stopped:
        measure.main(["--out", str(trained), "--seed", "3", *arguments])
    assert said in stopped.value.code
    assert "\n" not in stopped.value.code
