"""A real browser, where there is one: tests that need it are skipped with a message elsewhere."""

import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium():
    """The path of a Chromium; skips where none or no Playwright is installed."""
    pytest.importorskip("playwright.sync_api", reason="Playwright drives the browser: not there")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser here: looked for {', '.join(NAMES)}")
    return found


@pytest.fixture(scope="session")
def browser(chromium):
    """Headless Chromium, started once."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


class Complaints(list):
    """What a page had to complain about; a test that expects some clears them."""

    def listen(self, page):
        page.on("pageerror", lambda error: self.append(f"error: {error}"))
        page.on(
            "console",
            lambda message: (
                self.append(f"console: {message.text}") if message.type == "error" else None
            ),
        )
        return page


@pytest.fixture
def complaints():
    """Errors of every page made by `new_page` and `page`; they must be none at the end."""
    found = Complaints()
    yield found
    assert not found, "the page complained:\n" + "\n".join(found)


@pytest.fixture
def new_page(browser, complaints):
    """Opens pages, each in a context of its own: `new_page(viewport=..., color_scheme=...)`."""
    contexts = []

    def open_one(**options):
        options = {"viewport": {"width": 1200, "height": 800}, **options}
        context = browser.new_context(**options)
        context.set_default_timeout(20_000)
        contexts.append(context)
        return complaints.listen(context.new_page())

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page):
    """A page of 1200 x 800 pixels; its errors fail the test."""
    return new_page()
