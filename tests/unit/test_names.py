"""Names of the paper's text, against oracles and properties; their values: golden/test_released.py."""

import math

import numpy as np
import pytest
from scipy import stats

from diffusion.evaluation.statistics import Interval
from paper import experiments
from report.pages.text_format import MINUS
from report.results import table
from report.results.table import Record


def recorded(tmp_path, rows) -> Record:
    table.write(tmp_path, "photographs", {"settings": {}}, rows)
    return Record(tmp_path, "photographs")


@pytest.mark.parametrize(
    ("sign", "ends", "told"),
    [
        (1, (-0.12, -0.2, -0.05), f"{MINUS}12\xa0[{MINUS}20, {MINUS}5]"),
        (-1, (-0.12, -0.2, -0.05), "12\xa0[5, 20]"),
        (-1, (0.02, -0.04, 0.08), f"{MINUS}2\xa0[{MINUS}8, 4]"),
    ],
)
def test_an_effect_on_a_share_has_its_lower_end_first_whichever_way_it_is_told(tmp_path, sign, ends, told):
    rows = [table.row("digit", Interval(*ends), "joint start"), table.row("coverage", 0.7, "joint start")]
    effects = experiments.effects(recorded(tmp_path, rows))
    assert effects["effect_points"]("joint start", sign) == told


def test_the_control_has_geometric_means_over_runs_and_its_largest_change(tmp_path):
    black = {"frechet": (4.4, 3.9), "frechet_autoencoder": (2.0, 2.0), "frechet_photographs": (1.0, 9.0)}
    rows = [
        table.row(measure, value, f"100 steps{ending}", x=seed, model="linear_unet")
        for measure, values in black.items()
        for seed, last in enumerate(values)
        for ending, value in (("", 4.0 if measure == "frechet" else 2.0), (experiments.BLACK, last))
    ]
    rows.append(table.row("frechet", 7.0, "published", model="linear"))
    names = experiments.control(recorded(tmp_path, rows))
    assert names["control"]("linear_unet", "100 steps" + experiments.BLACK) == pytest.approx(3.0)
    assert names["control_change"]() == pytest.approx(math.sqrt(4.4 * 3.9) / 4 - 1)
    assert experiments.control(None)["control"] is None


def test_the_ratio_of_the_control_has_welchs_interval(tmp_path):
    values = {("linear_unet", "100 steps"): (4.0, 5.0, 7.0), ("zoom_unet", "all steps"): (2.0, 3.0, 2.6)}
    rows = [
        table.row("frechet_photographs", value, way + ending, x=seed, model=model)
        for (model, way), numbers in values.items()
        for ending, power in (("", 1), (experiments.BLACK, 2))
        for seed, value in enumerate(np.power(numbers, power))
    ]
    ratio = experiments.control(recorded(tmp_path, rows))["control_ratio"]
    for ending, power in (("", 1), (experiments.BLACK, 2)):
        logs = [power * np.log(numbers) for numbers in values.values()]
        expected = stats.ttest_ind(*logs, equal_var=False).confidence_interval()
        middle = logs[0].mean() - logs[1].mean()
        assert ratio("100 steps" + ending).ends == pytest.approx(
            np.exp([middle, expected.low, expected.high])
        )
