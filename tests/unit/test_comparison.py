"""Models compared in a script: a table with intervals, real images beside, a row of samples each."""

import pytest
import torch

import diffusion as d
from diffusion.comparison import REAL

pytestmark = pytest.mark.usefixtures("one_thread")

N = 30


def test_models_stand_beside_one_another_and_beside_real_images(mnist_dir):
    of, x_train = {"interval_repeats": 10, "floor_repeats": 2}, d.load("mnist", "train", mnist_dir, 60)[0]
    evaluator = d.Evaluator(x_train, *d.load("mnist", "test", mnist_dir, 200), **of)
    zoom, x = d.released("paper", "zoom"), d.load("mnist", n=40)[0]
    hardly = d.fit(d.DDPM(d.linear(10)), x, steps=1, batch_size=8, channels=[4], precision="fp32")
    models = {"hardly": hardly, "zoom": zoom, "array": x.numpy(), "one": x[:1].expand(N, -1, -1, -1)}
    found = d.compare(models, evaluator, n=N, seed=3)
    table = found.table
    assert [*table.index] == [*models, REAL]
    drawn = {"hardly": hardly.sample(N, seed=3), "zoom": zoom.sample(N, seed=3), "array": x[:N]}
    for model, samples in drawn.items():
        assert torch.equal(found.samples[model], samples)
        for name, one in evaluator.measure(samples.clamp(-0.5, 0.5)).items():
            if name in table:
                row = table.loc[model, name]
                assert (row["value"], row["low"], row["high"], row["n"]) == (*one.ends, one.n)
    assert table["frechet"]["value"][REAL] == evaluator.floors(N)["floor"].value
    assert table["digit"]["value"][REAL] == evaluator.real(N)["digit"].value
    assert table.loc["one", ["frechet", "digit"]].isna().all()
    assert "one image" in str(found).splitlines()[-1]


def test_what_are_no_models_is_refused():
    x = torch.zeros(29, 1, 28, 28)
    for said, runs in (("runs is a list", [x]), ("runs has 29 samples of 'a'; needed: n = 30", {"a": x})):
        with pytest.raises(ValueError, match=said):
            d.compare(runs, n=N)
