"""Catalogs: what there is by name, each entry imported when it is asked for."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Generic, TypeVar

T = TypeVar("T")


class Catalog(Mapping[str, T], Generic[T]):
    """Entries by name: iterating over the names imports nothing.

    The help of a command lists criteria, and should not load PyTorch for it.

    >>> MODELS = Catalog({"conv-2": "surfeit.models.networks:conv_2"})
    >>> list(MODELS)
    ['conv-2']
    >>> MODELS["conv-2"]
    <function conv_2 at ...>

    Args:
        entries: by name, in the order of lists: where each is, `module:name`, or the entry itself.
    """

    def __init__(self, entries: Mapping[str, T | str]) -> None:
        self._entries = entries

    def __getitem__(self, name: str) -> T:
        entry = self._entries[name]
        if not isinstance(entry, str):
            return entry
        module, _, attribute = entry.partition(":")
        return getattr(import_module(module), attribute)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __repr__(self) -> str:
        return f"Catalog({', '.join(self)})"
