"""A training before it starts: what is to be trained, and the key it will have."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from surfeit.core import Params, Streams, buffers, digest, parameters
from surfeit.data import Dataset
from surfeit.models import Builder, describe
from surfeit.store import SCHEMA, canonical, key_of
from surfeit.train.numerics import Numerics
from surfeit.train.recipe import Recipe

SEMANTICS = 1
"""Raised by hand when the same configuration would train to other weights than before."""


@dataclass(frozen=True)
class Job:
    """All that a trained network depends on.

    Args:
        model: a builder, whose network is drawn from the seed, or a module, whose weights are the
            initial ones and which is not changed.
        dataset: images and labels.
        recipe: how to train.
        seed: of all random streams.
        mask: bool tensors by parameter name, True = kept, or None.
        numerics: the arithmetic.

    Raises:
        ValueError: if the network does not fit the data, or the mask the network.
    """

    model: nn.Module | Builder
    dataset: Dataset
    recipe: Recipe
    seed: int
    mask: dict[str, torch.Tensor] | None
    numerics: Numerics

    def __post_init__(self) -> None:
        self._check_fit()
        self._check_mask()

    @cached_property
    def streams(self) -> Streams:
        """The random streams of the seed."""
        return Streams(self.seed)

    @cached_property
    def network(self) -> nn.Module:
        """The network with its initial weights, on the CPU."""
        if isinstance(self.model, nn.Module):
            return self.model
        return self.model(
            input_shape=self.dataset.input_shape,
            classes=self.dataset.classes,
            generator=self.streams.get("init"),
        )

    def initial(self) -> Params:
        """Copies of the initial parameters and buffers, masked weights at zero."""
        params = parameters(self.network)
        for name, kept in (self.mask or {}).items():
            params[name].mul_(kept.to(params[name].device))
        return params | buffers(self.network)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What the key stands for, in canonical form."""
        drawn = not isinstance(self.model, nn.Module)
        config = {
            "architecture": describe(self.network),
            "initial": "glorot-normal" if drawn else digest(self.initial()),
            "recipe": self.recipe,
            "seed": self.seed,
        }
        if self.mask:
            config["mask"] = digest(self.mask)
        return canonical(
            {
                "schema": SCHEMA,
                "kind": "train",
                "semantics": SEMANTICS,
                "config": config,
                "parents": [],
                "data": self.dataset.fingerprint,
                "numerics": self.numerics.in_key(),
            }
        )

    @cached_property
    def key(self) -> str:
        """The run's key."""
        return key_of(self.identity)

    def names(self) -> dict[str, Any]:
        """What to call the network and the data set in the run's record."""
        if isinstance(self.model, nn.Module):
            model = type(self.model).__name__
        else:
            builder = getattr(self.model, "func", self.model)
            model = getattr(builder, "__name__", type(builder).__name__).replace("_", "-")
        return {"model": model, "data": self.dataset.name}

    def _check_fit(self) -> None:
        shape = self.dataset.input_shape
        meta = self.network
        try:
            with torch.no_grad():
                training = meta.training
                outputs = meta.eval()(self.dataset.train.images[:1].to(next(meta.parameters())))
                meta.train(training)
        except RuntimeError as error:
            raise ValueError(
                f"the network does not take images of shape {list(shape)} as "
                f"{self.dataset.name} has them: {error}"
            ) from error
        if outputs.shape != (1, self.dataset.classes):
            raise ValueError(
                f"{self.dataset.name} has {self.dataset.classes} classes, the network gives "
                f"outputs of shape {list(outputs.shape)} for one image"
            )

    def _check_mask(self) -> None:
        params = dict(self.network.named_parameters())
        for name, kept in (self.mask or {}).items():
            if name not in params:
                raise ValueError(f"the mask names {name}, which is no parameter of the network")
            if kept.dtype != torch.bool or kept.shape != params[name].shape:
                raise ValueError(
                    f"the mask of {name} must be bool {list(params[name].shape)}, "
                    f"got {kept.dtype} {list(kept.shape)}"
                )
