"""What the viewer's benchmark measures in the browser, by what a reader would see."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

SECONDS = 4.0  # of each count of frames
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Runs before the page's own scripts. `canvasOf` finds the graph's canvas; `look` reads it, made
# small; `firstPicture` is the time at which something first stands on it.
WATCH = """
const canvasOf = () => document.getElementById('surfeit')?.shadowRoot?.querySelector('canvas');
const small = new OffscreenCanvas(163, 130).getContext('2d', { willReadFrequently: true });
window.look = () => {
  const canvas = canvasOf();
  if (!canvas || canvas.width === 0) return null;
  small.clearRect(0, 0, 163, 130);
  small.drawImage(canvas, 0, 0, 163, 130);
  return new Uint32Array(small.getImageData(0, 0, 163, 130).data.buffer);
};
const wait = () => {
  const picture = window.look();
  if (picture && picture.some((pixel) => pixel !== 0)) {
    window.firstPicture = performance.timeOrigin + performance.now();
  } else requestAnimationFrame(wait);
};
requestAnimationFrame(wait);
"""

FRAMES = """(seconds) => new Promise((done) => {
  const root = document.getElementById('surfeit').shadowRoot;
  const graph = root.querySelector('[data-keys=graph]');
  const gaps = [], drawn = [], links = [];
  let begin = null, last = null;
  const frame = (now) => {
    begin ??= now;
    if (last !== null) gaps.push(now - last);
    last = now;
    if (graph.dataset.settled === 'false') {
      drawn.push(Number(graph.dataset.drawn));
      links.push(Number(graph.dataset.links));
    }
    if (now - begin < 1000 * seconds) requestAnimationFrame(frame);
    else done({ gaps, drawn, links, worker: graph.dataset.worker });
  };
  requestAnimationFrame(frame);
})"""

CHANGE = """(key) => new Promise((done) => {
  const before = window.look();
  const begin = performance.now();
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, composed: true }));
  const frame = () => {
    const now = window.look();
    if (now.some((pixel, at) => pixel !== before[at])) done(performance.now() - begin);
    else if (performance.now() - begin > 20000) done(NaN);
    else requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})"""


@dataclass(frozen=True)
class Server:
    """A real `surfeit view`.

    Args:
        address: of its page, with the token.
        begun: when its process was started, seconds since 1970.
        served: when it had told its address.
        process: its number.
    """

    address: str
    begun: float
    served: float
    process: int

    def peak(self) -> float:
        """The most memory that it has held, GiB."""
        status = Path(f"/proc/{self.process}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024**2

    def fetch(self, path: str) -> tuple[float, int]:
        """Seconds and bytes of one request to its programming interface."""
        page, _, rest = self.address.partition("/?token=")
        token = rest.partition("#")[0]
        request = urllib.request.Request(
            f"{page}/api/{path}", headers={"Authorization": f"Bearer {token}"}
        )
        begin = time.perf_counter()
        with urllib.request.urlopen(request) as answer:
            size = len(answer.read())
        return time.perf_counter() - begin, size


@contextmanager
def serving(root: Path, key: str) -> Iterator[Server]:
    """Starts `surfeit view` for one run."""
    command = [sys.executable, "-c", "from surfeit.cli import main; main()", "view", key]
    command += ["--root", str(root), "--no-open", "--quiet"]
    begun = time.time()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        yield Server(address, begun, time.time(), process.pid)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@contextmanager
def new_page(browser: Browser) -> Iterator[Page]:
    """An empty page of 1000 x 800 pixels in a context of its own."""
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    context.set_default_timeout(120_000)
    page = context.new_page()
    page.add_init_script(WATCH)
    yield page
    context.close()


@contextmanager
def opened(browser: Browser, address: str) -> Iterator[Page]:
    """A page that shows its first picture."""
    with new_page(browser) as page:
        visit(page, address)
        yield page


def visit(page: Page, address: str) -> None:
    """Goes there and waits for the first picture."""
    page.goto(address)
    wait_for(page, "window.firstPicture !== undefined")


def wait_for(page: Page, condition: str, seconds: float = 120.0) -> None:
    """Polls: the page's policy forbids what Playwright would do by itself."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        if time.monotonic() > end:
            raise TimeoutError(f"the page never said {condition}")
        time.sleep(0.02)


def settled(page: Page) -> None:
    """Waits until the units have come to rest."""
    graph = "document.getElementById('surfeit').shadowRoot.querySelector('[data-keys=graph]')"
    wait_for(page, f"{graph}.dataset.settled === 'true'")
    time.sleep(0.4)


def frames(page: Page) -> dict[str, list[float]]:
    """Gaps between the page's frames (ms), pictures a second and links while units move."""
    return page.evaluate(FRAMES, SECONDS)


def change(page: Page, key: str) -> float:
    """Milliseconds from a key to the first picture that differs."""
    return page.evaluate(CHANGE, key)


def first_picture(page: Page) -> float:
    """When the graph was first seen, seconds since 1970."""
    return page.evaluate("window.firstPicture") / 1000
