"""`python -m surfeit` is `surfeit`."""

import sys
from pathlib import Path

# Python puts this folder before its own library, and `surfeit` does not: a `statistics.py` that
# lies here would be taken for Python's. Surfeit itself may lie here and nowhere else.
_HERE = Path.cwd()
if sys.path[:1] == [str(_HERE)] and not (_HERE / "surfeit").is_dir():
    del sys.path[0]

from surfeit.cli import main  # noqa: E402

main()
