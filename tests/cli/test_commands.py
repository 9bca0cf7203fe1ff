"""The commands as a user types them: what they print, where, and how they end."""

import json
import re
import signal
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from surfeit.core import Streams
from surfeit.data import load, with_label_noise
from surfeit.models import lenet_300_100
from surfeit.report.write import headline_of
from surfeit.store import Store
from surfeit.train import Recipe, train
from surfeit.viewer.frames.cache import Cache
from surfeit.viewer.frames.pictures import Pictures
from surfeit.viewer.frames.query import Query as PictureQuery
from surfeit.viewer.timelines.library import Library
from surfeit.viewer.wire import decode

from .conftest import call, interrupted

TRAIN = ["train", "--model", "mlp-12-8", "--data", "digits", "--epochs", "2"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


def trained(root: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    assert call(*TRAIN, "--root", root, *more) == 0
    return capsys.readouterr().out.strip()


def test_train_prints_the_key_alone_on_stdout(root, capsys):
    assert call(*TRAIN, "--root", root) == 0
    printed = capsys.readouterr()
    run = Store(root).find(printed.out.strip())
    assert printed.out == f"{run.key}\n"
    assert run.status == "done"
    assert run.metrics()["step"].to_pylist() == [0, 9, 18]
    assert "classified right" in printed.err


def test_train_again_gives_the_same_run_at_once(root, capsys):
    first = trained(root, capsys)
    before = (Store(root).find(first).path / "DONE.json").stat().st_mtime_ns
    assert trained(root, capsys) == first
    assert (Store(root).find(first).path / "DONE.json").stat().st_mtime_ns == before


def test_quiet_says_nothing_but_the_key(root, capsys):
    assert call(*TRAIN, "--root", root, "--quiet") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert len(printed.out.strip()) == 64


@pytest.mark.parametrize("name", ["squared-error", "hinge", "squared_error"])
def test_train_minimises_the_objective_that_is_named(root, capsys, name):
    key = trained(root, capsys, "--objective", name, "--lr", "0.01")
    run = Store(root).find(key)
    assert run.config["objective"] == name.replace("-", "_")


def test_cross_entropy_is_the_objective_where_none_is_named(root, capsys):
    assert trained(root, capsys, "--objective", "cross-entropy") == trained(root, capsys)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("squares", "no objective 'squares'"),
        ("binary-cross-entropy", "binary_cross_entropy needs outputs of shape [1, 1] or [1]"),
    ],
)
def test_an_objective_that_cannot_be_minimised_is_told(root, capsys, name, words):
    assert call(*TRAIN, "--root", root, "--objective", name) != 0
    assert words in " ".join(capsys.readouterr().err.split())


def test_train_draws_from_the_law_that_is_named(root, capsys):
    plain = trained(root, capsys)
    key = trained(root, capsys, "--initial", "normal", "--initial-scale", "0.01")
    scaled = trained(root, capsys, "--initial-scale", "3")
    assert trained(root, capsys, "--initial", "glorot-normal") == plain
    run, first, larger = (Store(root).find(one) for one in (key, plain, scaled))
    assert run.config["initial"] == "normal * 0.01"
    assert run.tensors(0)["fc1.weight"].std() < 0.011 < first.tensors(0)["fc1.weight"].std()
    ratio = larger.tensors(0)["fc1.weight"] / first.tensors(0)["fc1.weight"]
    assert ratio.sub(3).abs().max() < 1e-5


def test_train_takes_every_flag_of_the_recipe(root, capsys):
    flags = "--steps 12 --lr 0.05 --momentum 0.9 --nesterov --schedule steps --milestones 4 8"
    more = "--decay 0.5 --warmup-steps 2 --weight-decay 0.001 --l1 0.0001 --clip-norm 1"
    extra = "--augmentation shift --batch-size 32 --seed 3"
    base = ["train", "--model", "mlp-12", "--root", str(root)]
    assert call(*base, *flags.split(), *more.split(), *extra.split()) == 0
    run = Store(root).find(capsys.readouterr().out.strip())
    recipe = run.config["recipe"]
    assert recipe["milestones"] == [4, 8]
    assert (recipe["steps"], recipe["epochs"], recipe["batch_size"]) == (12, None, 32)
    assert (recipe["nesterov"], recipe["l1"], recipe["clip_norm"]) == (True, 0.0001, 1.0)
    assert run.config["seed"] == 3
    assert run.steps()[-1] == 12


def test_several_milestones_do_not_spill_into_the_next_flag(root, capsys):
    flags = ["--schedule", "steps", "--milestones", "4", "8", "--decay", "0.5"]
    assert call(*TRAIN, "--root", root, *flags) == 0
    run = Store(root).find(capsys.readouterr().out.strip())
    assert (run.config["recipe"]["milestones"], run.config["recipe"]["decay"]) == ([4, 8], 0.5)


def test_report_recipe_can_be_shortened(root, capsys):
    base = ["train", "--model", "lenet-300-100", "--recipe", "report", "--steps", "3"]
    assert call(*base, "--root", root) == 0
    recipe = Store(root).find(capsys.readouterr().out.strip()).config["recipe"]
    assert (recipe["lr"], recipe["momentum"], recipe["batch_size"]) == (0.003, 0.9, 64)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--model", "lenet"], "did you mean 'lenet-300-100'"),
        (["train", "--model", "resnet-21"], "depth must be 6 n + 2, such as 20"),
        (["train", "--model", "mlp-5-tahn"], "Such networks are called mlp-W1-W2-"),
        (["train", "--initial", "he-nromal"], "did you mean 'he-normal'"),
        (["train", "--initial-scale", "0"], "scale of initial weights must be above 0, got 0.0"),
        (["tickets", "--initial", "he"], "no law of initial weights 'he'"),
        (["train", "--data", "minst"], "did you mean 'mnist'"),
        (["train", "--recipe", "repot"], "did you mean 'report'"),
        (["train", "--optimizer", "sdg"], "did you mean 'sgd'"),
        (["train", "--lr", "-1"], "lr must be > 0, got -1.0"),
        (["train", "--epochs", "2", "--steps", "3"], "epochs or steps"),
        (["train", "--device", "tpu"], "no device 'tpu'"),
        (["train", "--threads", "0"], "threads must be an integer in [1, 1024]"),
        (["train", "--checkpoint-seconds", "-1"], "checkpoint_seconds must be >= 0"),
        (["train", "--model", "mlp-99999999999"], "memory"),
        (["runs", "verify"], "there is no folder"),
        (["train", "--seed", "-4"], "--seed must be a whole number >= 0, got '-4'"),
        (["prune", "abcdef", "--layer", "fc1"], "there is no folder"),
        (["inspect", "ab"], "give --root"),
        (["runs", "show", "nothing"], "no run 'nothing'"),
        (["runs", "delete"], "which run?"),
        (["data", "fetch", "mnst"], "did you mean 'mnist'"),
    ],
)
def test_errors_are_one_plain_sentence_and_a_status(arguments, words, root, capsys):
    places = [] if arguments[0] == "data" else ["--root", root]
    assert call(*arguments, *places) == 1
    printed = capsys.readouterr()
    assert words in printed.err
    assert printed.err.startswith("surfeit: ")
    assert "Traceback" not in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("flag", ["--epochs", "--batch-size", "--seed", "--threads"])
def test_a_fraction_is_not_rounded_to_a_whole_number(flag, root, capsys):
    assert call("train", flag, "1.5", "--root", root) != 0
    assert "must be a whole number" in " ".join(capsys.readouterr().err.split())


def test_a_batch_larger_than_the_images_is_all_of_them(root, capsys):
    assert call(*TRAIN, "--root", root, "--batch-size", "1000000000") == 0
    assert Store(root).find(capsys.readouterr().out.strip()).steps() == [0, 1, 2]


def test_interrupted_training_says_so_and_goes_on(root, capsys):
    """Ctrl-C in a real process; the same command then says from where it goes on."""
    code, out, err = interrupted("train", "--epochs", "3000", root=root)
    assert code == 130
    assert out == ""
    assert "stopped; give the same command again" in err
    (run,) = Store(root).runs()
    assert run.status == "interrupted"
    command = [sys.executable, "-m", "surfeit", "train", "--epochs", "3000", "--root", str(root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert "going on from step" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


def test_measuring_an_unfinished_run_says_of_which_step_it_speaks(root, tmp_path, capsys):
    folder = Store(root).find(trained(root, capsys)).path
    (folder / "DONE.json").unlink()
    arguments = ["--layer", "fc1", "--criteria", "magnitude", "--out", tmp_path]
    assert call("prune", folder, *arguments) == 0
    assert "is interrupted: what follows is of its step 18" in capsys.readouterr().err


def test_prune_checks_its_options_before_it_measures(root, tmp_path, capsys):
    key = trained(root, capsys)
    assert call("prune", key, "--layer", "fc1", "--loss", "2", "--root", root) == 1
    assert "loss must be a fraction in [0, 1], got 2" in capsys.readouterr().err
    (tmp_path / "file").write_text("in the way")
    arguments = ["--layer", "fc1", "--out", tmp_path / "file"]
    assert call("prune", key, *arguments, "--root", root) == 1
    printed = capsys.readouterr()
    assert "removing units" not in printed.err


def test_a_run_on_data_without_a_name_says_what_to_do(root, capsys):
    data = with_label_noise(load("digits"), 0.5, Streams(0).get("noise"))
    run = train(lenet_300_100, data, Recipe(epochs=1), store=Store(root))
    assert call("prune", run.key, "--layer", "fc1", "--root", root) == 1
    assert "cannot be loaded by name" in capsys.readouterr().err


def test_output_that_cannot_be_written_is_a_sentence(root, capsys):
    trained(root, capsys)
    command = f"{sys.executable} -m surfeit runs --root {root} > /dev/full"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("surfeit: ")
    assert "Traceback" not in ended.stderr


def test_missing_data_names_the_command_that_fetches_it(root, tmp_path, capsys):
    assert call("train", "--data", "mnist", "--data-dir", tmp_path, "--root", root) == 1
    assert "surfeit data fetch mnist" in capsys.readouterr().err


def test_unknown_flag_is_an_error_on_stderr(capsys):
    assert call("train", "--learning-rat", "1") != 0
    printed = capsys.readouterr()
    assert "--learning-rat" in printed.err
    assert printed.out == ""


def test_prune_writes_table_and_figure_and_prints_the_answer(root, tmp_path, capsys):
    key = trained(root, capsys)
    out = tmp_path / "out"
    arguments = ["prune", key[:8], "--layer", "fc1", "--repeats", "3", "--out", out]
    assert call(*arguments, "--criteria", "magnitude", "random", "--root", root) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert [line.split("\t")[:2] for line in lines[1:]] == [
        ["magnitude", "least first"],
        ["magnitude", "most first"],
        ["random", "random order"],
    ]
    assert "±" in lines[3]
    assert lines[0].split("\t")[2:] == [
        "estimate for 1 point of validation accuracy",
        "validation accuracy with that",
        "test accuracy with that",
    ]
    said = " ".join(printed.err.split())
    assert re.search(r"(\d+ of|all|any unit|none).* of fc1 can go for at most a point of", said)
    assert "95 % confidence" in said.replace("\N{NO-BREAK SPACE}", " ")
    for line in lines[1:]:
        for cell in line.split("\t")[3:]:
            assert re.fullmatch(r"\d+\.\d % → \d+\.\d %", cell)
    import pyarrow.parquet as pq

    table = pq.read_table(out / "removal-fc1.parquet")
    assert table.num_rows == 2 * 13 * (2 + 3)
    assert set(table["split"].to_pylist()) == {"validation", "test"}
    for kind in ("svg", "png", "pdf"):
        assert (out / f"removal-fc1.{kind}").stat().st_size > 1000


def test_prune_by_criteria_that_look_at_examples(root, tmp_path, capsys):
    import pyarrow.parquet as pq

    key, out = trained(root, capsys), tmp_path / "out"
    criteria = ["--criteria", "fpgm", "taylor-unit,activation-correlation"]
    arguments = ["prune", key, "--layer", "fc1", "--root", root, "--out", out, *criteria]
    assert call(*arguments, "--score-examples", "200") == 0
    printed = capsys.readouterr()
    told = "scores by taylor-unit, activation-correlation: of 200 train examples"
    assert told in " ".join(printed.err.split())
    assert [line.split("\t")[0] for line in printed.out.splitlines()[1::2]] == [
        "fpgm",
        "taylor-unit",
        "activation-correlation",
    ]
    first = pq.read_table(out / "removal-fc1.parquet")
    rows = first.select(["criterion", "scores_on", "scored_examples"]).to_pylist()
    assert {tuple(row.values()) for row in rows} == {
        ("fpgm", None, None),
        ("taylor_unit", "train", 200),
        ("activation_correlation", "train", 200),
    }
    assert call(*arguments, "--score-examples", "200", "--quiet") == 0
    assert pq.read_table(out / "removal-fc1.parquet").equals(first)
    assert call(*arguments, "--scores-on", "validation") == 0
    assert set(pq.read_table(out / "removal-fc1.parquet")["scores_on"].to_pylist()) == {
        None,
        "validation",
    }
    capsys.readouterr()
    assert call(*arguments, "--scores-on", "test") == 1
    assert "'test'" in capsys.readouterr().err


def test_prune_lists_its_criteria_and_takes_all(root, tmp_path, capsys):
    from surfeit.prune import CRITERIA, usual_criteria

    key = trained(root, capsys)
    arguments = ["prune", key, "--layer", "fc1", "--root", root, "--out", tmp_path, "--quiet"]
    assert call(*arguments, "--criteria", "list") == 1
    told = capsys.readouterr().err
    assert all(name.replace("_", "-") in told for name in CRITERIA)
    for more, names in ((["--criteria", "all"], CRITERIA), ([], usual_criteria())):
        assert call(*arguments, "--repeats", "1", *more) == 0
        rows = capsys.readouterr().out.splitlines()[1:]
        shown = [line.split("\t")[0].replace("-", "_") for line in rows]
        assert list(dict.fromkeys(shown)) == list(names)


def test_prune_inspect_and_viewer_say_the_same(root, tmp_path, capsys, monkeypatch):
    key = trained(root, capsys)
    arguments = ["--root", root, "--out", tmp_path / "out", "--loss", "0.05"]
    assert call("prune", key, "--layer", "fc1", *arguments) == 0
    pruned = capsys.readouterr()
    rows = [line.split("\t") for line in pruned.out.splitlines()[1:]]
    assert call("inspect", key, "--layers", "fc1", *arguments) == 0
    inspected = capsys.readouterr().err
    said = re.search(r"\w+ .* of fc1 can go for at most 5 points of accuracy.*images\)", inspected)
    assert said[0].lower() in pruned.err.lower()
    monkeypatch.setattr("surfeit.viewer.frames.can_go.LOSS", 0.05)
    pictures = Pictures(Library(Store(root), dataset_of=lambda _: load("digits")), Cache(None))
    viewed = decode(pictures.removal(PictureQuery(key, "fc1")))[0]["answer"]
    assert viewed.replace("a point", "5 points").lower() == said[0].lower()
    left = re.search(r"is ([\d.]+)\s% with (\d+) units removed, (.*) with as", inspected)
    expected = f"with {left[2]} removed {left[1]} %, with as many at random {left[3]}"
    assert expected.replace("\N{NO-BREAK SPACE}", " ") in pruned.err.replace(
        "\N{NO-BREAK SPACE}", " "
    )
    removal = json.loads((tmp_path / "out" / "summary.json").read_text())["layers"]["fc1"][
        "removal"
    ]
    least = {row[0].replace("-", "_"): row for row in rows if row[1] == "least first"}
    for criterion, count in removal["by_criterion"].items():
        assert least[criterion][2] == f"{count} of {removal['units']}"
    before, after = (f"{100 * removal['test'][name]:.1f} %" for name in ("before", "after"))
    assert least[removal["criterion"]][4] == f"{before} → {after}"


def test_prune_and_inspect_make_no_folder_where_they_refuse(root, tmp_path, capsys):
    key = trained(root, capsys)
    out = tmp_path / "made" / "later"
    assert call("prune", key, "--layer", "fc9", "--root", root, "--out", out) == 1
    assert call("inspect", key, "--layers", "fc9", "--root", root, "--out", out) == 1
    assert call("prune", key, "--layer", "fc3", "--root", root, "--repeats", "0", "--out", out) == 1
    assert not (tmp_path / "made").exists()
    assert call("inspect", key, "--layers", "fc1", "--root", root, "--out", out) == 0
    assert (out / "report.html").is_file()


@pytest.mark.parametrize("command", ["prune", "inspect"])
def test_a_measurement_that_is_stopped_promises_no_continuation(
    command, root, tmp_path, capsys, monkeypatch
):
    def stop(*_arguments, **_options):
        raise KeyboardInterrupt

    key = trained(root, capsys)
    monkeypatch.setattr("surfeit.prune.removal_table", stop)
    monkeypatch.setattr("surfeit.report.measure.measure", stop)
    layer = ["--layer", "fc1"] if command == "prune" else []
    assert call(command, key, *layer, "--root", root, "--out", tmp_path / "out") == 130
    said = capsys.readouterr().err
    assert "stopped; measurements are kept once they are complete" in said
    assert "goes on from here" not in said
    assert not (tmp_path / "out").exists()


def test_prune_in_a_pipe_says_when_a_split_is_measured(root, tmp_path, capsys):
    key = trained(root, capsys)
    assert call("prune", key, "--layer", "fc1", "--root", root, "--out", tmp_path / "out") == 0
    said = capsys.readouterr().err
    for name in ("validation", "test"):
        assert re.search(rf"removing units of fc1, {name}: done in \d+\.\d s", said)


def test_prune_names_the_layers_that_are_there(root, tmp_path, capsys):
    key = trained(root, capsys)
    assert call("prune", key, "--layer", "fc9", "--root", root, "--out", tmp_path) == 1
    assert "(one of: fc1, fc2, fc3)" in capsys.readouterr().err


def test_prune_takes_a_folder_for_a_run(root, tmp_path, capsys):
    folder = Store(root).find(trained(root, capsys)).path
    arguments = ["--layer", "fc2", "--criteria", "magnitude", "--out", tmp_path / "out"]
    assert call("prune", folder, *arguments) == 0


def test_inspect_writes_a_page_and_prints_its_path(root, tmp_path, capsys):
    key = trained(root, capsys)
    assert call("inspect", key, "--out", tmp_path / "report", "--root", root) == 0
    printed = capsys.readouterr()
    page = Path(printed.out.strip())
    assert page == tmp_path / "report" / "report.html"
    said = printed.err.splitlines()[-1]
    assert said == headline_of(page.parent)
    assert said in unescape(re.sub("<[^>]+>", "", page.read_text(encoding="utf-8")))
    assert json.loads((page.parent / "summary.json").read_text())["run"]["key"] == key


def test_demo_trains_and_reports(root, tmp_path, capsys):
    arguments = ["--model", "mlp-12", "--epochs", "2", "--out", tmp_path / "demo"]
    assert call("demo", *arguments, "--root", root) == 0
    printed = capsys.readouterr()
    page = Path(printed.out.strip())
    assert "fc1" in page.read_text()
    # Of 360 test images none lost would leave more than a point possible.
    assert "for at most 2 points of accuracy" in printed.err.splitlines()[-1]
    assert len(Store(root).runs()) == 1


def test_runs_lists_shows_verifies_and_deletes(root, capsys):
    key = trained(root, capsys)
    assert call("runs", "--root", root) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed[0].split("\t")[:3] == ["key", "state", "model"]
    assert listed[1].split("\t")[:5] == [key[:12], "done", "mlp-12-8", "digits", "0"]
    assert call("runs", "show", key[:6], "--root", root) == 0
    assert json.loads(capsys.readouterr().out)["key"] == key
    assert call("runs", "verify", "--root", root) == 0
    snapshot = Store(root).find(key).path / "snapshots" / "9.safetensors"
    data = bytearray(snapshot.read_bytes())
    data[-5] ^= 1
    snapshot.write_bytes(bytes(data))
    assert call("runs", "verify", key, "--root", root) == 1
    assert "9.safetensors is damaged" in capsys.readouterr().out
    assert call("runs", "delete", key, "--root", root) == 1
    assert "--yes" in capsys.readouterr().err
    assert call("runs", "delete", key, "--yes", "--root", root) == 0
    assert Store(root).runs() == []


def test_data_lists_what_is_there(tmp_path, capsys):
    assert call("data", "list", "--data-dir", tmp_path) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    states = {row[0]: row[1] for row in rows[1:]}
    assert states["digits"] == "complete"
    assert states["mnist"] == f"missing: surfeit data fetch mnist --data-dir {tmp_path}"


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from surfeit.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'numpy', 'pyarrow', 'matplotlib', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(1 if heavy else 0)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for command in ("demo", "train", "inspect", "prune", "runs", "data"):
        assert command in ended.stdout


def test_closed_pipe_is_no_error(root, capsys):
    trained(root, capsys)
    command = f"{sys.executable} -m surfeit runs --root {root} | true; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert ended.stdout.strip().endswith("0")
    assert "Traceback" not in ended.stderr


def test_a_data_set_that_is_installed_is_not_fetched(tmp_path, capsys):
    assert call("data", "fetch", "digits", "--data-dir", tmp_path / "none") == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "digits is installed with Surfeit: there is nothing to fetch" in told.err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("there", [True, False])
def test_prune_that_is_stopped_while_it_writes_leaves_nothing(
    root, tmp_path, capsys, monkeypatch, there
):
    from matplotlib.figure import Figure

    key, out, draw = trained(root, capsys), tmp_path / "out", Figure.savefig

    def stopped(self, *arguments, **options):
        if options.get("format") == "pdf":
            raise KeyboardInterrupt
        draw(self, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", stopped)
    if there:
        out.mkdir()
    arguments = ["--layer", "fc1", "--repeats", "2", "--root", root, "--out", out]
    assert call("prune", key, *arguments) == 130
    assert "measurements are kept once they are complete" in capsys.readouterr().err
    assert out.exists() == there
    assert not there or not list(out.iterdir())
