"""A run as its table has it, and its kept images; what is damaged, foreign or of other weights is refused."""

import numpy as np
import pytest

from diffusion.files import sha256
from helpers import DAMAGES, PAPER, changed, of_release
from report.files import read_json
from report.measures.measure import measure
from report.results import kept, table
from report.results import views as results
from report.results.settings import describe, make_schedule


@pytest.fixture
def out(tmp_path):
    """The files of one training in a folder of one's own."""
    return of_release(tmp_path, "zoom-0")


def test_the_last_fifth_of_a_training_speaks_for_it():
    found = results.load(PAPER)
    assert (found.models, found.seeds("zoom")) == (["linear", "cosine", "zoom"], [0, 1, 2, 3])
    one = found.first("zoom")
    patches = one.measured.curve("checkpoint, patches")
    assert [row.epoch for row in one.late] == [row.epoch for row in patches] == [*range(80, 101)]
    assert len(one.curve) == one.train.epochs == len(one.history) == 100


def test_variants_in_the_sampler_alone_are_drawn_and_those_measured_in_full_are_changes(tiny):
    linear, zoom, dim = (results.load(tiny).first(model) for model in ("linear", "zoom", "dim"))
    assert [*linear.changes] == ["clipped", "few"]
    assert linear.changes["few"].sampler_options.steps == 2
    assert [(how.sampler, how.calls) for how, _ in linear.drawn] == [
        ("ancestral", 4),
        ("ancestral", 2),
        ("ddim", 3),
    ]
    assert [samples.way for _, samples in zoom.drawn] == [
        "naive, 24 calls",  # its own
        "naive, 1 calls",
        "naive, 24 calls, noise 0.1",
        "improved, 24 calls",
    ]
    assert ([*zoom.changes], [*dim.changes], dim.drawn) == ([], ["two"], [])


def test_what_a_file_names_is_not_imported(out, monkeypatch):
    (out / "evil_.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(out)
    changed(table.path_of(out, "train_zoom-0"), lambda facts: facts["sampler"].update({"class": "evil_:X"}))
    assert results.load(out).first("zoom").parts["sampler"]["class"] == "evil_:X"


@pytest.mark.parametrize("job", ["train", "measure"])
@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"model": "zoom2"}, "another run than zoom-0"),
        ({"seed": 1}, "another run than zoom-0"),
        ({"weights": {"sha256": "0" * 64}, "weights_sha256": "0" * 64}, "other weights of zoom-0"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(out, job, other, said):
    changed(table.path_of(out, f"{job}_zoom-0"), lambda facts: facts.update(other))
    with pytest.raises(ValueError, match=said):
        results.load(out)


def test_the_file_of_an_earlier_version_is_refused_in_one_line(out):
    changed(table.path_of(out, "train_zoom-0"), lambda facts: facts.pop("sampler"))
    with pytest.raises(ValueError, match=r"^.*/train_zoom-0\.json .*an earlier version.*delete it"):
        results.load(out)
    with pytest.raises(ValueError, match=r"an earlier version"):
        measure(out, "zoom-0")


def test_the_file_of_a_training_says_where_and_what_it_is(tiny):
    """Its losses and other rows: unit/test_measure.py."""
    run = results.load(tiny)
    one, facts = run.first("zoom"), run.first("zoom").train
    assert (facts.epochs, facts.steps, facts.T, facts.settings.batch_size) == (5, 10, 24, 128)
    assert sha256(tiny / facts.weights.file) == facts.weights.sha256
    assert facts.settings.unread == read_json(tiny / facts.run / "run.json")["settings"]
    assert (facts.data.name, facts.data.n_train, facts.data.n_test) == ("mnist", 200, 50)
    ddpm = run.first("linear").parts
    assert (facts.schedule, ddpm["prior"]) == (None, None)
    assert ddpm["sampler"] == describe("ancestral", {"steps": 4})
    assert make_schedule(ddpm["schedule"]).beta[-1] == 0.5
    assert one.passes == 5 * 200 / 60_000
    assert one.probes.places("step_loss") == [*range(1, 11)]
    assert [line.epoch for line in one.history] == [1, 2, 3, 4, 5]


def test_images_are_kept_as_they_are_equal_ones_give_equal_files_and_damage_is_refused(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (2, 25, 28, 28), dtype=np.uint8)
    path = kept.keep(tmp_path, "x", images)
    whole = path.read_bytes()
    assert np.array_equal(kept.read_kept(tmp_path, "x"), images)
    assert kept.keep(tmp_path, "x", images.copy(order="F")).read_bytes() == whole
    kept.keep(tmp_path, "y", images[..., :27])
    with pytest.raises(ValueError, match=r"y.npz .*expected bytes \(..., 28, 28\)"):
        kept.read_kept(tmp_path, "y")
    path.write_bytes(DAMAGES["half"](whole))
    with pytest.raises(ValueError, match=r"x.npz"):
        kept.read_kept(tmp_path, "x")
