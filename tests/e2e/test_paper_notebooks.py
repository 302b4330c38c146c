"""What cells of the paper's notebooks do not assert: images, tables and effects, against another's values."""

import functools
import math
import shutil
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.ndimage import gaussian_filter

import diffusion as d
import drawn
import helpers
from diffusion import data
from diffusion.evaluation.evaluator import Evaluator
from diffusion.processes import DDPM, linear
from diffusion.processes.samplers import Ancestral
from drawn import number, rows, shown
from helpers import defined
from paper import procedure
from report.results import table
from report.results.table import Record


def plain(n, low=-0.5, high=0.5):
    """Images (n, 1, 28, 28), each of a grey of its own."""
    return torch.linspace(low, high, n)[:, None, None, None].expand(n, 1, 28, 28)


# --- 07: real images as a yardstick ---


def test_kinds_of_images_are_what_they_are_called(mnist_dir):
    kinds = defined("07_yardstick", "kinds", "scribbles", "noise", "distorted")["DISTORTED"]
    x, labels = d.load("mnist", "test", 40)
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


def test_the_recogniser_is_tried_on_digits_that_gave_it_no_bound(mnist_dir):
    cells = defined(
        "07_yardstick", "kinds", "scribbles", "noise", "distorted", "recognised", n_per_distortion=20
    )
    evaluator = Evaluator.for_dataset("mnist", n_train=100, n_test=60)
    digits, unlike = (
        evaluator.x_test,
        torch.rand(60, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5,
    )
    accepted = {}
    for part, noisy in (("none", slice(0, 0)), ("tried", slice(1, None, 2))):
        evaluator.x_test = digits.clone()
        evaluator.x_test[noisy] = unlike[noisy]
        result = cells["recognised"](evaluator, evaluator.x_train)
        accepted[part] = {way: value for way, _, measure, _, value, *_ in result if measure == "digit"}
    assert accepted["tried"]["unchanged"] < 0.1 < 0.8 < accepted["none"]["unchanged"]
    assert accepted["tried"]["uniform noise"] == accepted["none"]["uniform noise"] < 0.2  # an equal threshold


def test_tables_of_the_yardstick_have_their_rows(mnist_dir):
    result = defined(
        "07_yardstick",
        *("noise", "kinds", "scribbles", "distorted", "measured", "measure", "mixed", "rows"),
        *("table", "mixes", "recognised"),
        released="paper",
        n_test=100,
    )
    distances = shown(result, "07-table")
    for kind, row in distances.iterrows():
        for measure, value in row.items():
            assert value == pytest.approx(number("paper/yardstick", measure, kind).value, abs=0.0051)
    mixes = shown(result, "07-mixes")
    for measure in mixes:
        known = {row.x: row.value for row in rows("paper/yardstick", way="mixed", measure=measure)}
        assert mixes[measure].to_dict() == pytest.approx(known, abs=0.0051)


@pytest.mark.parametrize("divergence", [0.02, 0.4])
def test_a_mix_of_classes_has_the_divergence_that_is_asked_for(divergence):
    prior = np.arange(1.0, 11) / 55
    tilted = defined("07_yardstick", "mixed")["tilted"]
    share = tilted(prior, np.random.default_rng(0).normal(size=10), divergence)
    assert stats.entropy(share, prior) == pytest.approx(divergence, rel=1e-6)


# --- 08: variety within a class ---


def test_variance_within_a_class_is_relative_to_real_digits_of_that_class():
    cells = defined("08_variety", "variances")
    features = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 5.0], [0.0, 5.0], [0.0, 8.0], [9.0, 9.0]])
    labels = torch.tensor([0, 0, 1, 1, 1, 2])
    result = cells["variances"](features, labels)
    assert result == {0: (pytest.approx(2.0), 2), 1: (pytest.approx(3.0), 3)}  # class 2 has one image
    real = {0: (4.0, 10), 1: (1.0, 10)}
    relative = cells["relative_variance"](features, labels, real)
    assert relative.value == pytest.approx((1 * 2.0 / 4.0 + 2 * 3.0 / 1.0) / 3)
    assert relative.n == 6
    assert cells["relative_variance"](features[5:], labels[5:], real) is None


def test_kept_samples_are_measured_as_the_release_was(tmp_path, mnist_dir):
    for folder in ("metrics", "kept"):
        shutil.copytree(helpers.PAPER / folder, tmp_path / folder)
    (tmp_path / "metrics" / "variety.json").unlink()
    defined("08_variety", released=None, out_dir=str(tmp_path))
    for one in Record(tmp_path, "variety").rows:
        known = number("paper/variety", "variance_in_class", one.way)
        assert (one.value, one.n) == (pytest.approx(known.value, rel=1e-3), known.n)


# --- 09: the level ---


def test_the_measured_spread_is_told_over_the_predicted_one():
    result = shown(defined("09_level", "results", "table"), "09-table")
    ones = [(model, seed) for model in ("linear", "cosine") for seed in (0, 1)]
    for (model, seed), (_, row) in zip(ones, result.iterrows(), strict=True):
        assert row["model"] == model
        job = drawn.measured(model, seed)
        predicted = number("paper/level", "predicted", model=f"{model}-{seed}").value
        border = number(job, "border").sd
        expected = {"predicted": predicted, "border": border, "over": border / predicted}
        expected["distance"] = number(job, "frechet").value
        expected["response"] = rows(job, way="shift 1", measure="response")[-1].value
        assert {name: row[name] for name in expected} == pytest.approx(expected, abs=0.0006)


# --- 10: the study's own files ---


def test_bytes_that_are_too_large_begin_again_at_zero():
    assert procedure.wrap(torch.tensor([-0.5, 0.0, 0.5])).tolist() == [63, 127, 191]  # of samples
    stored = procedure.wrap(torch.arange(256, dtype=torch.uint8)).tolist()
    assert stored == [int((k / 2 + 0.5) * 255) % 256 for k in range(256)]


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
    _, _, published = shown(cells, "10-files")
    known = rows("original/files", measure="frechet_inception", model="zoom")
    assert published == [row.value for row in known][:5]
    scores = shown(cells, "10-table")
    for source, row in scores.iterrows():
        for procedure_name, cell in row.items():
            known = number("original/files", "frechet", f"{source}, as the {procedure_name}")
            assert cell == pytest.approx(known.value, abs=0.051)
    assert scores["code does"].idxmin() == "uniform noise"  # "nearer to the data than real digits are"
    assert scores["text says"].idxmin() == "real digits"


def test_misprints_have_their_values(mnist_dir):
    cells = defined("10_files", "files", "misprint", "rate", released="original")
    a = d.cosine().alpha_bar[1:].numpy()
    assert shown(cells, "10-misprint") == pytest.approx(((1 - a / (a - 1)).min(), (1 - a / (a - 1)).max()))
    tried = shown(cells, "10-rate")
    for way, rate in (("printed", 2**-4), ("used", 2e-4)):
        known = rows("paper/train_linear-0", way=way, measure="loss_of_steps")
        assert tried[rate].tolist() == pytest.approx([row.value for row in known], abs=6e-4)


@pytest.mark.parametrize("variance", [2e-5, 0.01])
def test_the_noise_that_a_network_was_trained_on_is_found(variance):
    """The best prediction for images that are all black: the latent over the noise's standard deviation."""
    eps = torch.randn((8, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    learnt = defined("10_files", "learnt", "scores")["noise_learnt"]
    result = learnt(lambda x, t: x / variance**0.5, torch.zeros_like(eps), eps, 1, 1000)
    assert result == pytest.approx(variance, rel=0.02)


# --- 12: effects ---


def test_an_effect_is_the_mean_of_what_has_a_change_minus_the_mean_of_what_has_not(tmp_path):
    """Numbers made of known effects: their sum is found again, each by itself."""
    models = [f"{kind}{noise}" for kind in ("zoom", "blur", "pixelate") for noise in ("", "_noise")]
    settings = {"steps": 40, "batch_size": 32, "learning_rate": 3e-3, "n": 24, "n_train": 2000, "n_test": 500}
    settings |= {"precision": "auto"}  # the parameters of the notebook, so nothing is trained
    for seed, model in product((0, 1, 2), models):
        trained, rows = model.endswith("_noise"), []
        for start, noise in product(("independent", "joint"), ("0", "0.15")):
            value = 0.2 + 0.01 * seed**2 + 0.3 * trained + 0.1 * (start == "joint")
            value += 0.05 * model.startswith("blur") - 0.07 * (noise == "0.15")
            result = dict.fromkeys(("frechet", "frechet_autoencoder"), np.exp(value))
            rows += table.lines(result | {"digit": value, "coverage": value}, way=f"{start}, {noise}")
        worse = np.exp(0.2 * trained)  # from the deepest level
        rows += table.lines({"restoration_error": {1.0: 0.5, 24.0: 0.1 * worse}})
        facts = {"model": model, "seed": seed, "environment": {"precision": "fp32"}, "settings": settings}
        table.write(tmp_path, f"effects_{model}-{seed}", facts, rows)
    defined("12_effects", chosen=models, seeds=[0, 1, 2], out_dir=str(tmp_path))
    result = Record(tmp_path, "effects")
    expected = {"training noise": 0.3, "joint start": 0.1, "sampling noise": -0.07, "blur for zoom": 0.05}
    for name, value in expected.items():
        one = result[f"{name}, all"]
        assert one["digit"].value == pytest.approx(value)
        assert one["frechet"].value == pytest.approx(np.exp(value))
        assert one["digit"].low == pytest.approx(one["digit"].high)  # a seed shifts all of its sets alike
    assert result["training noise, in the zoom"]["restoration_error"].value == pytest.approx(np.exp(0.2))
    assert result["mean, joint, 0.15"]["digit"].n == 3


def test_sixteen_numbers_stand_for_the_deepest_level_of_each_degradation(mnist_dir):
    cells = defined("12_effects", "degradations", "blur", "starts")
    x, _ = data.load("mnist", "train", 300)
    pixelate, blur = cells["Pixelate"](), cells["Blur"]()
    blur.prepare(x)
    for one in (pixelate, blur):
        pixels, deepest = one.to_pixels(x), one.degrade(x, torch.full((len(x),), 24))
        assert pixels.shape == (300, 1, 4, 4)
        left = (one.from_pixels(pixels) - deepest).square().mean() / (
            deepest - deepest.mean(0)
        ).square().mean()
        assert left < 0.05
    means = x.unfold(2, 7, 7).unfold(3, 7, 7).mean((-1, -2))
    torch.testing.assert_close(pixelate.to_pixels(x), means)
    start = cells["STARTS"]["independent"]
    start.fit(means)
    drawn = start.draw(400, torch.Generator().manual_seed(0)).flatten(1)
    assert all(torch.isin(one, known).all() for one, known in zip(drawn.T, means.flatten(1).T, strict=True))
    beside = [torch.corrcoef(one.T)[7, 8].abs() for one in (means.flatten(1), drawn)]
    assert beside[0] > 0.5 > 0.2 > beside[1]


def test_an_interval_is_no_narrower_than_the_chance_in_the_images():
    """Of sets with and without a change the variances of shares add up, each over a seed's sets."""
    given = {"released": "paper", "chosen": None, "seeds": [0, 1, 2, 3, 4]}
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


def test_what_a_network_misses_of_an_offset_is_added_to_its_prediction():
    """Of a network that sees a part rho of an offset the corrected prediction has all of it."""
    Levelled = defined("13_intervention", "sampler")["Levelled"]
    process, t, rho, delta = DDPM(linear()), 900, 0.3, 0.5
    a = float(process.schedule.alpha_bar[t])
    x_t = torch.full((2, 1, 28, 28), a**0.5 * -0.4 + delta)  # of images of a mean grey of -0.4
    seen = torch.full_like(x_t, rho * delta / (1 - a) ** 0.5)
    sampler = Levelled([1.0, 100.0], [1, 1000], [[rho, rho], [rho, rho]], -0.4, 10)
    noise = [torch.Generator().manual_seed(0) for _ in range(2)]
    result = sampler.step(process, x_t, seen, t, 800, noise[0])
    whole = Ancestral(steps=10).step(process, x_t, seen / rho, t, 800, noise[1])
    torch.testing.assert_close(result, whole)


# --- 16: photograph features ---


def test_pixels_below_15_percent_of_the_range_become_black():
    blacken = defined("16_photographs", "features")["blacken"]
    x = torch.tensor([-0.5, -0.36, -0.34, 0.0, 0.5])
    assert blacken(x).tolist() == pytest.approx([-0.5, -0.5, -0.34, 0.0, 0.5])


def test_tables_of_photographs_have_their_rows():
    result = defined("16_photographs", "measure", "rows", "table", "scale", "scores", released="paper")
    features = {"digits": "", "autoencoder": "_autoencoder", "photographs": "_photographs"}
    tables = {name: shown(result, f"16-{name}") for name in ("table", "scale", "scores")}
    for (model, way), row in tables["table"].iterrows():
        for kind, value in row.dropna().items():
            runs = rows("paper/photographs", way=way, measure="frechet" + features[kind], model=model)
            expected = math.exp(np.mean([math.log(run.value) for run in runs]))
            assert value == pytest.approx(expected, abs=0.0051)
    for (way, kind), value in tables["scale"].stack().dropna().items():
        measure = ("floor" if way == "floor" else "frechet") + features[kind]
        assert value == pytest.approx(number("paper/photographs", measure, way).value, abs=0.051)
    for (how, kind), column in tables["scores"].items():
        for source, value in column.items():
            known = number("paper/photographs", "frechet" + features[kind], f"{source}, as the {how}")
            assert value == pytest.approx(known.value, abs=0.051)


# --- all ---


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("06_beyond", {"n": 16, "components": 3}),
        ("14_changes", {"models": ["linear", "zoom"]}),
        ("07_yardstick", {"n": 32, "n_per_distortion": 16, "n_real": 100, "n_test": 256}),
        ("10_files", {"n_source": 120, "n_test": 100}),
    ],
)
def test_what_no_run_of_the_workflow_executes_runs(tmp_path, mnist_dir, monkeypatch, name, given):
    """09 does above; 12 and 13, as cells of a kernel; the others, in the run of e2e/test_workflow.py."""
    monkeypatch.chdir(tmp_path)
    few = functools.partial(Evaluator.for_dataset, n_digits=100, n_per_distortion=16)
    monkeypatch.setattr(Evaluator, "for_dataset", staticmethod(few))
    at = {} if name in ("06_beyond", "14_changes") else {"out_dir": "out"}
    assert defined(name, **given, **at)["shown"]
    assert [path.name for path in tmp_path.iterdir()] == [*at.values()]
