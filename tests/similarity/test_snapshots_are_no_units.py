"""Weights of all snapshots, an index forgotten, are refused wherever one layer's are measured."""

import pytest
import torch

from surfeit.prune import (
    frame_potential,
    inner_product,
    magnitude,
    random,
    raw_frame_potential,
    removal_order,
)
from surfeit.similarity import (
    activity,
    angles,
    chance_level,
    contributions,
    cosine_graph,
    hardly_moved,
    movement,
    nearest_neighbours,
    normalised,
    similarity_blocks,
    strongest_links,
    total_frame_potential,
    update_directions,
)
from surfeit.spectra import (
    eigenpairs,
    eigenvalues,
    kept_share,
    project,
    project_update,
    residual_energy,
    residual_share,
)

SNAPSHOTS = torch.rand(41, 6, 8, generator=torch.Generator().manual_seed(0))  # Run.weights("fc1")
GENERATOR = torch.Generator().manual_seed(0)
MEASUREMENTS = {
    "removal_order": lambda w: removal_order(w, magnitude),
    "random order": lambda w: removal_order(w, random, generator=GENERATOR),
    "magnitude": magnitude,
    "frame_potential": frame_potential,
    "inner_product": inner_product,
    "raw_frame_potential": raw_frame_potential,
    "random": lambda w: random(w, GENERATOR),
    "normalised": normalised,
    "total_frame_potential": total_frame_potential,
    "contributions": contributions,
    "cosine_graph": lambda w: cosine_graph(w, inner_product=0.5),
    "nearest_neighbours": lambda w: nearest_neighbours(w, 2),
    "strongest_links": lambda w: strongest_links(w, 5),
    "similarity_blocks": lambda w: next(similarity_blocks(w)),
    "movement": lambda w: movement(w, w + 1),
    "hardly_moved": lambda w: hardly_moved(w, w + 1),
    "angles": lambda w: angles(w, w + 1),
    "update_directions": lambda w: update_directions(w, w + 1),
    "activity": activity,
    "chance_level": chance_level,
    "eigenvalues": eigenvalues,
    "eigenpairs": lambda w: eigenpairs(w, 2),
    "project": lambda w: project(w, 2),
    "project_update": lambda w: project_update(w, w + 1, 2),
    "kept_share": kept_share,
    "residual_share": residual_share,
    "residual_energy": residual_energy,
}


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_three_axes_are_refused_and_one_snapshot_is_measured(name):
    with pytest.raises(
        ValueError, match=r"got 3 axes \[41, 6, 8\]: of run.weights\(layer\), which"
    ):
        MEASUREMENTS[name](SNAPSHOTS)
    MEASUREMENTS[name](SNAPSHOTS[-1])
    MEASUREMENTS[name](SNAPSHOTS.flatten(1))  # as a Conv1d's


def test_filters_of_two_and_three_axes_of_space_are_units():
    assert len(removal_order(torch.rand(5, 3, 2, 2), magnitude)) == 5
    assert len(removal_order(torch.rand(5, 3, 2, 2, 2), magnitude)) == 5
