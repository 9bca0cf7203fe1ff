"""Planted tables: what the figures read, small and known."""

import numpy as np
import pyarrow as pa
import pytest

CRITERIA = ("magnitude", "frame_potential", "inner_product", "raw_frame_potential")


@pytest.fixture
def learning_table():
    epochs = list(range(13))
    falling = [2.3 * 0.7**epoch for epoch in epochs]
    rising = [0.98 - 0.88 * 0.55**epoch for epoch in epochs]
    return pa.table(
        {
            "epoch": epochs,
            "train_loss": falling,
            "train_accuracy": rising,
            "validation_loss": [value + 0.1 for value in falling],
            "validation_accuracy": [value - 0.01 for value in rising],
            "test_loss": pa.array([None, *(value + 0.12 for value in falling[1:])]),
            "test_accuracy": pa.array([None, *(value - 0.02 for value in rising[1:])]),
        }
    )


@pytest.fixture
def removal_rows():
    """30 units; removing the least goes well for long, the most badly at once."""
    generator, rows = np.random.default_rng(0), []

    def add(criterion, remove, repeat, half):
        for removed in range(31):
            accuracy = 0.1 + 0.88 / (1 + np.exp((removed - half) / 3)) * (1 + np.exp(-half / 3))
            rows.append(("test", criterion, remove, repeat, removed, min(accuracy, 0.98)))

    for place, name in enumerate(CRITERIA):
        add(name, "least", 0, 24 - 2 * place)
        add(name, "most", 0, 6 + place)
    for repeat in range(5):
        add("random", None, repeat, 15 + generator.normal())
    return rows


@pytest.fixture
def removal_table(removal_rows):
    names = ("split", "criterion", "remove", "repeat", "removed", "accuracy")
    columns = zip(*removal_rows, strict=True)
    return pa.table({name: list(column) for name, column in zip(names, columns, strict=True)})


@pytest.fixture
def graph_tables():
    generator = np.random.default_rng(1)
    units = 60
    nodes = {name: [] for name in ("stage", "unit", "x", "y", "norm", "kind")}
    edges = {name: [] for name in ("stage", "source", "target", "weight")}
    for stage in ("initial", "final"):
        centres = generator.normal(size=(3, 2)) * 3
        for unit in range(units):
            group = unit % 4 if stage == "final" else 3
            place = centres[group] if group < 3 else np.zeros(2)
            spread = 0.6 if group < 3 else 5
            x, y = place + spread * generator.normal(size=2)
            kind = "isolated" if group == 3 else ("cluster" if group == 0 else "linked")
            norm = 1.0 if stage == "initial" else (0.4 if group == 3 else 2.0)
            values = (stage, unit, x, y, norm * generator.uniform(0.7, 1.3), kind)
            for name, value in zip(nodes, values, strict=True):
                nodes[name].append(value)
            if group < 3:
                for target in range(unit % 4, unit, 4):
                    values = (stage, unit, target, generator.uniform())
                    for name, value in zip(edges, values, strict=True):
                        edges[name].append(value)
    return pa.table(nodes), pa.table(edges)


@pytest.fixture
def spectrum_tables():
    """100 x 300 noise, and the same with six planted spikes."""
    generator = np.random.default_rng(2)
    noise = generator.normal(size=(100, 300)) / 20
    ratio, scale = 1 / 3, 300 / 400
    lower, upper = (scale * (1 + sign * np.sqrt(ratio)) ** 2 for sign in (-1, 1))
    x = np.linspace(lower, upper, 200)[1:-1]
    density = np.sqrt((upper - x) * (x - lower)) / (2 * np.pi * ratio * scale * x)
    eigenvalues = {"stage": [], "eigenvalue": [], "spike": []}
    for stage, spikes in (("initial", []), ("final", [4, 6, 9, 15, 22, 61])):
        values = sorted(np.linalg.eigvalsh(noise @ noise.T))[len(spikes) :] + spikes
        for value in values:
            for name, entry in zip(eigenvalues, (stage, value, value > 3.5), strict=True):
                eigenvalues[name].append(entry)
    curves = {
        "stage": ["initial"] * len(x) + ["final"] * len(x),
        "eigenvalue": [*x, *x],
        "density": [*density, *density],
    }
    bulk = {
        "stage": ["initial", "final"],
        "lower": [lower] * 2,
        "upper": [upper] * 2,
        "threshold": [1.15 * upper] * 2,
        "bulk": [100, 94],
    }
    return pa.table(eigenvalues), pa.table(curves), pa.table(bulk)


@pytest.fixture
def rank_table():
    ranks = [1, 2, 4, 8, 10, 16, 32, 64]
    share = [min(1.0, 0.3 + 0.11 * np.log2(rank)) for rank in ranks]
    weights = [0.98 - 0.85 * np.exp(-rank / 4) for rank in ranks]
    update = [0.98 - 0.7 * np.exp(-rank / 3) for rank in ranks]
    return pa.table(
        {
            "split": ["test"] * 16,
            "of": ["weights"] * 8 + ["update"] * 8,
            "rank": ranks * 2,
            "share": [*share, *np.sqrt(share)],
            "accuracy": [*weights, *update],
            "dense": [0.98] * 16,
        }
    )
