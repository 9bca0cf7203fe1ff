"""`surfeit completion`: what a shell needs to complete commands and flags."""

from collections.abc import Callable
from typing import Literal

from cyclopts import App

Shell = Literal["bash", "zsh", "fish"]


def of(app: App) -> Callable[[Shell], None]:
    """The command that prints an application's completion.

    Args:
        app: with all its commands.
    """

    def completion(shell: Shell) -> None:
        """Print a script that completes commands and flags in your shell.

        For this shell alone: source <(surfeit completion bash). For all new ones write it to a
        file: for bash ~/.local/share/bash-completion/completions/surfeit, for zsh _surfeit in a
        folder of your fpath, for fish ~/.config/fish/completions/surfeit.fish.

        Parameters
        ----------
        shell
            Whose script to print.
        """
        print(app.generate_completion(shell=shell), end="")

    return completion
