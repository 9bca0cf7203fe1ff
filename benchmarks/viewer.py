"""The viewer's speed in headless Chromium beside what was asked of it.

    python benchmarks/viewer.py [--turns 3] [--folder DIR]

Trains a layer of 512 units for 100 epochs, makes up one of 4,096 units, serves both with the real
`surfeit view` and drives the page at 1000 x 800 pixels. The cutoff lets all carried links be drawn:
20,000 and 100,000. Each number is a median with its range. Frames need an idle machine: the load
before each part is printed, and beyond the number of cores it is too high.
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from playwright.sync_api import Browser, sync_playwright

from surfeit.data import load
from surfeit.store import Run, Store
from surfeit.viewer.export import export
from viewer_page import (
    FLAGS,
    change,
    first_picture,
    frames,
    new_page,
    opened,
    serving,
    settled,
    visit,
)
from viewer_runs import EPOCHS, MOMENTS, made_up, trained

ALL_LINKS = "cut=0"
CHANGES = 20


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keeps the runs here for the next time")
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--only", default="", help="parts whose name holds this")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        store = Store(given.folder or Path(temporary))
        browser = playwright.chromium.launch(executable_path=given.chromium, args=FLAGS)
        versions = f"Chromium {browser.version}, torch {torch.__version__}"
        print(f"{cpu()}, {os.cpu_count()} cores; {versions}")
        small, large = trained(store), made_up(store)
        parts: dict[str, Callable[[], None]] = {
            "opening": lambda: opening(browser, small, given.turns),
            "512 units": lambda: moving(browser, small, given.turns, drawn=45),
            "changes": lambda: changing(browser, small),
            "4,096 units": lambda: moving(browser, large, given.turns, drawn=12),
            "packs": lambda: packing(large),
            "export": lambda: exporting(small, given.turns),
        }
        for name, measure in parts.items():
            if given.only in name:
                print(f"\n{name} (load {os.getloadavg()[0]:.1f})")
                measure()
        browser.close()


def root_of(run: Run) -> Path:
    """The store that a run lies in."""
    return run.path.parents[2]


def forget(run: Run) -> None:
    """Deletes the packs that were computed before."""
    shutil.rmtree(root_of(run) / "cache", ignore_errors=True)


def opening(browser: Browser, run: Run, turns: int) -> None:
    """From the start of the server's process to the first picture, in a browser that is open."""
    whole, serves, bare = [], [], []
    for _ in range(turns):
        forget(run)
        with new_page(browser) as page, serving(root_of(run), run.key) as server:
            visit(page, server.address)
            whole.append(first_picture(page) - server.begun)
            serves.append(server.served - server.begun)
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import torch"], check=True)
        bare.append(time.perf_counter() - begin)
    row("server start to first picture, s", "< 3", whole)
    row("of which until it serves, s", "", serves)
    row("of which 'import torch' alone takes, s", "", bare)


def moving(browser: Browser, run: Run, turns: int, *, drawn: int) -> None:
    """Frames of the page and of the graph while the units move, and while it plays."""
    forget(run)
    with serving(root_of(run), run.key) as server:
        address = f"{server.address}&{ALL_LINKS}&speed=4&loop=1"
        with opened(browser, address) as page:
            settled(page)
            page.locator("summary", has_text="Forces").click()
            again = page.get_by_role("button", name="Lay out anew")
            layouts = [(again.click(), frames(page))[1] for _ in range(turns)]
            show_frames("layout moves", layouts, drawn)
        playing(browser, f"{address}&t=0", turns, "plays, computing as it goes", drawn)
        for kind in ("graph", "spectrum", "removal"):
            for step in run.steps():
                server.fetch(f"timelines/{run.key}/{kind}?layer=fc1&source=weights&at={step}")
        playing(browser, f"{address}&t=0", turns, "plays, computed before", drawn)


def playing(browser: Browser, address: str, turns: int, doing: str, drawn: int) -> None:
    """Frames while it plays, four epochs a second if they come."""
    with opened(browser, address) as page:
        settled(page)
        page.get_by_role("button", name="Play").click()
        time.sleep(1)
        show_frames(doing, [frames(page) for _ in range(turns)], drawn)


def show_frames(doing: str, found: Sequence[dict[str, list[float]]], drawn: int) -> None:
    """Rows of one kind of motion."""
    row(f"{doing}: controls, frames a second", "60", [rate(one["gaps"]) for one in found])
    row(f"{doing}: longest gap of controls, ms", "", [max(one["gaps"]) for one in found])
    seen = [one for one in found if one["drawn"]]
    if not seen:
        print(f"{doing}: the units did not move")
        return
    row(
        f"{doing}: pictures drawn a second",
        f">= {drawn}",
        [statistics.median(one["drawn"]) for one in seen],
    )
    row(f"{doing}: links in them", "", [statistics.median(one["links"]) for one in seen])


def rate(gaps: Sequence[float]) -> float:
    """Frames a second."""
    return 1000 * len(gaps) / sum(gaps)


def changing(browser: Browser, run: Run) -> None:
    """From a key to the first picture of another epoch: never computed, and seen before."""
    forget(run)
    with serving(root_of(run), run.key) as server:
        address = f"{server.address}&{ALL_LINKS}&frozen=1&t=0"
        with opened(browser, address) as page:
            settled(page)
            for words, key in (("computed for it", "ArrowRight"), ("seen before", "ArrowLeft")):
                waits = []
                for _ in range(CHANGES):
                    waits.append(change(page, key))
                    settled(page)
                row(f"epoch change to first frame, {words}, ms", "< 100", waits)


def packing(run: Run) -> None:
    """One moment of the large layer after another, none computed before."""
    forget(run)
    with serving(root_of(run), run.key) as server:
        path = f"timelines/{run.key}/graph?layer=fc1&source=weights&at="
        found = [server.fetch(f"{path}{moment}") for moment in range(MOMENTS)]
        row("pack of one epoch, s", "< 2", [seconds for seconds, _ in found])
        row("its size, MB", "", [size / 1e6 for _, size in found])
        row("the server's memory at its peak, GiB", "< 1.5", [server.peak()])


def exporting(run: Run, turns: int) -> None:
    """The HTML file of all epochs, with what removals cost and without."""
    data = load("digits")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "graph.html"
        for words, dataset in (("", None), (" with accuracies", data)):
            seconds = []
            for _ in range(turns):
                begin = time.perf_counter()
                export(run, "fc1", out, dataset=dataset)
                seconds.append(time.perf_counter() - begin)
            row(f"export of {EPOCHS} epochs{words}, s", "< 1", seconds)
            row(f"its size{words}, MB", "< 1", [out.stat().st_size / 1e6])


def row(what: str, asked: str, values: Sequence[float]) -> None:
    """One line of the table: the median and, of several, the range."""
    middle, low, high = (
        short(value) for value in (statistics.median(values), min(values), max(values))
    )
    spread = f"  ({low} to {high}, {len(values)} times)" if len(values) > 1 else ""
    print(f"  {what:<60}{asked:>8}{middle:>10}{spread}", flush=True)


def short(value: float) -> str:
    """Three significant digits, thousands with a comma."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def cpu() -> str:
    """What the processor calls itself."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
