"""The report and notebook pages in a browser: on a phone and a desktop, by touch, mouse and keyboard."""

import pytest
from playwright.sync_api import expect

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
    assert not link.is_visible()
    page.locator("#contents summary").tap()
    link.tap()
    expect(link).to_be_hidden()
    expect(page.locator("#contents .here")).to_contain_text("Conclusion")
    image = page.locator("figure img").first
    small = image.bounding_box()["width"]
    image.tap()
    assert page.locator("dialog img").bounding_box()["width"] > 1.5 * small  # which is wider than the phone
    page.get_by_role("button", name="Close").tap()
    assert not page.locator("dialog").is_visible()
    page.evaluate(UNFOLD)
    assert page.evaluate(BROKEN) == []


def test_claims_unfold_figures_open_by_keyboard_and_paper_shows_all(made_out, open_page):
    page = open_page(made_out / "report.html")
    square = page.locator(".squares a").nth(7)
    claim = page.locator(f"[id='{square.get_attribute('href')[1:]}'] > :not(summary)").first
    assert not claim.is_visible()
    square.click()
    assert claim.is_visible()
    button = page.get_by_role("button", name="Enlarge Figure 1", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("dialog", name="Figure").is_visible()
    page.keyboard.press("Escape")
    assert button.evaluate("(button) => button === document.activeElement")
    page.emulate_media(media="print", color_scheme="dark")
    ink = page.evaluate("getComputedStyle(document.body).color.match(/\\d+/g).map(Number)")
    assert max(ink[:3]) < 60
    assert claim.bounding_box()["height"] > 10
    assert not page.locator("#numbers").is_visible()


def test_a_number_tells_its_source_by_mouse_and_by_keyboard_once_sources_are_shown(made_out, open_page):
    page = open_page(made_out / "report.html")
    number, told = page.locator("#text p .n").nth(1), page.locator(".source:not(.peek)")
    assert number.get_attribute("tabindex") is None  # on the way of no keyboard until it is asked for
    number.click()
    assert told.is_visible()
    assert " from " in told.inner_text()
    link = told.locator("a").first.get_attribute("href")
    assert link.startswith(("rows.html?rows=", "metrics/", "../"))
    page.keyboard.press("Escape")
    assert not told.is_visible()
    page.get_by_role("button", name="Reach numbers with the Tab key").click()
    number.focus()
    page.keyboard.press("Enter")
    assert told.is_visible()
    page.keyboard.press("Tab")
    assert told.locator("a").first.evaluate("(a) => a === document.activeElement")  # the box is entered
    page.keyboard.press("Shift+Tab")
    assert number.evaluate("(one) => one === document.activeElement")
    assert not page.locator("#n2").is_visible()
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
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    link.hover()
    expect(peek).to_be_visible()  # after its delay, on a machine however busy
    assert "Figure" in peek.inner_text()
    page.mouse.move(1, 1)
    expect(peek).to_be_hidden()
