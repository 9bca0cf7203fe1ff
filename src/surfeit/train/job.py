"""A training before it starts: what is to be trained, and the key it will have."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from surfeit.core import (
    OBJECTIVES,
    Objective,
    Params,
    Streams,
    buffers,
    check_kind,
    check_mask_fits,
    copied,
    cross_entropy,
    describe_inputs,
    digest,
    own_parameters,
    parameters,
)
from surfeit.data import Dataset
from surfeit.models import Builder, Structure, initialise_, is_rebuildable, key_form
from surfeit.prune import check_alive
from surfeit.store import SCHEMA, canonical, key_of
from surfeit.train.building import built
from surfeit.train.divergence import far_from_one
from surfeit.train.numerics import Numerics
from surfeit.train.origin import Origin
from surfeit.train.pruning import Pruning
from surfeit.train.recipe import Recipe
from surfeit.train.recording import Snapshots
from surfeit.train.targeted import targeted_layers

SEMANTICS = 1
"""Raised by hand when the same configuration would train to other weights than before."""


@dataclass(frozen=True)
class Job:
    """All that a trained network depends on.

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
        role: what the run is in a procedure, for lists: `{"arm": "ticket", "level": 3}`. Not in
            the key.

    Raises:
        ValueError: if network, objective and data do not fit together, all parameters are frozen,
            the mask does not fit the network, or the pruning neither of them.
        CollapseError: if the mask leaves a layer without a single weight.
    """

    model: nn.Module | Builder
    dataset: Dataset
    recipe: Recipe
    seed: int = 0
    mask: dict[str, torch.Tensor] | None = None
    numerics: Numerics = field(default_factory=Numerics)
    origin: Origin = field(default_factory=Origin)
    pruning: Pruning | None = None
    objective: Objective = cross_entropy
    snapshots: Snapshots = field(default_factory=Snapshots)
    role: Mapping[str, str | int] | None = None

    def __post_init__(self) -> None:
        self._check_kinds()
        self._check_origin()
        _ = self.streams  # checks the seed
        self._check_trainable()
        self._check_augmentation()
        self._check_fit()
        self._check_last_batch()
        self._check_mask()
        if self.pruning is not None:
            mask = self.first_mask()
            self.pruning.check(self.structure, self.network, mask, self.objective)
        if self.recipe.targeted_dropout:
            targeted_layers(self.structure, self.trained)  # says so if there is none

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
        return self._outputs(training=False)

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
            "initial": "glorot-normal" if drawn else digest(self.initial()),
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

    def first_mask(self) -> dict[str, torch.Tensor]:
        """What is kept at first, of all parameters that are or may come to be masked."""
        every = {}
        if self.pruning is not None:
            every = self.pruning.all_kept(self.structure, self.network)
        return every | (self.mask or {})

    def names(self) -> dict[str, Any]:
        """What to call the network and the data set in the run's record, and what is frozen."""
        if isinstance(self.model, nn.Module):
            model = type(self.network).__name__
        else:
            builder, widths = self.model, ()
            if isinstance(builder, partial):  # mlp with its widths
                builder, widths = builder.func, next(iter(builder.args), ())
            name = getattr(builder, "__name__", type(builder).__name__).replace("_", "-")
            model = "-".join([name, *map(str, widths)])
        frozen = {"frozen": self.frozen} if self.frozen else {}
        return {"model": model, "data": self.dataset.name, **frozen}

    def _is_drawn(self) -> bool:
        """Whether the initial weights are those that the seed's stream gives, whoever drew them."""
        drawn = initialise_(copied(self.network), self.streams.get("init"))
        return digest(parameters(drawn) | buffers(drawn)) == digest(
            parameters(self.network) | buffers(self.network)
        )

    def _check_kinds(self) -> None:
        if not callable(self.model):
            raise ValueError(
                f"model must be a module or a builder such as lenet_300_100, got {self.model!r}"
            )
        if not isinstance(self.dataset, Dataset):
            raise ValueError(
                f"dataset must be a Dataset, got {_shortly(self.dataset)}: "
                'load("digits") gives one by its name, from_tensors("mine", train=..., '
                "validation=..., test=...) makes one of pairs of tensors, and from_dataset one of "
                "data sets and loaders as PyTorch has them"
            )
        if not isinstance(self.recipe, Recipe):
            raise ValueError(f"recipe must be a Recipe(...), got {self.recipe!r}")
        if not isinstance(self.origin, Origin):
            raise ValueError(
                f"origin must be an Origin, got {self.origin!r}: pass Origin(step=..., "
                "parents=(run.key,)), or nothing to begin at step 0"
            )
        if self.pruning is not None and not isinstance(self.pruning, Pruning):
            raise ValueError(
                f"pruning must be a Pruning, got {self.pruning!r}: pass "
                "Pruning(moments=at_step(step, density))"
            )
        objective = self.objective
        if not isinstance(objective, Objective):
            raise ValueError(
                f"objective must be an Objective, got {self.objective!r}: pass cross_entropy, "
                "squared_error, hinge, binary_cross_entropy, or own_objective(function)"
            )
        if objective.source is None and OBJECTIVES.get(objective.name) != objective:
            raise ValueError(
                f"the objective {objective.name!r} is none of the library's, and no key can stand "
                "for its functions: pass own_objective(function)"
            )

    def _check_origin(self) -> None:
        total = self.recipe.total_steps(len(self.dataset.train))
        if self.origin.step >= total:
            raise ValueError(
                f"a training of {total} steps cannot begin at step {self.origin.step}: "
                f"rewind to a step below {total}"
            )
        moments = self.pruning.moments if self.pruning is not None else ()
        outside = [step for step, _ in moments if not self.origin.step <= step <= total]
        if outside:
            raise ValueError(
                f"a training from step {self.origin.step} to {total} cannot prune at step "
                f"{outside[0]}"
            )

    def _check_trainable(self) -> None:
        if not self.trained and not self.frozen:
            raise ValueError("the network has no parameters to train")
        if not self.trained:
            raise ValueError(
                "the network has nothing to train: all of its parameters are frozen, with "
                "requires_grad=False"
            )

    def _check_augmentation(self) -> None:
        train, augmentation = self.dataset.train, self.recipe.augmentation
        if augmentation is None:
            return
        if not train.holds_images:
            raise ValueError(
                f"augmentation {augmentation!r} moves images, [n, channels, height, width], but "
                f"{self.dataset.name} holds {describe_inputs(train)}: leave it None"
            )
        _ = self.dataset.black  # says so if it is not known

    def _check_fit(self) -> None:
        """Says so if the objective cannot judge the initial network's outputs."""
        outputs, width = self.first_outputs, self.dataset.outputs
        target = self.dataset.train.targets[:1].to(outputs.device)
        try:
            self.objective.check(outputs, target, width)
        except ValueError as error:
            kinds = "classes" if self.dataset.task == "classes" else "outputs"
            finite = bool(outputs.isfinite().all())
            scale = "" if finite else far_from_one(self.dataset.train, outputs.dtype)
            raise ValueError(
                f"{error}. {self.dataset.name} has {width} {kinds}, the network gives outputs of "
                f"shape {list(outputs.shape)} for one {self._example}" + (scale and f". {scale}")
            ) from error
        self.objective.loss(outputs, target)

    def _check_mask(self) -> None:
        mask = self.mask or {}
        check_mask_fits(self.network, mask)
        # Weights only: a layer may do without its bias, but not without all of its inputs.
        check_alive({name: kept for name, kept in mask.items() if kept.dim() > 1})

    def _check_last_batch(self) -> None:
        """Batch normalisation cannot train on one value a channel, which a last batch may be."""
        images, size = len(self.dataset.train), self.recipe.batch_size
        normalised = any(isinstance(part, _BatchNorm) for part in self.network.modules())
        if not normalised or images % size != 1 % size:
            return
        try:
            self._outputs(training=True)
        except ValueError as error:
            raise ValueError(
                f"with {images} training {self._example}s in batches of {size} a batch holds a "
                f"single {self._example}, which batch normalisation cannot train on: choose "
                "another batch_size"
            ) from error

    @property
    def _example(self) -> str:
        return "image" if self.dataset.train.holds_images else "example"

    def _outputs(self, *, training: bool) -> torch.Tensor:
        """The outputs for one example, from a copy: the user's module stays as it is."""
        trial = copied(self.network).train(training)
        first = next(trial.parameters())
        example = self.dataset.train.inputs[:1].to(first.device)
        if example.is_floating_point():
            example = example.to(first.dtype)
        try:
            with torch.no_grad(), torch.random.fork_rng([]):
                outputs = trial(example)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            shape = list(self.dataset.input_shape)
            # What torch says of shapes that do not fit is of matrices that nobody sees.
            words = "" if isinstance(error, RuntimeError) else f": {error}"
            raise ValueError(
                f"the network does not take {self._example}s of shape {shape} as "
                f"{self.dataset.name} has them{words}"
            ) from error
        check_kind(outputs)
        return outputs


def _shortly(given: object) -> str:
    """A text as it is, of anything else its kind: tensors would fill pages."""
    return repr(given) if isinstance(given, str) else f"a {type(given).__name__}"
