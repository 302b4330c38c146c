"""The report and notebook pages in a browser: on a phone and a desktop, by mouse and keyboard."""

import re

import pytest
from playwright.sync_api import expect

import helpers
from report.pages import notebooks as pages
from report.pages import sources
from report.results import table

UNFOLD = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"


@pytest.mark.long
@pytest.mark.parametrize("name", ["report.html", "rows.html", *sorted(pages.KEPT.glob("*.html"))], ids=str)
def test_it_shuts_nobody_out(made_out, open_page, accessible, name):
    page = open_page(made_out / name)
    page.evaluate(UNFOLD)
    for button in page.get_by_role("button", name="Reach numbers with the Tab key").all():
        button.click()
    accessible(page)


def test_a_number_tells_its_source_by_mouse_and_by_keyboard_once_sources_are_shown(made_out, open_page):
    page = open_page(made_out / "report.html")
    number, told = (
        page.locator("[id='tbl:question'] .n", has_text=re.compile(r"\d\.\d")).first,
        page.locator(".source:not(.peek)"),
    )
    assert number.get_attribute("tabindex") is None  # on the way of no keyboard until it is asked for
    number.click()
    expect(told).to_be_visible()
    assert " from " in told.inner_text()
    link = told.locator("a").first.get_attribute("href")
    assert link.startswith(("rows.html?rows=", "metrics/", "../"))
    page.keyboard.press("Escape")
    expect(told).to_be_hidden()
    page.get_by_role("button", name="Reach numbers with the Tab key").click()
    number.focus()
    page.keyboard.press("Enter")
    expect(told).to_be_visible()


@pytest.mark.parametrize("places", [[0], [7], [2, 3], [1, 2, 3, 9], [0, 4, 5, 11], [*range(12)]], ids=str)
def test_a_link_to_rows_marks_those_that_a_number_was_computed_from_and_no_other(open_page, tmp_path, places):
    files = [table.Record(helpers.PAPER, name).rows[:12] for name in ("schedules", "yardstick")]
    path = tmp_path / sources.ROWS
    path.write_bytes(sources.render_rows([row for rows in files for row in rows]))
    page = open_page(path)
    for rows in files:  # which have the same places, each in its own file
        cited = [rows[place] for place in places]
        link = sources.Selection("`a`", rows=cited).link(tmp_path)
        page.goto("about:blank")
        page.goto(path.as_uri() + link.removeprefix(sources.ROWS))
        marked = page.locator("tr.cited").evaluate_all("rows => rows.map((row) => row.id)")
        assert marked == [sources.anchor(row) for row in cited]
