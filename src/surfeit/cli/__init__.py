"""The command line: strings become functions here and nowhere else.

Nothing heavy is imported before a command needs it, so that `surfeit --help` answers at once.
"""

import sys


def main(arguments: list[str] | None = None) -> None:
    """Runs one command and exits: see `surfeit.cli.app.main`."""
    try:
        from surfeit.cli.app import main as run
    except KeyboardInterrupt:  # before there is anything that could be stopped
        sys.exit(130)
    run(arguments)


__all__ = ["main"]
