"""Masks from trained weights on the untrained network: the criterion by hand, the table's rows."""

import pytest
import torch
from torch import nn

from surfeit.core import Streams, parameters
from surfeit.data import from_tensors
from surfeit.procedures.supermasks import (
    KEPT,
    MASK_CRITERIA,
    REMOVED,
    large_final_same_sign,
    untrained,
    untrained_table,
)
from surfeit.prune.masks import density
from surfeit.prune.scores import SCORES, Evidence

from .conftest import normalised, small
from .test_masked import Recurrent


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


class HeadFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.head, self.body = nn.Linear(8, 3), nn.Linear(16, 8)

    def forward(self, x):
        return self.head(self.body(x.flatten(1)).relu())


def test_the_output_layer_loses_half_wherever_it_is_registered(dataset):
    network, trained = HeadFirst(), HeadFirst()
    table = untrained_table(
        network,
        trained,
        dataset,
        streams=Streams(0),
        criteria={"large_final": SCORES["large_final"]},
        levels=(2,),
    )
    kept = round(0.9**2 * 24) + round(0.8**2 * 128)
    assert table["density"].to_pylist() == [kept / (24 + 128)]


def test_a_regression_has_no_accuracy_to_be_judged_by():
    generator = Streams(0).get("regression")
    pairs = {
        name: (torch.randn(9, 2, generator=generator), torch.randn(9, 1, generator=generator))
        for name in ("train", "validation", "test")
    }
    network = nn.Linear(2, 1)
    data = from_tensors("line", **pairs)
    with pytest.raises(ValueError, match="judged by their accuracy, and line is a regression"):
        untrained_table(network, network, data, streams=Streams(0))


def test_masks_by_criterion_are_of_any_networks_weights():
    data = from_tensors(
        "sequences",
        **{
            name: (torch.randn(9, 5, 4), torch.arange(9) % 3)
            for name in ("train", "validation", "test")
        },
    )
    torch.manual_seed(0)
    network, trained = Recurrent(), Recurrent()
    table = untrained_table(
        network,
        trained,
        data,
        streams=Streams(0),
        criteria={"large_final": SCORES["large_final"]},
        levels=(1,),
    )
    weights = {name: value for name, value in network.named_parameters() if value.dim() > 1}
    rates = {name: 0.9 if name == "head.weight" else 0.8 for name in weights}
    kept = sum(round(rates[name] * value.numel()) for name, value in weights.items())
    assert table["density"].to_pylist() == [kept / sum(v.numel() for v in weights.values())]
