"""The store: content-addressed runs with their snapshots, metrics and provenance."""

from surfeit.store.again import again_folder, clear_left_behind, is_left_behind, take_over
from surfeit.store.claims import claim, clear_unclaimed
from surfeit.store.density import density_of
from surfeit.store.files import make_folder, write_atomically, write_json
from surfeit.store.keys import NEUTRAL, SCHEMA, canonical, canonical_json, key_of
from surfeit.store.lease import Lease
from surfeit.store.names import file_name
from surfeit.store.removing import clear_temporary
from surfeit.store.run import Run
from surfeit.store.store import Store, default_root
from surfeit.store.writer import RunWriter

__all__ = [
    "NEUTRAL",
    "SCHEMA",
    "Lease",
    "Run",
    "RunWriter",
    "Store",
    "again_folder",
    "canonical",
    "canonical_json",
    "claim",
    "clear_left_behind",
    "clear_temporary",
    "clear_unclaimed",
    "default_root",
    "density_of",
    "file_name",
    "is_left_behind",
    "key_of",
    "make_folder",
    "take_over",
    "write_atomically",
    "write_json",
]
