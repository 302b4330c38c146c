"""The report and notebook pages in a browser: on a phone and a desktop, by mouse and keyboard."""

import pytest
from playwright.sync_api import expect

from report.pages import notebooks as pages

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
    number, told = page.locator("[id='sec:introduction'] li .n").first, page.locator(".source:not(.peek)")
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
