"""Names of the paper's text, against oracles and properties; their values: golden/test_released.py."""

import pytest

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
