"""Plain networks: they know no optimiser, mask or configuration."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.core import unwrapped
    from surfeit.models.architecture import describe, is_rebuildable, key_form, rebuild
    from surfeit.models.blank import blank
    from surfeit.models.catalog import MODELS, builder_named, name_of
    from surfeit.models.initialise import initialise_
    from surfeit.models.networks import (
        Builder,
        Shape,
        conv_2,
        conv_4,
        conv_6,
        lenet_300_100,
        mlp,
        vgg19_bn,
    )
    from surfeit.models.own import OwnBuilder, own_network
    from surfeit.models.refusal import builder_advice, foreign_part, why_not_rebuildable
    from surfeit.models.structure import Group, Reader, Structure, UnfollowableError

__all__ = [
    "MODELS",
    "Builder",
    "Group",
    "OwnBuilder",
    "Reader",
    "Shape",
    "Structure",
    "UnfollowableError",
    "blank",
    "builder_advice",
    "builder_named",
    "conv_2",
    "conv_4",
    "conv_6",
    "describe",
    "foreign_part",
    "initialise_",
    "is_rebuildable",
    "key_form",
    "lenet_300_100",
    "mlp",
    "name_of",
    "own_network",
    "rebuild",
    "unwrapped",
    "vgg19_bn",
    "why_not_rebuildable",
]

lazy_front(__name__)
