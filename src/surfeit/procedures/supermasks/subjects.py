"""What is trained for a comparison of supermasks: each method's module and recipe."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from surfeit.core import Streams
from surfeit.execute import Context
from surfeit.procedures.parcels import announcing, named, unpack
from surfeit.procedures.supermasks.actions import signed_constants
from surfeit.procedures.supermasks.bernoulli import BernoulliMask
from surfeit.procedures.supermasks.config import SupermaskConfig
from surfeit.procedures.supermasks.edge_popup import EdgePopup, kaiming
from surfeit.store import Store
from surfeit.train import Conduct, Recipe, Snapshots, train

KEEP = Snapshots(every_epochs=0)
"""Of a supermask's training the first and the last snapshot suffice."""


@dataclass(frozen=True)
class Subject:
    """A module as it is before training, and the recipe that it is trained by."""

    module: nn.Module
    recipe: Recipe


def subjects(
    network: nn.Module, config: SupermaskConfig, seed: int
) -> dict[str, Callable[[], Subject]]:
    """All that one replicate trains, by name: `trained`, `learned-initial`, ..., `edge-popup 0.5`.

    Each is built when it is called for: the names alone cost nothing.

    Args:
        network: the untrained network of the replicate, which is not changed.
        config: recipes and densities.
        seed: of thresholds, scores and constants, each from its own stream.
    """
    streams = Streams(seed)
    found = {"trained": partial(Subject, network, config.trained)}
    for rescale, constant in ((False, False), (False, True), (True, False), (True, True)):
        method = f"{'rescaled' if rescale else 'learned'}-{'constant' if constant else 'initial'}"
        recipe = config.rescaled if rescale else config.learned
        found[method] = partial(_learned, network, recipe, streams, rescale, constant)
    for share in config.densities:
        found[f"edge-popup {share:g}"] = partial(_popped, network, config.popup, streams, share)
    return found


def _learned(
    network: nn.Module, recipe: Recipe, streams: Streams, rescale: bool, constant: bool
) -> Subject:
    weights = signed_constants(network) if constant else network
    generator = streams.get("thresholds")
    return Subject(BernoulliMask(weights, generator=generator, rescale=rescale), recipe)


def _popped(network: nn.Module, recipe: Recipe, streams: Streams, share: float) -> Subject:
    weights = signed_constants(kaiming(network, streams.get("kaiming"), density=share))
    return Subject(EdgePopup(weights, density=share, generator=streams.get("scores")), recipe)


def train_subject(config: Mapping[str, Any], context: Context) -> str:
    """Trains one of them: a work of `surfeit.execute`.

    Args:
        config: `parcel` (see `parcels.pack`), `supermasks` (the fields of a `SupermaskConfig`),
            `subject` (a name of `subjects`) and `conduct` (fields of a `Conduct`).
        context: no parents.

    Returns:
        the run's key.
    """
    parcel = unpack(config["parcel"])
    chosen = config_of(config["supermasks"])
    subject = subjects(parcel.model, chosen, parcel.seed)[config["subject"]]()
    # The weights' own training is called after their builder, as it is when trained here.
    plain = config["subject"] == "trained"
    return train(
        named(subject.module, parcel.name) if plain else subject.module,
        parcel.dataset,
        subject.recipe,
        seed=parcel.seed,
        snapshots=KEEP,
        store=Store(context.store),
        numerics=parcel.numerics,
        conduct=Conduct(**config["conduct"], progress=announcing(context)),
    ).key


def config_of(fields: Mapping[str, Any]) -> SupermaskConfig:
    """The configuration whose fields, recipes too, are these JSON values."""
    values: dict[str, Any] = {
        name: Recipe(**value) if isinstance(value, Mapping) else value
        for name, value in fields.items()
    }
    return SupermaskConfig(**values)
