"""A real browser for the tests: the system's Chromium, offline, whose every complaint fails the test."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

WIDTHS = (390, 768, 1440)  # CSS pixels: a phone, a tablet, a desktop
SCHEMES = ("light", "dark")
INSIDE = ("file:", "data:", "blob:", "about:", "http://127.0.0.1:", "ws://127.0.0.1:", "http://localhost:")
PATIENCE = 120_000  # milliseconds for what a test waits for, on a busy machine
OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage"]  # root in a container, with a small /dev/shm


def chromium() -> str | None:
    """Chromium's path: the variable CHROMIUM, or the one of the system."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if name and (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window; a test that needs it is skipped where there is none, and fails under CI."""
    path = chromium()
    if path is None:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say("no Chromium: apt install chromium, or set CHROMIUM to the path of one")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield running
        running.close()


@contextmanager
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """open_page(address, width=1440, scheme="light", before="", **context) -> Page, of a path or an address.

    `before` is a script that runs before those of the page; `context` goes to Playwright's `new_context`.

    A request to anything but this machine is stopped, and fails the test in the end; so do errors of the
    console and of scripts. `page.complaints` lists them; a test that provokes one empties the list.
    """
    contexts, complaints = [], []

    def open_(
        address: str | Path, width: int = 1440, scheme: str = "light", before: str = "", **context: Any
    ) -> Page:
        size = {"width": width, "height": 900}
        made = browser.new_context(viewport=size, color_scheme=scheme, **context)
        contexts.append(made)
        made.route(lambda url: not url.startswith(INSIDE), lambda route: route.abort())
        made.on("request", lambda r: r.url.startswith(INSIDE) or complaints.append(f"request to {r.url}"))
        made.on("weberror", lambda e: complaints.append(f"script error: {e.error}"))
        made.on("console", lambda m: m.type == "error" and complaints.append(f"console: {m.text}"))
        if before:
            made.add_init_script(before)
        made.set_default_timeout(PATIENCE)
        page = made.new_page()
        page.complaints = complaints
        page.goto(address.resolve().as_uri() if isinstance(address, Path) else address)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """As `opened`, for one test."""
    with opened(browser) as open_:
        yield open_


@pytest.fixture(scope="module")
def open_for_all(browser: Browser) -> Iterator[Callable[..., Page]]:
    """As `opened`, for pages that the tests of a module share."""
    with opened(browser) as open_:
        yield open_


def axe_violations(page: Page) -> list[str]:
    """What axe-core finds serious or critical in the page as it is, one line a finding."""
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['target']} {node.get('failureSummary', '')}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


@pytest.fixture
def accessible(open_page: Callable[..., Page]) -> Callable[..., None]:
    """accessible(address, ready=None): fail on serious findings, or a page that is wider than its window.

    Args:
        ready: called with the page before it is examined, to bring it into the state that matters.
    """

    def check(address: str | Path, ready: Callable[[Page], object] = lambda page: None) -> None:
        page = open_page(address, WIDTHS[0])
        ready(page)
        for width, scheme in itertools.product(WIDTHS, SCHEMES):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(100)
            found = axe_violations(page)
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                found.append(f"the page is {wide} pixels wide in a window of {width}")
            assert not found, "\n".join([f"{scheme}, {width} pixels:", *found])

    return check
