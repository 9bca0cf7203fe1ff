"""What a mask must take with a unit, found by running a network: one copy serves all layers."""

import copy
from functools import partial

import pytest
import torch
from torch import nn

from surfeit.models import Structure
from surfeit.prune import silence, unit_mask, unit_mask_from_scores
from surfeit.prune.removal import Removal
from surfeit.prune.silence import Silenced
from surfeit.prune.unit_selection import maskings
from surfeit.prune.units import Masking, mask_without

from ..oracles.removal import NETWORKS, built


def branched():
    """A batch normalisation without weights, grouped and transposed readers, sigmoids, no unit."""
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4, affine=False), nn.ReLU()),
        *(nn.Conv2d(4, 6, 3, groups=2), nn.Sigmoid(), nn.ConvTranspose2d(6, 4, 2, groups=2)),
        *(nn.Softplus(), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 49, 5)),
        *(nn.Sigmoid(), nn.Linear(5, 3)),
    )
    for value in model.buffers():
        if value.is_floating_point():
            value.data.uniform_(0.5, 2)
    return model.eval(), torch.randn(3, 2, 10, 10)


def used_twice():
    shared = nn.Linear(4, 4)
    return nn.Sequential(
        *(nn.Linear(3, 4), nn.Sigmoid(), shared, nn.Sigmoid(), shared, nn.Linear(4, 2))
    ), torch.randn(6, 3)


def tied():
    model = nn.Sequential(
        *(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 4), nn.Sigmoid(), nn.Linear(4, 4)),
        *(nn.Sigmoid(), nn.Linear(4, 2)),
    )
    model[4].weight = model[2].weight
    return model, torch.randn(6, 3)


class TiedByAFunction(nn.Module):
    """A language model whose embedding is its head's weight."""

    def __init__(self):
        super().__init__()
        self.embedding, self.fc = nn.Embedding(6, 5), nn.Linear(5, 5)

    def forward(self, x):
        h = self.fc(self.embedding(x).mean(1)).tanh()
        return nn.functional.linear(h, self.embedding.weight)


SHARED = {name: partial(built, kind) for name, kind in NETWORKS.items()} | {
    "branched": branched,
    "used_twice": used_twice,
    "tied": tied,
    "tied_by_a_function": lambda: (TiedByAFunction(), torch.randint(6, (4, 3))),
}


def masks_of(structure, layers, silenced):
    """By layer the mask without every other unit, or why there is none."""
    found = {}
    for name in layers:
        try:
            removal = Removal.of(structure, name, outputs=True)
            gone = torch.arange(removal.units) % 2 == 1
            masking = Masking(removal, silenced(structure))
            found[name] = mask_without(structure.module(""), {name: masking}, {name: gone})
        except ValueError as error:
            found[name] = str(error)
    return found


@pytest.mark.parametrize("name", SHARED)
def test_one_copy_of_a_network_gives_the_masks_of_a_new_copy_for_each_removal(name):
    model, inputs = SHARED[name]()
    structure = Structure.of(model, inputs[:1])
    before = {key: (value.clone(), value._version) for key, value in model.state_dict().items()}
    layers = list(structure.layers)
    alone = masks_of(structure, layers, partial(Silenced, model))
    shared = Silenced(model, structure)
    assert any(isinstance(mask, dict) for mask in alone.values())
    for order in (layers, layers[::-1], layers):
        found = masks_of(structure, order, lambda _: shared)
        for layer, mask in alone.items():
            if isinstance(mask, str):
                assert found[layer] == mask
                continue
            assert found[layer].keys() == mask.keys()
            assert all(torch.equal(found[layer][key], mask[key]) for key in mask)
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key][0])
        assert value._version == before[key][1]
    assert not any("forward" in module.__dict__ for module in model.modules())
    private = shared._rerun.model.state_dict()
    assert all(torch.equal(private[key], value) for key, value in model.state_dict().items())


def test_a_network_is_copied_once_and_run_once_for_each_layer(monkeypatch):
    copies, runs = [], []
    monkeypatch.setattr(silence, "copied", lambda model: copies.append(1) or copy.deepcopy(model))
    spoken = Silenced.spoken
    monkeypatch.setattr(
        Silenced, "spoken", lambda self, removal: runs.append(removal.name) or spoken(self, removal)
    )
    model, inputs = branched()
    structure = Structure.of(model, inputs[:1])
    scores = {name: torch.rand(structure.layer(name).units) for name in ("0", "3", "5", "10")}
    unit_mask_from_scores(model, scores, 0.5, structure=structure)
    assert (len(copies), runs) == (1, ["0", "3", "5", "10"])
    unit_mask(model, {"0": [1], "5": [2]}, structure=structure)
    assert (len(copies), runs[4:]) == (2, ["0", "5"])


def test_what_was_found_of_one_network_is_not_said_of_another_of_its_structure():
    def normalised(mean):
        model = nn.Sequential(
            nn.Linear(3, 4), nn.BatchNorm1d(4, affine=False), nn.ReLU(), nn.Linear(4, 2)
        )
        model[1].running_mean.fill_(mean)
        return model.eval()

    # Behind this mean a removed unit is 1, and its readers must lose it too; behind 0 it is 0.
    first, second = normalised(0.0), normalised(-1.0)
    structure, scores = Structure.of(first, torch.randn(1, 3)), {"0": torch.arange(4.0)}
    masks = [
        unit_mask_from_scores(model, scores, 0.5, structure=structure) for model in (first, second)
    ]
    assert [int((~mask["3.weight"]).sum()) for mask in masks] == [0, 4]
    kept = maskings(structure, scores)["0"]
    assert kept.on(Silenced(first, structure)) is kept
    assert kept.on(Silenced(second, structure)) is not kept
