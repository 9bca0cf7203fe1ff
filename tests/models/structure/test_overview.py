"""The overview: its rows, its text at any width, its table in notebooks."""

import pytest
import torch
from torch import nn

from surfeit.models import Structure, lenet_300_100
from surfeit.models.structure import overview

from .networks import NETWORKS, Written

LENET = """\
layer  kind    units  inputs  weights   share  read by     group
fc1    linear    300     784  235,200  88.4 %  fc2
fc2    linear    100     300   30,000  11.3 %  fc3
fc3    linear     10     100    1,000   0.4 %  the result"""


def structure_of(name: str) -> tuple[Structure, nn.Module]:
    model, example = NETWORKS[name].made()
    return Structure.of(model, example), model


def test_a_chain_prints_itself():
    model = lenet_300_100()
    assert str(Structure.of(model)) == LENET
    assert repr(Structure.of(model)) == "Structure(3 layers: fc1, fc2, fc3)"


def test_rows_count_weights_of_all_kinds_and_their_shares():
    for name in NETWORKS:
        found, model = structure_of(name)
        rows = overview.rows(found)
        assert sum(row["share"] for row in rows) == pytest.approx(1.0)
        for row, layer in zip(rows, found.layers.values(), strict=True):
            dense = layer.matrix(model)
            assert (row["units"], row["inputs"]) == dense.shape
            assert row["weights"] == dense.numel() // layer.groups


def test_rows_say_who_reads_and_what_goes_together():
    found, _ = structure_of("residual")
    rows = {row["layer"]: row for row in overview.rows(found)}
    assert rows["conv"]["read by"] == "blocks.0.conv1, blocks.1.conv1, blocks.1.shortcut.0"
    assert rows["conv"]["group"] == "conv (2)"
    assert rows["fc"]["read by"] == "the result"
    assert (rows["fc"]["output"], rows["conv"]["output"]) == (True, False)
    assert rows["fc"]["fixed"] == "they reach the network's result"
    assert rows["conv"]["fixed"] is None


@pytest.mark.parametrize(
    ("name", "layer", "expected"),
    [
        ("head first", "spare", "never run"),
        ("single layer", "(the network)", "the result"),
        ("shuffled", "c", "out (mixed)"),
        ("LSTM, two ways", "rnn.l0", "rnn.l1, rnn.l1_reverse"),
        ("transformer", "patch", "encoder.layers.0.norm1, encoder.layers.0.norm2, 3 more"),
        ("tied autoencoder", "encoder", "linear(encoder.weight)"),
        ("no head", "a", "b, the result"),
        ("normalised", "out", "norm2, the result"),
        ("LSTM cells", "cell", "cell, out"),
    ],
)
def test_readers_in_words(name, layer, expected):
    found, _ = structure_of(name)
    rows = {row["layer"]: row for row in overview.rows(found)}
    assert rows[layer]["read by"] == expected


def test_groups_of_channels_stand_beside_the_kind():
    found, _ = structure_of("depthwise-separable")
    assert overview.rows(found)[1]["kind"] == "convolution in 4 groups"


@pytest.mark.parametrize("name", list(NETWORKS))
def test_a_table_fits_eighty_columns_with_all_its_numbers(name):
    found, _ = structure_of(name)
    whole, narrow = overview.table(found), overview.table(found, 80)
    assert max(map(len, narrow.splitlines())) <= 80
    assert len(narrow.splitlines()) == len(whole.splitlines())
    for row in overview.rows(found):
        assert f"{row['weights']:,}" in narrow
    if max(map(len, whole.splitlines())) <= 80:
        assert narrow == whole


def test_a_shortened_name_keeps_its_end():
    found, _ = structure_of("transformer")
    lines = overview.table(found, 100).splitlines()
    names = [line.split("  ")[0] for line in lines[1:]]
    assert any(name.startswith("…") and name.endswith("out_proj") for name in names)
    assert names[0] == "patch"


def test_remarks_tell_outputs_groups_and_what_cannot_be_removed():
    found, _ = structure_of("residual, padded")
    assert overview.remarks(found) == [
        "Outputs: 'fc'.",
        "Group conv, 6 units: 'conv', 'blocks.0.conv2', 'blocks.1.conv2' are added or multiplied "
        "unit by unit.",
    ]
    found, _ = structure_of("paired units")
    assert overview.remarks(found)[1] == (
        "Units of 'a' cannot be removed: between 'a' and 'out' (behind glu) no element belongs to "
        "one unit."
    )
    found, _ = structure_of("tied autoencoder")
    assert overview.remarks(found) == ["Outputs: none is a layer."]


def test_notes_tell_frozen_and_missing_layers_and_why_nothing_was_followed():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    assert overview.notes(Structure.of(model)) == ["Frozen: 0.weight, 0.bias."]
    model = nn.Sequential(nn.ReLU())
    found = Structure.of(model, torch.randn(1, 3))
    assert overview.notes(found)[0].startswith("There are no layers")
    assert overview.table(found).split() == " ".join(overview.COLUMNS).split()
    model = Written(lambda net, x: net.a(x) * torch.rand(1), a=nn.Linear(3, 2))
    found = Structure.of(model, torch.randn(1, 3))
    assert overview.rows(found)[0]["read by"] == ""
    assert "random" in overview.rows(found)[0]["fixed"]
    assert overview.notes(found)[0].startswith("Who reads whose units was not found: the network")
    assert overview.remarks(found) == []


def test_parameters_that_share_some_numbers_are_told_and_not_raised():
    model, flat = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)), None
    flat = torch.randn(6)
    model[0].weight.data, model[1].weight.data = flat[:4].view(2, 2), flat[2:].view(2, 2)
    assert "0.weight" in overview.notes(Structure.of(model))[0]


def test_a_notebook_shows_a_table_with_names_escaped():
    found, _ = structure_of("residual")
    shown = found._repr_html_()
    assert shown.count("<tr>") == 1 + len(found.layers)
    assert "<th>read by</th>" in shown
    assert "<td>blocks.1.shortcut.0</td>" in shown
    model = nn.Sequential()
    model.add_module("<b>&", nn.Linear(2, 2))
    assert "<td>&lt;b&gt;&amp;</td>" in Structure.of(model)._repr_html_()
    frozen = nn.Linear(2, 2).requires_grad_(False)
    assert "<p>Frozen: weight, bias.</p>" in Structure.of(frozen)._repr_html_()
