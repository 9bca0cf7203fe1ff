"""How the loss bends, in the report: against the dense Hessian, and only for who asks."""

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams
from surfeit.curvature import LossSurface, dense, hessian
from surfeit.data import from_tensors
from surfeit.models import mlp
from surfeit.report import ReportConfig
from surfeit.report.curvature import measure_curvature
from surfeit.report.measure import measure, silent
from surfeit.report.network import Network
from surfeit.report.page import render
from surfeit.report.schema import schemas, table
from surfeit.report.summary import summarise
from surfeit.store import Store
from surfeit.train import Recipe, train

CONFIG = ReportConfig(repeats=2, ranks=(1, 2), curvature=True, curvature_examples=50)


class Noisy(nn.Module):
    def forward(self, inputs):
        return inputs + torch.randn_like(inputs)


def _split(generator, n):
    return Split(
        torch.randn(n, 6, generator=generator), torch.randint(3, (n,), generator=generator)
    )


@pytest.fixture(scope="module")
def dataset():
    generator = Streams(0).get("test")
    splits = {name: _split(generator, n) for name, n in (("train", 80), ("validation", 40))}
    return from_tensors("three", **splits, test=_split(generator, 60))


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    model = mlp((5,), input_shape=(6,), classes=3)
    mask = {"fc1.weight": torch.ones(5, 6, dtype=torch.bool)}
    mask["fc1.weight"][0, :4] = False
    store = Store(tmp_path_factory.mktemp("store"))
    return train(model, dataset, Recipe(epochs=5, lr=0.2), mask=mask, store=store)


@pytest.fixture(scope="module")
def measured(run, dataset):
    return measure(run, dataset, CONFIG)


def test_numbers_are_those_of_the_dense_hessian_of_the_weights_that_are_left(
    run, dataset, measured, provenance
):
    found = summarise(measured, provenance, CONFIG)["curvature"]
    split = dataset.train.some(50, Streams(0).get("landscape", "examples"))
    surface = LossSurface.of(run.model(), split, mask=run.mask_at())
    exact = np.linalg.eigvalsh(dense(hessian(surface)).numpy())[::-1]
    assert found["parameters"] == len(exact) == 5 * 6 - 4 + 5 + 3 * 5 + 3
    assert found["examples"] == 50
    assert found["loss"] == pytest.approx(surface.loss)
    values = [row["eigenvalue"] for row in found["eigenvalues"]]
    np.testing.assert_allclose(values, [*exact[:10], exact[-1]], rtol=1e-3, atol=1e-5)
    error = max(4 * found["trace_error"], 1e-4 * abs(exact.sum()))
    assert found["trace"] == pytest.approx(exact.sum(), abs=error)
    assert any("mask removes" in text for text in found["remarks"])


def test_page_shows_it_to_who_asked_and_to_nobody_else(measured, figures, provenance):
    summary = summarise(measured, provenance, CONFIG)
    page = render(summary, {"curvature": figures["learning"]}, measured)
    text = unescape(re.sub("<[^>]+>", "", page))
    value = summary["curvature"]["eigenvalues"][0]["eigenvalue"]
    assert f"The largest eigenvalue of its Hessian is {value:.3g}" in text
    assert 'href="#curvature"' in page
    assert 'href="figures/curvature.svg"' in page
    assert "Training examples for the curvature" in page
    unasked = measured | {
        name: table(name, []) for name in schemas() if name.startswith("curvature")
    }
    plain = summarise(unasked, provenance, replace(CONFIG, curvature=False))
    assert plain["curvature"] is None
    page = render(plain, {}, unasked)
    assert 'id="curvature"' not in page
    assert 'href="#curvature"' not in page
    assert "Hessian" not in page


def test_what_cannot_be_measured_is_left_out_in_a_sentence(dataset, measured, provenance, tmp_path):
    model = nn.Sequential(nn.Linear(6, 3), Noisy())
    run = train(model, dataset, Recipe(epochs=1), store=Store(tmp_path))
    network = Network.of(run, dataset, CONFIG, into=model)
    rows = measure_curvature(network, CONFIG, mask=None, tell=silent)
    tables = measured | {
        name: table(name, rows.get(name, [])) for name in schemas() if name.startswith("curvature")
    }
    summary = summarise(tables, provenance, CONFIG)
    assert summary["curvature"]["examples"] == 50
    page = render(summary, {}, tables)
    assert "Left out: the network draws at random" in page


def test_a_network_of_few_parameters_shows_all_its_eigenvalues(dataset, tmp_path):
    model = nn.Sequential(nn.Linear(6, 3, bias=False))
    mask = {"0.weight": torch.zeros(3, 6, dtype=torch.bool)}
    mask["0.weight"][:, 0] = True
    run = train(model, dataset, Recipe(epochs=1), mask=mask, store=Store(tmp_path))
    network = Network.of(run, dataset, CONFIG)
    rows = measure_curvature(network, CONFIG, mask=run.mask_at(), tell=silent)
    assert [row["end"] for row in rows["curvature"]] == ["largest"] * 3
    assert rows["curvature_sums"][0]["parameters"] == 3
