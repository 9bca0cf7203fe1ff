"""Planted tables of a report: one layer of which everything is known, one that has no slack."""

import numpy as np
import pyarrow as pa
import pytest

from surfeit.report.config import ReportConfig
from surfeit.report.curvature import SCHEMAS as CURVATURE
from surfeit.report.drawings import drawings
from surfeit.report.joint import SCHEMAS as JOINT
from surfeit.report.panels import Drawing
from surfeit.report.schema import table
from surfeit.report.summary import summarise
from surfeit.tables import wilson_interval
from surfeit.tables.figures import save
from surfeit.tables.figures.readout import readout

CRITERIA = ("magnitude", "frame_potential", "inner_product", "raw_frame_potential")
CONFIG = ReportConfig(loss=0.01, repeats=3, ranks=(1, 2, 4, 8))
UNITS = {"fc1": 12, "fc2": 8}
# Units that can go: by magnitude, frame potential, ... and in three random orders.
REMOVABLE = {"fc1": (7, 5, 4, 2, 3, 1, 2), "fc2": (0, 0, 0, 0, 0, 0, 0)}


def _removal():
    rows, counts = [], []
    for layer, units in UNITS.items():
        for place, count in enumerate(REMOVABLE[layer]):
            name = CRITERIA[place] if place < 4 else "random"
            repeat = max(0, place - 4)
            for remove in ("least", "most") if place < 4 else (None,):
                allowed = count if remove != "most" else 0
                counts.append(
                    {
                        "layer": layer,
                        "criterion": name,
                        "remove": remove,
                        "repeat": repeat,
                        "removable": allowed,
                    }
                )
                for split in ("validation", "test"):
                    for removed in range(units + 1):
                        over = max(0, removed - allowed)
                        rows.append(
                            {
                                "layer": layer,
                                "split": split,
                                "criterion": name,
                                "remove": remove,
                                "repeat": repeat,
                                "removed": removed,
                                "units": units,
                                "accuracy": max(0.1, 0.97 - 0.1 * over),
                                "examples": 400 if split == "test" else 180,
                            }
                        )
    return table("removal", rows), table("removable", counts)


def can_go(**changes):
    """The answer of the tests' layers: bounds of one, of the other that none can go."""
    rows = [
        {"layer": "fc1", "lower": 6, "upper": 8, "estimate": 7, "units": 12},
        {"layer": "fc2", "lower": 0, "upper": 0, "estimate": 0, "units": 8},
    ]
    common = {"criterion": "magnitude", "loss": 0.01, "confidence": 0.95, "examples": 400}
    return table("can_go", [{**row, **common, **changes} for row in rows])


def _orders():
    return table(
        "orders",
        [
            {
                "layer": layer,
                "criterion": "magnitude",
                "place": place + 1,
                "unit": units - 1 - place,
            }
            for layer, units in UNITS.items()
            for place in range(units)
        ],
    )


def _accepted():
    """The answers of fc1 for three losses, and of fc2."""
    rows = [
        {"layer": layer, "loss": loss, "criterion": "magnitude", "units": UNITS[layer]}
        | {"estimate": count, "lower": max(0, count - 1), "upper": count + 1}
        | {"confidence": 0.95, "examples": 400}
        for layer, counts in (("fc1", (5, 7, 8)), ("fc2", (0, 0, 1)))
        for loss, count in zip((0.005, 0.01, 0.02), counts, strict=True)
    ]
    return table("accepted", rows)


def _units():
    generator, rows = np.random.default_rng(0), []
    for layer, units in UNITS.items():
        for stage in ("initial", "final"):
            for unit in range(units):
                together = stage == "final" and layer == "fc1" and unit < 6
                near = stage == "final" and layer == "fc1" and unit < 3
                rows.append(
                    {
                        "layer": layer,
                        "stage": stage,
                        "unit": unit,
                        "x": generator.normal(),
                        "y": generator.normal(),
                        "norm": 1.0 + generator.uniform(),
                        "kind": "cluster" if near else "linked" if together else "isolated",
                        "component": 0 if together else unit + 1,
                        "cluster": 0 if near else None,
                        "cosine_to_initial": None,
                        "hardly_moved": layer == "fc1" and unit >= 8 if stage == "final" else None,
                    }
                )
    return table("units", rows)


def _edges():
    pairs = [(i, j) for i in range(6) for j in range(i + 1, 6)]
    return table(
        "edges",
        [
            {
                "layer": "fc1",
                "stage": "final",
                "source": i,
                "target": j,
                "weight": 0.5,
                "inner_product": 0.8,
            }
            for i, j in pairs
        ],
    )


def _spectra():
    values, bulk, density = [], [], []
    for layer, units in UNITS.items():
        for stage, spikes in (("initial", 0), ("final", 3 if layer == "fc1" else 0)):
            for place in range(units):
                spike = place < spikes
                value = 20.0 + place if spike else 0.5 + place / units
                values.append({"layer": layer, "stage": stage, "eigenvalue": value, "spike": spike})
            bulk.append(
                {
                    "layer": layer,
                    "stage": stage,
                    "variance": 0.1,
                    "threshold": 2.2,
                    "lower": 0.4,
                    "upper": 2.0,
                    "ratio": 2.0,
                    "spikes": spikes,
                    "bulk": units - spikes,
                    "eigenvalues": units,
                    "distance_limit": 0.2,
                    "fits": True,
                    "largest": 22.0 if spikes else 1.4,
                    "distance": 0.11,
                }
            )
            density += [
                {"layer": layer, "stage": stage, "eigenvalue": x, "density": 0.6}
                for x in np.linspace(0.4, 2.0, 20)
            ]
    return table("eigenvalues", values), table("bulk", bulk), table("density", density)


def _ranks():
    return table(
        "ranks",
        [
            {
                "layer": layer,
                "split": split,
                "of": of,
                "rank": rank,
                "share": (rank / 8) ** 0.5,
                "accuracy": 0.97 if rank >= (4 if of == "weights" else 2) else 0.5,
                "dense": 0.97,
            }
            for layer in UNITS
            for split in ("validation", "test")
            for of in ("weights", "update")
            for rank in (1, 2, 4, 8)
        ],
    )


def _choices():
    rows = []
    for layer in UNITS:
        amount = REMOVABLE[layer][0]
        for what, chosen, count in (
            ("removal", "magnitude", amount),
            ("weights", "weights", 4),
            ("update", "update", 2),
        ):
            rows.append(
                {
                    "layer": layer,
                    "what": what,
                    "chosen": chosen,
                    "amount": count,
                    "images": 400,
                    "before": 0.97,
                    "after": 0.9650,
                    "change": -0.0050,
                    "lower": -0.0163,
                    "upper": 0.0064,
                }
            )
    return table("choices", rows)


def _dense(split, correct, images):
    found = wilson_interval(correct, images)
    return {
        "split": split,
        "correct": correct,
        "judged": images,
        "images": images,
        "quantity": "accuracy",
        "estimate": found.estimate,
        "lower": found.lower,
        "upper": found.upper,
        "loss": 0.1,
    }


def planted_tables():
    """All tables of a report, as `measure` would give them."""
    removal, removable = _removal()
    eigenvalues, bulk, density = _spectra()
    layers = [
        {
            "layer": name,
            "kind": "fully connected",
            "units": units,
            "inputs": 16,
            "validation_images": 180,
            "test_images": 400,
            "link": 0.62,
            "cluster": 0.9,
        }
        for name, units in UNITS.items()
    ]
    dense = [
        _dense("validation", 176, 180),
        _dense("test", 388, 400),
    ]
    metrics = {
        "epoch": [0, 1, 2],
        "train_accuracy": [0.1, 0.9, 0.99],
        "train_loss": [2.3, 0.4, 0.05],
        "test_accuracy": [0.1, 0.88, 0.97],
        "test_loss": [2.3, 0.5, 0.2],
    }
    return {
        "layers": table("layers", layers),
        "dense": table("dense", dense),
        "learning": pa.table(metrics),
        "removal": removal,
        "removable": removable,
        "can_go": can_go(),
        "choices": _choices(),
        "orders": _orders(),
        "accepted": _accepted(),
        **{name: table(name, []) for name in (*JOINT, *CURVATURE)},
        "units": _units(),
        "edges": _edges(),
        "eigenvalues": eigenvalues,
        "bulk": bulk,
        "density": density,
        "ranks": _ranks(),
        "notes": table("notes", []),
    }


@pytest.fixture
def tables():
    return planted_tables()


@pytest.fixture(scope="session")
def figures(tmp_path_factory):
    """Every figure of the planted tables as a page has it, drawn once."""
    folder, found = tmp_path_factory.mktemp("figures"), {}
    for name, drawing in drawings(planted_tables(), loss=0.01, classes=10):
        path = save(drawing, folder, name)["svg"]
        found[name] = Drawing(svg=path.read_text(encoding="utf-8"), readout=readout(drawing))
    return found


@pytest.fixture
def provenance():
    return {
        "key": "0123456789abcdef" * 4,
        "model": "lenet-300-100",
        "data": "digits",
        "objective": "cross_entropy",
        "examples": "images",
        "recorded": False,
        "fingerprint": "ab" * 32,
        "seed": 0,
        "status": "done",
        "steps": 480,
        "planned_steps": 480,
        "epochs": 20,
        "created": "2026-01-01T00:00:00+00:00",
        "first_snapshot": 0,
        "last_snapshot": 480,
        "command": "surfeit demo --data digits",
        "versions": {"surfeit": "0.1.0", "torch": "2.13.0"},
    }


@pytest.fixture
def config():
    return CONFIG


@pytest.fixture
def summary(tables, provenance, config):
    return summarise(tables, provenance, config)
