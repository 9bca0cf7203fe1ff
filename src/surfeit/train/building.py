"""Where a training begins: a builder's network, or one that a run had; and how it is sent.

A network goes by its builder's name in the catalog, by a run and a step, by its description, or,
where only its own code can build it, by its builder's name, `module:function`.
"""

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn

from surfeit.core import Params, Streams, converted_, digest, load_, tensors_of, unwrapped
from surfeit.core.importing import absolute, named_object, reference
from surfeit.data import Dataset
from surfeit.models import (
    Builder,
    DrawnAs,
    Initial,
    OwnBuilder,
    Shape,
    builder_named,
    describe,
    drawn_as,
    foreign_part,
    initial_of,
    initialise_,
    is_rebuildable,
    name_of,
    rebuild,
)
from surfeit.store import Objects, Run, Store

_WRITTEN = "def build(*, input_shape, classes, generator): ..."


@dataclass(frozen=True, eq=False)
class Drawn:
    """A builder of the network that a description stands for, its weights drawn from the seed.

    Args:
        architecture: as from `surfeit.models.describe`.
        frozen: the parameters that are not trained.
        initial: the law that the weights are drawn from.
    """

    architecture: Mapping[str, Any]
    frozen: tuple[str, ...] = ()
    initial: Initial = field(default_factory=Initial)

    def __call__(
        self,
        *,
        input_shape: Shape = (1, 1, 1),
        classes: int = 1,
        generator: torch.Generator | None = None,
    ) -> nn.Module:
        """The network; its shape is that of the description."""
        del input_shape, classes
        model = rebuild(dict(self.architecture))
        model = initialise_(model, generator or Streams(0).get("init"), self.initial)
        return frozen_(model, self.frozen)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a training's initial weights come from. A part of its run's key.

    A training that rewinds to step k takes the weights another one had then, and goes on from
    there: the learning rate's schedule and the order of the images are those from step k on, while
    the optimiser's moments start anew.

    >>> rewound = dense.model(500)  # a run's network at its step 500
    >>> train(rewound, data, recipe, mask=mask, origin=Origin(step=500, parents=(dense.key,)))

    Args:
        step: the updates that the initial weights have behind them, >= 0.
        parents: the keys of the runs that weights or mask were taken from.

    Raises:
        ValueError: if the step is negative or a key is not 64 hexadecimal digits.

    Source: Frankle, Dziugaite, Roy and Carbin 2020, "Linear mode connectivity and the lottery
    ticket hypothesis", algorithm 2 (rewinding to step k).
    """

    step: int = 0
    parents: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.step, bool) or not isinstance(self.step, int) or self.step < 0:
            raise ValueError(f"an origin's step must be an integer >= 0, got {self.step!r}")
        object.__setattr__(self, "parents", tuple(self.parents))
        for key in self.parents:
            if not isinstance(key, str) or len(key) != 64 or set(key) - set("0123456789abcdef"):
                raise ValueError(f"a parent must be a run's key, 64 hex digits, got {key!r}")


@dataclass(frozen=True, eq=False)
class Rewound:
    """A builder of the network with the weights that a run had at a step.

    >>> Job(Rewound(dense, 500), data, recipe, origin=Origin(step=500, parents=(dense.key,)))

    Args:
        run: whose network torch's own modules make up (see `Run.model`).
        step: one of its steps.
    """

    run: Run
    step: int

    @property
    def __name__(self) -> str:  # what runs are called after
        return self.run.about["model"]

    def __call__(
        self,
        *,
        input_shape: Shape = (1, 1, 1),
        classes: int = 1,
        generator: torch.Generator | None = None,
    ) -> nn.Module:
        """The network, frozen where the run's was; raises as `Run.model`."""
        del input_shape, classes, generator
        return self.run.model(self.step)


def frozen_(model: nn.Module, names: Iterable[str]) -> nn.Module:
    """The model, with these parameters not to be trained."""
    for name in names:
        model.get_parameter(name).requires_grad_(False)
    return model


def with_weights_(model: nn.Module, tensors: Params) -> nn.Module:
    """The model with these parameters and buffers, whose precision it takes."""
    floats = [value.dtype for value in tensors.values() if value.is_floating_point()]
    return load_(converted_(model, floats[0]), tensors)


def built(model: nn.Module | Builder, dataset: Dataset, generator: torch.Generator) -> nn.Module:
    """The network to train: the module itself, or what the builder builds for the data.

    Of a compiled or parallel module it is the network within.

    Args:
        model: a module or a builder.
        dataset: whose input shape and number of outputs a builder is given, the latter as
            `classes`, also where targets are real.
        generator: that a builder draws the initial weights from.

    Raises:
        ValueError: if the model is a class, or a builder that takes other arguments or returns no
            module.
    """
    if isinstance(model, nn.Module):
        return unwrapped(model)
    _check_builder(model)
    network = model(input_shape=dataset.input_shape, classes=dataset.outputs, generator=generator)
    if not isinstance(network, nn.Module):
        raise ValueError(
            f"the builder {_name(model)} returned a {type(network).__name__}: it must return the "
            "module that it built"
        )
    return unwrapped(network)


def draws_by_law(model: nn.Module | Builder) -> bool:
    """Whether a builder draws all weights from its law, by `initialise_`, and in no other way."""
    inner = model.builder if isinstance(model, DrawnAs) else model
    return name_of(inner) is not None or isinstance(inner, Drawn)


def is_redrawn(model: nn.Module | Builder, network: nn.Module, seed: int) -> bool:
    """Whether the described network, drawn from the seed, has the network's weights.

    Then they need not be sent, and others of their law can be drawn. It is drawn in single
    precision, which torch's default elsewhere is, whatever it is here.

    Args:
        model: what the network was `built` from.
        network: with its initial weights.
        seed: of the stream `init`.
    """
    own = tensors_of(network)
    if any(one.dtype != torch.float32 for one in own.values() if one.is_floating_point()):
        return False
    if draws_by_law(model):
        return True
    architecture = describe(network)
    if not is_rebuildable(architecture):
        return False
    drawn = initialise_(rebuild(architecture), Streams(seed).get("init"), initial_of(model))
    return digest(tensors_of(drawn)) == digest(own)


def network_to_json(
    model: nn.Module | Builder,
    network: nn.Module,
    objects: Objects,
    *,
    drawn: bool,
    frozen: list[str],
) -> dict[str, Any]:
    """How to build a network elsewhere, as JSON values; its weights go among the objects.

    Args:
        model: what the network was `built` from.
        network: with its initial weights.
        objects: the store's.
        drawn: whether the network `is_redrawn`, so that its weights need not go.
        frozen: the parameters that are not trained.

    Raises:
        ValueError: if another process could not build it: a sentence.
    """
    law = initial_of(model)
    said = isinstance(model, DrawnAs) or law != Initial()
    initial = {"initial": asdict(law)} if said else {}
    name = name_of(model.builder if isinstance(model, DrawnAs) else model)
    if drawn and name is not None:
        return {"builder": name} | initial
    if isinstance(model, Rewound):
        return {"run": model.run.key, "step": model.step}
    architecture = describe(network)
    if not is_rebuildable(architecture):
        inner = model.builder if isinstance(model, DrawnAs) else model
        return _by_name(inner, architecture) | initial
    return {
        "architecture": architecture,
        "weights": None if drawn else objects.put(tensors_of(network)),
        "frozen": frozen,
    } | (initial if drawn else {})


def network_from_json(record: Mapping[str, Any], objects: Objects) -> nn.Module | Builder:
    """The module, or the builder, that `network_to_json` sent.

    Raises:
        StoreError: if an object is missing or damaged.
        ValueError: if a function cannot be imported here.
    """
    if "run" in record:
        return Rewound(Run(Store(objects.root).path_of(record["run"])), record["step"])
    law = Initial(**record.get("initial", {}))
    if "builder" in record:
        return drawn_as(builder_named(record["builder"]), law)
    if "own" in record or "function" in record:
        own = "own" in record
        builder = OwnBuilder(record["own"]) if own else named_object(record["function"])
        return drawn_as(builder, law) if "initial" in record else builder
    if record["weights"] is None:
        return Drawn(record["architecture"], tuple(record["frozen"]), law)
    model = with_weights_(rebuild(record["architecture"]), objects.get(record["weights"]))
    return frozen_(model, record["frozen"])


def _by_name(model: nn.Module | Builder, architecture: dict[str, Any]) -> dict[str, str]:
    """A builder by its name, whose network its own code alone can build."""
    if isinstance(model, OwnBuilder):
        return {"own": absolute(model.function)}
    part = foreign_part(architecture)
    if isinstance(model, nn.Module):
        raise ValueError(
            f"a {part} cannot be built in another process, from its description alone: pass a "
            "builder, a function at a module's top level, or use engine=InProcess()"
        )
    try:
        return {"function": reference(model)}
    except ValueError as error:
        raise ValueError(
            f"a {part} cannot be built in another process, from its description alone, and its "
            f"builder cannot be had there: {error}. Or use engine=InProcess()"
        ) from error


def _check_builder(builder: Builder) -> None:
    if isinstance(builder, type) and issubclass(builder, nn.Module):
        name = builder.__name__
        raise ValueError(
            f"model must be a module or a builder, got a class: pass {name}(...), whose own "
            f"weights all seeds then share, or a builder, {_WRITTEN}, that returns a {name} drawn "
            "from the generator for each seed"
        )
    try:
        signature = inspect.signature(builder)
    except (TypeError, ValueError):  # compiled code may have none
        return
    try:
        signature.bind(input_shape=(1, 1, 1), classes=1, generator=None)
    except TypeError as error:
        raise ValueError(
            f"the builder {_name(builder)} takes other arguments than a builder is given "
            f"({error}): write {_WRITTEN}, which draws its weights from the generator, or pass a "
            "module, whose own weights all seeds then share"
        ) from error


def _name(builder: Builder) -> str:
    return getattr(builder, "__name__", type(builder).__name__)
