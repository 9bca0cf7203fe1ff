"""The command line: strings become functions here and nowhere else.

Nothing heavy is imported before a command needs it, so that `surfeit --help` answers at once.
"""

from surfeit.cli.app import main

__all__ = ["main"]
