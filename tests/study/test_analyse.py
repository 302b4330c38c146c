"""The jobs of analysing and of the yardstick, on tiny trainings: what they draw, write and take up."""

import shutil

import numpy as np
import pytest

from diffusion import data
from study import analyse, measure, yardstick
from study.changes import table
from study.records import (
    AnalyseRecord,
    MeasureRecord,
    YardstickRecord,
    analyse_path,
    keep,
    load_results,
    measure_path,
    yardstick_path,
)
from study.settings import Analyse, Measure, TrainDDPM, TrainZoom, Yardstick

pytestmark = pytest.mark.usefixtures("one_thread")

N = 16
P = {"n_test": 100, "n_way": N, "calls": [2, 3, 50], "levels": [1, 2, 24], "noise": [0.1]}
P |= {"n_probe": 12, "n_real": 200, "n_kind": 12, "interval_repeats": 3, "precision": "fp32"}
MODELS = {
    "linear": (TrainDDPM, "ddpm", {"T": 20, "sampler_options": {"steps": 4}, "beta_end": 0.5}),
    "zoom": (TrainZoom, "zoom", {}),
}


@pytest.fixture(scope="module")
def out(tmp_path_factory, mnist_dir, train):
    """A results folder with one tiny training of each kind, the DDPM measured."""
    out = train(tmp_path_factory.mktemp("analysed"), MODELS, 1)
    small = {"n_test": 60, "n_checkpoint": N, "n_final": N, "n_distance": N, "floor_repeats": 2}
    small |= {"interval_repeats": 2, "precision": "fp32", "ablations": False, "data_dir": str(mnist_dir)}
    ways = {"clipped": {"steps": 4, "clip_x0": True}, "few": {"steps": 2}}
    small |= {"ways": {name: {"sampler_options": options} for name, options in ways.items()}}
    measure.measure(out, "linear", 3, Measure.read(small))
    return out


@pytest.fixture(scope="module")
def analysed(out, mnist_dir):
    return {
        name: analyse.analyse(out, name, 3, Analyse.read(P | {"data_dir": str(mnist_dir)})) for name in MODELS
    }


def ways(record):
    return [(row.sampler, row.calls, row.noise) for row in record.drawn]


def test_each_way_to_sample_is_drawn_once_and_the_models_own_first(out, analysed):
    assert ways(analysed["linear"]) == [
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
    assert ways(analysed["zoom"]) == zoom
    for name, record in analysed.items():
        assert all(row.digit.n == N for row in record.drawn)
        assert record.mix.frechet.value == pytest.approx(record.drawn[0].frechet.value, rel=1e-9)
        assert AnalyseRecord.load(analyse_path(out, name, 3)) == record


def test_the_ways_that_measuring_names_are_analysed(analysed):
    linear = analysed["linear"]
    assert {name: (one.calls, one.clip_x0) for name, one in linear.ways.items()} == {
        "clipped": (4, True),
        "few": (2, False),
    }
    assert linear.ways["few"].frechet == linear.drawn[1].frechet  # the same samples
    assert analysed["zoom"].ways == {}  # it is not measured


def test_the_table_of_changes_has_the_share_of_digits(out, analysed):
    linear = analysed["linear"]
    shares = [linear.drawn[0].digit.value, *(one.digit.value for one in linear.ways.values())]
    assert [row.digit for row in table(load_results(out))] == shares


def test_probes_are_of_noise_predictors(analysed):
    ddpm, zoom = analysed["linear"], analysed["zoom"]
    assert zoom.response is zoom.recoverable is None
    assert (ddpm.response.t[-1], ddpm.recoverable.t[-1]) == (20, 20)


def test_copies_of_training_images_are_found_out_unless_they_are_of_an_earlier_training(
    tmp_path, out, analysed, mnist_dir
):
    """The whole job, on a model whose kept samples are copies."""
    shutil.copytree(out, tmp_path, dirs_exist_ok=True)
    copies = (data.load("mnist", "train", mnist_dir, N)[0] + 0.5).mul(255).round().byte()[:, 0]
    keep(tmp_path, "samples_linear-3", copies.numpy())
    settings = Analyse.read(P | {"data_dir": str(mnist_dir), "calls": []})
    record = analyse.analyse(tmp_path, "linear", 3, settings)
    assert record.memorised.closer.value == 1
    assert record.drawn[0].digit.value > 0.8
    measured = MeasureRecord.load(measure_path(tmp_path, "linear", 3))
    measured.model_copy(update={"weights_sha256": "earlier"}).save(measure_path(tmp_path, "linear", 3))
    again = analyse.analyse(tmp_path, "linear", 3, settings)
    assert again.memorised == analysed["linear"].memorised


def test_the_yardstick(tmp_path, mnist_dir):
    values = {"n": 64, "n_kind": 40, "n_real": 400, "n_test": 300}
    record = yardstick.yardstick(tmp_path, Yardstick.read(values | {"data_dir": str(mnist_dir)}))
    assert YardstickRecord.load(yardstick_path(tmp_path)) == record
    (one,) = record.candidates
    assert one.name == record.used == yardstick.USED
    assert np.mean([one.accepted[kind] for kind in record.mild]) == pytest.approx(0.95, abs=0.05)
    assert one.wrongly == pytest.approx(np.mean([one.accepted[kind] for kind in record.no_digits]))
    assert record.old.keys() == one.accepted.keys()
    fid = {one.kind: one.frechet for one in record.distorted}
    assert fid["unchanged"] < fid["turned by 20°"] < fid["strokes deleted"] < fid["uniform noise"]
    assert [one.frechet for one in record.mixed] == sorted(one.frechet for one in record.mixed)
