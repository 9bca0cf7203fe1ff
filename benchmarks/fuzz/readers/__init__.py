"""Every reader of files that may come from anywhere: a module a family, found by listing them."""

import importlib
import pkgutil

from fuzz.readers.reader import Reader


def _found() -> dict[str, Reader]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"fuzz.readers.{name}") for name in names]
    readers = [reader for module in modules for reader in getattr(module, "READERS", ())]
    return {reader.name: reader for reader in readers}


READERS = _found()
