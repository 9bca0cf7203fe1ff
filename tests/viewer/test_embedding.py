"""Maps of neighbours: the same each time, true where that can be known, and judged rightly."""

import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from sklearn.manifold import trustworthiness

from surfeit.similarity import normalised
from surfeit.viewer.frames.embedding import (
    FEW,
    embedded,
    faithfulness,
    has_umap,
    perplexity_of,
)
from surfeit.viewer.frames.plane import principal_plane


def clustered(units, clusters=3, noise=0.2, seed=0):
    """Directions in clusters, and the cluster of each."""
    generator = torch.manual_seed(seed)
    centres = torch.randn(clusters, 12, generator=generator)
    labels = torch.arange(units) % clusters
    noisy = centres[labels] + noise * torch.randn(units, 12, generator=generator)
    return (normalised(noisy) if units else noisy).double(), labels


def test_units_of_a_cluster_lie_together():
    rows, labels = clustered(60)
    places = embedded(rows, "tsne")
    torch.testing.assert_close(places.mean(dim=0), torch.zeros(2).double(), atol=1e-5, rtol=0)
    apart = torch.cdist(places, places).fill_diagonal_(torch.inf)
    assert (labels[apart.argmin(dim=1)] == labels).all()
    k, trust, true = faithfulness(rows, places)
    assert k == 10
    assert trust > 0.9
    assert true > 0.5


@pytest.mark.parametrize("units", [0, 1, 2, 3, 5, FEW])
def test_few_units_lie_by_their_principal_components(units):
    rows, _ = clustered(units)
    places = embedded(rows, "tsne")
    assert places.shape == (units, 2)
    assert places.isfinite().all()
    torch.testing.assert_close(places, principal_plane(rows)[0])


@pytest.mark.parametrize("units", [FEW + 1, 24])
def test_a_map_is_the_same_each_time(units):
    rows, _ = clustered(units, noise=1.0)
    places = embedded(rows, "tsne")
    assert places.isfinite().all()
    assert torch.equal(places, embedded(rows, "tsne"))
    again = embedded(rows, "tsne", places)
    assert torch.equal(again, embedded(rows, "tsne", places))


def test_units_that_are_all_the_same_have_finite_places():
    rows = torch.zeros(12, 4, dtype=torch.float64)
    rows[:, 0] = 1
    assert embedded(rows, "tsne").isfinite().all()


def test_a_map_that_begins_at_places_keeps_them_about_where_they_were():
    rows, _ = clustered(60, noise=0.6)
    places = embedded(rows, "tsne")
    moved = normalised(rows + 0.02 * torch.randn(rows.shape, generator=torch.manual_seed(3)))
    # A turn without which nothing is in its place any more is taken back.
    turned = torch.stack([-places[:, 1], places[:, 0]], dim=1)
    for before in (places, turned):
        after = embedded(moved, "tsne", before)
        shift = (after - before).norm(dim=1).mean()
        assert shift < 0.25 * before.norm(dim=1).mean()


def test_a_unit_that_had_no_place_begins_beside_the_one_most_like_it():
    rows, labels = clustered(60)
    before = embedded(rows, "tsne")
    lost = before.clone()
    lost[7] = torch.nan
    after = embedded(rows, "tsne", lost)
    apart = (after - after[7]).norm(dim=1)
    apart[7] = torch.inf
    assert labels[int(apart.argmin())] == labels[7]


def test_perplexity_is_thirty_or_a_third_of_the_others():
    assert [perplexity_of(units) for units in (300, 91, 31, 10)] == [30, 30, 10, 3]


@pytest.mark.parametrize("units", [3, 4, 20, 21, 50])
def test_trust_is_what_scikit_learn_says(units):
    rows, _ = clustered(units, noise=1.0)
    places = torch.randn(units, 2, generator=torch.manual_seed(5), dtype=torch.float64)
    k, trust, true = faithfulness(rows, places)
    assert k == min(10, (units - 1) // 2)
    expected = trustworthiness(rows.numpy(), places.numpy(), n_neighbors=k, metric="cosine")
    assert trust == pytest.approx(expected)
    shared = 0
    for unit in range(units):
        others = [other for other in range(units) if other != unit]
        near = sorted(others, key=lambda o: float((places[o] - places[unit]).norm()))[:k]
        truly = sorted(others, key=lambda o: -float(rows[o] @ rows[unit]))[:k]
        shared += len(set(near) & set(truly))
    assert true == pytest.approx(shared / (units * k))


def test_the_plane_of_plane_vectors_is_wholly_true():
    angle = torch.linspace(0, 5, 30, dtype=torch.float64)
    rows = torch.stack([angle.cos(), angle.sin()], dim=1)
    assert faithfulness(rows, rows) == (10, 1.0, 1.0)


def test_places_that_are_none_and_rows_without_a_direction_are_refused():
    rows, _ = clustered(12)
    for places in (torch.zeros(11, 2), torch.zeros(12, 3), torch.full((12, 2), torch.nan)):
        with pytest.raises(ValueError, match=r"places must be finite \[12, 2\], got"):
            faithfulness(rows, places)
    for wrong in (torch.zeros_like(rows), torch.full_like(rows, torch.nan)):
        with pytest.raises(ValueError, match="directions must have length 1"):
            faithfulness(wrong, torch.zeros(12, 2))


@pytest.mark.parametrize("units", [0, 1, 2])
def test_of_fewer_than_three_units_nothing_can_be_false(units):
    rows, _ = clustered(units)
    assert faithfulness(rows, embedded(rows, "tsne")) == (0, None, None)


def test_without_umap_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    assert not has_umap()
    with pytest.raises(ValueError, match=r"^UMAP is not installed .*: pip install umap-learn$"):
        embedded(clustered(20)[0], "umap")


def test_umap_is_given_directions_a_seed_and_where_to_begin(monkeypatch):
    given = []

    class Planted:
        def __init__(self, **options):
            given.append(options)

        def fit_transform(self, rows):
            return np.stack([np.arange(len(rows)), rows[:, 0]], axis=1).astype(np.float32)

    module = ModuleType("umap")
    module.UMAP = Planted
    module.__spec__ = object()
    monkeypatch.setitem(sys.modules, "umap", module)
    assert has_umap()
    rows, _ = clustered(12)
    places = embedded(rows, "umap")
    embedded(rows, "umap", places)
    first, following = given
    np.testing.assert_allclose(first["init"], principal_plane(rows)[0], atol=1e-6)
    np.testing.assert_allclose(following["init"], places, atol=1e-5)
    assert first["n_neighbors"] == 11
    assert first["random_state"] == following["random_state"]
    assert following["n_epochs"] < first["n_epochs"]


def test_umap_itself_keeps_clusters_together():
    pytest.importorskip("umap", reason="umap-learn is not installed")
    rows, labels = clustered(60)
    places = embedded(rows, "umap")
    assert torch.equal(places, embedded(rows, "umap"))
    apart = torch.cdist(places, places).fill_diagonal_(torch.inf)
    assert (labels[apart.argmin(dim=1)] == labels).all()
