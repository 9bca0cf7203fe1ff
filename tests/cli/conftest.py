"""What the tests of several commands share."""

from pathlib import Path

from surfeit.cli import main


def call(*arguments: str | Path) -> int:
    """The exit status of a command run in this process."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0
