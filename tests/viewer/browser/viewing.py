"""The viewer as its reader meets it: by names and roles, by the address, and by what is drawn."""

import json
import re
import time
from io import BytesIO
from urllib.parse import parse_qs

import numpy as np
from matplotlib.image import imread
from playwright.sync_api import Page, expect

PATIENCE = 20.0  # seconds: a busy machine computes the first pictures slowly
CHARTS = {
    "learning": "Moment of the learning curve",
    "removal": "Units in the order of removal",
    "spectrum": "Spikes of the spectrum",
    "movement": "Units by norm",
}


class Viewer:
    """One page with the viewer on it, whichever its home."""

    def __init__(self, page: Page):
        self.page = page
        self.graph = page.get_by_role("application", name="Graph of the layer's units")
        self.slider = page.get_by_role("slider", name="Moment of training")
        self.status = page.get_by_role("group", name="Time").get_by_role("paragraph")
        self.legend = page.get_by_role("region", name="Legend")
        self.selection = page.get_by_role("group").filter(
            has=page.get_by_role("heading", name="Selection", exact=True)
        )

    def open(self, address: str) -> "Viewer":
        """Goes to an address and waits for the graph's numbers."""
        self.page.goto(address)
        return self.shown()

    def shown(self) -> "Viewer":
        """Waits until a graph is there and nothing is being computed."""
        counted = re.compile(r"isolated|without")  # what every picture's links are said to leave
        expect(self.status).to_contain_text(counted, timeout=1000 * PATIENCE)
        expect(self.page.get_by_text("computing…")).to_be_hidden()
        return self

    def choice(self, label: str):
        """The list of choices under this label."""
        return self.page.get_by_role("combobox", name=label, exact=True)

    def likeness(self, label: str):
        """The button of what likeness rests on."""
        return self.page.get_by_role("group", name="likeness of").get_by_role("button", name=label)

    def choose(self, label: str, option: str) -> None:
        """Chooses by an option's words, or the beginning of them."""
        control = self.choice(label)
        words = control.locator("option").all_inner_texts()
        control.select_option(label=next(text for text in words if text.startswith(option)))

    def chart(self, name: str):
        """What a pointer and the keyboard act on in a chart."""
        return self.page.get_by_role("slider", name=CHARTS[name])

    def chart_words(self, name: str):
        """The chart's group; its last paragraph tells what it shows."""
        return self.page.get_by_role("group").filter(has=self.chart(name)).last

    def state(self) -> dict[str, str]:
        """What the address says after its `#`."""
        hash_ = self.page.evaluate("location.hash").removeprefix("#")
        return {name: values[0] for name, values in parse_qs(hash_).items()}

    def expect_state(self, **wanted: str | None) -> None:
        """Waits until the address says this; None: it does not speak of it."""
        until(lambda: {name: self.state().get(name) for name in wanted} == wanted, self.state)

    def download(self, name: str) -> bytes:
        """What the Save menu gives under this name."""
        self.page.get_by_text("Save", exact=True).click()
        with self.page.expect_download() as coming:
            self.page.get_by_role("button", name=name).click()
        return coming.value.path().read_bytes()

    def saved(self) -> dict:
        """The view as the page saves it."""
        return json.loads(self.download("File for surfeit figure (JSON)"))

    def at_rest(self) -> dict:
        """The saved view once the units have come to rest."""
        views = [self.saved()]

        def rests() -> bool:
            expect(self.graph.locator("..")).to_have_attribute("data-settled", "true")
            views.append(self.saved())
            before, now = map(places, views[-2:])
            return before.shape == now.shape and bool(np.abs(now - before).max() < 0.01)

        until(rests, lambda: "units that move")
        return views[-1]

    def point(self, x: float, y: float) -> tuple[float, float]:
        """A place in the graph as one on the page."""
        box = self.graph.bounding_box()
        assert box is not None
        return box["x"] + x, box["y"] + y

    def click_unit(self, view: dict, unit: int, **options) -> None:
        self.page.mouse.click(*self.point(*places(view)[unit]), **options)

    def picture(self) -> np.ndarray:
        """The graph's pixels, [height, width, 3] in [0, 1], a pixel of the page each."""
        return imread(BytesIO(self.graph.screenshot(scale="css")), format="png")[..., :3]

    def brush(self, name: str, share: tuple[float, float]) -> None:
        """Drags over a part of a chart, from left to right, at its middle."""
        chart = self.chart(name)
        chart.scroll_into_view_if_needed()
        box = chart.bounding_box()
        assert box is not None
        left, right = (box["x"] + part * box["width"] for part in share)
        y = box["y"] + box["height"] / 2
        self.page.mouse.move(left, y)
        self.page.mouse.down()
        self.page.mouse.move((left + right) / 2, y)
        self.page.mouse.move(right, y)
        self.page.mouse.up()


def until(condition, seen=lambda: "", seconds: float = PATIENCE) -> None:
    """Waits for a condition; says what was there instead if it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain; there is: {seen()}"
        time.sleep(0.05)


def places(view: dict) -> np.ndarray:
    """Places of the units of a saved view, pixels of the graph, [units, 2]."""
    return np.array([view["nodes"]["x"], view["nodes"]["y"]]).T


def ring(view: dict, unit: int, picture: np.ndarray) -> np.ndarray:
    """The colours around a unit, where what is selected is ringed."""
    radius = view["nodes"]["radius"][unit] + 1.5
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    x, y = (
        np.round(centre + radius * turn(angles)).astype(int)
        for centre, turn in zip(places(view)[unit], (np.cos, np.sin), strict=True)
    )
    height, width = picture.shape[:2]
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    return picture[y[inside], x[inside]]


def is_ringed(view: dict, unit: int, picture: np.ndarray) -> bool:
    """Whether a black line, or a white one on dark paper, goes around most of a unit."""
    colours = ring(view, unit, picture)
    paper = np.median(picture.reshape(-1, 3), axis=0).mean()
    ink = colours.mean(axis=1) < 0.35 if paper > 0.5 else colours.mean(axis=1) > 0.75
    return bool(ink.mean() > 0.7)


def in_both_schemes(page):
    """The page as it is, in light, and then in dark: "light", "dark"."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        expect(page.locator(".viewer.dark")).to_have_count(int(scheme == "dark"))
        yield scheme


def violations(page, axe):
    """What axe-core finds that is serious or critical, a line each."""
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    assert len(found["passes"]) > 10, "axe-core has looked at nothing"
    return [
        f"{one['impact']}: {one['help']}: {node['target']} {node.get('failureSummary', '')}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
