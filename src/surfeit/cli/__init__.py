"""The command line: strings become functions here and nowhere else.

Nothing heavy is imported before a command needs it, so that `surfeit --help` answers at once.
"""

import os
import sys


def main(arguments: list[str] | None = None) -> None:
    """Runs one command and exits: see `surfeit.cli.app.main`."""
    # Before NumPy and SciPy are loaded: small decompositions that several threads share take up to
    # thirty times longer on a busy machine. Matrix products of torch have their own setting.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from surfeit.cli.app import main as run
    except KeyboardInterrupt:  # before there is anything that could be stopped
        sys.exit(130)
    run(arguments)


__all__ = ["main"]
