"""`surfeit study`, `studies` and `claims` as a user types them."""

import json
import os
import re
import sys

import pytest

from surfeit.store import Store
from surfeit.store.record import read_done, write_done

from ..lab.files import GUIDE, TINY, written_to
from .conftest import call, interrupted


@pytest.fixture
def mine(tmp_path):
    with written_to(tmp_path) as write:
        yield write


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def terminal(monkeypatch):
    """Lets the output be a terminal of 80 columns, from the call on."""

    def begin():
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        monkeypatch.setenv("COLUMNS", "80")

    return begin


def words(captured: str) -> str:
    return " ".join(captured.split())


def test_the_answer_comes_first_in_one_line_a_verdict(mine, root, capsys):
    assert call("study", mine(*TINY), "--on", "here", "--root", root) == 0
    printed = capsys.readouterr()
    head, row = (line.split("\t") for line in printed.out.splitlines())
    assert head == ["claim", "verdict", "effect", "n", "found", "doubt", "says", "instead"]
    assert row[0] == "M1"
    assert row[3] == "3"
    assert row[4:] == ["", "", "Weight decay shortens the weights.", ""]
    folder = next(root.glob("results/mine/*"))
    assert "no run of their shape" in printed.err
    assert "quick 5 s, laptop 3 min" in printed.err
    assert str(folder) in printed.err
    assert "Traceback" not in printed.err


def test_a_quick_run_is_called_no_evidence(mine, root, capsys):
    call("study", mine(*TINY), "--on", "here", "--root", root)
    assert "so small a run is no evidence for or against a claim" in capsys.readouterr().err
    call("study", mine(*TINY), "--on", "here", "--root", root, "--quiet")
    assert "no evidence" not in capsys.readouterr().err


def test_in_a_terminal_a_verdict_is_a_sentence(mine, root, capsys, terminal):
    terminal()
    assert call("study", mine(*TINY), "--on", "here", "--root", root, "--quiet") == 0
    printed = capsys.readouterr()
    verdict, claim = printed.out.splitlines()
    assert re.fullmatch(r"M1 \w+: \S+ of the length \(\S+ to \S+\) against 0\.01, n = 3\.", verdict)
    assert claim == "  Weight decay shortens the weights."
    assert printed.err == ""


def test_in_a_terminal_what_a_verdict_says_is_a_line_of_its_own(mine, root, capsys, terminal):
    terminal()
    says = ('unit="of the length"', f'unit="of the length", says="{"shorter " * 12}"')
    assert call("study", mine(*TINY, says), "--on", "here", "--root", root, "--quiet") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("  found  shorter shorter")
    assert lines[-1].endswith("shorter.")
    assert max(map(len, lines)) < 80


def test_in_a_pipe_what_a_verdict_says_is_apart_from_its_claim(mine, root, capsys):
    says = ('unit="of the length"', 'unit="of the length", says="shorter by it"')
    assert call("study", mine(*TINY, says), "--on", "here", "--root", root, "--quiet") == 0
    head, row = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    cells = dict(zip(head, row, strict=True))
    assert cells["found"] == "shorter by it."
    assert cells["says"] == "Weight decay shortens the weights."
    assert call("claims", "--root", root) == 0
    head, *rows = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    (claim,) = [row for row in rows if row[0] == "M1"]
    assert dict(zip(head, claim, strict=True))["says"] == cells["says"]


def test_every_column_of_a_pipe_is_in_the_guide(root, capsys, mine):
    guide = GUIDE.read_text().partition("## Write a study")[0]
    assert call("study", mine(*TINY), "--on", "here", "--root", root, "--quiet") == 0
    columns = set(capsys.readouterr().out.splitlines()[0].split("\t"))
    assert call("claims", "--root", root) == 0
    columns |= set(capsys.readouterr().out.splitlines()[0].split("\t"))
    assert {column for column in columns if f"| `{column}` |" not in guide} == set()


def test_what_is_trained_otherwise_than_published_is_said(mine, root, capsys):
    path = mine(
        *TINY,
        ("PAPER = Config()", 'SUBSTITUTES = {"recipe": "SGD, to be seen"}\nPAPER = Config()'),
        ('model="mlp-4"', "model=PAPER.model"),
        ("data=POOL_DATA, ", ""),
        ('data: str = "mnist"', 'data: str = "digits"'),
        ('model: str = "lenet-300-100"', 'model: str = "mlp-4"'),
        ("replace(POOL_RECIPE, epochs=1)", "Recipe(lr=0.1, batch_size=60, epochs=1)"),
    )
    assert call("study", path, "--on", "here", "--root", root) == 0
    printed = capsys.readouterr()
    assert "not as published, recipe: SGD, to be seen" in printed.err
    assert printed.out.splitlines()[1].split("\t")[-1] == "recipe: SGD, to be seen"
    assert call("claims", "--root", root) == 0
    head, *rows = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert [row[head.index("instead")] for row in rows if row[0] == "M1"] == [
        "recipe: SGD, to be seen"
    ]


def test_given_again_it_answers_at_once_and_estimates_nothing(mine, root, capsys):
    path = mine(*TINY)
    assert call("study", path, "--on", "here", "--root", root) == 0
    first = capsys.readouterr()
    assert call("study", path, "--on", "here", "--root", root) == 0
    again = capsys.readouterr()
    assert again.out == first.out
    assert "budget" not in again.err


def test_out_is_where_results_are_written_and_read(mine, root, tmp_path, capsys):
    arguments = ("study", mine(*TINY), "--on", "here", "--root", root, "--out", tmp_path / "out")
    assert call(*arguments) == 0
    assert list((tmp_path / "out" / "mine").glob("*/verdicts.json"))
    assert not (root / "results").exists()
    capsys.readouterr()
    assert call("claims", "--out", tmp_path / "out", "--root", root) == 0
    assert "M1\tmine" in capsys.readouterr().out


def test_a_dry_run_lists_the_trainings_and_does_none(mine, root, capsys):
    path = mine(*TINY)
    assert call("study", path, "--dry-run", "--root", root) == 0
    printed = capsys.readouterr()
    rows = [line.split("\t") for line in printed.out.splitlines()]
    assert rows[0] == ["training", "key", "state", "steps left", "on one core"]
    assert len(rows) == 7
    assert {row[2] for row in rows[1:]} == {"to do"}
    assert {row[3] for row in rows[1:]} == {"18"}
    assert "6 to do" in printed.err
    assert not root.exists()


def test_many_small_networks_are_planned_as_stacks_unless_that_is_turned_off(mine, root, capsys):
    path = mine(*TINY)

    def keys(seeds, *flags):
        seeds = ",".join(map(str, range(seeds)))
        assert call("study", path, "--seeds", seeds, "--dry-run", *flags, "--root", root) == 0
        lines = capsys.readouterr().out.splitlines()[1:]
        return {name: key for name, key, *_ in (line.split("\t") for line in lines)}

    # Two trainings a seed.
    few, many, alone = keys(7), keys(8), keys(8, "--no-stacks")
    assert few.items() <= alone.items()
    assert many.keys() == alone.keys()
    assert not set(many.values()) & set(alone.values())


def test_an_estimate_comes_before_anything_is_trained(mine, root, capsys):
    path = mine(*TINY)
    assert call("study", path, "--on", "here", "--root", root) == 0
    for run in Store(root).runs():
        write_done(run.path, read_done(run.path) | {"seconds": 1800.0})
    capsys.readouterr()
    arguments = ("study", path, "--seeds", "0,1,2,3", "--root", root)
    assert call(*arguments, "--dry-run", "--on", "local:2") == 0
    assert "about 30 min on 2 cores for the trainings: 2 to do, 6 in the store" in words(
        capsys.readouterr().err
    )


def test_a_study_without_jobs_says_that_it_goes_step_by_step(mine, root, capsys):
    path = mine(*TINY, ("def jobs(", "def _jobs("), ("lab.train(jobs(", "lab.train(_jobs("))
    assert call("study", path, "--dry-run", "--root", root) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "it trains step by step" in printed.err
    assert call("study", path, "--on", "here", "--root", root) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("distance_from_strat",), "no study 'distance_from_strat': did you mean"),
        (("./nowhere.py",), "there is no file nowhere.py"),
        (("mine.py", "--budget", "lap"), "--budget must be one of quick, laptop, paper, got 'lap'"),
        (("mine.py", "--seeds", "0", "0"), "seeds holds 0 twice"),
        (("mine.py", "--seeds", "1.5"), "--seeds must be whole numbers"),
        (("mine.py", "--seeds", "-1"), "seeds must be whole numbers >= 0"),
        (("mine.py", "--on", "lokal"), "no engine 'lokal': did you mean 'local'"),
        (("mine.py", "--on", "local:0"), "needs an integer >= 1"),
        (("mine.py", "--out", ""), "--out must be a path"),
        (("mine.py", "--budget", "laptop"), "surfeit data fetch mnist"),
    ],
)
def test_what_is_wrong_is_one_sentence(mine, root, tmp_path, capsys, monkeypatch, arguments, said):
    mine(*TINY)
    monkeypatch.chdir(tmp_path)
    assert call("study", *arguments, "--root", root) == 1
    printed = capsys.readouterr()
    assert said in words(printed.err)
    assert printed.err.startswith("surfeit: ")
    assert printed.out == ""
    assert not root.exists()


def test_a_missing_extra_is_one_sentence(mine, root, capsys, monkeypatch):
    monkeypatch.setattr("surfeit.execute.ray.find_spec", lambda name: None)
    assert call("study", mine(*TINY), "--on", "ray", "--root", root) == 1
    said = words(capsys.readouterr().err)
    assert "ray" in said
    assert "pip install" in said
    assert "Traceback" not in said


def test_a_file_that_is_no_study_says_what_it_lacks(tmp_path, root, capsys):
    path = tmp_path / "no_study.py"
    path.write_text('"""Nothing."""\n')
    assert call("study", path, "--root", root) == 1
    assert "is no study: it lacks CLAIMS" in capsys.readouterr().err


def test_a_study_that_chooses_by_test_data_is_refused(mine, root, capsys):
    change = (
        "    runs = lab.train",
        '    lab.choose([], by="test_accuracy")\n    runs = lab.train',
    )
    assert call("study", mine(*TINY, change), "--on", "here", "--root", root) == 1
    said = words(capsys.readouterr().err)
    assert "rows() of the study mine, line" in said
    assert "must not choose by 'test_accuracy': test data choose nothing" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_store_that_may_not_be_written_is_told_first(mine, root, capsys):
    root.mkdir(mode=0o500)
    assert call("study", mine(*TINY), "--on", "here", "--root", root) == 1
    assert "you may not write there" in capsys.readouterr().err


def test_interrupted_it_says_that_the_same_command_goes_on(mine, root):
    """Ctrl-C in a real process, while workers train."""
    path = mine(*TINY, ("epochs=1), model", "epochs=400), model"))
    code, out, err = interrupted("study", path, root=root, seconds=120)
    assert code == 130
    assert out == ""
    assert "stopped; give the same command again and it goes on from here" in err
    assert not list(root.glob("results/*/*/verdicts.json"))


def test_studies_are_listed_with_what_was_found(root, capsys):
    assert call("studies", "--root", root) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["study", "question", "source", "cost", "results", "claims"]
    (row,) = [row for row in rows if row[0] == "distance_from_start"]
    assert row[2].startswith("Neyshabur")
    assert not root.exists()


def test_listed_in_a_terminal_no_line_is_wider(root, capsys, terminal):
    terminal()
    assert call("studies", "--root", root) == 0
    assert "(F14a, F14b)" in (listed := capsys.readouterr().out)
    assert "Frankle" not in listed
    assert call("studies", "--sources", "--root", root) == 0
    assert call("claims", "--root", root) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) < 80


def test_claims_show_what_was_not_run(root, capsys):
    assert call("claims", "--root", root) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert len(rows) > 1
    assert {row[5] for row in rows[1:]} == {"not run"}


def test_claims_are_shown_as_a_page_and_as_markdown(mine, root, tmp_path, capsys):
    assert call("study", mine(*TINY), "--on", "here", "--root", root, "--quiet") == 0
    capsys.readouterr()
    assert call("claims", "--root", root, "--page", tmp_path / "page") == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "page" / "claims.html")
    assert "data:image/svg+xml" in (tmp_path / "page" / "claims.html").read_text()
    assert call("claims", "--root", root, "--format", "markdown") == 0
    text = capsys.readouterr().out
    assert text.startswith("# Claims\n")
    assert "**M1**" in text


def test_a_damaged_result_is_told_beside_the_others(mine, root, capsys):
    assert call("study", mine(*TINY), "--on", "here", "--root", root, "--quiet") == 0
    (record,) = root.glob("results/mine/*/verdicts.json")
    record.write_text(json.dumps(json.loads(record.read_text()) | {"format": 99}))
    capsys.readouterr()
    for command in ("claims", "studies"):
        assert call(command, "--root", root) == 0
        assert "is damaged" in capsys.readouterr().err


def test_escape_sequences_in_a_result_do_not_reach_the_terminal(mine, root, capsys, terminal):
    terminal()
    change = ("Weight decay shortens", "\\x1b[2J Weight decay shortens")
    assert call("study", mine(*TINY, change), "--on", "here", "--root", root, "--quiet") == 0
    assert call("claims", "--root", root) == 0
    assert "\x1b" not in capsys.readouterr().out
