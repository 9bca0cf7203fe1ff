"""The report's own page: values on curves, an accepted loss to choose, words explained, paper."""

import json

import pytest
from playwright.sync_api import expect

from surfeit.data import load
from surfeit.report import ReportConfig, write_report

# Its report is built once a process.
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("written report")]


@pytest.fixture(scope="session")
def written(chromium, runs, tmp_path_factory):
    """The report on the first run with its real figures, without the viewer."""
    from surfeit.viewer.assets import BuildError

    def missing():
        raise BuildError("not built")

    store, (first, _) = runs
    config = ReportConfig(repeats=2, ranks=(1, 2, 4), loss=0.02)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("surfeit.report.live.viewer_script", missing)
        folder = tmp_path_factory.mktemp("written")
        return write_report(store.find(first), load("digits"), folder, config)


@pytest.fixture
def read(page, written):
    """The page, open and offline."""
    page.context.set_offline(True)
    page.goto(written.as_uri())
    return page


def _judging(page):
    return page.locator("#removal svg[data-panel]").nth(1)


def test_values_are_read_off_under_the_pointer_and_by_keys(read):
    svg = _judging(read)
    panel = json.loads(svg.get_attribute("data-panel"))
    svg.scroll_into_view_if_needed()
    box = svg.bounding_box()
    read.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tip = svg.locator("xpath=../div[@class='values']")
    expect(tip).to_be_visible()
    expect(tip).to_contain_text("raw frame potential")
    read.mouse.move(2, 2)
    expect(tip).to_be_hidden()
    svg.focus()
    read.keyboard.press("End")
    last = len(panel["curves"][1]["y"]) - 1
    expect(tip).to_contain_text(f"first: {last}")
    read.keyboard.press("ArrowLeft")
    expect(tip).to_contain_text(f"first: {last - 1}")
    read.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_the_accepted_loss_moves_line_answer_and_bars_of_the_whole_page(read):
    data = json.loads(read.locator("#accepted-data").text_content())
    wanted = data["losses"].index(0.05)
    sliders = read.locator(".accepted input")
    expect(sliders).to_have_count(3)  # of the network and of two layers
    sliders.nth(1).fill(str(wanted))
    for number in range(3):
        assert sliders.nth(number).input_value() == str(wanted)
    answer = data["answers"]["0"][wanted]
    expect(read.locator('[data-answer="0"]')).to_have_text(answer["text"])
    shown = read.locator('[data-bar="0"] .shown').evaluate("bar => parseFloat(bar.style.width)")
    assert shown == pytest.approx(100 * answer["lower"] / answer["units"], abs=0.01)
    svg = _judging(read)
    expect(svg.locator(".marks text").last).to_have_text(f"at most {answer['upper']}")
    expect(svg.locator('[id*="-answer_"]').first).to_be_hidden()
    level = float(svg.locator(".marks .level").get_attribute("y1"))
    panel = json.loads(svg.get_attribute("data-panel"))
    assert _value(panel, level) == pytest.approx(5, rel=1e-3)
    sliders.first.fill(str(data["own"]))
    expect(svg.locator(".marks")).to_have_count(0)
    expect(svg.locator('[id*="-answer_"]').first).to_be_visible()


def _value(panel, y):
    """What a height is on the axis: linear up to `near`, a decade each beyond."""
    axis, (_, top, _, height) = panel["y"], panel["plot"]

    def bent(value):
        size = abs(value) / axis["near"]
        from math import copysign, log10

        return copysign(size if size <= 1 else 1 + log10(size), value)

    low, high = bent(axis["low"]), bent(axis["high"])
    place = low + (high - low) * (1 - (y - top) / height)
    return axis["near"] * (place if place <= 1 else 10 ** (place - 1))


def test_words_are_explained_on_hover_and_by_keyboard_and_close_with_escape(read):
    word = read.locator("#findings li .term").first
    word.scroll_into_view_if_needed()
    word.hover()
    assert _shown(word) == word.get_attribute("aria-description")
    read.mouse.move(1, 1)
    assert _shown(word) == "none"
    word.focus()
    assert _shown(word) == word.get_attribute("aria-description")
    read.keyboard.press("Escape")
    assert _shown(word) == "none"
    link = read.locator("nav a").first
    link.hover()
    assert _shown(link) == link.get_attribute("aria-description")


def _shown(word):
    content = word.evaluate("word => getComputedStyle(word, '::after').content")
    return content.strip('"').replace('\\"', '"')


def test_a_link_opens_what_is_folded(read):
    read.evaluate("document.querySelector('details').id = 'folded'; location.hash = '#folded'")
    expect(read.locator("#folded")).to_have_attribute("open", "")


def test_on_a_phone_panels_are_stacked_and_letters_large_enough(new_page, written):
    phone = new_page(viewport={"width": 390, "height": 844})
    phone.goto(written.as_uri())
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    first, second = (phone.locator("#removal .panel").nth(place) for place in (0, 1))
    assert second.bounding_box()["y"] >= first.bounding_box()["y"] + first.bounding_box()["height"]
    small = phone.evaluate(
        """[...document.querySelectorAll("body *")].filter((element) => {
          const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
          const svg = element.ownerSVGElement;
          if (!own || element.closest("script, style, [hidden]")) return false;
          const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
          const seen = element.getBoundingClientRect().width > 1 && Number.isFinite(scale);
          return seen && scale > 0 && parseFloat(getComputedStyle(element).fontSize) * scale < 11;
        }).map((element) => element.textContent)"""
    )
    assert small == []


def test_on_paper_all_is_open_and_the_page_says_its_own_answers(read):
    folded = read.locator("details:not([open])")
    assert folded.count() > 0
    slider = read.locator(".accepted input").first
    own = slider.input_value()
    slider.fill("0")
    read.evaluate("dispatchEvent(new Event('beforeprint'))")
    read.emulate_media(media="print")
    assert folded.count() == 0
    assert slider.input_value() == own
    expect(read.locator(".accepted").first).to_be_hidden()
    read.emulate_media(media="screen")
    read.evaluate("dispatchEvent(new Event('afterprint'))")
    assert folded.count() > 0
    assert slider.input_value() == "0"


def test_without_script_the_page_reads_in_full(new_page, written):
    still = new_page(java_script_enabled=False)
    still.goto(written.as_uri())
    expect(still.locator(".accepted").first).to_be_hidden()
    expect(still.locator("#removal .panel").first).to_be_visible()
    word = still.locator("#findings li .term").first
    word.hover()
    assert word.get_attribute("aria-description")
    for part in ("network", "findings", "learning", "removal", "words"):
        expect(still.locator(f"#{part} h2")).to_be_visible()
