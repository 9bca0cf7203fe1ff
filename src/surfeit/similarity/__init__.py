"""How alike a layer's units are: frame potential, graph, outputs, movement, layout."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.similarity.centres import centre_angles, chance_centre_angles
    from surfeit.similarity.collapse import within_over_between
    from surfeit.similarity.communities import (
        GROUPS,
        NO_GROUP,
        carried,
        divide,
        group_count,
        labels_kept,
        own_cosine,
        random_cosine,
    )
    from surfeit.similarity.frame_potential import contributions, normalised, total_frame_potential
    from surfeit.similarity.graph import (
        Graph,
        chance_inner_product,
        cosine_graph,
        cutoff_of,
        inner_product_of,
        nearest_neighbours,
        neighbour_pairs,
        similarity_blocks,
    )
    from surfeit.similarity.groups import clusters, components, isolated, isolated_by_chance
    from surfeit.similarity.layout import force_layout
    from surfeit.similarity.level import (
        LEAST_UNITS,
        ChanceLevel,
        chance_level,
        judged_pairs,
        level_of_chance,
        level_of_pairs,
    )
    from surfeit.similarity.movement import Movement, angles, hardly_moved, movement
    from surfeit.similarity.outputs import output_directions
    from surfeit.similarity.pairs import ends_of, pairwise_products
    from surfeit.similarity.redundancy import (
        class_selectivity,
        correlated_others,
        explained_by_others,
        live_units,
        principal_components,
        shuffled,
    )
    from surfeit.similarity.selection import order_statistic
    from surfeit.similarity.strongest import strongest_links
    from surfeit.similarity.updates import (
        LEAST_ACTIVITY,
        activity,
        start_left,
        update_directions,
        updates,
    )

__all__ = [
    "GROUPS",
    "LEAST_ACTIVITY",
    "LEAST_UNITS",
    "NO_GROUP",
    "ChanceLevel",
    "Graph",
    "Movement",
    "activity",
    "angles",
    "carried",
    "centre_angles",
    "chance_centre_angles",
    "chance_inner_product",
    "chance_level",
    "class_selectivity",
    "clusters",
    "components",
    "contributions",
    "correlated_others",
    "cosine_graph",
    "cutoff_of",
    "divide",
    "ends_of",
    "explained_by_others",
    "force_layout",
    "group_count",
    "hardly_moved",
    "inner_product_of",
    "isolated",
    "isolated_by_chance",
    "judged_pairs",
    "labels_kept",
    "level_of_chance",
    "level_of_pairs",
    "live_units",
    "movement",
    "nearest_neighbours",
    "neighbour_pairs",
    "normalised",
    "order_statistic",
    "output_directions",
    "own_cosine",
    "pairwise_products",
    "principal_components",
    "random_cosine",
    "shuffled",
    "similarity_blocks",
    "start_left",
    "strongest_links",
    "total_frame_potential",
    "update_directions",
    "updates",
    "within_over_between",
]

lazy_front(__name__)
