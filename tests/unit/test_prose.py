"""The check of the project's English notices phrases where people read them, and only there."""

import json

import pytest

import prose

FAULTY = """The table beside it has 95 % of the values.
Another is used in place
of it, as in the study."""


def test_each_phrase_is_named_with_its_line_and_a_replacement():
    found = [(line, phrase) for line, phrase, _ in prose.find(FAULTY)]
    assert found == [(0, "95 %"), (0, "beside"), (1, "in place of"), (2, "the study")]
    assert all(instead for *_, instead in prose.find(FAULTY))


@pytest.mark.parametrize(
    "text",
    [
        "```sh\nin place of\n```\n",
        "`beside` is a name, and [there](the study.md) a file",
        "<!-- that of a comment -->",
        "There is no network, and the run is no longer needed.",
        "The original study has 95% of them.",
    ],
)
def test_code_links_and_good_english_pass(text):
    assert prose.find(text) == []


def test_docstrings_notebooks_and_pages_are_read_without_their_code(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(prose, "ROOT", tmp_path)
    (tmp_path / "a.py").write_text(
        'anew = 1\n\n\ndef f():\n    """Trains\n    anew.\n\n    Args:\n        beside: `anew`."""\n'
    )
    cells = [{"cell_type": kind, "source": ["# anew\n", "x"]} for kind in ("code", "markdown")]
    (tmp_path / "b.ipynb").write_text(json.dumps({"cells": cells}))
    (tmp_path / "c.html").write_text("<style>\n.anew { }\n</style>\n<p class='anew'>It is\nanew.</p>\n")
    names = [str(tmp_path / name) for name in ("a.py", "b.ipynb", "c.html")]
    assert prose.main(names) == 3
    places = [line.partition(' "')[0] for line in capsys.readouterr().out.splitlines()]
    assert places == ["a.py:6:", "b.ipynb:2:", "c.html:5:"]
