"""A training before it starts, as one value: what is trained, the key it will have, its message.

A job is what is sent to where it is trained. What is large goes by its digest and lies among the
store's objects: data set, mask, and weights that are not drawn. The key goes too: what arrives
must have it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property, partial
from typing import Any

import torch
from torch import nn

from surfeit.core import (
    Objective,
    Params,
    Streams,
    SurfeitError,
    buffers,
    copied,
    cross_entropy,
    digest,
    own_parameters,
    parameters,
)
from surfeit.core.importing import named_object, reference
from surfeit.core.objective import objective_from_json, objective_to_json
from surfeit.data import Dataset, receive_dataset, send_dataset
from surfeit.models import (
    Builder,
    DrawnAs,
    Initial,
    OwnBuilder,
    Structure,
    initial_of,
    initialise_,
    is_rebuildable,
    key_form,
    name_of,
)
from surfeit.store import SCHEMA, Objects, Run, canonical, canonical_json, key_of
from surfeit.train.building import (
    Origin,
    built,
    draws_by_law,
    is_redrawn,
    network_from_json,
    network_to_json,
)
from surfeit.train.checks import check_fits, check_kinds, outputs_for_one
from surfeit.train.conduct import Numerics
from surfeit.train.probes.probe import Probe, check_probes, probe_from_json, probe_to_json
from surfeit.train.pruning import Pruning
from surfeit.train.recipe import Recipe
from surfeit.train.snapshots import Snapshots

SEMANTICS = 1
"""Raised by hand when the same configuration would train to other weights than before."""


@dataclass(frozen=True, eq=False)
class Job:
    """All that a trained network depends on, as one value, which is also what workers are sent.

    >>> job = Job(lenet_300_100, load("digits"), Recipe(epochs=10), seed=1)
    >>> job.key  # that of the run it would be trained to

    Args:
        model: a builder, whose network is drawn from the seed, or a module, whose weights are the
            initial ones and which is not changed.
        dataset: inputs and targets.
        recipe: how to train.
        seed: of all random streams.
        mask: bool tensors by parameter name, True = kept, or None.
        numerics: the arithmetic.
        origin: the step to begin at and the runs that the weights come from.
        pruning: what is removed while training, or None.
        objective: what is minimised; cross-entropy is not named in the key.
        snapshots: which steps to keep; each epoch's end by default. Not in the key.
        probes: what looks at the training, and at which steps: `gradient_norms.every(10)`. They
            change nothing of it. Not in the key.
        role: what the run is in a procedure, for lists: `{"arm": "ticket", "level": 3}`. Not in
            the key.
        name: what the network is called in lists; by default after its builder or its class. Not
            in the key.
        check: called with the job and its finished run, where it was trained; an error fails the
            training. A function at a module's top level. Not in the key.

    Raises:
        ValueError: if network, objective and data do not fit together, all parameters are frozen,
            the mask does not fit the network, or the pruning neither of them; if it has probes and
            is one of a stack.
        CollapseError: if the mask leaves a layer without a single weight.
    """

    model: nn.Module | Builder
    dataset: Dataset
    recipe: Recipe
    seed: int = 0
    mask: Mapping[str, torch.Tensor] | None = None
    numerics: Numerics = field(default_factory=Numerics)
    origin: Origin = field(default_factory=Origin)
    pruning: Pruning | None = None
    objective: Objective = cross_entropy
    snapshots: Snapshots = field(default_factory=Snapshots)
    probes: Sequence[Probe] = ()
    role: Mapping[str, str | int] | None = None
    name: str | None = None
    check: Callable[["Job", Run], None] | None = None

    def __post_init__(self) -> None:
        check_kinds(self)
        object.__setattr__(self, "probes", check_probes(self.probes))
        object.__setattr__(self, "mask", dict(self.mask) if self.mask else None)
        _ = self.streams  # checks the seed
        check_fits(self)

    @cached_property
    def streams(self) -> Streams:
        """The random streams of the seed."""
        return Streams(self.seed)

    @cached_property
    def network(self) -> nn.Module:
        """The network with its initial weights, on the CPU."""
        return built(self.model, self.dataset, self.streams.get("init"))

    @cached_property
    def trained(self) -> list[str]:
        """The names of the parameters that are trained, in the order of the network."""
        own = own_parameters(self.network)
        return [name for name, value in own.items() if value.requires_grad]

    @cached_property
    def frozen(self) -> list[str]:
        """The names of the parameters with `requires_grad=False`, in the order of the network."""
        own = own_parameters(self.network)
        return [name for name, value in own.items() if not value.requires_grad]

    @cached_property
    def structure(self) -> Structure:
        """What the network is, found on the first training example when it is asked for."""
        return Structure.of(self.network, self.dataset.train.inputs[:1])

    @cached_property
    def first_outputs(self) -> torch.Tensor:
        """The initial network's outputs [1, ...] for the first training example."""
        return outputs_for_one(self, training=False)

    @cached_property
    def total_steps(self) -> int:
        """The step that the training ends at, unless it is stopped early."""
        return self.recipe.total_steps(len(self.dataset.train))

    @cached_property
    def steps_per_epoch(self) -> int:
        """Optimiser updates of one pass over the training examples."""
        return self.recipe.steps_per_epoch(len(self.dataset.train))

    def seen(self, step: int) -> int:
        """How many examples come before a step in its epoch."""
        return step % self.steps_per_epoch * self.recipe.batch_size

    def initial(self) -> Params:
        """Copies of the initial parameters and buffers, masked weights at zero."""
        params = parameters(self.network)
        for name, kept in (self.mask or {}).items():
            params[name].masked_fill_(~kept.to(params[name].device), 0)
        return params | buffers(self.network)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What the key stands for, in canonical form."""
        architecture = key_form(self.network)
        drawn = is_rebuildable(architecture) and self._is_drawn()
        config = {
            "architecture": architecture,
            "initial": initial_of(self.model).in_key() if drawn else digest(self.initial()),
            "recipe": self.recipe,
            "seed": self.seed,
        }
        if self.mask:
            config["mask"] = digest(self.mask)
        if self.pruning is not None:
            config["pruning"] = self.pruning.in_key(self.network)
        if self.origin.step:
            config["first_step"] = self.origin.step
        if self.objective != cross_entropy:
            config["objective"] = self.objective.in_key()
        if self.frozen:
            config["frozen"] = sorted(self.frozen)
        return canonical(
            {
                "schema": SCHEMA,
                "kind": "train",
                "semantics": SEMANTICS,
                "config": config,
                "parents": self.origin.parents,
                "data": self.dataset.fingerprint,
                "numerics": self.numerics.in_key(),
            }
        )

    @cached_property
    def key(self) -> str:
        """The run's key."""
        return key_of(self.identity)

    def to_json(self, objects: Objects) -> dict[str, Any]:
        """The job as JSON values; what is large is written to the store.

        Args:
            objects: the store's, which must outlive the work; see `sending_objects`.

        Raises:
            ValueError: if another process could not build the network or the objective: a sentence.
            DiskError: if the disk refuses.

        Cost: a copy of the data set (220 MB for MNIST) and of weights that are not drawn, unless
        the store has them.
        """
        return {
            "key": self.key,
            "network": network_to_json(
                self.model, self.network, objects, drawn=self.is_redrawn(), frozen=self.frozen
            ),
            "data": send_dataset(self.dataset, objects),
            "recipe": _fields(self.recipe),
            "seed": self.seed,
            "mask": None if self.mask is None else objects.put(dict(self.mask)),
            "numerics": asdict(self.numerics),
            "origin": asdict(self.origin),
            "pruning": None if self.pruning is None else _fields(self.pruning),
            "objective": objective_to_json(self.objective),
            "snapshots": asdict(self.snapshots),
            "probes": [probe_to_json(probe) for probe in self.probes],
            "role": None if self.role is None else dict(self.role),
            "name": self.names()["model"],
            "check": None if self.check is None else reference(self.check),
        }

    @staticmethod
    def from_json(record: Mapping[str, Any], objects: Objects) -> "Job":
        """The job that `to_json` sent; of equal records one job is made, as long as it is kept.

        Raises:
            SurfeitError: if it is another than the one sent: code or data differ here.
            StoreError, DataError: if an object is missing or damaged.
            ValueError: if a function cannot be imported here.
        """
        return objects.remember(canonical_json(record), lambda: _received(record, objects))

    def is_redrawn(self) -> bool:
        """Whether the described network, drawn from the seed, has the job's initial weights.

        Cost: that of building and drawing the network, unless it is of the catalog.
        """
        return is_redrawn(self.model, self.network, self.seed)

    @cached_property
    def law(self) -> Initial | None:
        """The law that other initial weights can be drawn from; None where it is not known.

        Cost: as `is_redrawn`.
        """
        return initial_of(self.model) if self.is_redrawn() else None

    def first_mask(self) -> dict[str, torch.Tensor]:
        """What is kept at first, of all parameters that are or may come to be masked."""
        every = {}
        if self.pruning is not None:
            every = self.pruning.all_kept(self.structure, self.network)
        return every | dict(self.mask or {})

    def names(self) -> dict[str, Any]:
        """What to call the network and the data set in the run's record, and what is frozen."""
        if self.name is not None:
            model = self.name
        elif isinstance(self.model, nn.Module):
            model = type(self.network).__name__
        else:
            model = _builder_name(self.model)
        frozen = {"frozen": self.frozen} if self.frozen else {}
        builder = self.model.builder if isinstance(self.model, DrawnAs) else self.model
        own = {"builder": builder.function} if isinstance(builder, OwnBuilder) else {}
        return {"model": model, "data": self.dataset.name, **own, **frozen}

    def _is_drawn(self) -> bool:
        """Whether the initial weights are those that the seed's stream gives, whoever drew them."""
        if draws_by_law(self.model):
            return True
        law = initial_of(self.model)
        drawn = initialise_(copied(self.network), self.streams.get("init"), law)
        return digest(parameters(drawn) | buffers(drawn)) == digest(
            parameters(self.network) | buffers(self.network)
        )


def _builder_name(builder: Builder) -> str:
    """What a builder's networks are called in lists: by the catalog, or after its function."""
    if isinstance(builder, DrawnAs):
        return f"{_builder_name(builder.builder)}-{builder.initial.words}"
    name = name_of(builder)
    if name is not None:
        return name
    builder = builder.func if isinstance(builder, partial) else builder
    return getattr(builder, "__name__", type(builder).__name__).replace("_", "-")


def _received(record: Mapping[str, Any], objects: Objects) -> Job:
    mask, pruning, check = record["mask"], record["pruning"], record["check"]
    job = Job(
        network_from_json(record["network"], objects),
        receive_dataset(record["data"], objects),
        Recipe(**record["recipe"]),
        record["seed"],
        None if mask is None else objects.get(mask),
        Numerics(**record["numerics"]),
        Origin(**record["origin"]),
        None if pruning is None else Pruning(**pruning),
        objective_from_json(record["objective"]),
        Snapshots(**record["snapshots"]),
        tuple(probe_from_json(probe) for probe in record["probes"]),
        record["role"],
        record["name"],
        None if check is None else named_object(check),
    )
    if job.key != record["key"]:
        raise SurfeitError(
            f"the training {record['key'][:12]} is another here, {job.key[:12]}: have the same "
            "code in both places, and let what builds the network draw from its generator alone"
        )
    return job


def _fields(value: Any) -> dict[str, Any]:
    """A dataclass's fields as JSON has them, mappings as dicts."""
    found = {one.name: getattr(value, one.name) for one in fields(value)}
    return {name: dict(one) if isinstance(one, Mapping) else one for name, one in found.items()}
