"""Names of the paper's text, against oracles and properties; their values: golden/test_released.py."""

import math

import numpy as np
import pytest
from scipy import stats

from diffusion.evaluation.statistics import Interval
from paper import experiments, spaces
from report.pages.text_format import MINUS
from report.results import table
from report.results.table import Record

SEEDS = {"zoom": (10.0, 14.0, 12.0, 9.0), "linear": (8.0, 9.5), "cosine": ()}


def recorded(tmp_path, rows) -> Record:
    table.write(tmp_path, "photographs", {"settings": {}}, rows)
    return Record(tmp_path, "photographs")


def of_seeds(measure, numbers, epochs=(100,)):
    """Rows of runs at their late checkpoints, whose geometric mean is the run's number."""
    return [
        table.row(measure, number * (1.1 if i % 2 else 1 / 1.1), "late", epoch, seed, model)
        for model, values in numbers.items()
        for seed, number in enumerate(values)
        for i, epoch in enumerate(epochs)
    ]


def test_a_ratio_is_welchs_of_the_logarithms_of_each_runs_geometric_mean(tmp_path):
    rows = of_seeds("frechet_photographs", SEEDS, epochs=(90, 100))
    result = spaces.compare(recorded(tmp_path, rows), "study", "photographs")
    logs = [np.log(SEEDS[model]) for model in ("zoom", "linear")]
    welch = stats.ttest_ind(*logs, equal_var=False)
    interval = welch.confidence_interval(0.95)
    expected = [math.exp(logs[0].mean() - logs[1].mean()), math.exp(interval.low), math.exp(interval.high)]
    assert result.apart.ends == pytest.approx(expected)
    assert result.freedom == pytest.approx(welch.df)
    assert result.n == {"zoom": 4, "linear": 2, "cosine": 0}
    assert result.checkpoints == {"zoom": 8, "linear": 4, "cosine": 0}


def test_the_cosine_ddpm_counts_for_the_scatter_only(tmp_path):
    numbers = SEEDS | {"cosine": (3.0, 3.3, 3.6)}
    alone, more = (
        spaces.compare(recorded(tmp_path / name, of_seeds("frechet", of)), "study", "digits")
        for name, of in (("alone", SEEDS), ("more", numbers))
    )
    assert more.apart.value == pytest.approx(alone.apart.value)
    squares = sum(np.var(np.log(numbers[m])) * len(numbers[m]) for m in ("linear", "cosine"))
    zoom = np.var(np.log(SEEDS["zoom"]), ddof=1) / 4
    error = math.sqrt(zoom + squares / 3 / 2)  # 1 + 2 degrees of freedom, two linear DDPMs
    freedom = error**4 / (zoom**2 / 3 + (squares / 3 / 2) ** 2 / 3)
    half = stats.t.ppf(0.975, freedom) * error
    assert math.log(more.apart.high / more.apart.value) == pytest.approx(half)


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
