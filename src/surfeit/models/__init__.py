"""Plain networks: they know no optimiser, mask or configuration."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.core import unwrapped
    from surfeit.models.architecture import describe, is_rebuildable, key_form, rebuild
    from surfeit.models.blank import blank
    from surfeit.models.blocks import (
        Absolute,
        Concatenated,
        Maxout,
        RadialBasis,
        Residual,
        ShiftNoise,
    )
    from surfeit.models.catalog import EXAMPLES, FORMS, MODELS, builder_named, has_form, name_of
    from surfeit.models.drawn import DrawnAs, drawn_as, initial_of
    from surfeit.models.initial import INITIALS, Initial
    from surfeit.models.initialise import initialise_
    from surfeit.models.networks import (
        ACTIVATIONS,
        NORMALISATIONS,
        Builder,
        Shape,
        chain,
        conv5,
        conv_2,
        conv_4,
        conv_6,
        densenet,
        lenet_300_100,
        mlp,
        resnet,
        resnet18,
        vgg,
        vgg19_bn,
    )
    from surfeit.models.own import OwnBuilder, own_network
    from surfeit.models.refusal import builder_advice, foreign_part, why_not_rebuildable
    from surfeit.models.structure import Group, Reader, Structure, UnfollowableError

__all__ = [
    "ACTIVATIONS",
    "EXAMPLES",
    "FORMS",
    "INITIALS",
    "MODELS",
    "NORMALISATIONS",
    "Absolute",
    "Builder",
    "Concatenated",
    "DrawnAs",
    "Group",
    "Initial",
    "Maxout",
    "OwnBuilder",
    "RadialBasis",
    "Reader",
    "Residual",
    "Shape",
    "ShiftNoise",
    "Structure",
    "UnfollowableError",
    "blank",
    "builder_advice",
    "builder_named",
    "chain",
    "conv5",
    "conv_2",
    "conv_4",
    "conv_6",
    "densenet",
    "describe",
    "drawn_as",
    "foreign_part",
    "has_form",
    "initial_of",
    "initialise_",
    "is_rebuildable",
    "key_form",
    "lenet_300_100",
    "mlp",
    "name_of",
    "own_network",
    "rebuild",
    "resnet",
    "resnet18",
    "unwrapped",
    "vgg",
    "vgg19_bn",
    "why_not_rebuildable",
]

lazy_front(__name__)
