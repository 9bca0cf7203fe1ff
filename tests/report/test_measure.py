"""From a trained run to tables, page and files; against full forward passes where it counts."""

import errno
import json
import subprocess
import sys
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from surfeit.core import Split, StoreError, Streams
from surfeit.data import from_tensors
from surfeit.models import mlp
from surfeit.prune import CRITERIA, removal_curve, removal_order
from surfeit.report import ReportConfig, write_report
from surfeit.report.measure import measure
from surfeit.report.network import Network
from surfeit.report.schema import schemas, table
from surfeit.report.subject import subjects
from surfeit.report.topics.removal.measuring import measure_removals
from surfeit.report.worth import smallest_rank
from surfeit.store import Run, RunWriter, Store
from surfeit.tables.tables import where
from surfeit.train import Recipe, Recorder, train

CONFIG = ReportConfig(repeats=2, ranks=(1, 2, 4), convolution_images=20)


def _split(generator, n):
    labels = torch.randint(3, (n,), generator=generator)
    images = torch.randn(n, 1, 4, 4, generator=generator)
    images += 2.0 * torch.nn.functional.one_hot(labels, 16).view(n, 1, 4, 4)
    return Split(images, labels)


@pytest.fixture(scope="module")
def dataset():
    generator = Streams(0).get("test")
    splits = {name: _split(generator, n) for name, n in (("train", 96), ("validation", 40))}
    return from_tensors("three", **splits, test=_split(generator, 60))


def _network(*, input_shape, classes, generator):
    return mlp((10, 6), input_shape=input_shape, classes=classes, generator=generator)


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"))
    return train(_network, dataset, Recipe(epochs=6, lr=0.2), store=store)


@pytest.fixture
def sketches(monkeypatch):
    """Figures that take no time to save."""

    def save(drawing, folder, name):
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.svg").write_text('<svg viewBox="0 0 1 1"></svg>')
        return {"svg": folder / f"{name}.svg"}

    monkeypatch.setattr("surfeit.tables.figures.save", save)


@pytest.fixture(scope="module")
def tables(run, dataset):
    return measure(run, dataset, CONFIG)


def test_every_table_has_its_columns(tables):
    assert set(tables) == {*schemas(), "learning"}
    for name, schema in schemas().items():
        assert tables[name].schema == schema


def test_hidden_layers_are_measured_and_the_output_layer_is_not(tables):
    assert tables["layers"]["layer"].to_pylist() == ["fc1", "fc2"]
    assert tables["notes"].num_rows == 0


def test_each_curve_has_one_point_a_removal_and_every_criterion_is_there(tables):
    removal = where(tables["removal"], layer="fc1", split="test")
    assert removal.num_rows == (4 * 2 + 2) * 11
    dense = where(removal, removed=0)["accuracy"].unique().to_pylist()
    counts = where(tables["dense"], split="test").to_pylist()[0]
    assert dense == [pytest.approx(counts["correct"] / counts["images"])]


def _subjects(run, dataset, config):
    return subjects(Network.of(run, dataset, config), config)


def _without(model, units, split):
    """A full forward pass with the units of fc1 removed, by zeroing what reads them."""
    own = nn.Sequential(*[module for _, module in model.named_children()])
    kept = torch.ones(10)
    kept[units] = 0
    hidden = own[2](own[1](own[0](split.images))) * kept
    return (own[5](own[4](own[3](hidden))).argmax(dim=1) == split.labels).double().mean().item()


@pytest.mark.parametrize("name", ["0", "3.1", "3.3"])
def test_curves_are_those_of_the_whole_network(dataset, tmp_path, name):
    tail = nn.Sequential(nn.Flatten(), nn.Linear(48, 7), nn.Tanh(), nn.Linear(7, 5), nn.ReLU())
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), tail, nn.Linear(5, 3)
    )
    run = Recorder(model, tmp_path / "run", data=dataset).finish()
    (subject,) = _subjects(run, dataset, replace(CONFIG, layers=(name,)))
    found = table("removal", measure_removals(subject, CONFIG)["removal"])
    for split, images in subject.splits.items():
        for criterion in ("magnitude", "frame_potential"):
            order = removal_order(subject.weight, CRITERIA[criterion])
            expected = removal_curve(subject.model, name, order, images)
            rows = where(found, layer=name, split=split, criterion=criterion, remove="least")
            assert rows["accuracy"].to_pylist() == pytest.approx(expected.tolist())
        generator = Streams(CONFIG.seed).get("removal", name, 1)
        order = removal_order(subject.weight, CRITERIA["random"], generator=generator)
        expected = removal_curve(subject.model, name, order, images)
        rows = where(found, split=split, criterion="random", repeat=1)
        assert rows["accuracy"].to_pylist() == pytest.approx(expected.tolist())


def test_choice_is_made_on_validation_and_judged_on_test(run, dataset, tables):
    choice = where(tables["choices"], layer="fc1", what="removal").to_pylist()[0]
    counts = where(tables["removable"], layer="fc1", remove="least")
    assert choice["amount"] == max(counts["removable"].to_pylist())
    curve = where(
        tables["removal"],
        layer="fc1",
        split="test",
        criterion=choice["chosen"],
        remove="least",
        removed=choice["amount"],
    )
    assert choice["after"] == pytest.approx(curve["accuracy"][0].as_py())
    if choice["chosen"] == "magnitude":
        norms = run.weights("fc1")[-1].norm(dim=1)
        gone = norms.argsort()[: choice["amount"]]
        assert choice["after"] == pytest.approx(_without(run.model(), gone, dataset.test))
    assert choice["change"] == pytest.approx(choice["after"] - choice["before"])
    assert choice["lower"] <= choice["change"] <= choice["upper"]


def test_test_labels_change_no_choice(run, dataset, tables):
    wrong = (dataset.test.labels + 1) % 3
    spoiled = replace(dataset, test=Split(dataset.test.images, wrong))
    again = measure(run, spoiled, CONFIG)
    for column in ("layer", "what", "chosen", "amount"):
        assert again["choices"][column].equals(tables["choices"][column])
    assert not again["choices"]["after"].equals(tables["choices"]["after"])


def test_full_rank_keeps_everything(tables):
    full = where(tables["ranks"], layer="fc1", rank=10)
    assert full["share"].to_pylist() == pytest.approx([1.0] * 4)
    for row in full.to_pylist():
        assert row["accuracy"] == pytest.approx(row["dense"])


def test_measured_again_is_the_same(run, dataset, tables):
    again = measure(run, dataset, CONFIG)
    assert all(again[name].equals(tables[name]) for name in schemas() if name != "bulk")


@pytest.mark.parametrize(
    ("accuracies", "rank"),
    [([0.5, 0.9, 0.9], 2), ([0.9, 0.5, 0.9], 4), ([0.9, 0.9, 0.9], 1), ([0.1, 0.1, 0.1], 4)],
)
def test_smallest_rank_holds_from_there_on(accuracies, rank):
    assert smallest_rank([1, 2, 4], accuracies, 0.9) == rank


def test_output_layer_on_request_has_spectra_but_no_removal(run, dataset):
    tables = measure(run, dataset, replace(CONFIG, layers=("fc3",)))
    assert where(tables["removal"], layer="fc3").num_rows == 0
    assert where(tables["eigenvalues"], layer="fc3").num_rows == 6
    assert (
        "reach the network's result" in where(tables["notes"], topic="removal")["text"][0].as_py()
    )


def test_unknown_layer_is_named(run, dataset):
    with pytest.raises(ValueError, match="no layer 'fc9'"):
        measure(run, dataset, replace(CONFIG, layers=("fc9",)))


def test_convolutions_are_measured_on_some_images(dataset, tmp_path):
    model = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(48, 3))
    recorder = Recorder(model, tmp_path / "run", data=dataset)
    run = recorder.finish()
    (subject,) = _subjects(run, dataset, CONFIG)
    assert subject.layer.kind == "convolution"
    assert (len(subject.validation), len(subject.test)) == (20, 20)
    tables = measure(run, dataset, CONFIG)
    assert where(tables["removal"], layer="0", split="test", removed=0).num_rows == 10


def test_too_much_work_means_fewer_images_and_then_no_removals(run, dataset, monkeypatch):
    monkeypatch.setattr("surfeit.report.subject.FEWEST_IMAGES", 10)
    whole, some, none = (
        _subjects(run, dataset, replace(CONFIG, work=work))[0] for work in (1e9, 2.5e5, 1.0)
    )
    assert len(whole.test) == 60
    assert 10 <= len(some.test) == len(some.validation) < 40
    assert (whole.obstacle, some.obstacle) == (None, None)
    assert len(none.test) == 10
    assert none.obstacle is not None
    named = _subjects(run, dataset, replace(CONFIG, work=1.0, layers=("fc1",)))[0]
    assert len(named.test) == 60
    assert named.obstacle is None


def test_a_run_without_initial_weights_leaves_out_what_compares(run, dataset, tmp_path, sketches):
    writer = RunWriter(tmp_path / "run", key=run.key, identity=run.identity, about=run.about)
    writer.snapshot(5, run.tensors())
    late = writer.finish({"steps": 5})
    page = write_report(late, dataset, tmp_path / "out", CONFIG).read_text(encoding="utf-8")
    assert "no snapshot of its initial weights" in page
    assert "there is no learning curve" in page
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["layers"]["fc1"]["movement"] is None
    assert summary["layers"]["fc1"]["rank"]["update"] is None
    assert summary["layers"]["fc1"]["removal"] is not None


def test_an_unfinished_run_is_called_so(run, dataset, tmp_path, sketches):
    writer = RunWriter(tmp_path / "run", key=run.key, identity=run.identity, about=run.about)
    writer.snapshot(5, run.tensors())
    page = write_report(Run(tmp_path / "run"), dataset, tmp_path / "out", CONFIG)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["run"]["status"] in ("running", "interrupted")
    assert summary["run"]["planned_steps"] == 6  # an epoch is one batch
    assert "at step 5 of 6" in page.read_text(encoding="utf-8")
    write_report(run, dataset, tmp_path / "out", CONFIG)
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["run"]["status"] == "done"


def test_a_network_that_was_only_loaded_is_said_nothing_of_training(dataset, tmp_path, sketches):
    run = Recorder(mlp((10, 6), input_shape=(1, 4, 4), classes=3), tmp_path / "run").finish()
    assert run.steps() == [0]
    page = write_report(run, dataset, tmp_path / "out", CONFIG).read_text(encoding="utf-8")
    layers = json.loads((tmp_path / "out" / "summary.json").read_text())["layers"]
    for layer in layers.values():
        assert layer["movement"] is None
        assert layer["graph"]["initial"] is None
        assert layer["spectrum"]["initial"] is None
        assert layer["rank"]["update"] is None
    assert "during training" not in page
    assert "the run has a single one, of step 0" in page


def test_spikes_of_a_pruned_layer_are_called_a_description(run, dataset, tmp_path, sketches):
    model = run.model()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        weight = model.fc1.weight
        weight.mul_(torch.rand(weight.shape, generator=generator) < 0.5)
    pruned = Recorder(model, tmp_path / "run").finish()
    page = write_report(pruned, dataset, tmp_path / "out", CONFIG).read_text(encoding="utf-8")
    layers = json.loads((tmp_path / "out" / "summary.json").read_text())["layers"]
    assert layers["fc1"]["spectrum"]["final"]["pruned"]
    assert layers["fc1"]["spectrum"]["final"]["zeros"] == pytest.approx(0.5, abs=0.1)
    assert not layers["fc2"]["spectrum"]["final"]["pruned"]
    assert page.count("weights are exactly zero, as pruning leaves them") == 1


class Mixing(nn.Module):
    """Its units meet in a softmax before they are read: none can be told apart there."""

    def __init__(self):
        super().__init__()
        self.flat = nn.Flatten()
        self.hidden = nn.Linear(16, 16)
        self.out = nn.Linear(16, 3)

    def forward(self, images):
        return self.out(self.hidden(self.flat(images)).softmax(1))


def test_units_that_mix_leave_the_other_parts(dataset, tmp_path, sketches):
    run = Recorder(Mixing(), tmp_path / "run", data=dataset).finish()
    path = write_report(run, dataset, tmp_path / "out", CONFIG, into=Mixing())
    page = path.read_text(encoding="utf-8")
    assert "Left out for hidden: between" in page
    assert "softmax" in page
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["layers"]["hidden"]["removal"] is None
    assert summary["layers"]["hidden"]["spectrum"]["final"] is not None


def test_write_report_leaves_page_figures_tables_and_numbers(run, dataset, tmp_path):
    told = []
    config = replace(CONFIG, layers=("fc2",))
    page = write_report(run, dataset, tmp_path / "out", config, progress=lambda *s: told.append(s))
    out = tmp_path / "out"
    assert page == out / "report.html"
    figures = {path.name for path in (out / "figures").iterdir()}
    names = ["learning", *(f"{topic}-fc2" for topic in _TOPICS)]
    assert figures == {f"{name}.{kind}" for name in names for kind in ("svg", "png", "pdf")}
    for name in (*schemas(), "learning"):
        assert pq.read_table(out / "tables" / f"{name}.parquet").num_columns > 0
    assert {path.name for path in out.iterdir()} == {
        "report.html",
        "summary.json",
        "figures",
        "tables",
    }
    assert [part for part in told if part[0] == "measuring fc2"] == [
        ("measuring fc2", done, 4) for done in range(5)
    ]
    assert told[-1] == ("drawing figures", 5, 5)
    assert run.key in page.read_text(encoding="utf-8")


_TOPICS = ("removal", "graph", "spectrum", "rank")


def test_a_failure_leaves_what_was_there(run, dataset, tmp_path, monkeypatch, sketches):
    (tmp_path / "report.html").write_text("the old page")

    def fail(*_):
        raise OSError("no space")

    monkeypatch.setattr("surfeit.report.page.render", fail)
    with pytest.raises(StoreError, match="no space"):
        write_report(run, dataset, tmp_path, CONFIG)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text() == "the old page"


def test_what_a_killed_report_left_goes_with_the_next(
    run, dataset, tmp_path, monkeypatch, sketches
):
    left = tmp_path / ".report-left"
    # What a process with this claim leaves when it is killed: nobody holds the claim any more.
    script = (
        "import os, pathlib, sys\n"
        "from surfeit.store import claim\n"
        "left = pathlib.Path(sys.argv[1])\n"
        "(left / 'report').mkdir(parents=True)\n"
        "kept = claim(left)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, left], check=False, timeout=60)
    assert (left / "report").is_dir()
    (tmp_path / ".report-anothers").mkdir()
    write_report(run, dataset, tmp_path, CONFIG)
    names = {"report.html", "summary.json", "figures", "tables", ".report-anothers"}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_other_data_than_the_runs_is_refused(run, dataset, tmp_path):
    other = replace(dataset, fingerprint="0" * 64)
    with pytest.raises(ValueError, match="was trained on data of fingerprint"):
        write_report(run, other, tmp_path, CONFIG)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["a file", "a file/out", "figures", "/proc/none/out"])
def test_where_nothing_can_be_written_is_said_before_measuring(
    run, dataset, tmp_path, monkeypatch, place
):
    (tmp_path / "a file").write_text("kept")
    (tmp_path / "figures").write_text("kept")
    out = tmp_path if place == "figures" else tmp_path / place
    monkeypatch.setattr("surfeit.report.measure.measure", pytest.fail)
    with pytest.raises(StoreError, match="cannot write"):
        write_report(run, dataset, out, CONFIG)
    assert {path.read_text() for path in tmp_path.iterdir()} == {"kept"}


def test_a_folder_that_refuses_files_is_said_before_measuring(run, dataset, tmp_path, monkeypatch):
    def refuse(**options):
        raise PermissionError(errno.EACCES, "Permission denied", str(options["dir"]))

    # A superuser may write anywhere, so the rights themselves cannot be taken away here.
    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    monkeypatch.setattr("surfeit.report.measure.measure", pytest.fail)
    with pytest.raises(StoreError, match="you may not write there"):
        write_report(run, dataset, tmp_path, CONFIG)


def test_a_runs_folder_is_taken_and_other_things_are_refused(run, dataset, tmp_path, sketches):
    out = tmp_path / "out"
    config = replace(CONFIG, layers=("fc2",))
    page = write_report(str(run.path), dataset, out, config)
    assert run.key in page.read_text(encoding="utf-8")
    with pytest.raises(StoreError, match="holds no run"):
        write_report(tmp_path / "none", dataset, tmp_path / "other", config)
    with pytest.raises(ValueError, match=r"run must be a Run such as .* got None"):
        write_report(None, dataset, tmp_path / "other", config)
    with pytest.raises(ValueError, match=r"dataset must be a surfeit.data.Dataset .* got 'digits'"):
        write_report(run, "digits", tmp_path / "other", config)
    with pytest.raises(ValueError, match="no layer 'fc9'"):
        write_report(run, dataset, tmp_path / "other", replace(CONFIG, layers=("fc9",)))
    assert not (tmp_path / "other").exists()


def _unbound(run, tmp_path):
    """The same run, by a record that does not say on what data it was trained."""
    identity = {name: value for name, value in run.identity.items() if name != "data"}
    writer = RunWriter(tmp_path / "run", key=run.key, identity=identity, about=run.about)
    writer.snapshot(0, run.tensors())
    return writer.finish({"steps": 0})


def test_a_network_for_other_images_is_refused(run, dataset, tmp_path):
    splits = {name: Split(split.images[..., :3], split.labels) for name, split in _named(dataset)}
    narrow = from_tensors("narrow", **splits)
    message = r"does not take images of shape \[1, 4, 3\] as narrow has them: .* trained on three"
    with pytest.raises(ValueError, match=message):
        write_report(_unbound(run, tmp_path), narrow, tmp_path / "out", CONFIG)


def test_a_network_for_another_number_of_classes_is_refused(run, dataset, tmp_path):
    splits = {name: Split(split.images, split.labels + 1) for name, split in _named(dataset)}
    message = r"outputs of shape \[1, 4\].*gives \[1, 3\]\. four has 4 classes; .* trained on three"
    with pytest.raises(ValueError, match=message):
        write_report(_unbound(run, tmp_path), from_tensors("four", **splits), tmp_path, CONFIG)


def _named(dataset):
    return [(name, getattr(dataset, name)) for name in ("train", "validation", "test")]


def test_what_each_example_is_worth_is_the_forward_pass(run, dataset):
    network = Network.of(run, dataset, CONFIG)
    expected = run.model()(dataset.test.images).argmax(dim=1) == dataset.test.labels
    found = network.worth.each(network.outputs(dataset.test), dataset.test.targets)
    assert torch.equal(found, expected.double())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"out": 3}, "out must be the report's folder, .*, got 3"),
        ({"out": ""}, "out must be the report's folder, .*, got ''"),
        ({"config": 3}, "config must be a ReportConfig, got 3"),
        ({"config": {}}, "config must be a ReportConfig, got {}"),
        ({"objective": "mse"}, "objective must be an Objective, got 'mse': pass .*squared_error"),
    ],
)
def test_write_report_refuses_arguments_of_another_type(run, dataset, tmp_path, given, words):
    with pytest.raises(ValueError, match=words):
        write_report(run, dataset, **({"out": tmp_path / "out"} | given))


def test_a_report_that_is_stopped_leaves_no_empty_folder(
    run, dataset, tmp_path, monkeypatch, sketches
):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("surfeit.report.page.render", stop)
    (tmp_path / "there").mkdir()
    for out in (tmp_path / "new" / "out", tmp_path / "there"):
        with pytest.raises(KeyboardInterrupt):
            write_report(run, dataset, out, CONFIG)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert not list((tmp_path / "there").iterdir())
