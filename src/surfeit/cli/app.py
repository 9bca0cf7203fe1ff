"""The application: its commands, and how an error reaches the user."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper

from cyclopts import App, CycloptsError
from rich.console import Console

import surfeit
from surfeit.cli import completion
from surfeit.cli.commands import COMMANDS, GROUPS, VERSION_FLAGS
from surfeit.cli.refusals import sentence
from surfeit.cli.values import LISTS


class _Console(Console):
    """Prints help; left to itself rich calls it a failure if the reader has had enough."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def application(words: Sequence[str] = ()) -> App:
    """The application with all its commands.

    Those that are among the words are imported. The others are known by their first sentence and
    imported if they are needed after all: so `surfeit train --help` does not wait for the others,
    nor the list of commands for any.

    Args:
        words: of the command line.
    """
    app = App(
        name="surfeit",
        help="Surfeit measures, shows and removes the redundancy in neural networks.",
        help_epilogue=f"{LISTS} Exit codes: 0 done; 1 refused or failed, or 'runs verify' found "
        "something; 130 interrupted.",
        version=surfeit.__version__,
        version_flags=VERSION_FLAGS,
        help_format="plaintext",
        console=_Console(),
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
    )
    # The list of commands is plain text: rendering Markdown takes longer than all the rest of it.
    # What holds for all commands is told once, below that list.
    look = {"help_format": "markdown", "help_epilogue": ""}
    for name, (place, says) in COMMANDS.items():
        if name in words:
            module, _, function = place.partition(":")
            app.command(getattr(import_module(module), function), name=name, **look)
        else:
            app.command(place, name=name, help=says, **look)
    for name, (place, says) in GROUPS.items():
        app.command(place, name=name, help=says)
    app.command(completion.of(app), **look)
    return app


_REFUSED, _INTERRUPTED = 1, 130
_GOES_ON = (
    "train",
    "demo",
    "landscape",
    "tickets",
    "instability",
    "supermasks",
    "study",
    "data",
)


def main(arguments: list[str] | None = None) -> None:
    """Runs one command and exits: 0 done, 1 refused or failed in plain words, 130 interrupted.

    With `SURFEIT_DEBUG` set, an error shows where it came from.
    """
    _settle_streams()
    words = sys.argv[1:] if arguments is None else arguments
    try:
        application(words)(words, result_action="return_value")
        sys.stdout.flush()
    except KeyboardInterrupt:
        goes_on = words and words[0] in _GOES_ON
        on = "; give the same command again and it goes on from here" if goes_on else ""
        _tell(f"stopped{on}")
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has had enough: that is no error.
        _drop_output()
        sys.exit(0)
    except Exception as error:
        if os.environ.get("SURFEIT_DEBUG") or not _is_users(error):
            raise
        say(error)
        try:
            sys.stdout.flush()
        except OSError:
            _drop_output()
        sys.exit(_REFUSED)


def _settle_streams() -> None:
    """Lets everything be printed: where a stream is closed, and what no text can hold."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may be no UTF-8


def say(error: Exception) -> None:
    """Tells an error in plain words on stderr."""
    _tell(_words(error))


def _is_users(error: Exception) -> bool:
    """Whether the message is for the user; anything else is our bug and shows its trace."""
    if isinstance(error, CycloptsError):
        return True
    from surfeit.core.errors import SurfeitError, lacks_memory

    return lacks_memory(error) or isinstance(error, SurfeitError | ValueError | OSError)


def _words(error: Exception) -> str:
    """The error's sentence, without what a terminal would act on: it may quote names of files."""
    if isinstance(error, CycloptsError):
        return sentence(error)
    from surfeit.core.errors import lacks_memory
    from surfeit.core.printable import printable

    words = printable(str(error).strip(), lines=True)
    if lacks_memory(error):
        # Further lines of what torch says are a trace.
        asked = f" ({words.splitlines()[0]})" if words else ""
        return (
            f"there is not enough memory for this{asked}: close other programs, or ask for less, "
            "such as one layer, fewer snapshots or a smaller batch"
        )
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{printable(os.fsdecode(error.filename))}: {error.strerror}"
    if isinstance(error, OSError) and error.strerror:
        return f"the output cannot be written: {error.strerror}"
    return words or type(error).__name__


def _drop_output() -> None:
    """Sends what stdout still holds nowhere: the interpreter would fail to flush it at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell(words: str) -> None:
    with suppress(OSError):  # else there is nobody to tell
        print(f"surfeit: {words}", file=sys.stderr)
