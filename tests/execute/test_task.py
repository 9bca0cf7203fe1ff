"""What a task may be, and which tasks fit together."""

import math
from pathlib import Path

import pytest

from surfeit.execute import InProcess, Task

from .conftest import task


def run(*tasks):
    return InProcess().run(tasks, store=Path("unused"))


def test_task_copies_its_configuration_as_json():
    widths = [3, 2]
    made = Task(name="a", kind="works:answer", config={"widths": (1, widths), "on": True})
    widths.append(9)
    assert made.config == {"widths": [1, [3, 2]], "on": True}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"a": [1, {"b": math.nan}]},
            r"config\['a'\]\[1\]\['b'\] must be a finite number, got nan",
        ),
        ({"a": Path("x")}, r"config\['a'\] must be what JSON has .* got a PosixPath"),
        ({"a": {1: 2}}, r"config\['a'\]: names must be texts, got 1"),
        ([1], "config must be a dict, got"),
    ],
)
def test_task_refuses_what_json_has_not(config, words):
    with pytest.raises(ValueError, match=words):
        Task(name="a", kind="works:answer", config=config)


@pytest.mark.parametrize("kind", ["works", "works.answer", "works:", "a b:c", "works:a.b", 3])
def test_task_refuses_a_kind_that_is_no_function_of_a_module(kind):
    with pytest.raises(ValueError, match=r"kind must be 'package\.module:function', got"):
        Task(name="a", kind=kind)


def test_task_refuses_a_function_of_the_script_an_empty_name_and_a_bare_parent():
    with pytest.raises(ValueError, match="stands in the script itself"):
        Task(name="a", kind="__main__:work")
    with pytest.raises(ValueError, match="name must be a text"):
        Task(name="", kind="works:answer")
    with pytest.raises(ValueError, match="parents must be a tuple of names"):
        Task(name="a", kind="works:answer", parents="level 1")


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([task("a"), task("a")], "two tasks are called 'a'"),
        ([task("level 0"), task("b", parents=("level 1",))], "did you mean 'level 0'"),
        ([task("a", parents=("c",)), task("b", parents=("a",)), task("c", parents=("b",))], "->"),
        ([task("a", parents=("a",))], "in a circle: a -> a"),
        ([task("a", "anwser")], "no function in works 'anwser': did you mean 'answer'"),
        ([task("a", "no_function")], "no function in works 'no_function'"),
        (
            [Task(name="a", kind="nowhere.at_all:f")],
            "'nowhere.at_all' of kind .* cannot be imported",
        ),
        (["a"], "tasks must be Task"),
    ],
)
def test_tasks_that_do_not_fit_together_are_refused_before_anything_runs(tasks, words):
    with pytest.raises(ValueError, match=words):
        run(task("first", "raises", error="must not run"), *tasks)
