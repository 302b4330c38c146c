"""What the browser tests rest on: complaints of a page are noticed."""

import pytest


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ('<img alt="" src="https://example.com/x.png">', "request to https://example.com/x.png"),
        ("<script>throw new Error('thrown')</script>", "script error: thrown"),
        ("<script>console.error('said')</script>", "console: said"),
    ],
)
def test_what_a_page_must_not_do_is_noticed(open_page, tmp_path, body, complaint):
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html><title>page</title>{body}")
    page = open_page(path)
    page.wait_for_timeout(50)
    assert any(complaint in line for line in page.complaints)
    page.complaints.clear()
