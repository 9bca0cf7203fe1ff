"""Layouts other than forces, from the server and in a file opened from disk."""

import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.image import imread
from playwright.sync_api import expect

from surfeit.viewer.export import export
from surfeit.viewer.frames.active import ActiveUnits
from surfeit.viewer.frames.maps import map_frame
from surfeit.viewer.timelines.run import RunTimeline

from .viewing import Viewer, places, until

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def files(built, runs, tmp_path_factory):
    """The exported graph of the first run's hidden layer, without and with maps."""
    store, (first, _) = runs
    folder = tmp_path_factory.mktemp("layouts")
    run = store.find(first)
    return (
        export(run, "fc1", folder / "plain.html"),
        export(run, "fc1", folder / "maps.html", maps=True),
    )


def lead(viewer):
    return viewer.page.get_by_role("heading", level=1)


def warning(viewer):
    return viewer.page.get_by_role("note")


def option(viewer, label):
    return viewer.choice("layout").locator("option", has_text=label)


def like(shown, exact):
    """How far places of the page are from exact ones on the same scale, in pixels."""
    expected = np.stack([exact[:, 0], -exact[:, 1]], axis=1)
    expected = expected * np.ptp(shown[:, 0]) / np.ptp(expected[:, 0])
    offset = (shown - shown.mean(axis=0)) - (expected - expected.mean(axis=0))
    return np.abs(offset).max()


def test_a_map_places_units_and_warns_of_what_it_does_not_show(viewer, address, runs):
    store, (first, _) = runs
    timeline = RunTimeline(store.find(first))
    viewer.open(address + "#source=weights")
    viewer.choose("layout", "t-SNE map")
    viewer.expect_state(layout="tsne")
    expect(lead(viewer)).to_contain_text("They lie on a t-SNE map of who is next to whom.")
    expect(warning(viewer)).to_contain_text("How far groups are apart")
    frame = map_frame(
        timeline, "fc1", timeline.steps(), "weights", "tsne", active=[ActiveUnits(None)]
    )
    expect(warning(viewer)).to_contain_text(f"trustworthiness {frame.trust[-1]:.2f}:")
    assert like(places(viewer.at_rest()), frame.places[-1]) < 2
    box, picture = warning(viewer).bounding_box(), viewer.graph.bounding_box()
    assert box is not None
    assert picture is not None
    assert box["y"] + box["height"] <= picture["y"] + 1, "the warning covers units"
    viewer.choose("layout", "forces")
    expect(warning(viewer)).to_be_hidden()


def test_units_that_nothing_was_added_to_stand_under_the_map(viewer, address):
    viewer.open(address + "#layout=tsne")
    expect(warning(viewer)).to_be_visible()
    viewer.slider.fill("0")
    expect(warning(viewer)).to_contain_text("The 32 units in rows below have no place on it.")


def test_a_layout_that_is_not_there_says_why(viewer, address):
    from surfeit.viewer.frames.embedding import has_umap

    viewer.open(address)
    if has_umap():
        expect(option(viewer, "UMAP map")).to_be_enabled()
        return
    expect(option(viewer, "UMAP map (not installed)")).to_be_disabled()
    expect(viewer.choice("layout")).to_have_attribute("title", re.compile("pip install umap-learn"))


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_file_from_disk_has_components_matrix_and_maps(new_page, files, width, scheme):
    _, file = files
    page = new_page(offline=True, viewport={"width": width, "height": 844}, color_scheme=scheme)
    viewer = Viewer(page).open(file.as_uri())
    still = places(viewer.at_rest())
    viewer.choose("layout", "principal components")
    expect(lead(viewer)).to_contain_text(re.compile(r"principal components .*% of the variance"))
    plane = places(viewer.at_rest())
    assert np.abs(plane - still).max() > 20
    viewer.choose("layout", "t-SNE map")
    expect(warning(viewer)).to_contain_text("only who stands beside whom counts")
    assert np.abs(places(viewer.at_rest()) - plane).max() > 20
    viewer.choose("layout", "matrix by group")
    matrix = page.get_by_role("img", name="Similarity matrix of 32 units, ordered by group")
    expect(matrix).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_file_without_maps_says_how_to_have_them(new_page, files):
    file, _ = files
    viewer = Viewer(new_page(offline=True)).open(file.as_uri())
    expect(option(viewer, "t-SNE map (not in this page)")).to_be_disabled()
    viewer.open(file.as_uri() + "#layout=tsne")
    viewer.page.reload()
    viewer.shown()
    expect(lead(viewer)).to_contain_text("`surfeit export --maps` writes them")


def test_components_of_a_file_are_those_of_the_server(new_page, address, files):
    shown = []
    for place in (files[0].as_uri(), address):
        viewer = Viewer(new_page()).open(place + "#layout=plane&source=weights")
        expect(lead(viewer)).to_contain_text("principal components")
        shown.append(places(viewer.at_rest()))
    np.testing.assert_allclose(shown[0], shown[1], atol=1.5)


def test_the_matrix_of_a_file_says_of_which_moment_it_is(new_page, files):
    viewer = Viewer(new_page(offline=True)).open(files[0].as_uri() + "#layout=matrix")
    expect(lead(viewer)).not_to_contain_text("the only one that this page holds")
    viewer.slider.fill("2")
    expect(lead(viewer)).to_contain_text("This is the matrix of epoch 8, the only one")
    viewer.page.get_by_text("Save", exact=True).click()
    viewer.page.get_by_role("button", name="Film of the training (GIF)").click()
    expect(viewer.page.get_by_text("`surfeit view` has those of all")).to_be_visible()


def test_a_matrix_is_saved_as_picture_drawing_and_file(viewer, address, tmp_path):
    from surfeit.tables.figures.matrix_view import MatrixView, matrix_figure
    from surfeit.viewer.saved import read_view

    viewer.open(address + "#layout=matrix&source=weights")
    image = imread(io.BytesIO(viewer.download("Picture (PNG)")))
    assert image.shape[0] > image.shape[1] > 1200
    drawn = ElementTree.fromstring(viewer.download("Picture (SVG)"))
    (cells,) = drawn.iter(f"{SVG}image")
    assert cells.get("href", "").startswith("data:image/png;base64,")
    words = " ".join(filter(None, (text.text for text in drawn.iter(f"{SVG}text"))))
    assert "Rows and columns are the units of fc1" in words
    assert "Cosine of two units" in words
    path = tmp_path / "matrix.json"
    path.write_bytes(viewer.download("File for surfeit figure (JSON)"))
    view = read_view(path)
    assert isinstance(view, MatrixView)
    assert view.products.shape == (32, 32)
    assert (np.diagonal(view.products) == 127).all()
    assert matrix_figure(view).axes[0].images
    gif = viewer.download("Film of the training (GIF)")
    assert gif.startswith(b"GIF89a")


def test_a_saved_map_carries_its_warning(viewer, address):
    viewer.open(address + "#layout=tsne&source=weights")
    expect(warning(viewer)).to_be_visible()
    drawn = ElementTree.fromstring(viewer.download("Picture (SVG)"))
    words = " ".join(filter(None, (text.text for text in drawn.iter(f"{SVG}text"))))
    assert "On a t-SNE map distances mislead" in words
    until(lambda: "distances mislead" in viewer.saved()["subtitle"])
