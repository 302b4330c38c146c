"""Old names lead to new ones that exist."""

import inspect

import pytest

import diffusion as d
from diffusion.renamed import RENAMED, VERSION, renamed
from report import profile
from report.measures.measure import measure
from report.parameters import keywords

CLASSES = {"Evaluator": d.Evaluator, "DegradationProcess": d.DegradationProcess}
ATTRIBUTES = {"default_space", "measure_names"}  # which an evaluator sets when it is made


@pytest.mark.parametrize(("where", "old"), [(where, old) for where in RENAMED for old in RENAMED[where]])
def test_the_new_name_is_known_where_the_old_one_was_and_the_old_one_is_not(where, old):
    new = RENAMED[where][old].partition("=")[0].split()[0].strip(",:")
    if where in CLASSES:
        known = {*inspect.signature(CLASSES[where]).parameters, *vars(CLASSES[where])} | ATTRIBUTES
        assert new in known
        with pytest.raises(AttributeError, match=rf"^{where} has no attribute {old} .*: use {new}\b"):
            getattr(CLASSES[where], old)
        return
    known = {"fit": keywords(d.fit), "measure": keywords(measure)}.get(where) or {
        *profile.Sections.model_fields,
        *profile.Entry.model_fields,
        *keywords(measure),
    }
    assert new in known
    assert old not in known


def test_a_name_that_was_not_renamed_has_no_hint():
    assert renamed("fit", "aside") == f' (renamed in {VERSION}): use if_exists="rename"'
    assert renamed("fit", "epochs") == renamed("nowhere", "aside") == ""
