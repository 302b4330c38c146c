"""Names of the paper's experiments for its text: effects in words."""

from types import SimpleNamespace

import pytest

from diffusion.evaluation.statistics import Interval
from paper import experiments
from report.pages.text_format import MINUS


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
