"""What notebooks 07 to 15 of the paper do with images, seeds and rows, watched from outside."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import diffusion as d
import drawn
from diffusion.evaluation import recogniser
from diffusion.evaluation.classifier import classifier_for
from diffusion.evaluation.statistics import Interval
from diffusion.training.folder import RunError
from drawn import number, rows, shown
from helpers import defined
from paper import procedure
from report.results import table


@pytest.fixture
def inside(monkeypatch):
    """inside(function, name=value): other values of names that a notebook's function uses."""

    def put(function, **names):
        for name, value in names.items():
            monkeypatch.setitem(function.__globals__, name, value)

    return put


def plain(n, low=-0.5, high=0.5):
    """Images (n, 1, 28, 28), each of a grey of its own."""
    return torch.linspace(low, high, n)[:, None, None, None].expand(n, 1, 28, 28)


# --- 07: real images as a yardstick ---


def test_the_recogniser_is_tried_on_digits_that_gave_it_no_bound(mnist_dir, inside, monkeypatch):
    cells = defined("07_yardstick", "kinds", "scribbles", "noise", "distorted", "recognised")
    x, labels = d.load("mnist", "test", None, 60)
    used = {"bound": set(), "tried": set()}
    real = recogniser.of_kinds

    def spy(kinds, images, *rest):
        used[rest[-1]] |= {one.numpy().tobytes() for one in images}
        return real(kinds, images, *rest)

    monkeypatch.setattr(recogniser, "of_kinds", spy)
    sure = SimpleNamespace(threshold=lambda evaluator: 0.5)
    seen = lambda evaluator, images: SimpleNamespace(confidence=images.mean((1, 2, 3)) + 0.8)  # noqa: E731
    inside(cells["recognised"], of_kinds=spy, Seen=seen, confidence=sure, n_per_distortion=20)
    evaluator = SimpleNamespace(x_test=x, labels=labels, classifier=classifier_for("mnist", None))
    found = cells["recognised"](evaluator, d.load("mnist", "train", None, 100)[0])
    assert len(used["bound"]) == len(used["tried"]) == 30
    assert not used["bound"] & used["tried"]
    shares = {(way, measure): value for way, _, measure, _, value, *_ in found}
    none = [*cells["NO_DIGITS"]]
    assert shares["", "wrongly"] == pytest.approx(np.mean([shares[kind, "digit"] for kind in none]))
    assert shares["unchanged", "digit"] > 0.8 > 0.2 > shares["uniform noise", "digit"]
    assert shares["uniform noise", "confident"] == 1  # by the stand-in above: half grey


def test_kinds_of_images_are_what_they_are_called(mnist_dir):
    kinds = defined("07_yardstick", "kinds", "scribbles", "noise", "distorted")["DISTORTED"]
    x, labels = d.load("mnist", "test", None, 40)
    random = torch.Generator().manual_seed(0)
    for name, sd in (("blurred by 0.5 pixels", 0.5), ("blurred by 1 pixel", 1.0)):
        blurred = gaussian_filter(x[0, 0].numpy(), sd, mode="mirror", radius=4)
        assert np.abs(kinds[name](x, labels, random)[0, 0].numpy() - blurred).max() < 1e-3
    for name, sd in (("with noise of 5 %", 0.05), ("with noise of 10 %", 0.1)):
        grey = torch.zeros(20, 1, 28, 28)
        assert kinds[name](grey, labels[:20], random).std().item() == pytest.approx(sd, rel=0.03)
    stitched = kinds["two digits stitched"](x, labels, random)[:, 0]
    for one, whole in zip(stitched, x[:, 0], strict=True):
        assert (one[:14] == whole[:14]).all() or (one[:, :14] == whole[:, :14]).all()
        assert not (one == whole).all()
    turned = kinds["turned by 90°"](x, labels, random)
    back = {torch.rot90(one, -1, (1, 2)).numpy().tobytes() for one in turned}
    assert back == {
        one.numpy().tobytes() for one, label in zip(x, labels, strict=True) if label in (2, 3, 4, 5, 7)
    }
    deleted = kinds["strokes deleted"](plain(40, 0.2, 0.4), labels, random)[:, 0]
    black = (deleted == -0.5).double().mean((1, 2))
    assert black.min() > 0.25
    assert (deleted[:, 13:15, 13:15] == -0.5).all()  # a band through the middle
    shuffled = kinds["shuffled pixels"](x, labels, random)
    assert torch.equal(shuffled.flatten(1).sort(1).values, x.flatten(1).sort(1).values)


def test_tables_of_the_yardstick_have_their_rows(mnist_dir):
    found = defined(
        "07_yardstick",
        "noise",
        "kinds",
        "scribbles",
        "distorted",
        "measured",
        "measure",
        "mixed",
        "table",
        "mixes",
        "recognised",
        released="paper",
        n_test=100,
    )
    distances = shown(found, "07-table")
    for kind, row in distances.iterrows():
        for measure, value in row.items():
            assert value == pytest.approx(number("paper/yardstick", measure, kind).value, abs=0.0051)
    mixes = shown(found, "07-mixes")
    assert [*mixes.index] == [0.02, 0.05, 0.1, 0.2, 0.4]
    for measure in mixes:
        known = {row.x: row.value for row in rows("paper/yardstick", way="mixed", measure=measure)}
        assert mixes[measure].to_dict() == pytest.approx(known, abs=0.0051)


# --- 08: images read by eye ---


def test_each_training_is_drawn_with_a_seed_of_its_own_and_its_images_keep_their_source(mnist_dir, inside):
    cells = defined("08_by_eye", "protocol", "images", sources=None)
    drawn_with = []

    def released(*of, precision=None):
        if not of:
            return d.released()

        def sample(n, seed, **how):
            drawn_with.append((of, seed, how))
            grey = len(drawn_with) - 1
            return torch.full((n, 1, 28, 28), grey / 255 - 0.5)

        return SimpleNamespace(sample=sample)

    inside(cells["images"], d=SimpleNamespace(released=released, load=d.load))
    images, sources, classes, trainings = cells["images"](6)
    seeds = [seed for _, seed, _ in drawn_with]
    assert seeds == [4000 + i for i in range(len(seeds))]
    assert len(seeds) > 10
    from paper.blind import SOURCES

    x, y = d.load("mnist", "test", None)
    known = {
        one.tobytes(): int(label) for one, label in zip(drawn.as_bytes(x).astype(np.uint8), y, strict=True)
    }
    for image, source, label, training in zip(images, sources, classes, trainings, strict=True):
        if source == "data":
            assert (known[image.tobytes()], training) == (label, -1)
        else:
            (profile, model, seed), *_ = drawn_with[int(image[0, 0])]
            assert (profile, model, seed) == (*SOURCES[source][:2], training)
            assert label == -1
    assert {name: sources.count(name) for name in sources} == dict.fromkeys(("data", *SOURCES), 6)
    assert [*sources] != sorted(sources)  # shuffled
    for (_, model, _), _, how in drawn_with:
        assert how in [of[2] for of in SOURCES.values() if of[1] == model]


def test_shares_of_readers_stand_at_their_source(mnist_dir):
    cells = defined(
        "08_by_eye",
        *(
            f"08-{one}"
            for one in (
                "protocol",
                "images",
                "draw",
                "sheets",
                "sheet",
                "labels",
                "classifier",
                "shares",
                "write",
                "table",
                "agreement",
            )
        ),
        released="paper",
    )
    table_ = shown(cells, "08-table")
    from paper.blind import TITLES

    assert len(table_) == len(TITLES)
    for name, title in TITLES.items():
        for measure in ("read_as_digit", "digit"):
            assert table_.loc[title, measure] == pytest.approx(
                number("paper/blind", measure, name).value, abs=0.0051
            )
    of_all = shown(cells, "08-agreement")
    for measure in ("agreement", "right", "taken", "mistaken"):
        row = number("paper/blind", measure)
        expected = {"share": row.value, "low": row.low, "high": row.high, "n": row.n}
        assert of_all.loc[measure].to_dict() == pytest.approx(expected, abs=0.0051)
    job = drawn.file("paper/blind")
    first, second = job["labels"].values()
    both = [a == b for a, b in zip(first, second, strict=True)]
    assert of_all.loc["agreement", "share"] == pytest.approx(np.mean(both), abs=0.0051)


# --- 09: the level ---


def test_the_measured_spread_is_told_over_the_predicted_one():
    found = shown(defined("09_level", "results", "table"), "09-table")
    assert [*found["model"]] == ["linear"] * 2 + ["cosine"] * 2
    for (model, seed), (_, row) in zip(
        [("linear", 0), ("linear", 1), ("cosine", 0), ("cosine", 1)], found.iterrows(), strict=True
    ):
        job = drawn.measured(model, seed)
        predicted = number("paper/level", "predicted", model=f"{model}-{seed}").value
        border = number(job, "border").sd
        expected = {"predicted": predicted, "border": border, "over": border / predicted}
        expected["distance"] = number(job, "frechet").value
        expected["response"] = rows(job, way="shift 1", measure="response")[-1].value
        assert {name: row[name] for name in expected} == pytest.approx(expected, abs=0.0006)


# --- 10: the study's own files ---


def test_bytes_that_are_too_large_begin_again_at_zero():
    wrapped = defined("10_files", "scores")["wrapped"]
    assert wrapped(torch.tensor([-0.5, 0.0, 0.5])).tolist() == [63, 127, 191]  # of samples
    stored = wrapped(torch.arange(256, dtype=torch.uint8)).tolist()
    assert (stored[0], stored[255]) == (127, 128)  # black, white
    assert stored == [int((k / 2 + 0.5) * 255) % 256 for k in range(256)]
    assert stored[2:255:2] == sorted(stored[2:255:2], reverse=True)  # even greys run down
    assert len({*stored}) > 250


def test_scores_are_of_what_code_and_text_compare(inside):
    cells = defined("10_files", "scores")
    features = SimpleNamespace(features=lambda x: x.flatten(1)[:, :2].double())
    compared = []
    inside(
        cells["scored"],
        Reference=lambda x: x,
        frechet_distance=lambda a, b: compared.append((a, b)) or len(b),
    )
    evaluator = SimpleNamespace(
        extractors={"digits": features}, x_train=plain(30), default_space=SimpleNamespace(reference="test")
    )
    x = plain(20, -0.4, 0.4)
    done, text = cells["scored"](x, evaluator, 5, 8, 3)
    assert (done.tolist(), text) == ([5, 5, 5], 8)
    *draws, (reference, described) = compared
    wrapped = cells["wrapped"]
    as_bytes = torch.from_numpy(drawn.as_bytes(plain(30)[:5]))
    for real, few in draws:
        assert torch.equal(real[:, 0], wrapped(as_bytes)[:, 0, 0].double())
        assert {*few[:, 0].tolist()} <= {*wrapped(x)[:, 0, 0, 0].double().tolist()}
    assert len({tuple(few[:, 0].tolist()) for _, few in draws}) == 3
    assert reference == "test"
    assert described[:, 0].tolist() == drawn.as_bytes(x)[:8, 0, 0].tolist()


def test_weights_are_tried_under_their_own_schedule_and_under_the_usual_other_one():
    """A network that answers with its latent: at step t it errs by sqrt(a) x and (1 - sqrt(1 - a)) eps."""
    loss_under = defined("10_files", "loss")["loss_under"]
    own = d.linear(1000, 1e-4, 0.02)
    run = SimpleNamespace(name="linear", process=d.DDPM(own), network=lambda: lambda x, t: x)
    x = plain(1, 0.5, 0.5).expand(4000, 1, 28, 28)
    for name, schedule in (("linear", own), ("cosine", d.cosine())):
        a = schedule.alpha_bar[1:].numpy()
        expected = (a / 4 + (1 - (1 - a) ** 0.5) ** 2).mean()
        assert loss_under(run, name, x).value == pytest.approx(expected, rel=0.03)


def test_tables_of_the_files_have_their_rows(mnist_dir):
    cells = defined("10_files", "files", "rows", "losses", "table", released="original")
    same_file, last, published = shown(cells, "10-files")
    assert same_file is True
    assert last["cosine"] < last["linear"]  # the labels are exchanged
    assert (
        published
        == [row.value for row in rows("original/files", measure="frechet_inception", model="zoom")][:5]
    )
    scores = shown(cells, "10-table")
    for source, row in scores.iterrows():
        assert row["code does"] == pytest.approx(
            number("original/files", "frechet", f"{source}, as the code does").value, abs=0.051
        )
        assert row["text says"] == pytest.approx(
            number("original/files", "frechet", f"{source}, as the text says").value, abs=0.051
        )
    assert scores["code does"].idxmin() == "uniform noise"  # "nearer to the data than real digits are"
    assert scores["text says"].idxmin() == "real digits"


def test_misprints_have_their_values(mnist_dir):
    cells = defined("10_files", "files", "misprint", "rate", released="original")
    a = d.cosine().alpha_bar[1:].numpy()
    assert shown(cells, "10-misprint") == pytest.approx(((1 - a / (a - 1)).min(), (1 - a / (a - 1)).max()))
    tried = shown(cells, "10-rate")
    assert [*tried.columns] == [2e-4, 2**-4]
    for way, rate in (("printed", 2**-4), ("used", 2e-4)):
        known = rows("paper/train_linear-0", way=way, measure="loss_of_steps")
        assert tried[rate].tolist() == pytest.approx([row.value for row in known], abs=6e-4)


# --- 12: effects ---


def test_samples_are_measured_in_their_way_and_test_images_restored(inside, tmp_path):
    cells = defined(
        "12_effects", "degradations", "blur", "starts", "models", "data", "measure", n_train=20, n_test=10
    )
    restored, n_measured = [], []
    ways = {repr(how["prior"]) + repr(how["sampler"]): i for i, how in enumerate(cells["COLD"].values())}

    def sample(n, prior, sampler):
        return torch.full((n, 1, 28, 28), 2.0 + ways[repr(prior) + repr(sampler)])  # beyond the range

    def measure(x, only):
        n_measured.append(len(x))
        assert x.max() <= 0.5
        return {"digit": Interval(0.1)}

    run = SimpleNamespace(process=None, precision="fp32", device="cpu", losses=[(1, 0.5)], sample=sample)
    kept = []
    fake = SimpleNamespace(**{name: getattr(d, name) for name in ("DDPM", "ColdZoom", "linear", "cosine")})
    fake.fit = lambda process, x, **how: kept.append((process, x, how)) or run
    probes = SimpleNamespace(restoration_error=lambda run, x: restored.append(x) or {24: Interval(0.2)})
    inside(cells["measured"], d=fake, probes=probes, place=tmp_path, environment=lambda *given: {})
    cells["measured"](SimpleNamespace(measure=measure), "zoom_noise", 3)
    assert torch.equal(restored[0], cells["x_test"][:500])
    ((process, x, how),) = kept
    assert torch.equal(x, cells["x_train"])
    assert (process.image_noise, how["seed"], how["network"]) == (0.25, 3, "unet")
    found = table.Record(tmp_path, "effects_zoom_noise-3")
    assert [*found.ways][:4] == ["independent, 0", "independent, 0.15", "joint, 0", "joint, 0.15"]
    assert n_measured == [cells["n"]] * 4
    for name, drawn_how in cells["COLD"].items():
        start, noise = name.split(", ")
        assert drawn_how["sampler"].noise == float(noise)
        assert isinstance(drawn_how["prior"], d.Mixture) == (start == "joint")
    made = {name: make() for name, make in cells["MODELS"].items()}
    assert {name: getattr(one, "image_noise", None) for name, one in made.items()} == {
        **{
            kind + end: noise
            for kind in ("zoom", "blur", "pixelate")
            for end, noise in (("", 0.0), ("_noise", 0.25))
        },
        "linear": None,
        "cosine": None,
    }
    assert [made[name].schedule.name for name in ("linear", "cosine")] == ["linear", "cosine"]


def test_an_interval_is_no_narrower_than_the_chance_in_the_images():
    """Of sets with and without a change the variances of shares add up, each over a seed's sets."""
    given = {"released": "paper", "models": None, "seeds": [0, 1, 2, 3, 4]}
    cells = defined(
        "12_effects", "degradations", "blur", "models", "run", "rows", "factors", "chance", **given
    )
    cold = [row for row in rows("paper/effects", measure="digit") if row.x is not None]
    cold = [row for row in cold if row.model not in ("linear", "cosine")]
    assert len({(row.model, row.x) for row in cold}) == 30
    variance = 0.0
    for trained in (True, False):
        side = [row for row in cold if row.model.endswith("_noise") == trained]
        of_a_seed = len(side) / 5
        variance += np.mean([row.value * (1 - row.value) / row.n for row in side]) / of_a_seed
    assert cells["chance"]("digit", "training noise", "all") == pytest.approx(variance**0.5)
    assert cells["chance"]("frechet", "training noise", "all") == 0


# --- 13: an intervention ---


def test_each_row_of_the_intervention_is_of_samples_of_its_epoch_and_correction(inside):
    cells = defined("13_intervention", "sampler", "responses", "measure")
    asked = []

    def sample(n, seed, epoch, sampler):
        asked.append((epoch, sampler.added))
        spread = epoch + sampler.added  # of the border, over samples
        return torch.tensor([-spread, spread] * (n // 2))[:, None, None, None].expand(n, 1, 28, 28)

    run = SimpleNamespace(process=d.DDPM(d.linear()), sample=sample)
    measured = cells["measured"]
    border = lambda x: Interval(0.0, sd=float(x[:, 0, 0, 0].abs().max()))  # noqa: E731
    evaluator = SimpleNamespace(measure=lambda x, only: {"ink": Interval(float(x.abs().max()))})
    inside(
        measured,
        trainings=lambda schedule: [(run, 1), (run, 30)],
        evaluator=evaluator,
        n=4,
        x_train=plain(4),
        x_test=plain(4),
        pixels=SimpleNamespace(border_before_clamping=border),
        responses=lambda run, epoch: ([50, 1000], [[0.1 * (epoch == 30)] * 2] * len(cells["SIZES"])),
    )
    found, images = measured("linear")
    assert asked == [(epoch, added) for epoch in (1, 30) for added in (0.0, 0.25, 0.5, 0.75, 1.0)]
    parts = dict(
        zip(("as it is", "a quarter", "a half", "three quarters", "corrected"), range(5), strict=True)
    )
    borders = [row for row in found if row[2] == "border"]
    assert len(borders) == len(images) == 10
    for row in borders:
        assert row[8] == pytest.approx(row[1] + parts[row[0]] / 4)
        assert row[-1] == "linear"
    law = {(row[0], row[1]): row[4] for row in found if row[2] == "predicted"}
    for epoch in (1, 30):
        assert law["as it is", epoch] > law["a quarter", epoch] > law["corrected", epoch]
    assert law["as it is", 1] > law["as it is", 30]
    assert min(law.values()) >= 0.5  # real borders of this test, from which those of samples differ, too


# --- 15: three kinds of features ---


def test_only_finished_runs_are_measured_and_ones_own_replace_released_ones(inside, tmp_path):
    find_runs = defined("15_photographs", "models")["find_runs"]
    places = {"further": "further", "released": "releases/paper/runs", "own": "place/runs"}
    steps = {
        "further/zoom-1": 9,  # released and own ones replace it
        "further/zoom-7": 9,
        "further/zoom-8": 4,  # still in training
        "further/zoom-9": None,  # before its first epoch
        "released/zoom-0": 9,
        "released/zoom-1": 9,
        "released/zoom_unet-0": 9,
        "own/zoom-1": 9,
    }
    for name in steps:
        of, run = name.split("/")
        (tmp_path / places[of] / run).mkdir(parents=True)
    known = {tmp_path / places[of] / run: n for (of, run), n in ((k.split("/"), v) for k, v in steps.items())}

    def opened(path):
        if known[path] is None:
            raise RunError("no finished epoch")
        return SimpleNamespace(folder=path, steps=known[path])

    given = {
        "releases": tmp_path / "releases",
        "place": tmp_path / "place",
        "runs": str(tmp_path / "further"),
    }
    inside(find_runs, d=SimpleNamespace(open=opened), **given)
    found = {
        seed: run.folder.relative_to(tmp_path).parts[0] for seed, run in find_runs("paper", "zoom").items()
    }
    assert found == {0: "releases", 1: "place", 7: "further"}


def test_late_checkpoints_are_those_of_the_last_fifth_whose_weights_exist(inside, tmp_path):
    cells = defined("15_photographs", "models", "measure", chosen=["linear_unet"])
    weights = {epoch: tmp_path / f"{epoch}" for epoch in range(1, 11)}
    for epoch in (2, 7, 8, 10):
        weights[epoch].touch()
    run = SimpleNamespace(
        name="linear_unet-3",
        epochs=10,
        precision="fp32",
        weights_sha256=lambda: "abc",
        sampler=None,
        prior=None,
    )
    run.store = SimpleNamespace(weights=weights.get)
    drawn_at = []

    def draw(n, way, epoch):
        drawn_at.append((n, way, epoch, repr(run.sampler)))
        return torch.full((n, 1, 28, 28), (epoch or 10) / 100)

    inside(
        cells["measure_runs"],
        find_runs=lambda *names: {3: run} if names == ("beyond", "linear_unet") else {},
        kept=SimpleNamespace(Drawn=lambda *given: draw),
        describe=lambda images, evaluator, n: {"frechet": float(images.mean())},
        n=5,
    )
    found, about = cells["measure_runs"](None)
    assert [line[:4] for line in found] == [["late", 8, "frechet", 3], ["late", 10, "frechet", 3]]
    assert [(line[4], line[-1]) for line in found] == [
        (pytest.approx(0.08), "linear_unet"),
        (pytest.approx(0.1), "linear_unet"),
    ]
    way = repr(d.Ancestral(steps=100))
    assert drawn_at == [(5, "linear_unet", 8, way), (5, "linear_unet", None, way)]
    assert about["beyond/linear_unet-3"]["weights_sha256"] == "abc"


def test_both_procedures_are_taken_in_each_kind_of_features(inside):
    cells = defined("15_photographs", "measure", "original", "procedure")
    compared = []

    def space(ending, power):
        features = lambda x: x.flatten(1)[:, :2].double() ** power  # noqa: E731
        return SimpleNamespace(
            ending=ending, extractor=SimpleNamespace(features=features), reference=("test", ending)
        )

    inside(
        cells["measure_procedure"],
        Reference=lambda x: x,
        frechet_distance=lambda a, b: compared.append((a, b)) or float(len(compared)),
        read_original=lambda model: plain(40, -0.2, 0.2),
        n=20,
        draws=2,
        procedure=SimpleNamespace(wrap=procedure.wrap, N=6),
    )
    spaces = {"digits": space("", 1), "random": space("_random", 1), "photographs": space("_photographs", 2)}
    evaluator = SimpleNamespace(spaces=spaces, x_train=plain(30), x_test=plain(50))
    found = cells["measure_procedure"](evaluator)
    ways = {line[0] for line in found}
    assert {line[2] for line in found} == {"frechet", "frechet_photographs"}
    assert len(ways) == 10  # five sources by two procedures
    real = procedure.wrap(torch.from_numpy(drawn.as_bytes(plain(30)[:6])))
    codes = [pair for pair in compared if not isinstance(pair[0], tuple)]
    assert len(codes) == 2 * 5 * 2
    assert torch.equal(codes[0][0][:, 0], real[:, 0, 0].double())
    assert torch.equal(codes[-1][0][:, 0], real[:, 0, 0].double() ** 2)
    digits = {*procedure.wrap(plain(50)[:20])[:, 0, 0, 0].double().tolist()}
    assert all({*few[:, 0].tolist()} <= digits and len(few) == 6 for _, few in codes[:2])
    texts = [pair for pair in compared if isinstance(pair[0], tuple)]
    assert [reference for reference, _ in texts] == [("test", "")] * 5 + [("test", "_photographs")] * 5
    assert texts[0][1][:, 0].tolist() == drawn.as_bytes(plain(50))[:20, 0, 0].tolist()


def test_the_wrap_of_the_paper_is_the_one_that_notebook_10_shows():
    wrapped = defined("10_files", "scores")["wrapped"]
    for images in (torch.arange(256, dtype=torch.uint8), torch.linspace(-0.5, 0.5, 999), torch.randn(50)):
        assert torch.equal(procedure.wrap(images), wrapped(images))
