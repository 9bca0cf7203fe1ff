"""A real browser, where there is one: tests that need it are skipped with a message elsewhere."""

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

TOKEN = "the-token"
AXE = Path(__file__).parents[3] / "web" / "node_modules" / "axe-core" / "axe.min.js"
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
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)
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
        options = {
            "viewport": {"width": 1200, "height": 800},
            "reduced_motion": "reduce",
            **options,
        }
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


@pytest.fixture(scope="session")
def built():
    """Skips where the viewer itself was not built."""
    from surfeit.viewer.assets import BuildError, viewer_script

    try:
        viewer_script()
    except BuildError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """A store with the same small network trained twice, from two seeds; the keys in that order."""
    from surfeit.data import load
    from surfeit.models import mlp
    from surfeit.store import Store
    from surfeit.train import Recipe, train

    store = Store(tmp_path_factory.mktemp("two-runs"))
    recipe = Recipe(optimizer="adam", lr=0.01, epochs=8, batch_size=32)
    network = partial(mlp, (32, 16))
    keys = [train(network, load("digits"), recipe, seed=seed, store=store).key for seed in (0, 1)]
    return store, keys


@contextmanager
def viewing(*arguments):
    """`surfeit view` in a process of its own: gives the address that it prints."""
    command = [sys.executable, "-c", "from surfeit.cli import main; main()", "view", "--no-open"]
    process = subprocess.Popen(
        [*command, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()


@pytest.fixture(scope="session")
def address(built, chromium, runs):
    """Where a real `surfeit view` shows the two runs; begins once."""
    store, keys = runs
    with viewing(*keys, "--root", store.root) as found:
        yield found


@pytest.fixture(scope="session")
def axe():
    """axe-core's program; skips where it is not installed."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: 'npm ci' in web/ does it")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture
def viewer(page):
    """The page as its reader meets it, not yet opened."""
    from .viewing import Viewer

    return Viewer(page)


@contextmanager
def served(store, *given, port=0, dataset=None, model=None):
    """A server of this process: gives the page's address and the server's port."""
    from surfeit.viewer.frames.cache import Cache
    from surfeit.viewer.frames.pictures import Pictures
    from surfeit.viewer.serving.serve import serving
    from surfeit.viewer.serving.server import application
    from surfeit.viewer.timelines.library import Library

    dataset_of = None if dataset is None else lambda _: dataset
    library = Library(store, given, dataset_of=dataset_of, model=model)
    app = application(Pictures(library, Cache(None)), TOKEN)
    with serving(app, port) as server:
        yield f"{server.address}/?token={TOKEN}", server.port


@pytest.fixture
def serve():
    """Serves until the page is closed, if it is asked for before the page: gives its address."""
    with ExitStack() as open_ones:
        yield lambda *given, **options: open_ones.enter_context(served(*given, **options))[0]
