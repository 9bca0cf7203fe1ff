"""Snippets as someone pastes them: README's one after another, those of some pages each alone."""

import ast
import builtins
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PAGES = ("landscapes", "paths", "probes", "regularisation")
NOT_HERE = ("view", "mnist")  # serves until it is stopped; its images are not installed

pytestmark = pytest.mark.skipif(not README.is_file(), reason="the README is not installed")


def blocks(language: str) -> list[str]:
    text = README.read_text(encoding="utf-8") if README.is_file() else ""
    return [code for found, code in BLOCK.findall(text) if found == language]


def commands() -> list[tuple[list[str], str]]:
    """Each command of the README that can be run here, and what it is said to print."""
    found = []
    for block in blocks(""):
        lines = block.splitlines()
        for line, after in zip(lines, [*lines[1:], ""], strict=True):
            words = shlex.split(line, comments=True)
            if words[:2] == ["$", "surfeit"] and not any(name in line for name in NOT_HERE):
                found.append((words[2:], "" if after.startswith("$") else after))
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An empty folder to work in, with a store of its own."""
    folder = tmp_path_factory.mktemp("newcomer")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SURFEIT_STORE", str(folder / "store"))
        yield folder


def test_the_python_snippets_run_one_after_another(place):
    """In one process of its own, as pasted into a session: workers start from it as they would."""
    snippets = blocks("python")
    assert len(snippets) >= 8
    script = "\n".join(f"print('snippet', {at})\n{code}" for at, code in enumerate(snippets))
    guarded = "if __name__ == '__main__':\n" + "".join(
        f"    {line}\n" if line else "\n" for line in script.splitlines()
    )
    (place / "pasted.py").write_text(guarded, encoding="utf-8")
    done = run_here([sys.executable, "pasted.py"])
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"snippet {len(snippets) - 1}" in done.stdout
    # The recorded run is there for the command that the snippet names.
    assert run_here(surfeit("inspect", "runs/mine", "--quiet")).returncode == 0


def test_the_commands_run_and_print_what_is_said(place):
    assert len(commands()) >= 4
    for words, printed in commands():
        done = run_here(surfeit(*words))
        assert done.returncode == 0, (words, done.stderr[-2000:])
        if printed:
            assert done.stdout.startswith(printed.removesuffix("...")), words
    assert (place / "graph.html").stat().st_size > 100_000


@pytest.mark.parametrize("page", PAGES)
def test_a_pages_snippets_make_all_that_they_use(page):
    text = (README.parent / "docs" / f"{page}.md").read_text(encoding="utf-8")
    snippets = [code for language, code in BLOCK.findall(text) if language == "python"]
    assert snippets
    for code in snippets:
        assert unmade(code) == set(), code


def unmade(code: str) -> set[str]:
    """The names that a snippet reads and nothing in it makes."""
    made, read = set(dir(builtins)), set()
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.alias(name=name, asname=other):
                made.add(other or name)
            case ast.FunctionDef(name=name) | ast.arg(arg=name):
                made.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                made.add(name)
            case ast.Name(id=name):
                read.add(name)
    return read - made


def surfeit(*words: str) -> list[str]:
    return [sys.executable, "-m", "surfeit", *words]


def run_here(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"MPLBACKEND": "agg"}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
