"""Outputs, groups, what stands between, refusals, and that a network is left as it was found."""

import copy
import gc
import re
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune

from surfeit.models import Structure, UnfollowableError, lenet_300_100, unwrapped
from surfeit.models.structure.calls import Passes

from .networks import NETWORKS, Written

KEPT: list[nn.Module] = []


def structure_of(name: str) -> Structure:
    model, example = NETWORKS[name].made()
    KEPT.append(model)
    return Structure.of(model, example)


def described(model: nn.Module, example: Any = None) -> Structure:
    KEPT.append(model)
    return Structure.of(model, example)


OUTPUTS = {
    "chain": ["5"],
    "single layer": [""],
    "residual": ["fc"],
    "two heads": ["one", "two"],
    "head first": ["head"],
    "no head": ["a", "b"],
    "normalised": ["out"],
    "named inputs": ["c", "out"],
    "RNN, last states": ["out", "low"],
    "branch on values": ["b"],
    "U-shaped": ["out"],
    "transformer": ["head"],
    "tied autoencoder": [],
    "codebook": ["out"],
}


@pytest.mark.parametrize(("name", "expected"), OUTPUTS.items())
def test_outputs_are_the_layers_that_reach_the_result(name, expected):
    assert structure_of(name).outputs == expected


def test_an_output_that_is_returned_as_an_index_is_one():
    model = Written(lambda net, x: net.head(net.a(x)).argmax(-1), a=nn.Linear(3, 4))
    model.head = nn.Linear(4, 2)
    assert described(model, torch.randn(1, 3)).outputs == ["head"]


def test_layers_that_never_run_are_unused():
    found = structure_of("head first")
    assert found.unused == ["spare"]
    assert found.why_not_removable("spare") == "no pass through the network runs 'spare'"


GROUPS = {
    "residual": [
        ["conv", "blocks.0.conv2"],
        ["blocks.1.conv2", "blocks.1.shortcut.0"],
    ],
    "residual, activation first": [
        ["conv", "blocks.0.conv2"],
        ["blocks.1.conv2", "blocks.1.shortcut.0"],
    ],
    "residual, padded": [["conv", "blocks.0.conv2", "blocks.1.conv2"]],
    "squeeze and excitation": [["conv", "f2"]],
    "spatial gate": [],
    "mixer": [["embed", "channels"]],
    "GRU, directions added": [["rnn.l0", "rnn.l0_reverse"]],
    "no head": [["a", "b"]],
    "outer product": [],
    "calls added": [],
    "chain": [],
    "cross attention": [["query", "attention.out_proj"]],
    "LSTM cells": [],
}


@pytest.mark.parametrize(("name", "expected"), GROUPS.items())
def test_groups_are_layers_whose_units_meet_one_to_one(name, expected):
    found = structure_of(name)
    groups = {id(group): group for layer in found.layers if (group := found.group(layer))}
    assert [list(group.layers) for group in groups.values()] == expected
    for group in groups.values():
        for layer in group.layers:
            assert found.members(layer) == group.layers
            assert len(group.members[layer]) == found.layers[layer].units


def test_a_padded_shortcut_shifts_the_units_of_a_group():
    group = structure_of("residual, padded").group("conv")
    assert group is not None
    assert (group.name, group.units) == ("conv", 6)
    assert group.members["conv"].tolist() == [0, 1, 2, 3]
    assert group.members["blocks.0.conv2"].tolist() == [0, 1, 2, 3]
    assert group.members["blocks.1.conv2"].tolist() == [4, 0, 1, 2, 3, 5]
    assert group.words == "'conv', 'blocks.0.conv2', 'blocks.1.conv2' are added or multiplied " + (
        "unit by unit"
    )


def test_units_that_meet_each_other_are_a_group_of_one_layer():
    group = structure_of("rolled").group("a")
    assert group is not None
    assert (group.layers, group.units, group.members["a"].tolist()) == (("a",), 1, [0] * 4)


def test_readers_know_concatenation_flattening_and_slices():
    dense = structure_of("concatenating")
    (of_b, _) = dense.readers("b")
    assert (of_b.name, of_b.axis, of_b.units.tolist()) == ("c", -3, [-1, -1, 0, 1, 2])
    flat = dense.readers("b")[1]
    assert flat.units.tolist() == [-1] * 32 + [0] * 16 + [1] * 16 + [2] * 16 + [-1] * 32
    (left,) = structure_of("slices left out").readers("a")
    assert left.units.tolist() == [1, 2, 3]
    (shuffled,) = structure_of("shuffled").readers("a")
    assert shuffled.units.tolist() == [0, 2, 1, 3]


def test_a_single_example_without_an_axis_of_its_own_is_followed():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    (reader,) = described(model, torch.randn(3)).readers("0")
    assert (reader.axis, reader.units.tolist(), reader.outside) == (-1, [0, 1, 2, 3], None)


@pytest.mark.parametrize("count", [1, 3])
def test_one_number_an_example_lies_along_no_axis(count):
    model = Written(lambda net, x: net.a(x).squeeze(-1), a=nn.Linear(3, 1))
    found = described(model, torch.randn(count, 3))
    assert found.outputs == ["a"]
    assert [reader.axis for reader in found.readers("a")] == [None]


def test_a_token_in_front_is_outside():
    reader = structure_of("transformer").readers("patch")[0]
    assert reader.kind == "normalisation"
    assert reader.outside is not None
    assert reader.outside.tolist() == [[True] * 4, *[[False] * 4] * 4]


def test_a_layer_used_again_reads_itself():
    found = structure_of("used again")
    assert found.calls("again") == 3
    read = [(reader.name, reader.occurrence) for reader in found.readers("again")]
    assert read == [("again", 1), ("again", 2), ("out", 0)]
    assert found.reads("again") == ("first", "again")


def test_what_stands_between_is_named():
    gates = structure_of("gates by hand")
    assert gates.readers("a")[0].between == ("sigmoid", "mul")
    assert gates.readers("b")[0].between == ("relu", "pow")
    assert gates.readers("a")[0].words == "'b' (behind sigmoid, mul)"
    assert structure_of("convolutional").readers("4")[0].between[-1] == "flatten"
    assert gates.readers("out")[0].words == "the network's result"


def test_batch_normalisations_on_the_way_have_the_units_of_each_channel():
    found = structure_of("residual, padded")
    norms = found.normalisations("blocks.1.conv2")
    assert [(norm.name, norm.axis, norm.units.tolist()) for norm in norms] == [
        ("blocks.1.bn2", -3, [0, 1, 2, 3, 4, 5])
    ]
    assert all(reader.kind != "watched" for reader in found.readers("blocks.1.conv2"))


REASONS = {
    ("chain", "5"): "they reach the network's result",
    ("paired units", "a"): "between 'a' and 'out' (behind glu) no element belongs to one unit",
    ("shuffled", "c"): (
        "between 'c' and 'out' (behind pixel_shuffle) no position along an axis belongs to one unit"
    ),
    ("mixer", "tokens"): (
        "between 'tokens' and 'head' (behind transpose, relu, add, mean) no element belongs to "
        "one unit"
    ),
    ("codebook", "a"): "between 'a' and 'book' (behind argmax) no element belongs to one unit",
    (
        "scaled by a number",
        "a",
    ): "between 'a' and 'out' (behind mul) no element belongs to one unit",
    ("larger of two", "a"): (
        "between 'a' and 'out' (behind relu, chunk, gt, where) no element belongs to one unit"
    ),
    ("transformer", "encoder.layers.0.self_attn.q"): (
        "queries, keys and values meet within MultiheadAttention"
    ),
    ("LSTM, projected", "rnn"): "nothing reads the units of 'rnn' where they can be told apart",
    ("single layer", ""): "they reach the network's result",
}


@pytest.mark.parametrize(("place", "reason"), REASONS.items())
def test_why_units_cannot_be_removed_is_said(place, reason):
    found = structure_of(place[0])
    assert found.why_not_removable(place[1]) == reason
    label = found.layers[place[1]].label
    message = f"units of {label} cannot be removed: {reason}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        found.check_removable(place[1])
    assert place[1] not in found.removable


def test_a_member_of_a_group_keeps_the_others():
    model = Written(
        lambda net, x: (net.a(x) + net.b(x), net.head((net.b(x) + net.c(x)).relu())),
        **{name: nn.Linear(3, 4) for name in "abc"},
        head=nn.Linear(4, 2),
    )
    found = described(model, torch.randn(1, 3))
    assert found.why_not_removable("c") == (
        "they go together with those of 'a', and those reach the network's result"
    )


def test_levels_within_a_recurrent_module_are_removable_and_read_each_other():
    found = structure_of("LSTM, two ways")
    assert found.readers("rnn.l0") == ()
    assert found.removable == ["embed", "rnn.l0", "rnn.l0_reverse", "rnn.l1", "rnn.l1_reverse"]
    assert found.reads("rnn.l1_reverse") == ("rnn.l0", "rnn.l0_reverse")
    assert found.reads("rnn.l0") == ("embed",)
    assert found.reads("out") == ("rnn.l1", "rnn.l1_reverse")


BEGINNINGS = {
    "none": (lambda net, x: net.rnn(x), True),
    "zeros": (lambda net, x: net.rnn(x, x.new_zeros(1, 2, 4)), True),
    "of another layer": (lambda net, x: net.rnn(x, net.a(x[:, 0])[None]), False),
    "learned": (lambda net, x: net.rnn(x, net.state.expand(-1, 2, -1).contiguous()), False),
    "its own": (lambda net, x: net.rnn(x, net.rnn(x)[1]), True),
}


@pytest.mark.parametrize(("run", "expected"), BEGINNINGS.values(), ids=BEGINNINGS)
def test_a_state_that_begins_elsewhere_forbids_removal(run, expected):
    model = Written(
        lambda net, x: net.out(run(net, x)[0]),
        rnn=nn.GRU(3, 4, batch_first=True),
        a=nn.Linear(3, 4),
        state=nn.Parameter(torch.zeros(1, 1, 4)),
        out=nn.Linear(4, 2),
    )
    reason = described(model, torch.randn(2, 5, 3)).why_not_removable("rnn")
    said = "the state of 'rnn' begins at numbers that are not its own"
    assert reason == (None if expected else said)


def test_reads_looks_through_normalisations_and_parameters():
    found = structure_of("transformer")
    assert found.reads("encoder.layers.0.linear1") == (
        "patch",
        "encoder.layers.0.self_attn.out_proj",
    )
    assert found.reads("encoder.layers.0.self_attn.v") == ("patch",)
    assert found.reads("encoder.layers.0.linear2") == ("encoder.layers.0.linear1",)
    assert structure_of("own parameters").reads("out") == ("a",)
    assert structure_of("single layer").reads("") == ()


def test_parameters_used_by_functions_are_readers():
    (reader,) = structure_of("tied autoencoder").readers("encoder")
    assert (reader.kind, reader.name, reader.axis) == ("function", "linear(encoder.weight)", -1)
    (reader,) = structure_of("own parameters").readers("a")
    assert (reader.name, reader.units.tolist()) == ("matmul(weight)", [0, 1, 2, 3])


def test_a_function_of_computed_weights_names_the_first_parameter():
    model = Written(
        lambda net, x: functional.linear(
            net.a(x), torch.cat([net.a.weight.T, net.extra]).clamp(-1)
        ),
        a=nn.Linear(3, 4),
        extra=nn.Parameter(torch.randn(2, 4)),
    )
    (reader,) = described(model, torch.randn(1, 3)).readers("a")
    assert reader.name == "linear(a.weight)"


class Tied(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
        if how == "parameter":
            self.b.weight = self.a.weight
        elif how == "storage":
            self.b.weight.data = self.a.weight.data
        elif how == "transposed":
            self.b.weight.data = self.a.weight.data.T

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x).relu())


@pytest.mark.parametrize("how", ["parameter", "storage", "transposed"])
def test_tied_parameters_are_found(how):
    found = described(Tied(how), torch.randn(1, 4))
    assert found.tied == {"b.weight": "a.weight"}
    assert "b.weight is tied to a.weight." in str(found)
    assert described(Tied("not"), torch.randn(1, 4)).tied == {}


def test_parameters_in_one_storage_that_do_not_overlap_are_not_tied():
    model, flat = nn.Linear(3, 2), torch.randn(8)
    model.weight.data, model.bias.data = flat[:6].view(2, 3), flat[6:]
    assert described(model).tied == {}


def test_ties_are_seen_when_they_are_made_later():
    model = Tied("not")
    found = described(model, torch.randn(1, 4))
    assert found.tied == {}
    model.b.weight.data = model.a.weight.data
    assert Structure.of(model).tied == {"b.weight": "a.weight"}


class Masked(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return functional.linear(input, self.weight.tril(), self.bias)


class Adapted(nn.Linear):
    def __init__(self, inputs: int, units: int) -> None:
        super().__init__(inputs, units)
        self.down, self.up = nn.Linear(inputs, 1), nn.Linear(1, units)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) + self.up(self.down(input))


class Standardised(nn.Conv2d):
    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return super()._conv_forward(input, weight - weight.mean(), bias)


class Renamed(nn.Linear):
    def __init__(self, units: int) -> None:
        super().__init__(3, units)

    def extra_repr(self) -> str:
        return "renamed"


def _hooked(module: nn.Module) -> nn.Module:
    module.register_forward_hook(lambda module, inputs, output: output * 2)
    return module


def _replaced(module: nn.Module) -> nn.Module:
    module.forward = lambda x: x[:, :3] * 2
    return module


def _pruned(module: nn.Module) -> nn.Module:
    prune.l1_unstructured(module, "weight", 0.5)
    return module


PLAIN = {
    "linear": (lambda: nn.Linear(3, 4), True),
    "attention": (lambda: nn.MultiheadAttention(4, 2), True),
    "renamed": (lambda: Renamed(4), True),
    "parametrised": (lambda: parametrizations.weight_norm(nn.Linear(3, 4)), True),
    "pruned": (lambda: _pruned(nn.Linear(3, 4)), True),
    "spectral norm": (lambda: nn.utils.spectral_norm(nn.Linear(3, 4)), True),
    "masked": (lambda: Masked(4, 4), False),
    "masked and parametrised": (lambda: parametrizations.weight_norm(Masked(4, 4)), False),
    "adapted": (lambda: Adapted(3, 4), False),
    "standardised": (lambda: Standardised(1, 2, 3), False),
    "hooked": (lambda: _hooked(nn.Linear(3, 4)), False),
    "replaced": (lambda: _replaced(nn.Linear(3, 4)), False),
}


@pytest.mark.parametrize(("build", "expected"), PLAIN.values(), ids=PLAIN)
def test_layers_that_compute_something_else_are_not_plain(build, expected):
    found = described(build())
    assert found.plain(next(iter(found.layers))) == expected


def test_layers_within_a_layer_are_said_to_be_there():
    model = nn.Sequential(Adapted(3, 4), nn.ReLU(), nn.Linear(4, 2))
    found = described(model, torch.randn(1, 3))
    assert found.unused == []
    assert found.removable == ["0"]
    assert found.why_not_removable("0.down") == (
        "'0.down' runs within '0', where units are not followed"
    )


def _random(net: Any, x: Tensor) -> Tensor:
    return net.b(functional.dropout(net.a(x)))


def _remembering(net: Any, x: Tensor) -> Tensor:
    net.count = getattr(net, "count", 0) + 1
    return net.b(net.a(x) + net.count)


def _as_numpy(net: Any, x: Tensor) -> Tensor:
    if net.a(x).detach().numpy().sum() > -1e9:
        return net.b(net.a(x))
    return net.a(x)


def _shaped(net: Any, x: Tensor) -> Tensor:
    h = net.a(x)
    return net.b(h[:, h[0] > -1e9])


def _broken(net: Any, x: Tensor) -> Tensor:
    return net.b(net.a(x) @ torch.ones(3, 3))


def _mapped(net: Any, x: Tensor) -> Tensor:
    return torch.vmap(lambda one: net.b(net.a(one)))(x)


def _differentiated(net: Any, x: Tensor) -> Tensor:
    with torch.enable_grad():
        given = x.clone().requires_grad_()
        return torch.autograd.grad(net.b(net.a(given).tanh()).sum(), given)[0]


def _nothing(net: Any, x: Tensor) -> Any:
    return {"loss": float(net.b(net.a(x)).sum())}


REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "random": (_random, "gives other numbers when it is run again, at the input of 'b'"),
    "remembering": (_remembering, "draws at random in evaluation mode, or remembers"),
    "numpy decides": (_as_numpy, "takes another way at 'b' once numbers change"),
    "shapes": (_shaped, "the network's shapes depend on values"),
    "broken": (_broken, "the network cannot be run on the example at 'matmul'"),
    "vmap": (_mapped, "runs layers within torch.vmap or another transform of torch.func"),
    "gradients": (_differentiated, "fails at 'grad' once its layers' outputs are put into it"),
    "no tensors": (_nothing, "result holds no tensors: it is of type dict"),
}


@pytest.mark.parametrize(("run", "message"), REFUSED.values(), ids=REFUSED)
def test_networks_that_cannot_be_followed_say_why(run, message):
    model = Written(run, a=nn.Linear(3, 4), b=nn.Linear(4, 2))
    found = described(model, torch.randn(1, 3))
    assert found.obstacle is not None
    assert message in found.obstacle
    with pytest.raises(UnfollowableError):
        found.readers("a")
    assert list(found.layers) == ["a", "b"]
    assert "Training, recording, masks" in str(found)
    assert found.prunable == ["a.weight", "b.weight"]


@pytest.mark.parametrize("name", ["branch on values", "branch on numbers"])
def test_both_sides_of_a_branch_are_followed_as_the_example_goes(name):
    outputs = []
    for sign in (1.0, -1.0):
        model, example = NETWORKS[name].made()
        with torch.no_grad():
            model.a.bias.fill_(100.0 * sign)
        found = described(model, example)
        assert found.obstacle is None
        outputs += found.outputs
        assert found.removable == ["a"]
    assert outputs == ["b", "c"]


def test_nan_is_refused_where_it_first_appears():
    model = lenet_300_100()
    with torch.no_grad():
        model.get_submodule("fc2").weight[3, 4] = torch.nan
    message = described(model).obstacle
    assert message is not None
    assert "gives NaN on the example, at 'fc2'" in message
    last = nn.Linear(2, 2)
    model = Written(lambda net, x: net.a(x).log(), a=last)
    with torch.no_grad():
        last.weight.zero_()
        last.bias.fill_(-1.0)
    message = described(model, torch.ones(1, 2)).obstacle
    assert message is not None
    assert "in its result" in message


def test_compiled_code_of_torchscript_is_refused():
    for example in (None, torch.randn(1, 3)):
        message = described(torch.jit.script(nn.Linear(3, 4)), example).obstacle
        assert message is not None
        assert "is a TorchScript module, whose layers cannot be seen" in message
    inside = nn.Sequential(nn.Linear(3, 3), torch.jit.script(nn.ReLU()))
    assert "'1' is a TorchScript module" in str(described(inside, torch.randn(1, 3)).obstacle)


def test_lazy_networks_are_refused_and_followed_once_they_have_run():
    model = nn.Sequential(nn.LazyLinear(3), nn.ReLU(), nn.Linear(3, 2))
    with pytest.raises(UnfollowableError, match="'0' has parameters without a shape yet"):
        Structure.of(model)
    model(torch.randn(1, 5))
    assert Structure.of(model).outputs == ["2"]


def test_without_an_example_inputs_of_the_layers_shapes_are_tried():
    assert described(lenet_300_100()).reads("fc2") == ("fc1",)
    for name in ("chain", "convolutional", "LSTM", "GRU", "transformer, norm last", "head first"):
        model, example = NETWORKS[name].made()
        found, expected = described(copy.deepcopy(model)), described(model, example)
        assert found.outputs == expected.outputs
        assert all(found.reads(layer) == expected.reads(layer) for layer in found.layers)


def test_an_example_is_asked_for_where_none_fits():
    model, example = NETWORKS["named inputs"].made()
    found = described(model)
    assert found.obstacle is not None
    assert "give an example, Structure.of(model, inputs[:1])" in found.obstacle
    assert Structure.of(model, example) is found
    assert found.obstacle is None


def test_an_unknown_layer_is_refused():
    found = structure_of("residual")
    for ask in (found.layer, found.readers, found.group, found.reads, found.calls, found.plain):
        with pytest.raises(ValueError, match=r"no layer .*blocks\.0\.conv1"):
            ask("blocks.0.conv")


def test_a_structure_holds_a_network_that_nobody_else_holds():
    found = Structure.of(lenet_300_100(input_shape=(1, 2, 2)), torch.randn(1, 1, 2, 2))
    gc.collect()
    assert found.reads("fc2") == ("fc1",)
    assert found.module("fc1").weight.shape == (300, 4)


def test_no_network_is_held_once_its_structure_is_let_go():
    model = lenet_300_100(input_shape=(1, 2, 2))
    found = Structure.of(model, torch.randn(1, 1, 2, 2))
    copy_of = copy.deepcopy(model)
    other = found.of_copy(copy_of)
    assert found.outputs == other.outputs == ["fc3"]
    held = [weakref.ref(model), weakref.ref(copy_of)]
    del model, found, copy_of, other
    gc.collect()
    assert [reference() for reference in held] == [None, None]


def test_a_network_is_followed_once_whoever_lets_its_structure_go():
    runs = []
    model = lenet_300_100(input_shape=(1, 2, 2))
    model.register_forward_pre_hook(lambda *_: runs.append(1))
    assert Structure.of(model, torch.randn(1, 1, 2, 2)).outputs == ["fc3"]
    gc.collect()
    before = len(runs)
    assert before
    assert Structure.of(model).outputs == ["fc3"]
    assert len(runs) == before


def test_a_structure_in_a_single_expression_is_that_of_the_network():
    assert Structure.of(lenet_300_100(), torch.randn(1, 1, 28, 28)).outputs == ["fc3"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "model must be a network, an nn.Module, got None"),
        (nn.Linear, r"got the class Linear: pass Linear\(\.\.\.\)"),
        ({"fc1.weight": torch.zeros(1)}, "got a dict: build the network and load the weights"),
    ],
)
def test_what_is_no_network_has_no_structure(given, words):
    with pytest.raises(ValueError, match=words):
        Structure.of(given, torch.randn(1, 2))


def test_wrapped_networks_are_unwrapped():
    model = lenet_300_100()
    parallel = nn.DataParallel(model)
    compiled = torch.compile(model, backend="eager")
    assert unwrapped(parallel) is unwrapped(compiled) is model
    assert Structure.of(parallel) is Structure.of(compiled) is Structure.of(model)
    assert list(Structure.of(compiled).layers) == ["fc1", "fc2", "fc3"]


def test_compiled_parts_are_looked_into():
    def build() -> nn.Sequential:
        return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))

    inner = nn.Sequential(torch.compile(build(), backend="eager"), nn.Linear(2, 2))
    assert described(inner, torch.randn(1, 4)).reads("1") == ("0._orig_mod.2",)
    in_place = build()
    in_place.compile(backend="eager")
    assert described(in_place, torch.randn(1, 4)).reads("2") == ("0",)


def _modes(model: nn.Module) -> list[bool]:
    return [module.training for module in model.modules()]


class Careless(nn.Module):
    """Changes all it can while it runs."""

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 2)
        self.norm = nn.BatchNorm1d(3, track_running_stats=True)
        self.table = nn.Embedding(4, 3, max_norm=0.1)
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("last", torch.zeros(3))
        self.seen: list[Tensor] = []
        self.cache: dict[str, Tensor] = {}
        self.fails = fails

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        self.last = x[0]
        self.register_buffer("more", x)
        self.seen.append(x)
        self.cache["x"] = x
        self.fresh = x
        self.a.weight.data = self.a.weight.data * 1.0
        with torch.no_grad():
            self.b.weight.mul_(0.5)
        self.eval()
        h = self.norm(self.a(x)) + self.table(torch.tensor([1]))
        if self.fails:
            raise RuntimeError("on purpose")
        torch.rand(1)
        return self.b(h)


@pytest.mark.parametrize("fails", [False, True])
def test_a_network_is_left_as_it_was_found(fails):
    model = Careless(fails=fails)
    model.train()
    model.a.eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    tensors = {name: id(value) for name, value in model.state_dict(keep_vars=True).items()}
    pointers = {name: value.data_ptr() for name, value in model.named_parameters()}
    modes, random = _modes(model), torch.random.get_rng_state()
    attributes = [set(module.__dict__) for module in model.modules()]
    found = Structure.of(model, torch.randn(2, 3))
    random = torch.random.get_rng_state()
    assert (found.obstacle is not None) == fails
    assert _modes(model) == modes
    assert torch.equal(torch.random.get_rng_state(), random)
    assert {n: id(v) for n, v in model.state_dict(keep_vars=True).items()} == tensors
    assert {name: value.data_ptr() for name, value in model.named_parameters()} == pointers
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert [set(module.__dict__) for module in model.modules()] == attributes
    assert (model.seen, model.cache) == ([], {})
    assert all("forward" not in module.__dict__ for module in model.modules())


def test_a_forward_of_its_own_is_put_back():
    model = nn.Sequential(_replaced(nn.Linear(3, 3)), nn.Linear(3, 2))
    own = model[0].forward
    assert described(model, torch.randn(1, 3)).obstacle is None
    assert model[0].forward is own


def test_a_graph_that_awaits_its_gradients_stays_valid():
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)).eval()
    loss = model(torch.randn(4, 3)).sum()
    assert Structure.of(model, torch.randn(1, 3)).obstacle is None
    loss.backward()


def test_inference_mode_changes_nothing():
    with torch.inference_mode():
        model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(inplace=True), nn.Linear(3, 2))
        assert described(model, torch.randn(1, 4)).reads("2") == ("0",)


def test_a_layer_without_units_is_read_by_nobody():
    model = Written(lambda net, x: net.out(net.a(x)), a=nn.Linear(3, 0), out=nn.Linear(0, 2))
    found = described(model, torch.randn(1, 3))
    assert (found.outputs, found.readers("a")) == (["out"], ())
    assert found.layer("a").matrix(model).shape == (0, 3)


def test_a_fast_path_hides_nothing():
    layer = nn.TransformerEncoderLayer(4, 2, 6, batch_first=True)
    found = described(layer, torch.randn(1, 3, 4))
    assert found.calls("linear1") == found.calls("self_attn.out_proj") == 1
    assert found.reads("linear2") == ("linear1",)
    encoder = nn.TransformerEncoder(layer, 2)
    masked = (torch.randn(2, 3, 4), None, torch.tensor([[False, False, True], [False] * 3]))
    assert described(encoder, masked).calls("layers.1.linear2") == 1


def test_structures_are_found_once(monkeypatch):
    count = 0
    before = Passes.replay

    def replay(self: Passes, *given: Any) -> Any:
        nonlocal count
        count += 1
        return before(self, *given)

    monkeypatch.setattr(Passes, "replay", replay)
    model = lenet_300_100()
    found = Structure.of(model, torch.randn(1, 1, 28, 28))
    assert count == 0
    assert found.outputs == ["fc3"]
    assert 0 < count <= 1 + 3 + 2 * 9
    count = 0
    assert Structure.of(model) is found
    assert Structure.of(model, torch.randn(1, 1, 28, 28)).group("fc1") is None
    with torch.no_grad():
        model.get_submodule("fc1").weight.zero_()
    assert Structure.of(model).outputs == ["fc3"]
    assert count == 0


def test_structures_are_found_anew_after_a_layer_was_exchanged():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    for width in (3, 5, 5):
        found = Structure.of(model, torch.randn(1, 4))
        del model[2]
        model.append(nn.Linear(3, width))
        gc.collect()
        assert Structure.of(model) is not found
        assert Structure.of(model).layer("2").units == width
    found = Structure.of(model)
    parametrizations.weight_norm(model[0])
    assert Structure.of(model) is not found
    assert Structure.of(model).layer("0").computed == ("0.weight",)


def test_an_example_may_be_several_tensors_or_named():
    model = Written(
        lambda net, first, second: net.head(net.a(first) + net.b(second)),
        a=nn.Linear(2, 3),
        b=nn.Linear(4, 3),
        head=nn.Linear(3, 2),
    )
    one, two = torch.randn(1, 2), torch.randn(1, 4)
    assert described(copy.deepcopy(model), (one, two)).members("a") == ("a", "b")
    assert described(model, {"second": two, "first": one}).members("a") == ("a", "b")


def test_dicts_and_data_classes_of_results_are_looked_into():
    from dataclasses import dataclass

    @dataclass
    class Answer:
        logits: Tensor
        name: str = "answer"

    model = Written(lambda net, x: Answer(net.a(x)), a=nn.Linear(2, 3))
    assert described(model, torch.randn(1, 2)).outputs == ["a"]
