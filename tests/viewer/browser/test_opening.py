"""The picture that a training opens with: what training added, in groups of one colour."""

import re

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from .viewing import Viewer, places, until

pytestmark = pytest.mark.browser


def lead(viewer):
    return viewer.page.get_by_role("heading", level=1)


def test_it_opens_with_what_training_added_and_each_units_nearest(viewer, address):
    viewer.open(address)
    expect(lead(viewer)).to_contain_text(
        "each is joined with the 3 units nearest to it by what training added to their weight "
        "vectors."
    )
    expect(lead(viewer)).to_have_text(
        re.compile(r"(usual among this layer’s updates, cosine 0\.\d+).*be it by chance\.$")
    )
    expect(viewer.likeness("what training added")).to_have_attribute("aria-pressed", "true")
    expect(viewer.legend).to_contain_text("area: norm of what training added")
    view = viewer.at_rest()
    degree = np.bincount([*view["links"]["source"], *view["links"]["target"]], minlength=32)
    assert (degree > 0).sum() > 20  # silent units are joined with none
    assert degree[degree > 0].min() >= 3


def test_links_above_chance_are_drawn_darker_than_the_others(viewer, address):
    viewer.open(address + "#cut=.1")
    count = re.search(r"Dark are the (\d+) links above the cutoff", lead(viewer).inner_text())
    assert count is not None
    opacity = np.array(viewer.at_rest()["links"]["opacity"])
    strong = int(count[1])
    assert 0 < strong < len(opacity)
    assert opacity[:strong].min() > opacity[strong:].max()


@pytest.mark.parametrize(
    ("name", "words", "source"),
    [
        ("weight vectors", "whose weight vectors point the same way", "weights"),
        ("unit outputs", "whose outputs on the same examples go together", "outputs"),
    ],
)
def test_the_other_likenesses_are_one_click_away(viewer, address, name, words, source):
    viewer.open(address)
    viewer.likeness(name).click()
    expect(lead(viewer)).to_contain_text(words)
    expect(viewer.likeness(name)).to_have_attribute("aria-pressed", "true")
    viewer.expect_state(source=source)


def test_groups_keep_their_colours_from_epoch_to_epoch(viewer, address):
    viewer.open(address + "#frozen=1")
    expect(viewer.legend).to_contain_text("A way to follow units, not a discovery: mean cosine")
    before = None
    for epoch in ("8", "7", "6", "5"):
        viewer.slider.fill(epoch)
        viewer.shown()
        expect(viewer.status).to_contain_text(f"epoch {epoch} of 8")
        expect(viewer.legend).to_contain_text("Groups of units by what training added")
        colours = np.array(viewer.saved()["nodes"]["colour"])
        assert len(set(colours)) > 5
        if before is not None:
            assert (colours == before).mean() > 0.7
        before = colours


def test_units_keep_their_groups_colour_when_another_likeness_is_shown(viewer, address):
    viewer.open(address + "#frozen=1")
    expect(viewer.legend).to_contain_text("Groups of units by what training added")
    colours = viewer.saved()["nodes"]["colour"]
    viewer.likeness("weight vectors").click()
    expect(lead(viewer)).to_contain_text("whose weight vectors point the same way")
    until(lambda: viewer.saved()["nodes"]["colour"] == colours)


def test_sizes_grow_with_what_training_added(viewer, address):
    viewer.open(address + "#frozen=1")
    means = []
    for epoch in ("1", "3", "8"):
        viewer.slider.fill(epoch)
        viewer.shown()
        expect(viewer.status).to_contain_text(f"epoch {epoch} of 8")
        saved = viewer.saved()
        means.append(np.mean(np.square(saved["nodes"]["radius"])) / saved["zoom"] ** 2)
    assert means[0] < means[1] < means[2]
    viewer.choose("size by", "weight vector")
    viewer.expect_state(size="norm")
    expect(viewer.legend).to_contain_text("area: norm of the weight vector")


def test_a_run_of_one_snapshot_shows_weight_vectors_and_says_why(serve, page, tmp_path):
    from surfeit.core import parameters
    from surfeit.models import describe, mlp
    from surfeit.store import RunWriter, Store, key_of

    network, store = mlp((20,), input_shape=(1, 8, 8), classes=10), Store(tmp_path)
    identity = {
        "config": {"architecture": describe(network), "seed": 0},
        "data": None,
        "parents": [],
    }
    layers = [{"name": "fc1", "kind": "Linear", "shape": [20, 64]}]
    about = {"model": "mlp", "layers": layers, "created": "2026-01-01"}
    key = key_of(identity)
    writer = RunWriter(store.path_of(key), key=key, identity=identity, about=about)
    writer.snapshot(3, parameters(network))
    writer.finish({"steps": 3})
    viewer = Viewer(page).open(serve(store))
    expect(lead(viewer)).to_contain_text(
        "Weight vectors are compared since what training added is not known: the run has a single "
        "snapshot."
    )
    expect(viewer.likeness("what training added")).to_be_disabled()
    expect(viewer.likeness("weight vectors")).to_have_attribute("aria-pressed", "true")
    expect(viewer.legend).to_contain_text("isolated")


def test_links_can_be_those_of_the_reports_program(viewer, address, runs):
    from surfeit.similarity import normalised

    store, keys = runs
    run = store.find(keys[0])
    rows = normalised(run.weights("fc1", [run.steps()[-1]])[0].double())
    distance = (1 - rows @ rows.T)[torch.triu_indices(32, 32, 1).unbind()] / 2
    sigma = float(distance.mean())
    joined = int((torch.exp(-((distance / sigma) ** 2)) >= 0.37).sum())
    viewer.open(address + "#source=weights")
    viewer.choose("join units", "as the report’s program")
    viewer.expect_state(map="report", source="weights")
    expect(lead(viewer)).to_contain_text(f"σ the mean distance {sigma:.2f} and cutoff 0.37")
    expect(viewer.status).to_contain_text(f"{joined} links from cosine")
    assert len(viewer.saved()["links"]["source"]) == joined
    viewer.page.get_by_role("button", name="Back to this layer’s chance level").click()
    viewer.expect_state(map=None, source="weights")


def test_a_matrix_shows_all_pairs_by_group_and_reads_them_out(viewer, address, runs):
    from surfeit.similarity import normalised

    store, keys = runs
    run = store.find(keys[0])
    rows = normalised(run.weights("fc1", [run.steps()[-1]])[0].double())
    viewer.open(address + "#source=weights")
    viewer.choose("layout", "matrix by group")
    viewer.expect_state(layout="matrix", source="weights")
    matrix = viewer.page.get_by_role("img", name="Similarity matrix of 32 units, ordered by group")
    box = matrix.bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2
    viewer.page.mouse.move(middle + 40, box["y"] + 200)
    told = viewer.page.get_by_text(re.compile(r"^units \d+ and \d+: cosine -?\d"))
    found = re.search(r"units (\d+) and (\d+): cosine (\S+)", told.inner_text())
    assert found is not None
    one, other = int(found[1]), int(found[2])
    assert float(found[3]) == pytest.approx(float(rows[one] @ rows[other]), abs=0.01)
    viewer.page.mouse.click(middle + 40, box["y"] + 200)
    until(lambda: set(viewer.saved()["selected"]) == {one, other})


def test_units_can_lie_by_their_principal_components(viewer, address, runs):
    from surfeit.similarity import updates
    from surfeit.viewer.frames.plane import principal_plane

    store, keys = runs
    viewer.open(address)
    viewer.choose("layout", "principal components")
    viewer.expect_state(layout="plane")
    expect(lead(viewer)).to_have_text(
        re.compile(r"principal components .* \(\d+ % of the variance\)")
    )
    run = store.find(keys[0])
    first, last = run.weights("fc1", [run.steps()[0], run.steps()[-1]])
    exact = principal_plane(updates(last, first.clone()).double())[0].numpy()
    shown = places(viewer.at_rest())
    scale = np.ptp(shown[:, 0]) / np.ptp(exact[:, 0])
    expected = np.stack([exact[:, 0], -exact[:, 1]], axis=1) * scale
    offset = shown.mean(axis=0) - expected.mean(axis=0)
    np.testing.assert_allclose(shown, expected + offset, atol=1)
    # What grows is seen to grow: one scale for all moments.
    viewer.slider.fill("1")
    viewer.shown()
    early = places(viewer.at_rest())
    assert np.ptp(early, axis=0).max() < 0.8 * np.ptp(shown, axis=0).max()
    viewer.choose("layout", "forces")
    viewer.expect_state(layout=None)


@pytest.mark.parametrize("width", [390, 700])
def test_on_a_phone_the_legend_stands_under_the_graph(new_page, address, width):
    viewer = Viewer(new_page(viewport={"width": width, "height": 844})).open(address)
    expect(viewer.legend).to_contain_text("Groups of units by what training added")
    graph, legend = viewer.graph.bounding_box(), viewer.legend.bounding_box()
    assert graph is not None
    assert legend is not None
    assert legend["y"] >= graph["y"] + graph["height"] - 1
    for name in ("what training added", "weight vectors", "unit outputs"):
        box = viewer.likeness(name).bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width
