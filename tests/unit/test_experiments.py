"""Names of the paper's experiments for its text: effects in words, and means over few calls."""

from types import SimpleNamespace

import pytest

from diffusion.evaluation.statistics import Interval
from paper import experiments
from report.pages.text_format import MINUS
from report.results.table import Row


class Job(dict):
    """A job's file with effects by way and measure."""

    ways, rows, facts = {}, (), SimpleNamespace(settings={})


def effects(**of: Interval):
    return experiments.effects(Job(way=of))


@pytest.mark.parametrize(
    ("sign", "ends", "told"),
    [
        (1, (0.12, 0.05, 0.2), "12\xa0[5, 20]"),
        (1, (-0.12, -0.2, -0.05), f"{MINUS}12\xa0[{MINUS}20, {MINUS}5]"),
        (-1, (-0.12, -0.2, -0.05), "12\xa0[5, 20]"),
        (-1, (0.12, 0.05, 0.2), f"{MINUS}12\xa0[{MINUS}20, {MINUS}5]"),
        (-1, (0.02, -0.04, 0.08), f"{MINUS}2\xa0[{MINUS}8, 4]"),
    ],
)
def test_an_effect_on_a_share_has_its_lower_end_first_whichever_way_it_is_told(sign, ends, told):
    assert effects(digit=Interval(*ends))["effect_points"]("way", sign) == told


def test_effects_are_of_the_measure_that_is_asked_for():
    known = effects(
        digit=Interval(0.1, 0.0, 0.2), coverage=Interval(0.5, 0.4, 0.6), frechet=Interval(2, 1, 4)
    )
    assert known["effect_points"]("way", 1, "coverage") == "50\xa0[40, 60]"
    assert known["effect_ratio"]("way") == "2.00\xa0[1.00, 4.00]"
    assert known["effect_ratio"]("way", "coverage") == "0.50\xa0[0.40, 0.60]"


def test_a_mean_over_few_calls_is_of_the_trainings_of_one_model():
    def row(model: str, x: float, measure: str, value: float) -> Row:
        return Row(
            "beyond", model, None, "", None, measure, x, value, None, None, None, None, "metrics/calls.json#0"
        )

    others = [
        row("zoom_unet-0", 4, "digit", 9.0),
        row("zoom-0", 8, "digit", 9.0),
        row("zoom-0", 4, "frechet", 9.0),
    ]
    rows = [row("zoom-0", 4, "digit", 0.25), row("zoom-1", 4, "digit", 0.75), row("zoom", 4, "digit", 9.0)]
    mean = experiments.few_calls(SimpleNamespace(rows=rows + others, facts=Job.facts))["in_calls"]
    assert mean("zoom", 4) == 0.5
    assert mean("zoom", 4, "frechet") == 9.0
