"""Lists are given in one way in all commands: with spaces, with commas, with the flag again."""

from pathlib import Path

import pytest

from surfeit.cli.app import application
from surfeit.cli.values import pieces, runs_of

from .conftest import call

COMMANDS = {
    "train --probe": ("movement", "gradient-norms", "mine.py:look"),
    "train --milestones": ("5", "7", "9"),
    "inspect RUN --layers": ("fc1", "fc2", "conv1"),
    "inspect RUN --layer": ("fc1", "fc2", "conv1"),
    "export RUN --layer": ("fc1", "fc2", "conv1"),
    "export RUN --layers": ("fc1", "fc2", "conv1"),
    "prune RUN --layer fc1 --criteria": ("magnitude", "random", "inner-product"),
    "tickets --controls": ("reinit", "random", "shuffle"),
    "tickets --milestones": ("5", "7", "9"),
    "instability --part-at": ("0", "5", "100"),
    "supermasks --densities": ("0.5", "0.25", "1e-2"),
    "demo --milestones": ("5", "7", "9"),
}


def forms(flag: str, items: tuple[str, ...]) -> list[list[str]]:
    first, second, third = items
    return [
        [flag, first, second, third],
        [flag, f"{first},{second},{third}"],
        [flag, first, flag, second, flag, third],
        [f"{flag}={first},{second}", flag, third],
        [flag, f"{first}, {second}", third],
        [flag, f"{first},{second}", flag, third],
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_form_is_the_same_list(command):
    *words, flag = command.split()
    app = application(words)
    found = []
    for form in forms(flag, COMMANDS[command]):
        function, bound, _ = app.parse_args([*words, *form], exit_on_error=False)
        found.append((function, bound.arguments))
    assert found[1:] == found[:-1]
    values = [v for v in flattened(found[0][1]) if isinstance(v, tuple) and len(v) == 3]
    wanted = COMMANDS[command]
    number = {"train": int, "demo": int, "instability": int, "supermasks": float}.get(words[0], str)
    number = {"--milestones": int, "--probe": str}.get(flag, number)
    assert values == [tuple(number(item) for item in wanted)]


def flattened(arguments: dict) -> list[object]:
    """The values of a command's arguments, those of groups of flags too."""
    found: list[object] = []
    for value in arguments.values():
        found += vars(value).values() if hasattr(value, "__dataclass_fields__") else [value]
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_no_flag_makes_a_list_empty(command, capsys):
    *words, flag = command.split()
    assert call(*words, f"--empty-{flag.lstrip('-')}") == 1
    assert "unknown flag" in capsys.readouterr().err
    assert call(*words, flag) == 1
    told = capsys.readouterr().err
    assert any(f"{name} needs at least one item" in told for name in (flag, f"{flag}s", flag[:-1]))


def test_lists_are_explained_once(capsys):
    assert call("--help") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Lists are written with spaces, with commas or with the flag again" in told
    assert call("tickets", "--help") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Lists are written" not in told
    assert "[default: reinit,random]" in told.replace("│ ", "")


def test_pieces_of_a_list():
    assert pieces([]) == []
    assert pieces([""]) == [""]  # a network that is one layer
    assert pieces(["a,b", " c ,d"]) == ["a", "b", "c", "d"]
    assert pieces([r"a\,b,c"]) == ["a,b", "c"]
    for text in (",", "a,", ",a", "a,,b", "a, ,b"):
        with pytest.raises(ValueError, match="must not have an empty item"):
            pieces([text])


def test_runs_are_split_at_commas_but_folders_are_not(tmp_path: Path):
    odd = tmp_path / "runs, of mine"
    odd.mkdir()
    assert runs_of(["abcd,ef01", str(odd), "2345"]) == ("abcd", "ef01", str(odd), "2345")
    with pytest.raises(ValueError, match="the list of runs must not have an empty item"):
        runs_of(["abcd,"])
