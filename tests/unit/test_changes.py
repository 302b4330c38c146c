"""The table of changes: what a row says of its trainings, and against which base."""

from dataclasses import replace

import pytest

import made_up
from report.results import changes, table
from report.results.settings import describe
from report.results.views import load

PARTLY = {"n": 500, "measures": ["frechet"]}


@pytest.fixture
def made(tmp_path):
    """Two linear DDPMs with a variant that only the first has, a cosine DDPM, and a zoom of one's own."""
    variants = {"few": {"sampler_options": {"steps": 24}}, "mean": {"average": 5}, "partly": PARTLY}
    numbers = {"linear-0": 2.0, "linear-1": 8.0, "cosine-0": 3.0, "zoom-0": 5.0, "zoom_noise-0": 7.0}
    for name, distance in numbers.items():
        noise = {"process": made_up.ZOOM | {"image_noise": 0.1}} if name == "zoom_noise-0" else {}
        options = {"network_options": {"norm": "rms"}, "ema": 0.99} if name == "cosine-0" else {}
        made_up.training(
            tmp_path,
            name,
            epochs=30 if name == "cosine-0" else 100,
            settings=noise | options,
            rows=[*made_up.losses(2), table.row("restored_right", distance / 10)],
        )
        rows = [table.row("frechet", distance, epoch=100), table.row("digit", distance / 100, epoch=100)]
        rows += [table.row("copies", distance / 1000)]
        given = variants if name == "linear-0" else {}
        rows += [table.row("frechet", 9.0, way, 100) for way in given]
        rows += [table.row("calls", 24, "few", 100)] if given else []
        made_up.measures(tmp_path, name, rows, {"variants": given})
    made_up.training(tmp_path, "zoom-7")  # not measured
    return load(tmp_path)


def test_each_model_and_variant_is_a_row_and_distances_are_averaged_on_their_own_scale(made):
    rows = changes.table(made)
    names = ["linear", "linear.few", "linear.mean", "cosine", "zoom", "zoom_noise"]
    assert [row.name for row in rows] == names
    shown = changes.frame(rows)
    assert shown.distance[0] == pytest.approx((2.0 * 8.0) ** 0.5)  # the geometric mean
    assert shown.digit[0] == pytest.approx((0.02 + 0.08) / 2)
    assert shown.trainings.tolist() == [2, 1, 1, 1, 1, 1]  # those that have the variant
    assert shown.calls.tolist() == [1000, 24, 1000, 1000, 24, 24]
    few, mean, cosine, noise = (rows[i].changes for i in (1, 2, 3, 5))
    assert (few, mean, noise) == ({"steps": 24}, {"average": 5}, {"image_noise": 0.1})
    assert cosine == {"epochs": 30, "ema": 0.99, "norm": "rms", "schedule": "diffusion:cosine"}
    assert rows[0].changes == rows[4].changes == {}


def test_a_way_is_a_mapping_of_what_all_its_samples_have(made):
    linear, few, *_ = changes.table(made)
    assert [*linear] == ["frechet", "digit", "copies"]
    assert [one.value for one in linear["frechet"]] == [2.0, 8.0]
    assert [one.value for one in linear["copies"]] == [0.002, 0.008]
    assert [one.value for one in few["copies"]] == [0.002]  # of the training as a whole
    assert [one.value for one in few["test_loss"]] == [1.0]  # of the last epoch
    assert [one.value for one in few["restored_right"]] == [0.2]
    with pytest.raises(KeyError):
        _ = few["digit"]


def test_calls_depth_precision_and_number_of_images_are_of_the_training_or_its_variant(tmp_path):
    made_up.training(tmp_path, "linear-0", sampler=describe("ddim", {"steps": 50}))
    made_up.training(tmp_path, "zoom-0")
    made_up.training(tmp_path, "zoom_few-0", sampler=describe("naive", {"levels": 6}))
    fewer = {"T": 12, "data": made_up.DATA | {"n_train": 30_000}}
    made_up.training(tmp_path, "zoom_other-0", settings={"precision": "bf16"}, **fewer)
    for name in ("linear-0", "zoom-0", "zoom_few-0"):
        made_up.measures(tmp_path, name, [table.row("frechet", 1.0, epoch=100)])
    rows = [table.row("frechet", 1.0, way, 100) for way in ("", "full")]
    made_up.measures(tmp_path, "zoom_other-0", rows, {"variants": {"full": {"precision": "fp32"}}})
    found = changes.table(load(tmp_path))
    assert [row.calls for row in found] == [50, 24, 6, 12, 12]
    *_, other, full = found
    assert other.changes == {"T": 12, "precision": "bf16", "n_train": 30_000}
    assert full.changes == {"T": 12, "n_train": 30_000}


def test_settings_of_sampling_come_last_in_their_order_and_the_base_lacks_none(made):
    linear = changes.table(made)[0]
    settings = linear.base | {"average": 3, "steps": 5, "sampler": "diffusion:DDIM", "epochs": 7, "mine": 1}
    other = replace(linear, settings=settings)
    assert [*other.changes] == ["epochs", "mine", "steps", "sampler", "average"]
