"""What happens at each layer and each function while a network runs: noted, or answered."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch._C._functorch import is_functorch_wrapped_tensor
from torch._ops import OpOverload, OpOverloadPacket
from torch.overrides import TorchFunctionMode

from surfeit.models.structure.call import (
    Call,
    Kind,
    UnfollowableError,
    tensors_in,
    with_tensors,
)

# Functions that multiply activations with weights.
PRODUCTS = frozenset(
    {
        *("linear", "bilinear", "embedding", "matmul", "rmatmul", "mm", "bmm", "mv", "einsum"),
        *("tensordot", "addmm", "addmv", "addbmm", "baddbmm", "conv1d", "conv2d", "conv3d"),
        *("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
    }
)
# What leaves the tensors to decide something, and what leaves them as numbers.
# `__float__` takes a number out, `float` is another type of tensor.
_DECISIONS = frozenset(
    {"__bool__", "__int__", "__index__", "__contains__", "is_nonzero", "equal", "allclose"}
)
_NUMBERS = frozenset({"__float__", "__complex__", "item", "tolist"})
# What may hide that a number became NaN, and yet gives floating-point numbers.
_HIDING = frozenset(
    {
        *("sign", "sgn", "heaviside", "copysign", "nan_to_num", "fmax", "fmin", "nansum"),
        *("nanmean", "nanmedian", "nanquantile", "numpy", "array"),
    }
)
_SETTINGS = frozenset({"set_grad_enabled", "get"})
_UNSAID = frozenset({"get", "size", "dim", "contiguous", "clone", "detach", "to", "numel", "len"})

# What some calls answer instead of their recorded outputs, by number.
Answers = Mapping[int, list[Tensor]]
# Called with a call's number and its inputs as they are now.
See = Callable[[int, list[Tensor]], None]


@dataclass
class Record:
    """What the first pass noted.

    Args:
        calls: of layers, normalisations and functions with weights, in their order.
        results: the tensors of the network's result.
        hides: whether a function may hide that a number became NaN: comparisons above all.
        products: of each product, whether a parameter is multiplied with.
        functions: the names of those that do.
        decisions: the values that control flow may depend on.
        numbers: the numbers taken out of tensors.
        live: whether later passes take numbers out anew, so that they follow the units, and do not
            repeat the first ones.
        within: layers that ran inside of another, by name.
    """

    calls: list[Call] = field(default_factory=list)
    results: list[Tensor] = field(default_factory=list)
    hides: bool = False
    products: list[bool] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    decisions: list[Any] = field(default_factory=list)
    numbers: list[Any] = field(default_factory=list)
    live: bool = True
    within: dict[str, str] = field(default_factory=dict)


class Mode(TorchFunctionMode):
    """What happens at each layer and each function of a pass."""

    def __init__(self, record: Record) -> None:
        super().__init__()
        self.record = record
        self.last = ""  # the last function that was called
        self._inside: list[str] = []  # the layer that the current call is within

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
        written = getattr(func, "__name__", "")
        name = written.strip("_")
        if name not in _SETTINGS:
            self.last = name
        if written in _DECISIONS:
            return self.decision(run)
        if written in _NUMBERS:
            return self.number(run)
        if name in PRODUCTS:
            return self.product(name, run, tensors_in((args, kwargs)))
        if isinstance(func, OpOverload | OpOverloadPacket):  # anybody's: nothing is known of it
            self.record.hides = True
        return self.function(name, run, (args, kwargs))

    def call(
        self,
        name: str,
        kind: Kind,
        plain: bool,
        forward: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """A module's call; what a layer computes within is nobody else's business."""
        run = partial(forward, *args, **kwargs)
        if self._inside:
            self.record.within.setdefault(name, self._inside[0])
            return run()
        tensors = tensors_in((args, kwargs))
        self._inside.append(name)
        try:
            if kind != "watched":
                return self.layer(Call(name, kind, tensors, plain=plain), run)
            self.watch(name, tensors)
        finally:
            self._inside.pop()
        return run()

    def decision(self, run: Callable[[], Any]) -> Any:
        raise NotImplementedError

    def number(self, run: Callable[[], Any]) -> Any:
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


class Weights:
    """A model's tensors, and what is made of them alone, such as a transposed weight."""

    def __init__(self, model: nn.Module) -> None:
        own = [*model.named_parameters(), *model.named_buffers()]
        # Tensors are held with their ids, lest another be born under the id of one that has gone.
        self._names: dict[int, tuple[Tensor, str]] = {id(t): (t, name) for name, t in own}

    def has(self, value: Tensor) -> bool:
        """Whether a tensor is one of them."""
        return id(value) in self._names

    def follow(self, given: list[Tensor], made: list[Tensor]) -> None:
        """Notes what a function made, if it was given weights alone."""
        if given and all(id(value) in self._names for value in given):
            whose = self._names[id(given[0])][1]
            self._names |= {id(value): (value, whose) for value in made}

    def product(self, name: str, tensors: list[Tensor]) -> tuple[str | None, list[int]]:
        """What a product is called if it multiplies by weights, and which tensors are none."""
        others = [place for place, value in enumerate(tensors) if id(value) not in self._names]
        if not 0 < len(others) < len(tensors):
            return None, others
        whose = [self._names[id(value)][1] for value in tensors if id(value) in self._names]
        return f"{name}({', '.join(whose)})", others


class Recording(Mode):
    """The first pass: everything runs, and is noted."""

    def __init__(self, record: Record, model: nn.Module) -> None:
        super().__init__(record)
        self._weights = Weights(model)
        self._trails: dict[int, tuple[Tensor, tuple[str, ...]]] = {}
        self._left: list[tuple[Call, Tensor, int | None]] = []
        self._moved: dict[int, Tensor] = {}  # what layers' outputs have entered

    def decision(self, run: Callable[[], Any]) -> Any:
        self.record.decisions.append(run())
        return self.record.decisions[-1]

    def number(self, run: Callable[[], Any]) -> Any:
        self.record.numbers.append(run())
        self.record.hides = True
        return self.record.numbers[-1]

    def product(self, name: str, run: Callable[[], Any], tensors: list[Tensor]) -> Any:
        called, others = self._weights.product(name, tensors)
        self.record.products.append(called is not None)
        if called is None:
            return self.function(name, run, tensors)
        inputs = [tensors[place] for place in others]
        self.record.functions.append(called)
        return self.layer(Call(called, "function", inputs, chosen=others), run)

    def function(self, name: str, run: Callable[[], Any], given: Any) -> Any:
        tensors = tensors_in(given)
        trail = [word for value in tensors for word in self._trail(value)]
        floating = any(value.is_floating_point() for value in tensors)
        moved = any(id(value) in self._moved for value in tensors)
        result = run()
        self._weights.follow(tensors, tensors_in(result))
        self.record.hides |= moved and name in _HIDING
        for value in tensors_in(result):
            if moved:
                self._moved[id(value)] = value
                # Comparisons, places of the largest, roundings to integers.
                self.record.hides |= floating and not value.is_floating_point()
            words = [*trail, name] if name not in _UNSAID else trail
            self._trails[id(value)] = value, tuple(dict.fromkeys(words))
        return result

    def layer(self, call: Call, run: Callable[[], Any]) -> Any:
        call.between = [self._trail(value) for value in call.inputs]
        call.parameters = [n for n, value in enumerate(call.inputs) if self._weights.has(value)]
        call.inputs = copies(call.inputs)
        result = run()
        outputs = tensors_in(result)
        call.outputs, call.answer = copies(outputs), result
        self.record.calls.append(call)
        for value in outputs:
            self._trails[id(value)] = value, ()
            self._moved[id(value)] = value
            self._left.append((call, value, _version(value)))
        return result

    def check_ended(self) -> None:
        for call, value, version in self._left:
            call.overwritten |= version is None or value._version != version

    def watch(self, name: str, tensors: list[Tensor]) -> None:
        between = [self._trail(value) for value in tensors]
        self.record.calls.append(Call(name, "watched", copies(tensors), between=between))

    def _trail(self, value: Tensor) -> tuple[str, ...]:
        return self._trails.get(id(value), (value, ()))[1]


class Replaying(Mode):
    """A later pass: layers answer what they answered before."""

    def __init__(self, record: Record, answers: Answers, see: See) -> None:
        super().__init__(record)
        self._answers, self._see = answers, see
        self._number = self._products = 0
        self._decisions, self._numbers = iter(record.decisions), iter(record.numbers)

    def decision(self, run: Callable[[], Any]) -> Any:
        return self._repeated(self._decisions)

    def number(self, run: Callable[[], Any]) -> Any:
        before = self._repeated(self._numbers)
        return run() if self.record.live and _is_floating(before) else before

    def _repeated(self, values: Iterator[Any]) -> Any:
        for value in values:
            return value
        raise _other_path(self.last)

    def product(self, name: str, run: Callable[[], Any], tensors: list[Tensor]) -> Any:
        known = self.record.products
        if self._products >= len(known):
            raise _other_path(name)
        self._products += 1
        if not known[self._products - 1]:
            return run()
        number = self._next(self.record.functions[sum(known[: self._products]) - 1])
        chosen = [tensors[place] for place in self.record.calls[number].chosen]
        return self._answer(number, chosen)

    def function(self, name: str, run: Callable[[], Any], given: Any) -> Any:
        return run()

    def layer(self, call: Call, run: Callable[[], Any]) -> Any:
        return self._answer(self._next(call.name), call.inputs)

    def watch(self, name: str, tensors: list[Tensor]) -> None:
        self._see(self._next(name), tensors)

    def check_ended(self) -> None:
        if self._number != len(self.record.calls):
            raise _other_path(self.record.calls[self._number].name)

    def _answer(self, number: int, inputs: list[Tensor]) -> Any:
        self._see(number, inputs)
        call = self.record.calls[number]
        outputs = self._answers.get(number, call.outputs)
        if call.overwritten:
            outputs = copies(outputs)
        return with_tensors(call.answer, outputs)

    def _next(self, name: str) -> int:
        number, calls = self._number, self.record.calls
        if number >= len(calls) or calls[number].name != name:
            raise _other_path(name)
        self._number += 1
        return number


def copies(tensors: list[Tensor]) -> list[Tensor]:
    """Copies that nothing can change.

    Raises:
        UnfollowableError: if they stand for others, as within `torch.vmap`.
    """
    if any(is_functorch_wrapped_tensor(value) for value in tensors):
        raise UnfollowableError(
            "the network runs layers within torch.vmap or another transform of torch.func, where "
            "their inputs and outputs cannot be looked at"
        )
    return [value.detach().clone() for value in tensors]


def _version(value: Tensor) -> int | None:
    """How often a tensor was written to; None where nobody counts."""
    return None if value.is_inference() else value._version


def _is_floating(value: Any) -> bool:
    while isinstance(value, list) and value:
        value = value[0]
    return isinstance(value, float | complex)


def _other_path(name: str) -> UnfollowableError:
    return UnfollowableError(
        f"the network takes another way at {name!r} once numbers change: its control flow depends "
        "on values that are computed outside of torch"
    )
