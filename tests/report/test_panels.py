"""Figures on the page: panel by panel, the same drawing."""

import json
import re
from dataclasses import replace
from html import unescape

from surfeit.report.panels import _curve, panelled
from surfeit.tables.figures.readout import Curve


def test_panels_hold_all_of_the_drawing_and_each_its_own(figures):
    drawing = figures["removal-fc1"]
    html = panelled(drawing, prefix="p", label="Removal")
    panels = html.split('<div class="panel">')[1:]
    assert len(panels) == 3
    for number, panel in enumerate(panels, start=1):
        assert f'<g id="p-axes_{number}">' in panel
        assert len(re.findall('<g id="p-axes_', panel)) == 1
    for identifier in re.findall(r'\bid="([^"]+)"', drawing.svg):
        kept = html.count(f'id="p-{identifier}"')
        assert kept == (0 if identifier == "patch_1" else 1), identifier
    assert html.count("<svg") == html.count("</svg>")


def test_each_panel_says_what_it_is_and_holds_its_values(figures):
    html = panelled(figures["removal-fc1"], prefix="p", label="Removal")
    labels = re.findall(r'role="img" aria-label="([^"]*)"', html)
    assert labels == [
        "Removal: What chooses: validation",
        "Removal: What judges: test",
        "Removal: The check: most important first",
    ]
    first, *_ = (json.loads(unescape(data)) for data in re.findall(r'data-panel="([^"]*)"', html))
    by = {curve["label"]: curve for curve in first["curves"]}
    assert (by["magnitude"]["x"], by["magnitude"]["step"]) == (13, 1), (
        "counts from 0 on are said by their number"
    )
    assert by["magnitude"]["y"][:3] == [0, 0, 0]
    assert by["magnitude"]["y"][9] == 20  # two beyond the seven that can go
    assert first["y"]["label"] == "validation accuracy lost (points)"


def test_the_legend_is_text_behind_its_samples(figures):
    html = panelled(figures["removal-fc1"], prefix="p", label="Removal")
    legend = html.split('<ul class="legend">')[1]
    assert "<span>raw frame potential</span>" in legend
    assert legend.count('<use href="#p-legend_1"/>') == legend.count("<li>") >= 6
    assert 'class="legend row"' in panelled(figures["learning"], prefix="l", label="Learning")


def test_a_drawing_without_such_panels_is_shown_whole(figures):
    drawing = figures["learning"]
    for other in (
        replace(drawing, svg='<svg viewBox="0 0 1 1"></svg>'),
        replace(drawing, readout=None),
    ):
        html = panelled(other, prefix="p", label="Learning")
        assert html.startswith('<svg role="img" aria-label="Learning"')
        assert "panel" not in html


def test_of_very_many_points_some_are_read_at_their_own_places():
    curve = Curve(label="a", colour="#000000", x=tuple(map(float, range(2001))), y=(0.5,) * 2001)
    found = _curve(curve)
    assert (found["x"], found["step"]) == (501, 4)
    assert len(found["y"]) == 501
    apart = Curve(label="a", colour="#000000", x=(1.0, 2.0, 4.0), y=(0.1, 0.2, 0.3))
    assert _curve(apart)["x"] == [1, 2, 4]
