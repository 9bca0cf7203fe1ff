"""Studies as files of a user's own: the guide's, with some texts replaced."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "studies.md"

TINY = (
    ("QUICK = replace(LAPTOP, data=POOL_DATA, model=POOL_MODEL, ", "QUICK = replace(LAPTOP, "),
    ("QUICK = replace(LAPTOP, ", "QUICK = replace(LAPTOP, data=POOL_DATA, "),
    ("recipe=POOL_RECIPE", 'recipe=replace(POOL_RECIPE, epochs=1), model="mlp-4"'),
)
"""Lets the guide's study train networks of four hidden units for an epoch."""


def guide_example() -> str:
    """The study that the guide tells to save as mine.py."""
    found = re.search(r"save it as `mine.py`:\n\n```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


@contextmanager
def written_to(folder: Path) -> Iterator[Callable[..., Path]]:
    """Writes studies into a folder; what was imported from there is forgotten at the end."""
    path_before, modules_before = list(sys.path), set(sys.modules) - {"mine"}
    mine_before = sys.modules.pop("mine", None)

    def write(*changes: tuple[str, str], name: str = "mine.py", text: str | None = None) -> Path:
        text = guide_example() if text is None else text
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = folder / name
        path.write_text(text)
        return path

    yield write
    sys.path[:] = path_before
    for name in set(sys.modules) - modules_before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]
    if mine_before is not None:
        sys.modules["mine"] = mine_before
