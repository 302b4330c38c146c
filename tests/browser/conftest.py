"""A real browser for the tests: the system's Chromium, offline, whose every complaint fails the tests."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

SCREENS = ((390, "dark"), (1440, "light"))  # a phone, a desktop: CSS pixels and colour scheme
INSIDE = ("file:", "data:", "blob:", "about:", "http://127.0.0.1:", "ws://127.0.0.1:", "http://localhost:")
PATIENCE = 120_000  # milliseconds for what a test waits for, on a busy machine
OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage"]  # root in a container, with a small /dev/shm


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window; a test that needs it is skipped where there is none, and fails under CI."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if name and (found := shutil.which(name))), None)
    if path is None:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say("no Chromium: apt install chromium, or set CHROMIUM to the path of one")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """open_page(address, width=1440, **context) -> Page, of a path or an address, for the tests of a module.

    A request to anything but this machine is stopped, and fails the tests in the end; so do errors of the
    console and of scripts. `page.complaints` lists them; a test that provokes one empties the list.
    """
    contexts, complaints = [], []

    def open_(address: str | Path, width: int = 1440, **context: Any) -> Page:
        made = browser.new_context(viewport={"width": width, "height": 900}, **context)
        contexts.append(made)
        made.route(lambda url: not url.startswith(INSIDE), lambda route: route.abort())
        made.on("request", lambda r: r.url.startswith(INSIDE) or complaints.append(f"request to {r.url}"))
        made.on("weberror", lambda e: complaints.append(f"script error: {e.error}"))
        made.on("console", lambda m: m.type == "error" and complaints.append(f"console: {m.text}"))
        made.set_default_timeout(PATIENCE)
        page = made.new_page()
        page.complaints = complaints
        page.goto(address.resolve().as_uri() if isinstance(address, Path) else address)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="session")
def accessible() -> Callable[[Page], None]:
    """accessible(page): fail on what axe-core finds serious, or on a page that is wider than its window."""

    def check(page: Page) -> None:
        for width, scheme in SCREENS:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(100)
            found = [
                f"{rule['id']} ({rule['impact']}): {node['target']} {node.get('failureSummary', '')}"
                for rule in Axe().run(page).response["violations"]
                if rule["impact"] in ("serious", "critical")
                for node in rule["nodes"]
            ]
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                found.append(f"the page is {wide} pixels wide in a window of {width}")
            assert not found, "\n".join([f"{scheme}, {width} pixels:", *found])

    return check
