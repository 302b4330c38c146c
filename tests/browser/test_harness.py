"""What the browser tests rest on: complaints of a page are noticed."""

import pytest

PAGE = '<!doctype html><html lang="en"><title>page</title><main><h1>A page</h1>{}</main></html>'


@pytest.fixture
def page_of(tmp_path):
    def write(body):
        path = tmp_path / "page.html"
        path.write_text(PAGE.format(body), encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ('<img alt="" src="https://example.com/x.png">', "request to https://example.com/x.png"),
        ("<script>throw new Error('thrown')</script>", "script error: thrown"),
        ("<script>console.error('said')</script>", "console: said"),
    ],
)
def test_what_a_page_must_not_do_is_noticed(open_page, page_of, body, complaint):
    page = open_page(page_of(body))
    page.wait_for_timeout(50)
    assert any(complaint in line for line in page.complaints)
    page.complaints.clear()


@pytest.mark.parametrize(
    ("body", "finding"),
    [
        ('<p style="color: #ccc">low', "color-contrast"),
        ('<img src="data:,">', "image-alt"),
        ('<p style="width: 900px">wide', "908 pixels wide in a window of 390"),
    ],
)
def test_what_shuts_a_reader_out_is_noticed(accessible, page_of, body, finding):
    with pytest.raises(AssertionError, match=finding):
        accessible(page_of(body))


def test_a_decent_page_passes_from_a_server(accessible, page_of, server):
    accessible(server(page_of("<p>decent").parent) + "/page.html")
