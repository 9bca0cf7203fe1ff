"""What a network is: its layers, who reads their units, which are outputs, which go together."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from torch import nn

from surfeit.core import one_thread, ties, unknown, unwrapped
from surfeit.models.structure.call import is_plain
from surfeit.models.structure.calls import Passes, UnfollowableError
from surfeit.models.structure.example import passes_without_example, placed
from surfeit.models.structure.groups import Group
from surfeit.models.structure.kept import Found, keep, kept
from surfeit.models.structure.layers import Layer, check_sized, layers, prunable
from surfeit.models.structure.readers import Reader
from surfeit.models.structure.traced import Traced, traced


class Structure:
    """What a network is, found once by running it on an example, and kept as long as it lives.

    A structure holds its network.

    Its layers and their weights are there at once; who reads whose units, and all that follows from
    it, when first asked for. How: every layer's output is recorded; then, with chosen units at NaN,
    what changes at the inputs of other layers was reached without passing a layer. No operation has
    a rule of its own. What depends on units by control flow or indices alone is not seen, nor
    branches that the example does not take.

    >>> structure = Structure.of(model, inputs[:1])
    >>> structure.outputs, structure.readers("conv1"), structure.group("layer1.0.conv2")
    >>> print(structure)  # the network at a glance

    Attributes:
        layers: by name, in the order of registration.
    """

    def __init__(self, model: nn.Module, found: Found) -> None:
        self._model, self._found = model, found
        self.layers: dict[str, Layer] = found.layers

    @staticmethod
    def of(model: nn.Module, example: Any = None) -> "Structure":
        """The structure of a network; kept, so that it is found once.

        Args:
            model: any module; of a compiled or parallel one the network within (`unwrapped`).
            example: inputs that the network takes, one example is enough: a tensor, several in a
                tuple, or by name in a dict. Without one, inputs of the shapes that the layers
                suggest are tried when they are needed.

        Raises:
            ValueError: if it is no network, or has parameters without a shape yet.

        Cost: a forward pass for each layer and about 2 log2(units) more, their layers left out: 20
        ms for LeNet-300-100, 2 to 5 s for a ResNet-110, on one core.
        """
        model = unwrapped(model)
        check_sized(model)
        found, structure = kept(model)
        if found is None:
            return _new(model, Found(example, layers(model)))
        found.learn(example)
        return structure or _new(model, found)

    def of_copy(self, model: nn.Module) -> "Structure":
        """The structure of a copy of the network, kept for it without running the copy."""
        model = unwrapped(model)
        return _new(model, replace(self._found, layers=layers(model)))

    @property
    def example(self) -> Any:
        """The inputs that the network was followed on.

        Raises:
            ValueError: if it cannot be followed.
        """
        _ = self._traced
        return self._found.example

    @property
    def prunable(self) -> list[str]:
        """The names of the parameters that hold layers' weights: see `prunable`."""
        return prunable(self._model)

    @property
    def outputs(self) -> list[str]:
        """The layers whose units reach the network's result with no other layer in between.

        Raises:
            ValueError: if the network cannot be followed.
        """
        return [name for name in self.layers if name in self._traced.outputs]

    @property
    def unused(self) -> list[str]:
        """The layers that a pass never runs.

        Raises:
            ValueError: if the network cannot be followed.
        """
        return [name for name in self.layers if not self.calls(name) and not self.within(name)]

    @property
    def removable(self) -> list[str]:
        """The layers whose units can be removed: see `check_removable`.

        Raises:
            ValueError: if the network cannot be followed.
        """
        return [name for name in self.layers if self.why_not_removable(name) is None]

    @property
    def obstacle(self) -> str | None:
        """Why the network cannot be followed, with the operation; None if it can.

        Its layers' weights can be measured, masked and trained all the same.
        """
        if self._found.obstacle is None:
            try:
                _ = self._traced
            except UnfollowableError as error:
                self._found.obstacle = str(error)
        return self._found.obstacle

    def layer(self, name: str) -> Layer:
        """The layer called `name`.

        Raises:
            ValueError: if there is none; the nearest names are suggested.
        """
        if name not in self.layers:
            raise unknown("layer", name, self.layers)
        return self.layers[name]

    def weights(self, name: str) -> int:
        """How many weights a layer has, the zeros between groups left out."""
        described = self.layer(name)
        return described.units * described.inputs // described.groups

    @property
    def tied(self) -> dict[str, str]:
        """Parameters and buffers over the numbers of another one, by name: see `core.ties`.

        Raises:
            ValueError: if two share some numbers but not all.
        """
        return {name: tie.to for name, tie in ties(self._model).items()}

    @property
    def frozen(self) -> list[str]:
        """The parameters that no training moves: those with `requires_grad=False`."""
        named = self._model.named_parameters()
        return [name for name, value in named if not value.requires_grad]

    def plain(self, name: str) -> bool:
        """Whether a layer computes what its type and its weight say, and nothing besides.

        Not so for a subclass with a `forward` of its own (a masked layer, a low-rank adapter) or
        where forward hooks may change the answer: closed forms do not hold there.

        Raises:
            ValueError: if there is no such layer.
        """
        return is_plain(self._model.get_submodule(self.caller(self.layer(name).name)))

    def module(self, name: str) -> nn.Module:
        """The network's module of a dotted name."""
        return self._model.get_submodule(name)

    def calls(self, name: str) -> int:
        """How often a pass runs a layer."""
        caller = self.caller(self.layer(name).name)
        return sum(called == caller for called, _ in self._traced.order)

    def readers(self, name: str) -> tuple[Reader, ...]:
        """Where a layer's units are read, the network's result included.

        Raises:
            ValueError: if there is no such layer, or the network cannot be followed.
        """
        self.layer(name)
        return tuple(r for r in self._traced.readers.get(name, ()) if r.kind != "watched")

    def reads(self, name: str) -> tuple[str, ...]:
        """The layers whose units a layer reads, with no other layer in between.

        Normalisations and functions with parameters are none. A level of a recurrent module reads
        the level below; queries, keys and values read all that enters their module.

        Raises:
            ValueError: if there is no such layer, or the network cannot be followed.
        """
        described = self.layer(name)
        below = self._below(described)
        if below:
            return below
        return tuple(
            other for other in self.layers if described.module in self._traced.next_layers(other)
        )

    def next_levels(self, name: str) -> tuple[str, ...]:
        """The layers of a recurrent module's next level, which read these units within it."""
        own = self.layer(name).name
        return tuple(other for other, layer in self.layers.items() if own in self._below(layer))

    def within(self, name: str) -> str | None:
        """The layer within which this one runs, as an adapter within what it adapts; or None."""
        return self._traced.within.get(self.caller(self.layer(name).name))

    def normalisations(self, name: str) -> tuple[Reader, ...]:
        """The batch normalisations that a layer's units pass on their way, with their channels."""
        self.layer(name)
        return tuple(r for r in self._traced.readers.get(name, ()) if r.kind == "watched")

    @property
    def functions(self) -> list[str]:
        """The functions that multiply by a parameter beside the modules: `linear(encoder.weight)`.

        Raises:
            ValueError: if the network cannot be followed.
        """
        kinds = zip(self._traced.order, self._traced.kinds, strict=True)
        return list(dict.fromkeys(name for (name, _), kind in kinds if kind == "function"))

    def behind(self, places: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
        """The calls that depend on what some calls give, these left out.

        Args:
            places: calls by name and occurrence, as of `Reader`.
        """
        return self._traced.behind(places)

    def group(self, name: str) -> Group | None:
        """The layers whose units can only go together with this one's; None if there are none.

        Raises:
            ValueError: if there is no such layer, or the network cannot be followed.
        """
        self.layer(name)
        return self._traced.groups.get(name)

    def members(self, name: str) -> tuple[str, ...]:
        """The layers that go together with this one, itself included."""
        group = self.group(name)
        return (name,) if group is None else group.layers

    def why_not_removable(self, name: str) -> str | None:
        """Why a layer's units cannot be removed one by one, a sentence's end; None if they can."""
        reason = self._own_reason(self.layer(name).name)
        for member in self.members(name) if reason is None else ():
            others = self._own_reason(member)
            if others is not None:
                with_whom = f"they go together with those of {self.layers[member].label}"
                return f"{with_whom}, and {others.replace('they ', 'those ', 1)}"
        return reason

    def check_removable(self, name: str) -> None:
        """Says so if units of a layer cannot be removed.

        Raises:
            ValueError: if the layer's units are outputs, mix before they are read, or never run.
        """
        reason = self.why_not_removable(self.layer(name).name)
        if reason is not None:
            raise ValueError(f"units of {self.layers[name].label} cannot be removed: {reason}")

    def __repr__(self) -> str:
        return f"Structure({len(self.layers)} layers: {', '.join(self.layers)})"

    def __str__(self) -> str:
        from surfeit.models.structure.overview import text

        return text(self)

    def _repr_html_(self) -> str:
        from surfeit.models.structure.overview import html

        return html(self)

    def _own_reason(self, name: str) -> str | None:
        described = self.layers[name]
        if described.kind == "attention":
            return "queries, keys and values meet within MultiheadAttention"
        outer = self.within(name)
        if outer is not None:
            return f"{described.label} runs within {outer!r}, where units are not followed"
        if not self.calls(name):
            return f"no pass through the network runs {described.label}"
        if name in self._traced.outputs:
            return "they reach the network's result"
        if described.kind == "recurrent" and described.module in self._traced.begun:
            return f"the state of {described.label} begins at numbers that are not its own"
        own = self.readers(name)
        for reader in own:
            if reader.axis is None:
                what = "element" if reader.mixed else "position along an axis"
                return f"between {described.label} and {reader.words} no {what} belongs to one unit"
        if not own and not self.next_levels(name):
            return f"nothing reads the units of {described.label} where they can be told apart"
        return None

    def _below(self, described: Layer) -> tuple[str, ...]:
        """The layers of the level below within a recurrent module."""
        level = _level(described)
        if level is None or level == 0:
            return ()
        others = (other for other in self.layers.values() if other.module == described.module)
        return tuple(other.name for other in others if _level(other) == level - 1)

    def caller(self, name: str) -> str:
        """The module whose calls are the layer's: attention never calls its own projection."""
        described = self.layers[name]
        model = self._model
        parent = described.module.rpartition(".")[0]
        inside = described.module.rpartition(".")[2] == "out_proj" and isinstance(
            model.get_submodule(parent), nn.MultiheadAttention
        )
        return parent if inside else described.module

    @property
    def _traced(self) -> Traced:
        if self._found.traced is None:
            self._found.traced = self._trace()
        return self._found.traced

    @one_thread()  # passes of one example: threads would wait for each other on a busy machine
    def _trace(self) -> Traced:
        model, example = self._model, self._found.example
        if example is None:
            passes = passes_without_example(model)
        else:
            passes = Passes(model, placed(example, model))
        self._found.example = passes.example
        units = {name: own.units for name, own in self.layers.items()}
        return traced(model, passes, units)


def _new(model: nn.Module, found: Found) -> Structure:
    structure = Structure(model, found)
    keep(model, structure, found)
    return structure


def _level(described: Layer) -> int | None:
    """The level of a layer in a recurrent module of several; None for all others."""
    if described.kind != "recurrent" or described.name == described.module:
        return None
    return int(described.name.rpartition(".")[2].removesuffix("_reverse")[1:])
