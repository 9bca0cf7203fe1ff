"""The application: its commands, and how an error reaches the user."""

import os
import sys

from cyclopts import App, CycloptsError
from rich.console import Console
from rich.text import Text

import surfeit
from surfeit.cli import (
    anatomy,
    datasets,
    demo,
    instability,
    pruning,
    runs,
    structure,
    supermasks,
    tickets,
    training,
    viewing,
)

app = App(
    name="surfeit",
    help="Surfeit measures, shows and removes the redundancy in neural networks.",
    version=surfeit.__version__,
    help_format="plaintext",
    error_formatter=lambda error: _formatted(error),
    error_console=Console(stderr=True),
    suppress_keyboard_interrupt=False,
)
# The list of commands is plain text: rendering Markdown takes longer than all the rest of it.
for command in (
    demo.demo,
    training.train,
    demo.inspect,
    structure.structure,
    viewing.view,
    viewing.export,
    viewing.figure,
    pruning.prune,
    tickets.tickets,
    anatomy.anatomy,
    instability.instability,
    supermasks.supermasks,
):
    app.command(command, help_format="markdown")
for group in (runs.app, datasets.app):
    app.command(group)

_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> None:
    """Runs one command and exits: 0 done, 1 an error in plain words, 130 interrupted.

    With `SURFEIT_DEBUG` set, an error shows where it came from.
    """
    try:
        app(arguments, result_action="return_value")
        sys.stdout.flush()
    except KeyboardInterrupt:
        _say("stopped; give the same command again and it goes on from here")
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has had enough: that is no error.
        _drop_output()
        sys.exit(0)
    except Exception as error:
        if os.environ.get("SURFEIT_DEBUG") or not _is_users(error):
            raise
        _say(_words(error))
        try:
            sys.stdout.flush()
        except OSError:
            _drop_output()
        sys.exit(1)


def _is_users(error: Exception) -> bool:
    """Whether the message is for the user; anything else is our bug and shows its trace."""
    from surfeit.core.errors import SurfeitError, lacks_memory

    return lacks_memory(error) or isinstance(error, SurfeitError | ValueError | OSError)


def _words(error: Exception) -> str:
    """The error's sentence, without what a terminal would act on: it may quote names of files."""
    from surfeit.core import lacks_memory, printable

    words = printable(str(error), lines=True)
    if not lacks_memory(error):
        return words
    asked = f" ({words.splitlines()[0]})" if words else ""
    return (
        f"there is not enough memory for this{asked}: close other programs, or ask for less, such "
        "as one layer, fewer snapshots or a smaller batch"
    )


def _drop_output() -> None:
    """Sends what stdout still holds nowhere: the interpreter would fail to flush it at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(message: str) -> None:
    print(f"surfeit: {message}", file=sys.stderr)


def _formatted(error: CycloptsError) -> Text:
    return Text(f"surfeit: {error}\n'surfeit --help' and 'surfeit COMMAND --help' tell more.")
