"""Units of the library's networks go as a full pass would have it: curves, masks, outputs."""

import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams, copied
from surfeit.models import RadialBasis, Structure, builder_named
from surfeit.prune import (
    coverage,
    outputs_without,
    prunable,
    removal_curve,
    unit_mask,
)

SHAPE = (3, 6, 6)
_MOST = 8  # layers of a network: the blocks of two stages


def network(name: str) -> nn.Module:
    """In evaluation mode, with batch statistics that are not those of the start."""
    model = builder_named(name)(input_shape=SHAPE, classes=3)
    model.train()(torch.randn(20, *SHAPE, generator=Streams(2).get("images")))
    return model.eval()


def images(count: int) -> torch.Tensor:
    return torch.randn(count, *SHAPE, generator=Streams(1).get("images"))


def without(model: nn.Module, layer: str, units: list[int], x: torch.Tensor) -> torch.Tensor:
    """The outputs of a pass in which hooks make units zero wherever a reader takes them."""
    structure, handles = Structure.of(model, x[:1]), []
    group = structure.group(layer)
    for member in structure.members(layer):
        own = torch.arange(structure.layers[member].units) if group is None else None
        numbers = own if group is None else group.members[member]
        gone = torch.isin(numbers, torch.tensor(units))
        for reader in structure.readers(member):

            def zero(module, given, reader=reader, gone=gone):
                (value,) = given
                here = (reader.units >= 0) & gone[reader.units.clamp(min=0)]
                moved = value.clone().movedim(reader.axis, -1)
                moved[..., here] = 0.0
                return (moved.movedim(-1, reader.axis),)

            module = model.get_submodule(reader.name)
            handles.append(module.register_forward_pre_hook(zero))
    outputs = model(x).detach()
    for handle in handles:
        handle.remove()
    return outputs


def masked(model: nn.Module, mask: dict[str, torch.Tensor]) -> nn.Module:
    own = copied(model)
    with torch.no_grad():
        for name, kept in mask.items():
            own.get_parameter(name).mul_(kept)
    return own


NETWORKS = [
    *("resnet-8", "resnet-8-plain", "resnet-8-layer", "resnet-18-k3", "densenet-7-3"),
    *("mlp-6-radial", "mlp-6-absolute", "mlp-6-prelu-batch", "mlp-6-noisy-batch"),
]


@pytest.mark.parametrize("name", NETWORKS)
def test_masks_and_outputs_without_units_are_those_of_a_full_pass(name):
    model, x = network(name), images(5)
    structure = Structure.of(model, x[:1])
    assert structure.outputs == [list(structure.layers)[-1]]
    assert len(structure.removable) == len(structure.layers) - 1
    for layer in structure.removable[:_MOST]:
        expected = without(model, layer, [0, 1], x)
        assert not torch.allclose(expected, model(x))
        found = outputs_without(model, layer, torch.tensor([0, 1]), x, structure=structure)
        torch.testing.assert_close(found.float(), expected, atol=1e-4, rtol=1e-4)
        mask = unit_mask(model, {layer: [0, 1]}, structure=structure)
        torch.testing.assert_close(masked(model, mask)(x), expected, atol=1e-4, rtol=1e-4)


def test_the_curve_of_a_residual_stream_is_that_of_full_passes():
    model, x = network("resnet-8"), images(40)
    labels = torch.randint(0, 3, (40,), generator=Streams(3).get("labels"))
    order = torch.randperm(64, generator=Streams(4).get("order"))
    structure = Structure.of(model, x[:1])
    # All three stages write to one stream: the zeros behind a shortcut's channels are no units.
    assert structure.group("conv1").units == 64
    assert len(structure.group("conv1").layers) == 4
    curve = removal_curve(model, "conv1", order, Split(x, labels), structure=structure)
    for removed in (0, 1, 7, 40, 64):
        outputs = without(model.double(), "conv1", order[:removed].tolist(), x.double())
        expected = (outputs.argmax(1) == labels).double().mean()
        assert curve[removed] == expected, removed
        model.float()


def test_a_removed_radial_unit_answers_zero_though_its_centre_stays():
    model, x = network("mlp-6-radial"), images(5)
    structure = Structure.of(model, x[:1])
    mask = unit_mask(model, {"radial1": [2]}, structure=structure)
    assert not mask["fc2.weight"][:, 2].any()
    assert mask["fc2.weight"].sum() == 15
    assert not any(name.startswith("radial1") for name in mask)
    # The planted breach: a unit whose weights are zero answers to inputs near the origin.
    silent = copied(model)
    with torch.no_grad():
        silent.radial1.weight[2] = 0
    assert (silent[:2](x)[:, 2] > 0).all()


def test_centres_are_no_weights_that_may_be_pruned():
    model = network("mlp-6-radial")
    assert prunable(model) == ["fc2.weight"]
    reach = coverage(model)
    assert reach.left_out["centres"] == {"radial1.weight": 648, "radial1.width": 6}
    names = "'radial1.weight', 'radial1.width'"
    assert f"centres and widths of radial basis units {names} (654)" in str(reach)
    layer = Structure.of(model).layers["radial1"]
    assert (layer.kind, layer.units, layer.inputs, layer.multiplies) == ("radial", 6, 108, False)
    assert torch.equal(layer.matrix(model), model.radial1.weight.detach())


def test_units_that_a_radial_layer_reads_go_where_it_reads_them_but_not_by_its_weights():
    model, x = network("mlp-6-5-radial"), images(5)
    found = outputs_without(model, "radial1", torch.tensor([1]), x)
    hidden = model[:2](x)
    hidden[:, 1] = 0
    torch.testing.assert_close(found.float(), model[2:](hidden).detach(), atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="'radial2' reads them they are not zero"):
        unit_mask(model, {"radial1": [1]})


def test_pieces_of_a_maxout_unit_cannot_go_one_by_one():
    model = network("mlp-6-maxout")
    words = r"between 'fc1' and 'fc2' \(behind unflatten, amax\) no element belongs to one unit"
    with pytest.raises(ValueError, match=words):
        unit_mask(model, {"fc1": [0]})


def test_a_radial_layer_that_is_the_whole_network_is_followed():
    structure = Structure.of(RadialBasis(4, 3))
    assert structure.outputs == [""]
    assert structure.obstacle is None
