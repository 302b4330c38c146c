"""A short, fixed part of `make test-faults`, with jobs that take no time."""

import pytest

from workflow import faults


@pytest.fixture
def study(project) -> faults.Study:
    """The stand-in project, finished and released."""
    study = faults.Study(project.folder, "smoke")
    study.seconds = 8
    for command in (("tools.release", "smoke"), ("tools.run", "smoke")):
        status, said = study.give(*command)
        assert status == 0, said
    study.keep()
    return study


@pytest.mark.long
def test_no_fault_gives_a_wrong_result_and_one_would_be_noticed(study):
    rounds = [faults.one(number, 7, study) for number in range(3)]
    assert not [one for one in rounds if one[1] not in ("survived", "refused")]
    assert {end for _, end, _ in rounds} == {"survived", "refused"}
    study.expected["smoke/kept/zoom.npz"] = b"another"
    assert faults.one(0, 7, study)[1] == "WRONG"
