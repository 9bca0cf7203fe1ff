"""The store: content-addressed runs with their snapshots, metrics and provenance."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.store.again import again_folder, clear_left_behind, is_left_behind, take_over
    from surfeit.store.claims import claim, claimed_folder, clear_unclaimed
    from surfeit.store.density import density_of
    from surfeit.store.files import make_folder, write_atomically, write_json
    from surfeit.store.index import Index
    from surfeit.store.keys import NEUTRAL, canonical, canonical_json, key_of
    from surfeit.store.labels import Labels, read_labels, write_labels
    from surfeit.store.lease import Lease
    from surfeit.store.names import file_name
    from surfeit.store.objects import Objects, sending_objects
    from surfeit.store.record import SCHEMA
    from surfeit.store.removing import clear_temporary
    from surfeit.store.run import Run
    from surfeit.store.store import Store, default_root
    from surfeit.store.summary import Summary, summary_of
    from surfeit.store.thinning import (
        evenly,
        every,
        mark_thinned,
        rewound_steps,
        thin,
        thinned_steps,
        thinning,
    )
    from surfeit.store.writer import RunWriter

__all__ = [
    "NEUTRAL",
    "SCHEMA",
    "Index",
    "Labels",
    "Lease",
    "Objects",
    "Run",
    "RunWriter",
    "Store",
    "Summary",
    "again_folder",
    "canonical",
    "canonical_json",
    "claim",
    "claimed_folder",
    "clear_left_behind",
    "clear_temporary",
    "clear_unclaimed",
    "default_root",
    "density_of",
    "evenly",
    "every",
    "file_name",
    "is_left_behind",
    "key_of",
    "make_folder",
    "mark_thinned",
    "read_labels",
    "rewound_steps",
    "sending_objects",
    "summary_of",
    "take_over",
    "thin",
    "thinned_steps",
    "thinning",
    "write_atomically",
    "write_json",
    "write_labels",
]

lazy_front(__name__)
