"""Reports on networks, data and objectives of every kind, against full passes."""

import json
import re
from html import unescape

import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams, evaluate, own_objective, squared_error
from surfeit.data import from_tensors
from surfeit.models import mlp
from surfeit.prune import CRITERIA, removal_order
from surfeit.report import ReportConfig, write_report
from surfeit.report.measure import measure
from surfeit.report.network import Network, objective_of
from surfeit.similarity import chance_inner_product
from surfeit.store import Store
from surfeit.tables import mean_interval, paired_interval, share_interval
from surfeit.tables.tables import where
from surfeit.train import Recipe, Recorder, train
from surfeit.viewer.assets import BuildError

CONFIG = ReportConfig(repeats=2, ranks=(1, 2, 4))


@pytest.fixture(autouse=True)
def still(monkeypatch):
    """Pages without the viewer, whose own words are not the report's."""

    def missing():
        raise BuildError("not built")

    monkeypatch.setattr("surfeit.report.live.viewer_script", missing)


@pytest.fixture
def sketches(monkeypatch):
    """Figures that take no time to save."""

    def save(drawing, folder, name):
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.svg").write_text('<svg viewBox="0 0 1 1"></svg>')
        return {"svg": folder / f"{name}.svg"}

    monkeypatch.setattr("surfeit.tables.figures.save", save)


def _dataset(name, make, sizes=(96, 60, 50)):
    generator = Streams(0).get(name)
    splits = zip(("train", "validation", "test"), sizes, strict=True)
    return from_tensors(name, **{split: make(n, generator) for split, n in splits})


def _sine(n, generator):
    x = torch.rand(n, 1, generator=generator) * 4 - 2
    noise = torch.randn(n, 2, generator=generator)
    return Split(x, torch.cat([x.sin(), x.cos()], 1) + 0.1 * noise)


def _images(n, generator):
    labels = torch.randint(3, (n,), generator=generator)
    images = torch.randn(n, 1, 5, 5, generator=generator)
    return Split(images + nn.functional.one_hot(labels, 25).view(n, 1, 5, 5) * 3, labels)


def _tokens(n, generator):
    tokens = torch.randint(7, (n, 5), generator=generator)
    return Split(tokens, tokens % 3)


def _seeded(build):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build().eval()


def _recorded(model, dataset, folder, **settings):
    """A network trained a little in a loop of one's own."""
    recorder = Recorder(model, folder, data=dataset, settings=settings)
    generator = Streams(1).get("move")
    with torch.no_grad():
        for value in model.parameters():
            value.add_(0.05 * torch.randn(value.shape, generator=generator).to(value))
    recorder.record(1)
    return recorder.finish()


def _network(*, input_shape, classes, generator):
    return mlp((10,), input_shape=input_shape, classes=classes, generator=generator)


@pytest.fixture(scope="module")
def sine():
    return _dataset("sine", _sine)


@pytest.fixture(scope="module")
def regression(sine, tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"))
    recipe = Recipe(epochs=60, lr=0.02, optimizer="adam", batch_size=32)
    return train(_network, sine, recipe, objective=squared_error, store=store)


@pytest.fixture(scope="module")
def regression_tables(regression, sine):
    return measure(regression, sine, CONFIG)


def _without(model, units, inputs):
    """A full pass of the small network with hidden units at zero."""
    flat, first, act, last = model.children()
    hidden = act(first(flat(inputs)))
    kept = torch.ones(hidden.shape[1])
    kept[units] = 0
    return last(hidden * kept)


def _r2(outputs, targets):
    total = (targets - targets.mean(0)).square().sum()
    return (1 - (outputs - targets).square().sum() / total).item()


def test_a_regression_is_judged_by_its_r2(regression, sine, regression_tables):
    row = where(regression_tables["dense"], split="test").to_pylist()[0]
    whole = evaluate(
        regression.model(), dict(regression.model().state_dict()), sine.test, squared_error
    )
    assert row["quantity"] == "r2"
    assert (row["correct"], row["judged"], row["images"]) == (None, None, 50)
    assert row["estimate"] == pytest.approx(whole.r2) == pytest.approx(row["r2"])
    assert row["loss"] == pytest.approx(whole.loss)
    assert row["lower"] < row["estimate"] < row["upper"]


def test_units_that_can_go_from_a_regression_cost_at_most_a_point_of_r2(
    regression, sine, regression_tables
):
    model, order = regression.model(), None
    weight = regression.weights("fc1")[-1]
    with torch.no_grad():
        for name in ("magnitude", "frame_potential"):
            order = removal_order(weight, CRITERIA[name])
            values = [
                _r2(_without(model, order[:k], sine.validation.inputs), sine.validation.targets)
                for k in range(11)
            ]
            fallen = [k for k in range(11) if values[k] < values[0] - 0.01]
            expected = (min(fallen) if fallen else 11) - 1
            row = where(regression_tables["removable"], criterion=name, remove="least")
            assert row["removable"].to_pylist() == [expected]
            curve = where(
                regression_tables["removal"], criterion=name, remove="least", split="validation"
            )
            variance = sine.validation.targets.sub(sine.validation.targets.mean(0))
            variance = variance.square().sum(1).mean().item()
            found = [1 - loss / variance for loss in curve["loss"].to_pylist()]
            assert found == pytest.approx(values, abs=1e-5)
            assert curve["accuracy"].null_count == 11


def test_the_cost_of_a_regressions_choice_is_paired_by_example(regression, sine, regression_tables):
    choice = where(regression_tables["choices"], what="removal").to_pylist()[0]
    order = removal_order(regression.weights("fc1")[-1], CRITERIA[choice["chosen"]])
    targets, model = sine.test.targets, regression.model()
    with torch.no_grad():
        errors = [
            (_without(model, units, sine.test.inputs) - targets).square().sum(1)
            for units in (order[:0], order[: choice["amount"]])
        ]
    variance = (targets - targets.mean(0)).square().sum(1).mean().item()
    rise = mean_interval((errors[1] - errors[0]).numpy())
    assert choice["before"] == pytest.approx(1 - errors[0].mean().item() / variance)
    assert choice["change"] == pytest.approx(-rise.estimate / variance, abs=1e-6)
    assert choice["lower"] == pytest.approx(-rise.upper / variance, abs=1e-6)
    assert choice["upper"] == pytest.approx(-rise.lower / variance, abs=1e-6)


def test_ranks_of_a_regression_hold_losses(regression_tables):
    full = where(regression_tables["ranks"], split="test", rank=1, of="weights").to_pylist()[0]
    assert full["accuracy"] is None
    assert full["loss"] == pytest.approx(full["dense"])


def test_the_page_of_a_regression_speaks_of_r2_and_examples(regression, sine, tmp_path):
    page = write_report(regression, sine, tmp_path, CONFIG).read_text(encoding="utf-8")
    plain = _plain(page)
    assert "of R² on the validation examples" in plain or "for at most a point of R²" in plain
    assert "Test R² after" in plain
    assert "never rises by more than that share of the targets' variance" in plain
    assert "squared error" in plain
    for word in ("ccuracy", "image"):
        assert word not in plain
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["quantity"] == "r2"
    assert summary["r2"]["test"]["loss"] > 0


def _plain(page):
    body = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", page, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", "", body))


def absolute(outputs, targets):
    return (outputs - targets).abs().sum(1).mean()


def test_another_loss_may_rise_by_a_share_of_itself(regression, sine, tmp_path, sketches):
    own = own_objective(absolute)
    tables = measure(regression, sine, CONFIG, objective=own)
    row = where(tables["dense"], split="validation").to_pylist()[0]
    assert (row["quantity"], row["r2"] is None) == ("loss", False)
    losses = where(tables["removal"], split="validation", criterion="magnitude", remove="least")[
        "loss"
    ].to_pylist()
    fallen = [k for k, loss in enumerate(losses) if loss > 1.01 * losses[0]]
    expected = (min(fallen) if fallen else len(losses)) - 1
    row = where(tables["removable"], criterion="magnitude", remove="least").to_pylist()[0]
    assert row["removable"] == expected
    page = write_report(regression, sine, tmp_path, CONFIG, objective=own)
    plain = _plain(page.read_text(encoding="utf-8"))
    assert "1\N{NO-BREAK SPACE}% more loss" in plain
    assert "the loss on the validation data never rises by more than" in plain
    assert "R²" not in plain


def test_a_run_by_an_own_function_needs_it_again(sine, tmp_path):
    own = own_objective(absolute)
    run = train(_network, sine, Recipe(epochs=1), objective=own, store=Store(tmp_path))
    with pytest.raises(ValueError, match=r"pass it as objective=own_objective\(...\)"):
        measure(run, sine, CONFIG)
    assert measure(run, sine, CONFIG, objective=own)["dense"]["quantity"][0].as_py() == "loss"


def test_a_loop_of_ones_own_is_judged_by_what_suits_its_targets(regression, sine, tmp_path):
    images = _dataset("images", _images)
    recorded = _recorded(_seeded(lambda: nn.Linear(1, 2)), sine, tmp_path / "run")
    assert objective_of(recorded, sine, None).name == "squared_error"
    assert objective_of(recorded, images, None).name == "cross_entropy"
    assert objective_of(regression, sine, None).name == "squared_error"
    said = _recorded(nn.Linear(1, 2), sine, tmp_path / "said", objective="hinge")
    assert objective_of(said, images, None).name == "hinge"


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(6, 3)
        self.embed = nn.Embedding(7, 4)
        self.lstm = nn.LSTM(4, 6, batch_first=True)
        self.norm = nn.LayerNorm(6)

    def forward(self, tokens):
        return self.out(self.norm(self.lstm(self.embed(tokens))[0]))


def test_positions_of_an_example_count_together(tmp_path):
    dataset = _dataset("tokens", _tokens)
    run = _recorded(_seeded(Tagger), dataset, tmp_path / "run")
    tables = measure(run, dataset, CONFIG, into=Tagger())
    assert tables["layers"]["layer"].to_pylist() == ["lstm"]
    model = run.model(into=Tagger())
    with torch.no_grad():
        right = (model(dataset.test.inputs).argmax(-1) == dataset.test.targets).double()
    row = where(tables["dense"], split="test").to_pylist()[0]
    expected = share_interval(right.mean(1).numpy())
    assert (row["correct"], row["judged"], row["images"]) == (int(right.sum()), 250, 50)
    assert (row["lower"], row["upper"]) == pytest.approx((expected.lower, expected.upper))
    choice = where(tables["choices"], what="removal").to_pylist()[0]
    network = Network.of(run, dataset, CONFIG, into=Tagger())
    curve = where(
        tables["removal"], split="test", criterion=choice["chosen"], remove="least",
        removed=choice["amount"],
    )  # fmt: skip
    assert choice["after"] == pytest.approx(curve["accuracy"][0].as_py())
    same = network.worth.paired(right.mean(1), right.mean(1), dataset.test.targets)
    found = paired_interval(right.mean(1).numpy(), right.mean(1).numpy())
    assert (same["lower"], same["upper"]) == (found.lower, found.upper)


def test_a_normalisation_over_units_is_named(tmp_path, sketches):
    dataset = _dataset("tokens", _tokens)
    run = _recorded(_seeded(Tagger), dataset, tmp_path / "run")
    page = write_report(run, dataset, tmp_path / "out", CONFIG, into=Tagger())
    plain = _plain(page.read_text(encoding="utf-8"))
    assert "read by a normalisation over all of them (norm)" in plain
    assert "which is another network" in plain
    assert "with 5 answers each" in plain
    assert "intervals are over examples" in plain


class Stream(nn.Module):
    """A residual stream of two layers, and the head registered first."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(25, 3)
        self.stem, self.inner, self.back = (nn.Linear(25, 25) for _ in range(3))

    def forward(self, images):
        start = self.stem(images.flatten(1))
        return self.head((start + self.back(self.inner(start).relu())).relu())


def test_units_of_a_residual_stream_go_once_and_together(tmp_path, sketches):
    dataset = _dataset("images", _images)
    run = _recorded(_seeded(Stream), dataset, tmp_path / "run")
    page = write_report(run, dataset, tmp_path / "out", CONFIG, into=Stream())
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert list(summary["layers"]) == ["stem", "inner", "back"]
    stem, inner, back = summary["layers"].values()
    assert stem["removal"]["group"] == stem["group"] == ["stem", "back"]
    assert inner["removal"]["group"] is None
    assert back["removal"] is None
    assert back["rank"]["weights"] is not None
    plain = _plain(page.read_text(encoding="utf-8"))
    assert "These are units of stem and back together" in plain
    assert "its units go together with those of 'stem', and were removed there" in plain
    assert "They can only go together with those of stem, where they were removed." in plain


class Mapped(nn.Module):
    """Its first layer runs in a transform, where nobody can follow its units."""

    def __init__(self):
        super().__init__()
        self.hidden, self.out = nn.Linear(25, 8), nn.Linear(8, 3)

    def forward(self, images):
        return self.out(torch.vmap(self.hidden)(images.flatten(1)).relu())


def test_a_network_that_cannot_be_followed_has_a_report_of_its_weights(tmp_path, sketches):
    dataset = _dataset("images", _images)
    run = _recorded(_seeded(Mapped), dataset, tmp_path / "run")
    page = write_report(run, dataset, tmp_path / "out", CONFIG, into=Mapped())
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert list(summary["layers"]) == ["hidden", "out"]
    hidden = summary["layers"]["hidden"]
    assert hidden["removal"] is None
    assert hidden["rank"]["weights"]["full"] == 8
    assert hidden["spectrum"]["final"] is not None
    plain = _plain(page.read_text(encoding="utf-8"))
    assert re.search("No units were removed from any layer: .*torch.vmap", plain)
    assert re.search("Left out for hidden: .*torch.vmap", plain)


def test_filters_of_different_groups_have_no_noise_and_no_chance_links(tmp_path):
    def build():
        return nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.Conv2d(4, 8, 3, groups=2), nn.Flatten(), nn.Linear(8, 3)
        )

    dataset = _dataset("images", _images)
    run = _recorded(_seeded(build), dataset, tmp_path / "run")
    tables = measure(run, dataset, CONFIG)
    row = where(tables["layers"], layer="1").to_pylist()[0]
    assert row["inputs"] == 36
    assert row["link"] == pytest.approx(chance_inner_product(8, 36, groups=2))
    assert where(tables["eigenvalues"], layer="1").num_rows == 0
    (note,) = where(tables["notes"], layer="1")["text"].to_pylist()
    assert "2 groups of units read different inputs" in note
    graph = where(tables["edges"], layer="1").to_pylist()
    assert not any(edge["source"] < 4 <= edge["target"] for edge in graph)


def test_a_network_that_is_one_layer_has_a_report_of_its_weights(sine, tmp_path):
    run = _recorded(_seeded(lambda: nn.Linear(1, 2)), sine, tmp_path / "run")
    write_report(run, sine, tmp_path / "out", CONFIG, into=nn.Linear(1, 2))
    names = {path.stem for path in (tmp_path / "out" / "figures").iterdir()}
    assert names == {"graph-@network", "rank-@network"}
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert ">the only layer</h3>" in page
    assert "reach the network's result" in unescape(page)


def test_names_that_no_file_can_have_are_written_safely(tmp_path, sketches):
    model = nn.Sequential()
    for name, part in (
        ("flat", nn.Flatten()),
        ("block1/unit_1", nn.Linear(25, 6)),
        ("a b", nn.ReLU()),
        ("head", nn.Linear(6, 3)),
    ):
        model.add_module(name, part)
    dataset = _dataset("images", _images)
    run = _recorded(model, dataset, tmp_path / "run")
    page = write_report(run, dataset, tmp_path / "out", CONFIG)
    figures = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert "removal-block1%2Funit_1.svg" in figures
    assert ">block1/unit_1</h3>" in page.read_text(encoding="utf-8")


def test_half_precision_is_measured_in_single(tmp_path):
    def build():
        return nn.Sequential(nn.Flatten(), nn.Linear(25, 6), nn.ReLU(), nn.Linear(6, 3))

    dataset = _dataset("images", _images)
    half = _seeded(build).to(torch.bfloat16)
    tables = measure(_recorded(half, dataset, tmp_path / "half"), dataset, CONFIG)
    single = half.float()
    recorder = Recorder(single, tmp_path / "single", data=dataset)
    again = measure(recorder.finish(), dataset, CONFIG)
    kept = tables["removal"].column("accuracy")
    assert kept.equals(again["removal"].column("accuracy"))
    assert tables["dense"].equals(again["dense"])


def test_outputs_that_cannot_be_judged_are_an_error(sine, tmp_path):
    model = _seeded(lambda: nn.Sequential(nn.Linear(1, 4), nn.ReLU(), nn.Linear(4, 2)))
    with torch.no_grad():
        model[2].bias[0] = float("nan")
    run = _recorded(model, sine, tmp_path / "run")
    with pytest.raises(ValueError, match=r"outputs must be finite.*sine has 2 outputs"):
        measure(run, sine, CONFIG)
    images = _dataset("images", _images)
    with pytest.raises(ValueError, match=r"does not take images of shape \[1, 5, 5\] as images"):
        measure(run, images, CONFIG)
