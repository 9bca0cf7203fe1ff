"""Showing an address in the user's browser, where there is a screen."""

import os
import sys


def show(address: str, wanted: bool | None) -> None:
    """Opens an address in the browser.

    Args:
        address: what to open.
        wanted: whether to; None: in a terminal on a machine with a screen.
    """
    if sys.stdout.isatty() and _has_screen() if wanted is None else wanted:
        import webbrowser

        webbrowser.open(address)


def _has_screen() -> bool:
    named = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(named) or sys.platform in ("darwin", "win32")
