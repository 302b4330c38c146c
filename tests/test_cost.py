"""What a study costs: the arithmetic, and that the documentation shows what it gives."""

import re
from pathlib import Path

import pytest
import yaml

from tools import cost

ROOT = Path(__file__).resolve().parents[1]
PAPER = yaml.safe_load((ROOT / "profiles" / "paper.yaml").read_text())


def test_the_costs_of_the_study_by_hand():
    trainings, compare = cost.of_study(PAPER)
    ddpm = 100 * 469 * cost.STEP + 500 * 1000 * cost.SAMPLE + cost.NOTEBOOK
    assert trainings[:2] == pytest.approx([ddpm, ddpm])
    # Epochs 1, 5, ..., 100; once more with the other clipping, and in float32.
    of_ddpm = ((22 + cost.FLOAT32) * 500 + 2000) * 1000 * cost.SAMPLE
    # The zoom after every epoch, and from patches of real images after epochs 80 to 100 and at the end.
    of_zoom = ((100 + 21 + cost.FLOAT32) * 500 + 2 * 10_000) * 24 * cost.SAMPLE
    measured = (2 * (22 + cost.FLOAT32) + 100 + 21 + cost.FLOAT32) * 1000 * cost.MEASURED
    assert compare == pytest.approx(2 * of_ddpm + of_zoom + measured + cost.NOTEBOOK)


def test_a_model_that_is_not_compared_costs_its_training():
    only = PAPER | {"models": PAPER["models"] | {"wide": PAPER["models"]["linear"]}}
    only["compare"] = PAPER["compare"] | {"models": ["linear", "cosine", "zoom"]}
    trainings, compare = cost.of_study(only)
    assert len(trainings) == 4
    assert compare == cost.of_study(PAPER)[1]


def test_time_is_work_over_places_but_never_less_than_one_seed_takes():
    trainings, compare = [100.0, 100.0], 50.0
    assert cost.makespan(trainings, compare, 10, 1, 0, 0) == 5 * 250
    assert cost.makespan(trainings, compare, 10, 5, 0, 0) == 250
    assert cost.makespan(trainings, compare, 10, 1000, 0, 0) == 150
    assert cost.makespan(trainings, compare, 10, 1, 7, 0) == 5 * (250 + 21)
    assert cost.makespan(trainings, compare, 10, 1000, 7, 60) == 150 + 2 * 67


def test_the_documentation_shows_these_costs():
    text = (ROOT / "docs" / "scaling.md").read_text()
    assert text.split("<!-- of tools/cost.py -->\n")[1].split("<!-- end -->")[0].splitlines() == cost.lines(
        PAPER
    )


@pytest.mark.parametrize("name", ["medium", "paper"])
def test_the_readme_says_how_many_hours_these_costs_come_to(name):
    readme, profile = ((ROOT / file).read_text() for file in ("README.md", f"profiles/{name}.yaml"))
    (hours,) = re.findall(rf"^\| `{name}` \|.*\| about ([\d.]+) hours,", readme, re.M)
    trainings, compare = cost.of_study(yaml.safe_load(profile))
    assert float(hours) == pytest.approx((sum(trainings) + compare) / 3600, rel=0.1)
    assert set(re.findall(r"about ([\d.]+) hours", profile)) <= {hours}
