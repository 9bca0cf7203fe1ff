"""What the tests of several commands share."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from surfeit.cli import main


def call(*arguments: str | Path) -> int:
    """The exit status of a command run in this process."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def interrupted(*arguments: str | Path, root: Path, seconds: int = 60) -> tuple[int, str, str]:
    """Ctrl-C in a real process, once its training has ten snapshots: code, stdout and stderr."""
    command = [sys.executable, "-m", "surfeit", *map(str, arguments), "--root", str(root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + seconds
    while not list(root.glob("runs/*/*/snapshots/9*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err
