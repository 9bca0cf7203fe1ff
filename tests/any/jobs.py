"""All that Surfeit does with a network, each as one call on a `Kind`; a refusal is a ValueError."""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

import torch

from surfeit.core import Streams, SurfeitError
from surfeit.execute import InProcess
from surfeit.models import Structure
from surfeit.prune import CRITERIA, SCORES, Evidence, removal_curves
from surfeit.prune.removal import Removal
from surfeit.store import Run, Store
from surfeit.train import Recipe, Recorder, train

from .networks import Kind

RECIPE = Recipe(steps=4, batch_size=8, lr=0.01)


class Bench:
    """One kind of network, with its run, in a folder of its own.

    Args:
        kind: the network and its data.
        folder: to write to.
    """

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.kind, self.folder = kind, folder
        self.store = Store(folder / "store")
        self.data = kind.data()

    @cached_property
    def trained(self) -> Run:
        """The run of a short training."""
        return train(
            self.kind.network(), self.data, RECIPE, objective=self.kind.objective, store=self.store
        )

    @cached_property
    def recorded(self) -> Run:
        """The run of a loop of one's own."""
        model = self.kind.network()
        recorder = Recorder(model, self.folder / "recorded", data=self.data)
        optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01)
        for step in range(1, 3):
            optimiser.zero_grad()
            split = self.data.train
            self.kind.objective.loss(model(split.inputs), split.targets).backward()
            optimiser.step()
            recorder.record(step)
        return recorder.finish()


def training(bench: Bench) -> str:
    metrics = bench.trained.metrics().to_pylist()[-1]
    assert metrics["validation_loss"] < float("inf")
    return "works"


def recording(bench: Bench) -> str:
    run = bench.recorded
    for layer in run.layers:
        assert run.weights(layer).dim() == 3
    return "works"


def inspecting(bench: Bench) -> str:
    """All numbers of the page; how it is drawn is the same for every network."""
    from surfeit.report.config import ReportConfig
    from surfeit.report.measure import measure
    from surfeit.report.provenance import provenance
    from surfeit.report.summary import summarise

    run, config = bench.trained, ReportConfig(repeats=2, ranks=(1, 2))
    tables = measure(run, bench.data, config, into=bench.kind.network())
    assert summarise(tables, provenance(run, bench.data, bench.kind.objective), config)["layers"]
    return "works"


def viewing(bench: Bench) -> str:
    """The exported page of all layers: what the viewer serves, packed into one file."""
    from surfeit.viewer.export import export

    out = bench.folder / "graph.html"
    export(bench.trained, bench.trained.layers, out, dataset=bench.data, into=bench.kind.network())
    return "works"


def pruning(bench: Bench) -> str:
    """Curves of all layers whose units can go; the others' reasons are in the structure."""
    model = bench.trained.model(into=bench.kind.network())
    split = bench.data.validation
    structure = Structure.of(model, split.inputs[:1])
    names = [name for name in structure.removable if name == structure.members(name)[0]]
    for name in names:
        order = torch.arange(Removal.of(structure, name).units)
        (curve,) = removal_curves(model, name, [order], split, objective=bench.kind.objective)
        assert curve.points.isfinite().all()
    if not names:
        structure.check_removable(next(iter(structure.layers)))
    return "works"


def scoring(bench: Bench) -> str:
    """All scores of weights and units; those that refuse are named."""
    refused = []
    of_units = {name: criterion.scores for name, criterion in CRITERIA.items()}
    for catalog in (SCORES, of_units):
        for name, score in catalog.items():
            evidence = Evidence(
                bench.kind.network(),
                initial=bench.trained.tensors(0),
                split=bench.data.train,
                objective=bench.kind.objective,
                generator=Streams(0).get("any"),
            )
            try:
                found = score(evidence)
            except ValueError:
                refused.append(name)
                continue
            assert all(value.isfinite().all() for value in found.values())
    return f"all but {', '.join(dict.fromkeys(refused))}" if refused else "works"


def tickets(bench: Bench, granularity: str) -> str:
    from surfeit.procedures.tickets import TicketConfig, find_tickets

    score = "filter_norm" if granularity == "unit" else "large_final"
    config = TicketConfig(
        levels=1, controls=("reinit",), granularity=granularity, rate=0.3, score=score
    )
    table = find_tickets(
        bench.kind.network(),
        bench.data,
        RECIPE,
        config,
        seeds=[0],
        objective=bench.kind.objective,
        store=bench.store,
        engine=InProcess(),
    )
    assert table.num_rows == 3
    return "works"


def tickets_by_weight(bench: Bench) -> str:
    return tickets(bench, "weight")


def tickets_by_unit(bench: Bench) -> str:
    return tickets(bench, "unit")


def supermasks(bench: Bench) -> str:
    from surfeit.procedures.supermasks import EdgePopup

    EdgePopup(bench.kind.network(), density=0.5, generator=Streams(0).get("any"))
    return "works"


JOBS: Mapping[str, Callable[[Bench], str]] = {
    "train": training,
    "Recorder": recording,
    "inspect": inspecting,
    "view, export": viewing,
    "prune": pruning,
    "scores": scoring,
    "tickets by weight": tickets_by_weight,
    "tickets by unit": tickets_by_unit,
    "supermasks": supermasks,
}


def outcome(job: Callable[[Bench], str], bench: Bench) -> str:
    """What came of a job: "works", what of it does not, or the sentence that refuses it."""
    try:
        return job(bench)
    except (ValueError, SurfeitError) as error:
        return str(error)
