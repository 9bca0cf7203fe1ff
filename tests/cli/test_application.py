"""What holds for the application as a whole: its version, its completion, its exit codes."""

import subprocess
import sys
from importlib import import_module

import pytest

import surfeit
from surfeit.cli.app import application
from surfeit.cli.commands import COMMANDS, GROUPS

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


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_has_each_ones_first_sentence(name):
    place, says = COMMANDS[name]
    module, _, function = place.partition(":")
    told = import_module(module).__dict__[function].__doc__
    assert " ".join(told.partition("\n\n")[0].split()) == says


@pytest.mark.parametrize("name", GROUPS)
def test_the_list_of_commands_has_what_is_said_of_groups(name):
    place, says = GROUPS[name]
    module, _, app = place.partition(":")
    assert import_module(module).__dict__[app].help == says


def test_a_command_is_the_same_whether_it_is_imported_first_or_later():
    for name in COMMANDS:
        now, later = application([name])[name], application()[name]
        assert now.default_command is later.default_command
        assert (now.help_format, now.help_epilogue) == (later.help_format, later.help_epilogue)


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
    assert completed(script, "surfeit", "runs", "list", "--format", "j") == ["json"]
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


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """A command line in bash, in which `surfeit` is this one."""
    text = f'surfeit() {{ {sys.executable} -m surfeit "$@"; }}; {command}'
    return subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", ["--help", "train --help", "data", "completion bash"])
def test_readers_that_have_had_enough_are_no_failure(command):
    ended = shell(f"surfeit {command} | true; echo ${{PIPESTATUS[0]}}")
    assert (ended.stdout, ended.stderr) == ("0\n", "")


@pytest.mark.parametrize("command", ["--help", "train --help", "data", "completion bash"])
def test_output_that_cannot_be_written_is_a_sentence(command):
    ended = shell(f"surfeit {command} > /dev/full")
    assert ended.returncode == 1
    assert ended.stderr.startswith("surfeit: ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_are_no_failure(closed, tmp_path):
    train = f"surfeit train --model mlp-4 --epochs 1 --root {tmp_path}"
    ended = shell(f"{train} {closed}; echo $?")
    assert ended.stdout.splitlines()[-1] == "0"
    assert "Traceback" not in ended.stderr
    assert len(list(tmp_path.glob("runs/*/*/DONE.json"))) == 1


@pytest.mark.parametrize(
    ("command", "words"),
    [("train", "stopped; give the same command again"), ("structure", "stopped")],
)
def test_only_what_goes_on_is_said_to_go_on(command, words, monkeypatch, capsys):
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("surfeit.cli.options.Places.data_named", interrupted)
    more = ["--model", "mlp-4"] if command == "train" else ["mlp-4"]
    assert call(command, *more) == 130
    assert capsys.readouterr().err.startswith(f"surfeit: {words}")
    assert call(command, *more) == 130
    assert ("goes on from here" in capsys.readouterr().err) == (command == "train")
