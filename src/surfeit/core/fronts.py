"""Package fronts that import nothing until one of their names is asked for.

`from surfeit.data import status` should not load PyTorch because `surfeit.data` can also make
tensors. A front therefore lists its names under `if TYPE_CHECKING:`, where type checkers, editors
and import-linter read them, repeats them in `__all__`, and ends with `lazy_front(__name__)`:

    if TYPE_CHECKING:
        from surfeit.data.status import DatasetStatus, status

    __all__ = ["DatasetStatus", "status"]

    lazy_front(__name__)

Each name is then imported from where that block says, once, when it is first used.
"""

import ast
import sys
from importlib import import_module
from types import ModuleType
from typing import Any


def lazy_front(name: str) -> None:
    """Lets the names in a package's `__all__` be imported when they are first asked for.

    Args:
        name: the package's `__name__`; called at the end of its `__init__.py`.
    """
    sys.modules[name].__class__ = _Front


class _Front(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name not in self.__all__:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        module, original = _places(self)[name]
        value = getattr(import_module(module), original)
        super().__setattr__(name, value)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        # `import surfeit.core.ties` sets the submodule as an attribute of `surfeit.core`; there
        # `ties` is the function, whichever of the two is imported first.
        module = isinstance(value, ModuleType) and value.__name__ == f"{self.__name__}.{name}"
        if not (module and name in self.__all__):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.__all__})


def _places(front: ModuleType) -> dict[str, tuple[str, str]]:
    """For each name the module it comes from and its name there, as the front's source says.

    Read anew for each name: it takes 0.2 ms, and most names are used once, at an import.
    """
    assert front.__spec__ is not None
    assert front.__spec__.loader is not None
    source = front.__spec__.loader.get_source(front.__name__)  # pyright: ignore[reportAttributeAccessIssue]
    if source is None:
        raise ImportError(f"the source of {front.__name__} is missing: install Surfeit with it")
    blocks = [node for node in ast.parse(source).body if isinstance(node, ast.If)]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in imports
        for alias in node.names
    }
