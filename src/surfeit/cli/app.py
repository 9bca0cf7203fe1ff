"""The application: its commands, and how an error reaches the user."""

import os
import sys
from io import TextIOWrapper

from cyclopts import App, CycloptsError

import surfeit
from surfeit.cli import (
    anatomy,
    completion,
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
from surfeit.cli.refusals import sentence
from surfeit.cli.values import LISTS

app = App(
    name="surfeit",
    help="Surfeit measures, shows and removes the redundancy in neural networks.",
    help_epilogue=f"{LISTS} Exit codes: 0 done; 1 refused or failed, or 'runs verify' found "
    "something; 130 interrupted.",
    version=surfeit.__version__,
    version_flags=("--version", "-V"),
    help_format="plaintext",
    exit_on_error=False,
    print_error=False,
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
    app.command(command, help_format="markdown", help_epilogue="")
for group in (runs.app, datasets.app):
    group.help_epilogue = ""  # what holds for all commands is told once
    group.version, group.version_flags = app.version, app.version_flags
    app.command(group)
app.command(completion.of(app), help_format="markdown", help_epilogue="")

_REFUSED, _INTERRUPTED = 1, 130


def main(arguments: list[str] | None = None) -> None:
    """Runs one command and exits: 0 done, 1 refused or failed in plain words, 130 interrupted.

    With `SURFEIT_DEBUG` set, an error shows where it came from.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        # Names of files may hold what no text can: they are shown, not refused.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app(arguments, result_action="return_value")
        sys.stdout.flush()
    except KeyboardInterrupt:
        _tell("stopped; give the same command again and it goes on from here")
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
    return words or type(error).__name__


def _drop_output() -> None:
    """Sends what stdout still holds nowhere: the interpreter would fail to flush it at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell(words: str) -> None:
    print(f"surfeit: {words}", file=sys.stderr)
