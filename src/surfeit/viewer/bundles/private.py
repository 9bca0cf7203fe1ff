"""Sentences for pages that are sent to others: they name files, and not the folders they lie in."""

import re
from collections.abc import Iterable
from pathlib import Path

# Of a path that begins at the root, all but its last name.
_FOLDERS = re.compile(r"(?<![\w.~/\\])(?:[A-Za-z]:)?[/\\](?:[^\s/\\'\":;,()]+[/\\])+")


def without_folders(sentence: str, known: Iterable[Path] = ()) -> str:
    """The sentence with every absolute path cut to its last name.

    >>> without_folders("/home/me/runs/ab/5.safetensors is damaged")
    '5.safetensors is damaged'

    Args:
        sentence: as an error says it.
        known: folders that it may name; of other ones those without blanks are found.
    """
    for folder in known:
        sentence = sentence.replace(f"{folder}/", "")
    return _FOLDERS.sub("", sentence)
