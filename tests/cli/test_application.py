"""What holds for the application as a whole: its version, its completion, its exit codes."""

import subprocess
import sys

import pytest

import surfeit

from .conftest import call

COMPLETE = """
{script}
COMP_WORDS=({words}) COMP_CWORD={place}
_surfeit
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize("flag", ["--version", "-V"])
@pytest.mark.parametrize("command", [[], ["train"], ["runs"]])
def test_version(flag, command, capsys):
    assert call(*command, flag) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (f"{surfeit.__version__}\n", "")


@pytest.fixture(scope="module")
def script() -> str:
    command = [sys.executable, "-m", "surfeit", "completion", "bash"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def completed(script: str, *words: str) -> list[str]:
    text = COMPLETE.format(script=script, words=" ".join(words), place=len(words) - 1)
    ended = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True)
    return ended.stdout.split()


def test_the_script_for_bash_is_valid(script):
    ended = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=True)
    assert ended.stderr == ""


def test_bash_completes_commands_flags_and_choices(script):
    assert completed(script, "surfeit", "tr") == ["train"]
    assert completed(script, "surfeit", "runs", "ver") == ["verify"]
    assert completed(script, "surfeit", "train", "--snapshot-e") == ["--snapshot-epochs"]
    assert completed(script, "surfeit", "prune", "--split", "t") == ["test"]
    assert completed(script, "surfeit", "completion", "f") == ["fish"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script_that_names_every_command(shell, capsys):
    assert call("completion", shell) == 0
    printed = capsys.readouterr()
    for command in ("train", "inspect", "supermasks", "completion"):
        assert command in printed.out
    assert printed.err == ""


def test_exit_codes_are_told(capsys):
    assert call("--help") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Exit codes: 0 done; 1 refused or failed" in told
    assert "130 interrupted" in told
