"""`surfeit tickets`: what it asks the search for, what it says, prints and writes, how it ends."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import surfeit.execute
import surfeit.procedures.tickets
import surfeit.tables.figures
from surfeit.cli.ticket_answer import _accuracy, _step, complaint, rows, sentences
from surfeit.data import load
from surfeit.execute import Active, InProcess, Status
from surfeit.procedures.tickets.table import SCHEMA
from surfeit.tables.figures import save

from .conftest import call

SMALL = {"--model": "mlp-12", "--data": "digits", "--steps": "40"}


def planted(gain=0.01, levels=3, seeds=(0, 1, 2), controls=("reinit",), failed=()):
    """Tickets that are `gain` above every control, give or take a tenth of a point a replicate."""
    found = []
    for place, seed in enumerate(seeds):
        for level in range(levels + 1):
            for arm in ("ticket", *(controls if level else ())):
                row = {"replicate": seed, "level": level, "arm": arm}
                if (seed, level, arm) not in failed:
                    behind = 0.0 if arm == "ticket" else gain + 0.001 * (place - 1)
                    row |= {
                        "density": 0.5**level,
                        "test_accuracy": 0.97 - behind,
                        "validation_accuracy": 0.975 - 0.001 * (level > 2) - behind,
                        "early_stop_step": 1000 if arm == "ticket" else 1500 + 10 * place,
                        "early_stop_accuracy": 0.98,
                        "early_stop_test_accuracy": 0.97,
                        "run": f"{seed}{level}{arm}",
                    }
                found.append(row)
    reasons = {
        (name := f"replicate {seed}, level {level}, {arm}"): f"{name}: the loss was NaN"
        for seed, level, arm in failed
    }
    return pa.Table.from_pylist(
        found, schema=SCHEMA.with_metadata({"failures": json.dumps(reasons)})
    )


@pytest.fixture
def asked(monkeypatch):
    """A search that trains nothing: what it was asked for, and the table it answers with."""
    noted = {"table": planted()}

    def stand_in(model, dataset, recipe, config, **more):
        noted.update(model=model, dataset=dataset, recipe=recipe, config=config, **more)
        working = Active("replicate 0, level 1, ticket", "abcd", 50, 100, {})
        more["progress"](Status(0, 0, 2, (working,)))
        more["progress"](Status(1, 0, 2, (), (replace(working, step=100),)))
        return noted["table"]

    monkeypatch.setattr(surfeit.procedures.tickets, "find_tickets", stand_in)
    monkeypatch.setattr(surfeit.tables.figures, "save", lambda drawing, folder, name: {})
    return noted


@pytest.fixture
def drawn(asked, monkeypatch):
    """The same, but the figure is drawn."""
    monkeypatch.setattr(surfeit.tables.figures, "save", save)
    return asked


def test_tickets_writes_table_and_figure_and_prints_every_level(drawn, tmp_path, capsys):
    assert call("tickets", "--out", tmp_path / "out") == 0
    printed = capsys.readouterr()
    lines = [line.split("\t") for line in printed.out.splitlines()]
    assert lines[0] == ["level", "density", "ticket", "reinit", "ticket's early stop"]
    assert lines[1][1:] == ["100 %", "97.00 % (3 equal)", "", "1,000 (3 equal)"]
    assert lines[4][:3] == ["3", "12.5 %", "97.00 % (3 equal)"]
    assert lines[4][3].startswith("96.00 ± 0.25")
    assert pq.read_table(tmp_path / "out" / "tickets.parquet").equals(drawn["table"])
    for kind in ("svg", "png", "pdf"):
        assert (tmp_path / "out" / f"tickets.{kind}").stat().st_size > 1000
    assert "replicate 0, level 1, ticket" in printed.err
    assert f"{tmp_path}/out/tickets.parquet" in printed.err
    answer = printed.err.index("beat their re-initialised controls by 1.00 points")
    assert answer < printed.err.index("tickets.parquet")


def test_tickets_asks_for_what_the_issue_asks(asked, tmp_path, monkeypatch):
    digits = load("digits")
    monkeypatch.setattr("surfeit.data.load", lambda name, folder: replace(digits, name=name))
    flags = "--model lenet-300-100 --data mnist --levels 16 --replicates 3"
    more = "--controls reinit,random --steps 4000 --rewind-to 500"
    assert call("tickets", *flags.split(), *more.split(), "--out", tmp_path) == 0
    config, recipe = asked["config"], asked["recipe"]
    assert asked["dataset"].name == "mnist"
    assert list(asked["seeds"]) == [0, 1, 2]
    assert (config.levels, config.controls, config.rewind_to) == (16, ("reinit", "random"), 500)
    assert (config.rate, config.output_rate, config.conv_rate) == (0.2, 0.1, None)
    assert (config.score, config.schedule, config.retrain) == ("large_final", "iterative", "rewind")
    assert (recipe.optimizer, recipe.lr, recipe.batch_size) == ("adam", 1.2e-3, 60)
    assert (recipe.steps, recipe.evaluate_every) == (4000, 100)


def test_tickets_takes_every_flag_of_the_search(asked, tmp_path):
    flags = "--rate 0.5 --output-rate 0.25 --conv-rate 0.125 --score movement --retrain fine-tune"
    more = "--one-shot --rewind-to 3 --seed 7 --replicates 2 --evaluate-every 25 --workers 3"
    extra = "--controls none --lr 0.01 --epochs 2 --threads 2"
    assert call("tickets", *flags.split(), *more.split(), *extra.split(), "--out", tmp_path) == 0
    config, recipe = asked["config"], asked["recipe"]
    assert (config.rate, config.output_rate, config.conv_rate) == (0.5, 0.25, 0.125)
    assert (config.score, config.retrain, config.schedule) == ("movement", "fine-tune", "one-shot")
    assert (config.controls, config.rewind_to) == ((), 3)
    assert (list(asked["seeds"]), asked["engine"].workers) == ([7, 8], 3)
    assert (recipe.epochs, recipe.steps, recipe.lr, recipe.evaluate_every) == (2, None, 0.01, 25)
    assert asked["numerics"].threads == 2


def test_tickets_of_units_and_of_all_layers_together_leave_the_published_rates(asked, tmp_path):
    base = ["tickets", "--model", "conv-6", "--out", tmp_path]
    assert call(*base) == 0
    assert (asked["config"].conv_rate, asked["recipe"].lr) == (0.15, 3e-4)
    assert call(*base, "--allocation", "global") == 0
    assert (asked["config"].conv_rate, asked["config"].output_rate) == (None, None)
    assert call(*base, "--granularity", "unit") == 0
    assert (asked["config"].score, asked["config"].output_rate) == ("filter_norm", None)


def test_networks_without_published_tickets_are_trained_as_others(asked, tmp_path):
    assert call("tickets", "--model", "mlp-12", "--out", tmp_path) == 0
    assert (asked["recipe"].lr, asked["recipe"].steps) == (1.2e-3, 2000)
    assert call("tickets", "--model", "vgg19-bn", "--out", tmp_path, "--steps", "200000") == 0
    assert (asked["recipe"].lr, asked["recipe"].schedule) == (0.1, "steps")


def test_quiet_tickets_say_nothing_but_the_table(asked, tmp_path, capsys):
    assert call("tickets", "--quiet", "--out", tmp_path) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.startswith("level\t")


@pytest.mark.parametrize("refused", ["tickets.parquet", "tickets.png"])
def test_where_the_disk_is_full_the_table_is_printed_and_the_file_named(
    drawn, tmp_path, capsys, monkeypatch, refused
):
    replace_ = os.replace

    def full(source, target):
        if Path(target).name == refused:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace_(source, target)

    monkeypatch.setattr("os.replace", full)
    assert call("tickets", "--out", tmp_path) == 1
    printed = capsys.readouterr()
    assert f"surfeit: cannot write {tmp_path}/{refused}: the disk is full" in printed.err
    assert printed.out.startswith("level\t")
    assert len(printed.out.splitlines()) == 5
    assert not [path for path in tmp_path.iterdir() if refused in path.name]


def test_an_anatomy_of_other_tickets_is_removed_and_one_of_these_is_kept(asked, tmp_path, capsys):
    assert call("tickets", "--out", tmp_path) == 0
    names = {"anatomy.parquet", "anatomy.svg"}
    for name in (*names, "anatomy.txt"):
        (tmp_path / name).touch()
    assert call("tickets", "--out", tmp_path) == 0
    assert names <= {path.name for path in tmp_path.iterdir()}
    assert "removed" not in capsys.readouterr().err
    asked["table"] = planted(gain=0.02)
    assert call("tickets", "--out", tmp_path) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"tickets.parquet", "anatomy.txt"}
    assert f"removed {tmp_path}/anatomy.*" in capsys.readouterr().err


def test_failed_trainings_are_told_after_everything_is_written(asked, tmp_path, capsys):
    asked["table"] = planted(failed=[(0, 2, "reinit"), (1, 3, "ticket")])
    assert call("tickets", "--quiet", "--out", tmp_path) == 1
    printed = capsys.readouterr()
    assert "surfeit: 2 of 21 trainings failed" in printed.err
    assert "replicate 0, level 2, reinit: the loss was NaN" in printed.err
    assert len(printed.out.splitlines()) == 5
    assert (tmp_path / "tickets.parquet").exists()


def test_where_every_training_failed_the_table_is_written_and_no_figure(drawn, tmp_path, capsys):
    drawn["table"] = planted(
        levels=1, seeds=(0,), controls=(), failed=[(0, 0, "ticket"), (0, 1, "ticket")]
    )
    assert call("tickets", "--out", tmp_path) == 1
    printed = capsys.readouterr()
    assert "2 of 2 trainings failed" in printed.err
    assert printed.out.splitlines()[1].split("\t") == ["0", "–", "–", "–"]
    assert not (tmp_path / "tickets.svg").exists()


def test_many_failures_are_counted_not_listed():
    table = planted(failed=[(seed, level, "reinit") for seed in range(3) for level in (1, 2, 3)])
    words = complaint(table, most=2)
    assert words is not None
    assert words.splitlines()[-1].strip() == "and 7 more"
    assert len(words.splitlines()) == 4
    assert complaint(planted()) is None


def test_what_failed_itself_is_named_before_what_was_not_run_for_its_sake():
    reasons = {"b": "b: not run, because it builds on a, which failed", "a": "a: no memory"}
    table = planted().replace_schema_metadata({"failures": json.dumps(reasons)})
    words = complaint(table)
    assert words is not None
    assert [line.strip()[0] for line in words.splitlines()[1:]] == ["a", "b"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "lenet"], "did you mean 'lenet-300-100'"),
        (["--data", "minst"], "did you mean 'mnist'"),
        (["--score", "large-finl"], "did you mean 'large_final'"),
        (["--score", "?"], "one of large_final, small_final"),
        (["--controls", "reinit,randm"], "did you mean 'random'"),
        (["--controls", "reinit,reinit"], "each control is trained once a level"),
        (["--controls", ""], "no control ''"),
        (["--allocation", "globl"], "did you mean 'global'"),
        (["--granularity", "filter"], "--granularity must be one of weight, unit, got 'filter'"),
        (["--retrain", "finetune"], "did you mean 'fine-tune'"),
        (["--rate", "1"], "rate must be a fraction in (0, 1), got 1.0"),
        (["--output-rate", "-0.5"], "output_rate must be a fraction in (0, 1), got -0.5"),
        (["--levels", "0"], "levels must be an integer >= 1, got 0"),
        (["--replicates", "0"], "replicates must be at least 1, got 0"),
        (["--replicates", "99999999"], "replicates must be at most 10,000, got 99999999"),
        (["--workers", "0"], "workers must be an integer >= 1, got 0"),
        (["--evaluate-every", "0"], "evaluate_every must be an integer >= 1, got 0"),
        (["--rewind-to", "-1"], "rewind_to must be an integer >= 0, got -1"),
        (["--rewind-to", "41"], "41"),
        (["--rate", "0.99", "--levels", "4"], "would"),
        (["--seed", "-1"], "--seed must be a whole number >= 0, got '-1'"),
        (["--optimizer", "sdg"], "did you mean 'sgd'"),
        (["--threads", "0"], "threads must be an integer"),
    ],
)
def test_bad_input_is_one_sentence_before_any_training(arguments, words, tmp_path, capsys):
    flags = SMALL | dict(zip(arguments[::2], arguments[1::2], strict=True))
    places = ["--root", tmp_path / "store", "--out", tmp_path / "out"]
    assert call("tickets", *(word for pair in flags.items() for word in pair), *places) == 1
    printed = capsys.readouterr()
    assert words in printed.err
    assert printed.err.startswith("surfeit: ")
    assert len(printed.err.strip().splitlines()) == 1
    assert printed.out == ""
    assert not (tmp_path / "store" / "runs").exists()


def test_missing_data_and_a_place_that_cannot_be_written_are_told_first(asked, tmp_path, capsys):
    assert call("tickets", "--data", "mnist", "--data-dir", tmp_path) == 1
    assert "surfeit data fetch mnist" in capsys.readouterr().err
    (tmp_path / "file").write_text("in the way")
    assert call("tickets", "--out", tmp_path / "file") == 1
    assert "choose another folder" in capsys.readouterr().err
    assert "model" not in asked


def test_interrupted_tickets_end_with_130_and_say_how_to_go_on(
    asked, tmp_path, monkeypatch, capsys
):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(surfeit.procedures.tickets, "find_tickets", interrupted)
    assert call("tickets", "--out", tmp_path) == 130
    assert "give the same command again and it goes on" in capsys.readouterr().err


def test_the_answer_names_a_clear_advantage_its_range_and_interval():
    (against, dense) = sentences(planted(gain=0.01))
    assert against.startswith("tickets between 50 % and 12.5 % density beat their re-init")
    # Differences 0.9, 1.0 and 1.1 points: Student's interval is 1 ± 4.3027 · 0.1 / √3.
    assert "by 1.00 points of test accuracy (0.75 to 1.25, n = 3)" in against
    assert "the tickets' validation loss is least 510 steps sooner (485 to 535, n = 3)" in against
    assert "has 25 % density: +0.00 points" in dense


def test_the_answer_is_as_honest_where_tickets_lose_or_nothing_is_clear():
    (lost, _) = sentences(planted(gain=-0.01))
    assert "fall behind their re-initialised controls by 1.00 points" in lost
    assert "(0.75 to 1.25, n = 3)" in lost
    (unclear, _) = sentences(planted(gain=0.001))
    assert "cannot be told apart: +0.10 points of test accuracy (-0.15 to 0.35, n = 3)" in unclear


def test_the_answer_of_one_replicate_has_no_interval():
    (against, dense) = sentences(planted(seeds=(1,)))
    assert "are 1.00 points of test accuracy above" not in dense
    assert "(one replicate, so no interval)" in against
    assert "±" not in str(rows(planted(seeds=(1,))))


@pytest.mark.parametrize(
    ("mean", "upper", "text"),
    [
        (0.971, 0.9735, "97.10 ± 0.25 %"),
        (0.9903, 1.0079, "99.03 (97.27 to 100) %"),
        (0.01, 0.03, "1.00 (0 to 3.00) %"),
    ],
)
def test_intervals_stay_within_what_is_possible(mean, upper, text):
    assert _accuracy({"mean": mean, "upper": upper}) == text
    assert _step({"mean": 534.0, "upper": 1373.0}) == "534 (0 to 1,373)"


def test_the_answer_counts_steps_in_plain_words():
    for steps, words in (
        (0, "least at the same step (3 equal values, too few for an interval)"),
        (1, "least 1 step sooner (3 equal"),
    ):
        table = planted().to_pylist()
        for row in table:
            row["early_stop_step"] = 500 + steps * (row["arm"] == "reinit")
        assert words in sentences(pa.Table.from_pylist(table))[0]


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (
            {"reinit": 1500},
            "least 510 steps sooner or more: 3 controls had it at the last step and might",
        ),
        ({"ticket": 1000}, "least sooner is open: 9 tickets had it at the last step"),
        (
            {"ticket": 1000, "reinit": 1500},
            "least sooner is open: 9 tickets and 3 controls had it at the last step",
        ),
    ],
)
def test_steps_at_which_a_training_ended_are_only_bounds(ended, words):
    table = planted().to_pylist()
    for row in table:
        row["steps"] = ended.get(row["arm"], 4000)
    (against, _) = sentences(pa.Table.from_pylist(table))
    assert words in against
    assert "n = 3)" not in against.split(";")[1]


def test_the_answer_without_controls_is_about_the_dense_network():
    (dense,) = sentences(planted(controls=()))
    assert dense.startswith("the smallest ticket no worse on validation images than the dense")


def test_the_dense_network_is_compared_by_validation_images_alone():
    table = planted(controls=(), levels=2).to_pylist()
    for row in table:
        if row["level"]:
            row["validation_accuracy"], row["test_accuracy"] = 0.5, 1.0
    (dense,) = sentences(pa.Table.from_pylist(table))
    assert dense == "no ticket is as accurate on validation images as the dense network"


def test_tickets_on_digits_from_the_command_to_the_files(tmp_path, monkeypatch, capsys):
    """The real search, in this process; the same command again trains nothing."""
    monkeypatch.setattr(surfeit.execute, "Local", lambda workers: InProcess())
    monkeypatch.setattr(surfeit.tables.figures, "save", lambda drawing, folder, name: {})
    small = [word for pair in SMALL.items() for word in pair]
    flags = ["--levels", "1", "--replicates", "2", "--controls", "reinit"]
    places = ["--root", tmp_path / "store", "--out", tmp_path / "out"]
    printed, written = [], []
    for _ in range(2):
        assert call("tickets", *small, *flags, *places) == 0
        printed.append(capsys.readouterr())
        marks = sorted((tmp_path / "store").glob("runs/*/*/DONE.json"))
        written.append([mark.stat().st_mtime_ns for mark in marks])
    assert [line.split("\t")[:2] for line in printed[0].out.splitlines()[1:]] == [
        ["0", "100 %"],
        ["1", "81.3 %"],
    ]
    assert "6 of 6 done" in printed[0].err
    assert printed[0].out == printed[1].out
    assert len(written[0]) == 6
    assert written[0] == written[1]
    table = pq.read_table(tmp_path / "out" / "tickets.parquet")
    assert table.num_rows == 6
    assert None not in table["run"].to_pylist()


def test_a_dense_network_that_learnt_nothing_is_told_and_nothing_is_claimed(
    asked, tmp_path, capsys
):
    table = planted()
    still = [
        0 if level == 0 else step
        for level, step in zip(
            *(table[n].to_pylist() for n in ("level", "early_stop_step")), strict=True
        )
    ]
    place = table.column_names.index("early_stop_step")
    asked["table"] = table.set_column(place, "early_stop_step", pa.array(still, pa.int64()))
    assert call("tickets", "--out", tmp_path) == 0
    said = capsys.readouterr().err
    assert "the dense network learnt nothing" in said
    assert "beat" not in said
