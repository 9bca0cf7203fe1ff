"""Names of files: those that speak of layers, and those that a run's folder holds."""

import re
from urllib.parse import quote

_STEP = r"(0|[1-9][0-9]{0,17})"
_PROBE = r"[A-Za-z_][A-Za-z0-9_]{0,99}"
# `data.json` and `data/`: what is needed to read the data again, kept beside the run on request.
_OF_A_RUN = re.compile(
    r"run\.json|metrics\.jsonl|mask\.safetensors|data\.json"
    rf"|(snapshots|masks)/{_STEP}\.safetensors"
    r"|data/[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}"
    rf"|probes/{_PROBE}\.jsonl"
)
_WITHIN = re.compile(r"[^/\0]+(/[^/\0]+)*")
FILES = (
    "run.json",
    "metrics.jsonl",
    "mask.safetensors",
    "data.json",
    "checkpoint.safetensors",
    "DONE.json",
)
FOLDERS = ("snapshots", "masks", "data", "probes")


def file_name(topic: str, layer: str) -> str:
    """The name, without an ending, of a file about a layer: "removal-conv1.weight" and the like.

    Letters, digits and `_.-~` stay; all else is written as in an address (`/` is `%2F`), so that
    different layers have different files and none lies in another folder. A network that is one
    layer has no name to write: it is `@network`.

    >>> file_name("removal", "block1/unit_1")
    'removal-block1%2Funit_1'

    Args:
        topic: what it is about: letters.
        layer: the layer's dotted name.
    """
    return f"{topic}-{quote(layer, safe='') if layer else '@network'}"


def probe_file(name: str) -> str:
    """Where the table of a probe stands in a run's folder.

    >>> probe_file("gradient_norms")
    'probes/gradient_norms.jsonl'

    Raises:
        ValueError: if the name is not one of a function: letters, digits and _, 100 at most.
    """
    if not isinstance(name, str) or re.fullmatch(_PROBE, name) is None:
        raise ValueError(
            f"a probe's name must be up to 100 letters, digits and _, got {name!r:.120}"
        )
    return f"probes/{name}.jsonl"


def probe_of(file: str) -> str | None:
    """The probe whose table a file of a run is; None of any other file.

    >>> probe_of("probes/gradient_norms.jsonl")
    'gradient_norms'
    """
    found = re.fullmatch(rf"probes/({_PROBE})\.jsonl", file)
    return None if found is None else found[1]


def is_run_file(name: str) -> bool:
    """Whether a writer of runs gives a finished run's file this name, relative to its folder.

    >>> is_run_file("snapshots/10.safetensors"), is_run_file("notes.txt")
    (True, False)
    """
    return _OF_A_RUN.fullmatch(name) is not None


def leads_out(name: str) -> bool:
    """Whether a relative name could stand for a file that is not below its folder.

    >>> leads_out("../notes.txt"), leads_out("notes/1.txt")
    (True, False)
    """
    return _WITHIN.fullmatch(name) is None or not {".", ".."}.isdisjoint(name.split("/"))


def step_of(name: str, folder: str) -> int | None:
    """The step in the name of a snapshot or a mask in a folder of a run's; None of another file.

    >>> step_of("masks/5.safetensors", "masks")
    5
    """
    found = re.fullmatch(rf"{folder}/{_STEP}\.safetensors", name)
    return None if found is None else int(found[1])
