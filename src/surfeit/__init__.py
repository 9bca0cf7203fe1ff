"""Surfeit measures, shows and removes the redundancy in neural networks."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surfeit.viewer.notebook import show

__all__ = ["__version__", "show"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # `import surfeit` stays fast: what draws is imported by those who draw.
    if name == "show":
        from surfeit.viewer.notebook import show

        return show
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), "show"])
