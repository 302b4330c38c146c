"""Descriptions of components: with all defaults, of variants, and what is made of them."""

import shutil

import pytest

import diffusion as d
from diffusion.training.folder import RunError
from helpers import PAPER, Grey, changed, of_release
from report.results import settings
from report.results.settings import describe, make, vary
from report.results.table import Record, path_of


def test_a_description_has_the_defaults_of_this_librarys_parts_and_what_is_given_of_others():
    assert describe(None) is None
    naive = {"class": "diffusion:Naive", "noise": 0.0, "levels": None, "grey_noise": 0.0}
    assert describe("naive") == describe("diffusion:Naive") == naive
    assert describe("naive", {"levels": 3}) == naive | {"levels": 3}
    assert describe("helpers:Grey", {"level": 0.1}) == {"class": "helpers:Grey", "level": 0.1}
    assert describe("helpers:Grey") == {"class": "helpers:Grey"}
    assert not [value for value in describe("unet").values() if isinstance(value, tuple)]  # as JSON has it


OWN = {"sampler": describe("naive", {"levels": 3}), "prior": describe("mixture", {"components": 7})}


@pytest.mark.parametrize(
    ("changes", "sampler", "prior"),
    [
        ({}, OWN["sampler"], OWN["prior"]),
        ({"average": 3, "n": 7}, OWN["sampler"], OWN["prior"]),
        ({"sampler": "improved"}, describe("improved"), OWN["prior"]),
        ({"sampler_options": {}}, describe("naive"), OWN["prior"]),  # levels: default
        ({"prior": "pixels"}, OWN["sampler"], describe("pixels")),
        ({"prior": None}, OWN["sampler"], None),
        ({"prior_options": {"components": 9}}, OWN["sampler"], describe("mixture", {"components": 9})),
    ],
)
def test_a_variant_changes_what_it_names_and_new_options_begin_with_the_defaults(changes, sampler, prior):
    assert vary(OWN, changes) == {"sampler": sampler, "prior": prior}
    assert vary({}, {"sampler": "ddim", "prior": None}) == {"sampler": describe("ddim"), "prior": None}


def test_parts_are_made_with_the_arguments_that_describe_them():
    sampler = describe("naive", {"levels": 3, "noise": 0.5})
    described = {"sampler": sampler, "prior": {"class": "helpers:Grey"}}
    made, prior = make(described)
    assert (made, type(prior)) == (d.Naive(levels=3, noise=0.5), Grey)
    assert make({"sampler": None, "prior": None}) == (None, None)
    assert described["sampler"]["class"] == "diffusion:Naive"  # which is left as it was
    with pytest.raises(ValueError, match="noise"):
        make({"sampler": describe("naive", {"noise": -1.0}), "prior": None})


@pytest.fixture
def released(tmp_path):
    """A released zoom with its weights, in a folder of one's own."""
    out = of_release(tmp_path, "zoom-0")
    shutil.copytree(PAPER / "runs" / "zoom-0", out / "runs" / "zoom-0")
    return out


def test_a_training_is_opened_with_the_sampler_prior_and_images_of_its_file(released, mnist_dir):
    def opened(precision="fp32", **facts):
        changed(path_of(released, "train_zoom-0"), lambda known: known.update(facts))
        train = Record(released, "train_zoom-0").facts
        return settings.open_training(released, train, precision)

    run = opened(sampler=describe("naive", {"levels": 2}), prior=describe("patches"))
    assert (run.sampler.levels, type(run.prior), run.precision) == (2, d.Patches, "fp32")
    assert (len(run.images), run.epochs) == (60_000, 100)
    assert opened("bf16").precision == "bf16"
    with pytest.raises(RunError, match="differ from metrics/train_zoom-0.json; train it again"):
        opened(weights={"sha256": "0" * 64})
