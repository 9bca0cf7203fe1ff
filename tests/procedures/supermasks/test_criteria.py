"""Masks from trained weights on the untrained network: the criterion by hand, the table's rows."""

import pytest
import torch
from torch import nn

from surfeit.core import Streams, parameters
from surfeit.procedures.supermasks import (
    KEPT,
    MASK_CRITERIA,
    REMOVED,
    large_final_same_sign,
    untrained,
    untrained_table,
)
from surfeit.prune.masks import density
from surfeit.prune.scores import Evidence

from .conftest import normalised, small


def trained_from(network: nn.Module) -> nn.Module:
    """A network as if trained: every parameter moved a little."""
    source = Streams(9).get("moves")
    moved = {
        n: v + 0.3 * torch.randn(v.shape, generator=source) for n, v in parameters(network).items()
    }
    trained = small()
    with torch.no_grad():
        for name, value in trained.named_parameters():
            value.copy_(moved[name])
    return trained


def test_same_sign_prefers_large_weights_that_kept_their_sign():
    network, trained = nn.Sequential(nn.Linear(5, 1)), nn.Sequential(nn.Linear(5, 1))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[0.5, -0.5, 0.1, -0.1, 0.3]]))
        trained[0].weight.copy_(torch.tensor([[0.2, 0.9, 0.4, -0.3, -0.1]]))
    found = large_final_same_sign(Evidence(trained, initial=parameters(network)))["0.weight"]
    assert found[0].tolist() == pytest.approx([0.2, -0.9, 0.4, 0.3, -0.1])
    with pytest.raises(ValueError, match="before training"):
        large_final_same_sign(Evidence(trained))


def test_table_has_a_row_for_each_criterion_level_and_pair_of_actions(dataset):
    network = small()
    table = untrained_table(
        network,
        trained_from(network),
        dataset,
        streams=Streams(0),
        levels=(1, 3),
        kept=KEPT,
        removed=REMOVED,
    )
    rows = table.to_pylist()
    assert len(rows) == len(MASK_CRITERIA) * 2 * len(KEPT) * len(REMOVED)
    keys = [tuple(row[name] for name in ("criterion", "level", "kept", "removed")) for row in rows]
    assert len(set(keys)) == len(keys)
    assert {row["criterion"] for row in rows} == set(MASK_CRITERIA)


def test_a_row_is_the_accuracy_of_the_masked_untrained_network(dataset):
    """By hand: each layer keeps (1 − rate)^l of its largest weights, the last at half the rate."""
    network = small()
    trained = trained_from(network)
    (row,) = untrained_table(
        network,
        trained,
        dataset,
        streams=Streams(0),
        levels=(2,),
        criteria={"large_final": MASK_CRITERIA["large_final"]},
        kept={"signed_constant": KEPT["signed_constant"]},
    ).to_pylist()
    mask = {}
    for name, share in {"fc1": 0.64, "fc2": 0.64, "fc3": 0.81}.items():
        sizes = trained.get_parameter(f"{name}.weight").detach().abs()
        count = round(share * sizes.numel())
        mask[f"{name}.weight"] = sizes >= sizes.flatten().sort(descending=True).values[count - 1]
    assert row["density"] == density(mask)
    made = untrained(network, mask, parameters(trained), kept=KEPT["signed_constant"])
    for split in ("validation", "test"):
        images, labels = dataset.splits[split].images, dataset.splits[split].labels
        expected = (made(images).argmax(1) == labels).double().mean().item()
        assert row[f"{split}_accuracy"] == expected


def test_level_0_keeps_the_untrained_network_whole(dataset):
    network = small()
    rows = untrained_table(
        network, trained_from(network), dataset, streams=Streams(0), levels=(0,)
    ).to_pylist()
    assert {row["density"] for row in rows} == {1.0}
    assert len({row["test_accuracy"] for row in rows}) == 1


def test_the_table_is_the_same_each_time(dataset):
    network = small()
    tables = [
        untrained_table(
            network, trained_from(network), dataset, streams=Streams(3), levels=(1,), kept=KEPT
        )
        for _ in range(2)
    ]
    assert tables[0].equals(tables[1])


def test_wrong_arguments_are_refused(dataset):
    network = small()
    trained = trained_from(network)
    with pytest.raises(ValueError, match="at least one criterion, level and action"):
        untrained_table(network, trained, dataset, streams=Streams(0), levels=())
    with pytest.raises(ValueError, match="levels must be integers >= 0, got"):
        untrained_table(network, trained, dataset, streams=Streams(0), levels=(-1,))
    with pytest.raises(ValueError, match=r"rate must be in \[0, 1\)"):
        untrained_table(network, trained, dataset, streams=Streams(0), rate=1.0)
    with pytest.raises(ValueError, match="initial"):
        untrained_table(normalised(), trained, dataset, streams=Streams(0), levels=(1,))
