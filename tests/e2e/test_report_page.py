"""The report and notebook pages in a browser: on a phone and a desktop, by touch, mouse and keyboard."""

import pytest
from playwright.sync_api import expect

from conftest import DRAWN

UNFOLD = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
# Numbers and words of table cells that are broken over two lines.
BROKEN = """[...document.querySelectorAll("td, th")].flatMap((cell) => {
  const found = [], walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) for (const part of walk.currentNode.data.matchAll(/[\\w.,−%]+/g)) {
    const range = document.createRange();
    range.setStart(walk.currentNode, part.index);
    range.setEnd(walk.currentNode, part.index + part[0].length);
    if (new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1) found.push(part[0]);
  }
  return found;
})"""


@pytest.mark.long
@pytest.mark.parametrize("name", ["report.html", "rows.html", "notebooks/01_schedules.html"])
def test_it_shuts_nobody_out(made_out, open_page, accessible, name):
    page = open_page(made_out / name)
    page.evaluate(UNFOLD)
    for button in page.get_by_role("button", name="Reach numbers with the Tab key").all():
        button.click()
    accessible(page)


def test_a_phone_has_contents_whole_numbers_and_large_figures(made_out, open_page):
    page = open_page(made_out / "report.html", 390, has_touch=True)
    link = page.locator("#contents").get_by_role("link", name="Conclusion")
    expect(link).to_be_hidden()
    page.locator("#contents summary").tap()
    link.tap()
    expect(link).to_be_hidden()
    expect(page.locator("#contents .here")).to_contain_text("Conclusion")
    image = page.locator("figure img").first
    small = image.bounding_box()["width"]
    image.tap()
    large = page.locator("dialog img").evaluate("(image) => image.decode().then(() => image.width)")
    assert large > 1.5 * small  # which is wider than the phone
    page.get_by_role("button", name="Close").tap()
    expect(page.locator("dialog")).to_be_hidden()
    page.evaluate(UNFOLD)
    assert page.evaluate(BROKEN) == []


def test_claims_unfold_figures_open_by_keyboard_and_paper_shows_all(made_out, open_page):
    page = open_page(made_out / "report.html")
    square = page.locator(".squares a").nth(7)
    claim = page.locator(f"[id='{square.get_attribute('href')[1:]}'] > :not(summary)").first
    expect(claim).to_be_hidden()
    square.click()
    expect(claim).to_be_visible()
    button = page.get_by_role("button", name="Enlarge Figure 1", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Figure")).to_be_visible()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator("details.claim:not([open]) > :not(summary)").first).to_be_visible()
    ink = page.evaluate("getComputedStyle(document.body).color.match(/\\d+/g).map(Number)")
    assert max(ink[:3]) < 60
    expect(page.locator("#numbers")).to_be_hidden()


def test_a_number_tells_its_source_by_mouse_and_by_keyboard_once_sources_are_shown(made_out, open_page):
    page = open_page(made_out / "report.html")
    number, told = page.locator("#text p .n").nth(1), page.locator(".source:not(.peek)")
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
    page.keyboard.press("Tab")
    expect(told.locator("a").first).to_be_focused()  # the box is entered
    page.keyboard.press("Shift+Tab")
    expect(number).to_be_focused()
    expect(page.locator("#n2")).to_be_hidden()
    page.evaluate("location.hash = '#n2'")  # the list of all opens
    expect(page.locator("#n2")).to_be_visible()


def test_the_page_to_play_with_opens_in_place_of_its_picture(made_out, open_page):
    page = open_page(made_out / "report.html")
    page.locator(".play > a").click()
    page.frame_locator(".play iframe").locator("html.ready").wait_for()


def test_a_link_shows_what_it_leads_to(made_out, open_page):
    page = open_page(made_out / "report.html")
    peek = page.locator(".peek")
    link = page.locator("#text a[href^='#fig:']").first
    link.scroll_into_view_if_needed()
    page.evaluate(DRAWN)  # scrolling hides the box
    link.hover()
    expect(peek).to_be_visible()  # after its delay, on a machine however busy
    expect(peek).to_contain_text("Figure")
    page.mouse.move(1, 1)
    expect(peek).to_be_hidden()
