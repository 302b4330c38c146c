"""The report and notebook pages in a browser: every width, light and dark, mouse, touch and keyboard."""

import pytest

PAGES = ("report.html", "notebooks/01_schedules.html")
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


def test_an_address_that_is_none_stops_nothing(made_out, open_page):
    page = open_page(f"{(made_out / 'report.html').as_uri()}#%")
    assert page.locator("figure button").count() > 10


@pytest.fixture
def report(made_out, open_page):
    return lambda *args, **more: open_page(made_out / "report.html", *args, **more)


@pytest.mark.long
@pytest.mark.parametrize("name", PAGES)
def test_it_shuts_nobody_out(made_out, accessible, name):
    accessible(made_out / name, ready=lambda page: page.evaluate(UNFOLD))


def test_pages_are_light_or_dark_and_figures_stay_on_light_cards(report):
    page = report()
    colour = "getComputedStyle(document.querySelector(what)).backgroundColor"
    lightness = f"(what) => {colour}.match(/\\d+/g).slice(0, 3).map(Number)"
    assert min(page.evaluate(lightness, "body")) > 240
    page.emulate_media(color_scheme="dark")
    assert max(page.evaluate(lightness, "body")) < 60
    assert min(page.evaluate(lightness, "figure img")) > 230


def test_a_phone_breaks_no_number_and_keeps_the_first_column(report):
    page = report(390)
    page.evaluate(UNFOLD)
    assert page.evaluate(BROKEN) == []
    box = page.locator(".scroll.scrolls").filter(has=page.locator("tbody th")).first
    head = box.locator("tbody th").first
    before = head.bounding_box()
    assert before["width"] < 0.5 * 390
    assert box.evaluate("(box) => box.scrollLeft = box.scrollWidth") > 0
    assert head.bounding_box() == before
    assert "Scroll" in box.evaluate(
        "(box) => getComputedStyle(box.previousElementSibling, '::after').content"
    )


def test_only_what_scrolls_is_a_stop_of_the_keyboard(made_out, report, open_page):
    boxes = "[...document.querySelectorAll('.scroll, .eqbody, pre')]"
    stops = f"{boxes}.map((box) => [box.tabIndex === 0, box.scrollWidth > box.clientWidth + 1])"
    wide = report(1440)
    for page in (wide, report(390), open_page(made_out / PAGES[1], 390)):
        page.wait_for_timeout(100)
        found = page.evaluate(stops)
        assert all(stop == scrolls for stop, scrolls in found)
        assert len(found) > 5
    assert any(scrolls for _, scrolls in found)
    assert not wide.locator(".eqbody[tabindex]").count()


def test_a_figure_opens_large_by_touch(report):
    page = report(390, has_touch=True)
    image = page.locator("figure img").first
    small = image.bounding_box()["width"]
    image.tap()
    assert page.locator("dialog img").bounding_box()["width"] > 2 * small
    assert page.locator("dialog img").get_attribute("src") == image.get_attribute("src")
    page.get_by_role("button", name="Close").tap()
    assert not page.locator("dialog").is_visible()


def test_a_figure_opens_large_by_keyboard(report):
    page = report(768)
    button = page.get_by_role("button", name="Enlarge Figure 1", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("dialog", name="Figure").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()
    assert button.evaluate("(button) => button === document.activeElement")


def test_the_contents_follow_the_reader(report):
    page = report(1440)
    assert not page.locator("#contents [aria-current]").count()
    for name in ("The claims of the study", "Introduction"):
        page.get_by_role("heading", name=name).scroll_into_view_if_needed()
        page.get_by_role("heading", name=name).evaluate("(heading) => heading.scrollIntoView()")
        page.wait_for_timeout(100)
        assert name in page.locator("#contents [aria-current]").inner_text()


def test_the_contents_of_a_phone_are_a_bar_that_opens(report):
    page = report(390)
    link = page.locator("#contents").get_by_role("link", name="Conclusion")
    assert not link.is_visible()
    page.locator("#contents summary").click()
    link.click()
    page.wait_for_timeout(100)
    assert not link.is_visible()
    assert "Conclusion" in page.locator("#contents .here").inner_text()
    assert page.locator("#contents").bounding_box()["y"] == 0
    heading = page.locator("main").get_by_role("heading", name="Conclusion").bounding_box()
    assert page.locator("#contents").bounding_box()["height"] <= heading["y"] < 300


def test_a_square_of_the_front_leads_to_its_claim_unfolded(report):
    page = report(1440)
    square = page.locator(".squares a").nth(7)
    claim = page.locator(f"[id='{square.get_attribute('href')[1:]}']")
    assert not claim.locator("> :not(summary)").first.is_visible()
    square.click()
    assert claim.locator("> :not(summary)").first.is_visible()
    assert claim.locator("summary").bounding_box()["y"] < 900


def test_paper_shows_what_is_folded_and_no_buttons(report):
    page = report(1440, "dark")
    page.emulate_media(media="print")
    ink = page.evaluate("getComputedStyle(document.body).color.match(/\\d+/g).map(Number)")
    assert max(ink[:3]) < 60
    assert page.locator("details.claim > :not(summary)").first.bounding_box()["height"] > 10
    assert not page.get_by_role("button", name="Enlarge").first.is_visible()


def test_without_scripts_all_can_be_read(report):
    page = report(390, java_script_enabled=False)
    assert page.locator("#contents").get_by_role("link", name="Conclusion").is_visible()
    claim = page.locator("details.claim").first
    claim.locator("summary").click()
    assert claim.locator("> :not(summary)").first.is_visible()


def test_a_notebook_has_room_for_its_code_and_folds_its_plumbing(made_out, open_page):
    page = open_page(made_out / PAGES[1], 1440)
    code = page.locator("pre").filter(has_text="for epoch in").first
    assert code.bounding_box()["width"] > 900
    plumbing = page.locator("details.fold").filter(has_text="plumbing = 1")
    assert not plumbing.locator("pre").is_visible()
    plumbing.locator("summary").click()
    assert plumbing.locator("pre").is_visible()
    page.get_by_role("link", name="03_train_zoom-zoom-0 →").click()
    assert page.title() == "About 03_train_zoom-zoom-0"
