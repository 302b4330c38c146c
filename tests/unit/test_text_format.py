"""Values as Markdown: text stays that text, and numbers have the digits that were asked for."""

import pytest
import typst
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st

from diffusion.evaluation.statistics import Interval
from helpers import HOSTILE
from report.pages import render
from report.pages import text_format as text

anything = st.one_of(
    st.text(max_size=30),
    st.sampled_from([*HOSTILE, "a\u202eb\0c", "line\n\n# heading"]),
    st.text("<>&\"'`*_#$@[]{}()\\|~^!-=+:;/.%\n "),
)


def plain(words: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())


@settings(max_examples=2)
@given(st.lists(anything.filter(plain), min_size=30, max_size=60))
def test_any_text_stays_that_text_in_html_and_typst(texts):
    for write in (text.escape, text.code):
        source = "\n\n".join(f"X {write(words)} X" for words in texts)
        page = render.pandoc(source, "--from=markdown", "--to=html5", "--wrap=none")
        soup = BeautifulSoup(page, "html.parser")
        assert {tag.name for tag in soup.find_all(True)} <= {"p", "code"}
        assert not any(tag.attrs for tag in soup.find_all(True))
        assert [p.get_text() for p in soup.find_all("p")] == [f"X {plain(words)} X" for words in texts]
        body = render.pandoc(source, "--from=markdown", "--to=typst", "--wrap=none").encode()
        assert typst.compile(body, ignore_system_fonts=True).startswith(b"%PDF-")
        for kind in ("link", "ref", "cite", "heading", "list", "math.equation", "figure", "image"):
            assert typst.query(body, kind) == "[]", kind


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (text.num(123456, 2), r"$1.2\times 10^{5}$"),
        (text.num(9.999, 2), "10"),
        (text.fixed(-0.004), "0.00"),
        (text.integer(-1234567), "−1,234,567"),
        (text.percent(0.004), "0.4%"),
        (text.percent_range([Interval(0.15), Interval(0.12), Interval(0.14)]), "12% to 15%"),
        (text.shown([Interval(9.0, 8.5, 9.5), Interval(7.0)]), "9.00 and 7.00"),
        (text.spread(12.345, 0.678), "12.35\xa0±\xa00.68"),
        (text.duration(119), "119 s"),
        (text.duration(18360), "5.1 h"),
        (text.table(["a", "b"], [["x|y", 1]]), "| a | b |\n| :-- | :-- |\n| x\\|y | 1 |"),
    ],
)
def test_formats(shown, expected):
    assert shown == expected
