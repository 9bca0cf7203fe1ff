"""What enters and leaves each layer of a network in one pass, and passes played again.

While a network is played again, every layer answers what it answered the first time, changed where
the caller wishes; what then differs at the others' inputs was reached without passing a layer.
Beside the modules, functions that multiply by a parameter (`F.linear(h, encoder.weight.t())`,
`x @ W`) are layers too: a function mode sees them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.rnn import RNNBase, RNNCellBase
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree

Kind = Literal["layer", "normalisation", "function", "watched"]

_LAYERS = (
    *(nn.Linear, nn.Bilinear, _ConvNd, RNNBase, RNNCellBase, nn.MultiheadAttention),
    *(nn.Embedding, nn.EmbeddingBag),
)
_MIXING = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
# Functions that multiply activations with weights.
_PRODUCTS = frozenset(
    {
        *("linear", "bilinear", "embedding", "matmul", "mm", "bmm", "mv", "einsum", "tensordot"),
        *("addmm", "addmv", "addbmm", "baddbmm", "conv1d", "conv2d", "conv3d"),
        *("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
    }
)
# What leaves the tensors: values that control flow may depend on.
_VALUES = frozenset(
    {"bool", "int", "float", "index", "complex", "item", "tolist", "equal", "allclose"}
)
# What a comparison may hide of a changed number.
_COMPARING = frozenset(
    {
        *("gt", "ge", "lt", "le", "eq", "ne", "where", "masked_fill", "sign", "heaviside"),
        *("isnan", "nan_to_num", "masked_scatter", "index_put", "maximum", "minimum"),
    }
)
_UNSAID = frozenset({"get", "size", "dim", "contiguous", "clone", "detach", "to", "numel", "len"})


class UnfollowableError(ValueError):
    """A network whose units cannot be followed, with the operation that forbids it."""


@dataclass
class Call:
    """One call of a layer.

    Args:
        name: the module's dotted name; of a function its name with those of its weights.
        kind: `layer`, `normalisation` (one that mixes units), `function`, or `watched`: a module
            that is looked at but runs as always.
        inputs: the tensors that entered, in their order.
        outputs: the tensors that left, in their order.
        answer: what left, as it was nested.
        chosen: which of a function's tensors are no weights.
        between: the functions that the inputs have passed since they left other layers, by input.
        overwritten: whether a later function works in place on what left.
        plain: whether a layer computes what its type says, and not what a subclass makes of it.
    """

    name: str
    kind: Kind
    inputs: list[Tensor]
    outputs: list[Tensor] = field(default_factory=list)
    answer: Any = None
    chosen: list[int] = field(default_factory=list)
    between: list[tuple[str, ...]] = field(default_factory=list)
    overwritten: bool = False
    plain: bool = True


# What some calls answer instead of their recorded outputs, by number.
Answers = Mapping[int, list[Tensor]]
# Called with a call's number and its inputs as they are now.
See = Callable[[int, list[Tensor]], None]


def is_layer(module: nn.Module) -> bool:
    """Whether a module is one or more layers by itself."""
    return isinstance(module, _LAYERS)


def mixes_units(module: nn.Module) -> bool:
    """Whether a module normalises over units: LayerNorm, GroupNorm, RMSNorm and their like."""
    name = type(module).__name__
    like = name.endswith(("LayerNorm", "RMSNorm", "GroupNorm")) and not any(module.children())
    return isinstance(module, _MIXING) or like


class Passes:
    """The calls of a network on an example, and passes played again.

    Args:
        model: the network; it is in evaluation mode meanwhile, and afterwards as before.
        example: its inputs: a tensor, several in a tuple, or by name in a dict.

    Raises:
        UnfollowableError: if the network cannot be run, answers NaN, or draws at random.
    """

    def __init__(self, model: nn.Module, example: Any) -> None:
        check_modules(model)
        self.model, self._example = model, example
        self._stops: list[tuple[str, Kind, nn.Module]] = [
            (name, kind, module)
            for name, module in model.named_modules()
            if (kind := _kind(module)) is not None
        ]
        self._held = False
        self.calls: list[Call] = []
        self.compares = False
        self.products: list[bool] = []
        self.functions: list[str] = []
        self.values: list[Any] = []
        self.results = self._run(_Recording(self))
        for call in self.calls:
            _check_numbers(call.name, [*call.inputs, *call.outputs])
        _check_numbers("", self.results)
        self._check_repeatable()

    def replay(self, answers: Answers, see: See) -> list[Tensor]:
        """Plays a pass again; returns the network's results.

        Args:
            answers: what some calls answer now; the others answer as they did.
            see: called with each call's number and its inputs.
        """
        return self._run(_Replaying(self, answers, see))

    @contextmanager
    def as_found(self) -> Iterator[None]:
        """Holds the model in evaluation mode, over many passes, and leaves it as it was found."""
        if self._held:
            yield
            return
        self._held = True
        try:
            with _as_found(self.model):
                yield
        finally:
            self._held = False

    def _run(self, mode: "_Mode") -> list[Tensor]:
        try:
            with self.as_found(), _patched(self._stops, mode), mode, torch.no_grad():
                given = self._example
                if isinstance(given, Mapping):
                    result = self.model(**given)
                else:
                    result = self.model(*given if isinstance(given, tuple) else (given,))
        except UnfollowableError:
            raise
        except Exception as error:
            where = f" at {mode.last!r}" if mode.last else ""
            raise UnfollowableError(
                f"the network cannot be run on the example{where}: {_first_line(error)}"
            ) from error
        mode.check_ended()
        return tensors_in(result)

    def _check_repeatable(self) -> None:
        differing: list[str] = []

        def see(number: int, inputs: list[Tensor]) -> None:
            call = self.calls[number]
            if any(not torch.equal(a, b) for a, b in zip(inputs, call.inputs, strict=True)):
                differing.append(call.name)

        results = self.replay({}, see)
        same = all(torch.equal(a, b) for a, b in zip(results, self.results, strict=True))
        if differing or not same:
            where = f"the input of {differing[0]!r}" if differing else "its result"
            raise UnfollowableError(
                f"the network gives other numbers when it is run again, at {where}: it draws at "
                "random in evaluation mode, or remembers; dropout wants training=self.training"
            )


class _Mode(TorchFunctionMode):
    """What happens at each layer and each function of a pass."""

    def __init__(self, passes: Passes) -> None:
        super().__init__()
        self.passes = passes
        self.last = ""  # the last function that was called
        self._inside = 0  # layers that the current call is within

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        run = partial(func, *args, **(kwargs or {}))
        if self._inside:
            return run()
        name = self.last = getattr(func, "__name__", "").strip("_")
        if name in _VALUES:
            return self.value(run)
        if name in _PRODUCTS:
            return self.product(name, run, tensors_in((args, kwargs)))
        return self.function(name, run, (args, kwargs))

    def call(
        self, name: str, kind: Kind, forward: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        """A module's call; what a layer computes within is nobody else's business."""
        run = partial(forward, *args, **kwargs)
        if self._inside:
            return run()
        tensors = tensors_in((args, kwargs))
        if kind == "watched":
            self._within(partial(self.watch, name, tensors))
            return run()
        plain = (getattr(forward, "__module__", "") or "").startswith("torch.nn.")
        return self._within(partial(self.layer, Call(name, kind, tensors, plain=plain), run))

    def _within(self, run: Callable[[], Any]) -> Any:
        self._inside += 1
        try:
            return run()
        finally:
            self._inside -= 1

    def value(self, run: Callable[[], Any]) -> Any:
        raise NotImplementedError

    def product(self, name: str, run: Callable[[], Any], tensors: list[Tensor]) -> Any:
        raise NotImplementedError

    def function(self, name: str, run: Callable[[], Any], given: Any) -> Any:
        raise NotImplementedError

    def layer(self, call: Call, run: Callable[[], Any]) -> Any:
        raise NotImplementedError

    def watch(self, name: str, tensors: list[Tensor]) -> None:
        raise NotImplementedError

    def check_ended(self) -> None:
        """Says so if the pass was not what it was the first time."""


class _Recording(_Mode):
    """The first pass: everything runs, and is noted."""

    def __init__(self, passes: Passes) -> None:
        super().__init__(passes)
        own = [*passes.model.named_parameters(), *passes.model.named_buffers()]
        # Tensors are held with their ids, lest another be born under the id of one that has gone.
        self._weights: dict[int, tuple[Tensor, str]] = {id(t): (t, name) for name, t in own}
        self._trails: dict[int, tuple[Tensor, tuple[str, ...]]] = {}
        self._left: list[tuple[Call, Tensor, int]] = []

    def value(self, run: Callable[[], Any]) -> Any:
        result = run()
        self.passes.values.append(result)
        return result

    def product(self, name: str, run: Callable[[], Any], tensors: list[Tensor]) -> Any:
        others = [place for place, t in enumerate(tensors) if id(t) not in self._weights]
        multiplies = 0 < len(others) < len(tensors)
        self.passes.products.append(multiplies)
        if not multiplies:
            return self.function(name, run, tensors)
        inputs = [tensors[place] for place in others]
        whose = [self._weights[id(t)][1] for t in tensors if id(t) in self._weights]
        self.passes.functions.append(f"{name}({', '.join(whose)})")
        return self.layer(Call(self.passes.functions[-1], "function", inputs, chosen=others), run)

    def function(self, name: str, run: Callable[[], Any], given: Any) -> Any:
        self.passes.compares |= name in _COMPARING
        tensors = tensors_in(given)
        trail = [word for value in tensors for word in self._trail(value)]
        weights = bool(tensors) and all(id(value) in self._weights for value in tensors)
        whose = self._weights[id(tensors[0])][1] if weights else ""
        result = run()
        for value in tensors_in(result):
            if weights:
                self._weights[id(value)] = value, whose
            words = [*trail, name] if name not in _UNSAID else trail
            self._trails[id(value)] = value, tuple(dict.fromkeys(words))
        return result

    def layer(self, call: Call, run: Callable[[], Any]) -> Any:
        call.between = [self._trail(value) for value in call.inputs]
        call.inputs = _copies(call.inputs)
        result = run()
        outputs = tensors_in(result)
        call.outputs, call.answer = _copies(outputs), result
        self.passes.calls.append(call)
        for value in outputs:
            self._trails[id(value)] = value, ()
            self._left.append((call, value, value._version))
        return result

    def check_ended(self) -> None:
        for call, value, version in self._left:
            call.overwritten |= value._version != version

    def watch(self, name: str, tensors: list[Tensor]) -> None:
        self.passes.calls.append(Call(name, "watched", _copies(tensors)))

    def _trail(self, value: Tensor) -> tuple[str, ...]:
        return self._trails.get(id(value), (value, ()))[1]


class _Replaying(_Mode):
    """A later pass: layers answer what they answered before."""

    def __init__(self, passes: Passes, answers: Answers, see: See) -> None:
        super().__init__(passes)
        self._answers, self._see = answers, see
        self._number = self._products = self._values = 0

    def value(self, run: Callable[[], Any]) -> Any:
        if self._values >= len(self.passes.values):
            raise _other_path(self.last)
        self._values += 1
        return self.passes.values[self._values - 1]

    def product(self, name: str, run: Callable[[], Any], tensors: list[Tensor]) -> Any:
        known = self.passes.products
        if self._products >= len(known):
            raise _other_path(name)
        self._products += 1
        if not known[self._products - 1]:
            return run()
        number = self._next(self.passes.functions[sum(known[: self._products]) - 1])
        chosen = [tensors[place] for place in self.passes.calls[number].chosen]
        return self._answer(number, chosen)

    def function(self, name: str, run: Callable[[], Any], given: Any) -> Any:
        return run()

    def layer(self, call: Call, run: Callable[[], Any]) -> Any:
        return self._answer(self._next(call.name), call.inputs)

    def watch(self, name: str, tensors: list[Tensor]) -> None:
        self._see(self._next(name), tensors)

    def check_ended(self) -> None:
        if self._number != len(self.passes.calls):
            raise _other_path(self.passes.calls[self._number].name)

    def _answer(self, number: int, inputs: list[Tensor]) -> Any:
        self._see(number, inputs)
        call = self.passes.calls[number]
        outputs = self._answers.get(number, call.outputs)
        if call.overwritten:
            outputs = _copies(outputs)
        if isinstance(call.answer, Tensor):
            return outputs[0]
        rest = iter(outputs)
        return _pytree.tree_map_only(Tensor, lambda _: next(rest), call.answer)

    def _next(self, name: str) -> int:
        number, calls = self._number, self.passes.calls
        if number >= len(calls) or calls[number].name != name:
            raise _other_path(name)
        self._number += 1
        return number


def tensors_in(value: Any) -> list[Tensor]:
    """The tensors within nested tuples, lists and dicts, in their order."""
    if isinstance(value, Tensor):
        return [value]
    if type(value) in (tuple, list):
        return [leaf for item in value for leaf in tensors_in(item)]
    if type(value) is dict:
        return [leaf for item in value.values() for leaf in tensors_in(item)]
    if isinstance(value, str | int | float | slice | None):
        return []
    return [leaf for leaf in _pytree.tree_leaves(value) if isinstance(leaf, Tensor)]


def check_modules(model: nn.Module) -> None:
    """Says so if a network holds what nobody can look into.

    Raises:
        UnfollowableError: if a module is TorchScript's, or has parameters that no pass has sized.
    """
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise UnfollowableError(
                f"{name or 'the network'!r} is a TorchScript module, whose layers cannot be seen: "
                "build the network with its own code and load its weights into that"
            )
        if any(is_lazy(value) for value in module.parameters(recurse=False)):
            raise UnfollowableError(
                f"{name or 'the network'!r} has parameters without a shape yet: run the network "
                "once on its data first"
            )


@contextmanager
def _patched(stops: list[tuple[str, Kind, nn.Module]], mode: _Mode) -> Iterator[None]:
    """Lets the mode answer for the layers, also where the model calls their `forward` itself."""
    own = [module.__dict__.get("forward") for _, _, module in stops]
    try:
        for name, kind, module in stops:
            module.__dict__["forward"] = partial(mode.call, name, kind, module.forward)
        yield
    finally:
        for (_, _, module), before in zip(stops, own, strict=True):
            module.__dict__.pop("forward", None)
            if before is not None:
                module.__dict__["forward"] = before


def _kind(module: nn.Module) -> Kind | None:
    if is_layer(module):
        return "layer"
    if isinstance(module, _BatchNorm):
        return "watched"
    return "normalisation" if mixes_units(module) else None


@contextmanager
def _as_found(model: nn.Module) -> Iterator[None]:
    """Evaluation mode; modes, buffers, attributes and random states are put back afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    attributes = [(module, dict(module.__dict__)) for module in model.modules()]
    buffers = [(value, value.clone()) for value in model.buffers()]
    model.eval()
    try:
        with torch.random.fork_rng(_cuda_devices(model)), _eager(model):
            yield
    finally:
        for module, before in attributes:
            module.__dict__.update(before)
            for name in module.__dict__.keys() - before.keys():
                del module.__dict__[name]
        for module, training in modes:
            module.training = training
        with torch.no_grad():
            for value, before in buffers:
                value.copy_(before)


def _eager(model: nn.Module) -> AbstractContextManager[None]:
    """Compiled parts run as they were written; looking for the setting alone takes two seconds."""
    compiled = any(type(module).__name__ == "OptimizedModule" for module in model.modules())
    return torch.compiler.set_stance("force_eager") if compiled else nullcontext()


def _cuda_devices(model: nn.Module) -> list[torch.device]:
    return list({value.device for value in model.parameters() if value.is_cuda})


def _copies(tensors: list[Tensor]) -> list[Tensor]:
    return [value.detach().clone() for value in tensors]


def _check_numbers(name: str, tensors: list[Tensor]) -> None:
    for value in tensors:
        if value.is_floating_point() and bool(value.isnan().any()):
            where = f"at {name!r}" if name else "in its result"
            raise UnfollowableError(
                f"the network gives NaN on the example, {where}: nothing can be said of such a "
                "network; look for NaN or infinity among its weights, statistics and inputs"
            )


def _other_path(name: str) -> UnfollowableError:
    return UnfollowableError(
        f"the network takes another way at {name!r} once numbers change: its control flow depends "
        "on values that are computed outside of torch"
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
