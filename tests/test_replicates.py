"""Several seeds: mean and spread against NumPy, and what is refused."""

import json

import numpy as np
import pytest

import fake_run
from diffusion import replicates


def seed_of_a_run(scale: float) -> tuple[dict, dict, dict]:
    """Training records, curves and final measures, with distances and losses scaled."""
    content = fake_run.records(epochs=4, every=2, inception=False)
    for model in fake_run.MODELS:
        for line in content[f"train_{model}.json"]["history"]:
            line["test_loss"] *= scale
        content["compare.json"]["final"][model]["digits"]["fid"] *= scale
        for row in content["compare.json"]["curves"][model]:
            row["digits"]["fid"] *= scale
    compare = content["compare.json"]
    return {m: content[f"train_{m}.json"] for m in fake_run.MODELS}, compare["curves"], compare["final"]


def test_spread_is_mean_and_standard_deviation_over_seeds():
    runs = [seed_of_a_run(scale) for scale in (1.0, 1.5, 0.7)]
    found = replicates.spread(*zip(*runs, strict=True))["cosine"]
    losses = np.array(
        [[line["test_loss"] for line in trained["cosine"]["history"]] for trained, _, _ in runs]
    )
    assert [row["epoch"] for row in found["losses"]] == [1, 2, 3, 4]
    np.testing.assert_allclose([row["mean"] for row in found["losses"]], losses.mean(0))
    np.testing.assert_allclose([row["sd"] for row in found["losses"]], losses.std(0, ddof=1))
    fid = np.array([[row["digits"]["fid"] for row in curves["cosine"]] for _, curves, _ in runs])
    np.testing.assert_allclose([row["sd"] for row in found["distances"]["digits"]], fid.std(0, ddof=1))
    assert "inception" not in found["distances"]
    last = np.array([final["cosine"]["digits"]["fid"] for _, _, final in runs])
    np.testing.assert_allclose(found["final"]["digits"]["values"], last)
    np.testing.assert_allclose(found["final"]["digits"]["mean"], last.mean())
    assert found["final"]["recall"]["sd"] == 0


def test_panels_are_what_the_figure_takes():
    from diffusion import figures

    spreads = replicates.spread(*zip(*[seed_of_a_run(s) for s in (1.0, 1.2)], strict=True))
    panels = replicates.panels(spreads, {"digits": {"fid_mean": 0.8, "fid_sd": 0.1}})
    figure = figures.distance_panels(panels)
    assert len(figure.axes) == 2
    curve, _ = panels["test loss"]
    row = curve["zoom"][0]
    assert row["low"] < row["value"] < row["high"]


def test_a_missing_seed_and_other_models_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"seed 3 has no comparison at .*run 04_compare_fid with seed = 3"):
        replicates.read(tmp_path, [3], ["linear"])
    metrics = replicates.folder(tmp_path, 3) / "metrics"
    metrics.mkdir(parents=True)
    (metrics / "compare.json").write_text(json.dumps({"models": ["zoom"]}))
    with pytest.raises(ValueError, match="compares zoom, not linear; run it again with the same models"):
        replicates.read(tmp_path, [3], ["linear"])
