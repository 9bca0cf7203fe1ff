"""Scores of units against brute force, closed forms and the removal criteria."""

import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams
from surfeit.prune import criteria, removal_order
from surfeit.prune.scores import UNIT_SCORES, Evidence, units


def close(a, b, tolerance=1e-9):
    return torch.allclose(a.double(), b.double(), rtol=tolerance, atol=tolerance)


def linear(W):
    model = nn.Linear(len(W[0]), len(W)).double()
    model.weight.data = torch.tensor(W).double()
    return model


def test_filter_norm_is_the_euclidean_norm(build):
    found = units.filter_norm(Evidence(build("convolutional")))
    for name, values in found.items():
        weight = build("convolutional").get_submodule(name).weight.detach()
        assert close(values, weight.flatten(1).square().sum(1).sqrt())


def test_frame_potential_falls_by_the_score_when_the_unit_goes(build):
    W = build().fc1.weight.detach()
    rows = W / W.norm(dim=1, keepdim=True)

    def potential(left):
        return (rows[left] @ rows[left].T).square().sum()

    everyone = list(range(5))
    losses = [potential(everyone) - potential([j for j in everyone if j != i]) for i in everyone]
    assert close(units.frame_potential(Evidence(build()))["fc1"], torch.stack(losses))


@pytest.mark.parametrize(
    ("score", "criterion"),
    [
        (units.filter_norm, criteria.magnitude),
        (units.frame_potential, criteria.frame_potential),
    ],
)
def test_the_lowest_unit_is_the_criterion_s_first_removal(build, score, criterion):
    scores = score(Evidence(build()))
    for name, values in scores.items():
        order = removal_order(build().get_submodule(name).weight, criterion, remove="least")
        assert int(values.argmin()) == int(order[0])


def test_fpgm_is_the_sum_of_distances():
    found = units.fpgm(Evidence(linear([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0], [6.0, 8.0]])))[""]
    assert found.tolist() == [15.0, 15.0, 15.0, 25.0]


def test_fpgm_prunes_next_to_the_geometric_median():
    found = units.fpgm(Evidence(linear([[0.0], [1.0], [1.1], [5.0], [0.2]])))[""]
    assert int(found.argmin()) == 1


def test_fpgm_and_frame_potential_do_not_count_removed_units():
    W = [[1.0, 0.0], [9.0, 9.0], [0.0, 2.0]]
    mask = {"weight": torch.tensor([[True, True], [False, False], [True, True]])}
    masked, without = Evidence(linear(W), mask=mask), Evidence(linear([W[0], W[2]]))
    for score in (units.fpgm, units.frame_potential):
        found = score(masked)[""]
        assert close(found[[0, 2]], score(without)[""])
        assert bool(found.isfinite().all())


class Given(nn.Module):
    """A network whose only layer's outputs are the images themselves."""

    def __init__(self, inputs):
        super().__init__()
        self.fc = nn.Linear(inputs, inputs, bias=False).double()
        nn.init.eye_(self.fc.weight)

    def forward(self, x):
        return self.fc(x.flatten(1))


def correlation_scores(outputs):
    images = outputs[:, None, None, :]
    split = Split(images, torch.zeros(len(images), dtype=torch.int64))
    return units.activation_correlation(Evidence(Given(outputs.shape[1]), split=split))["fc"]


def test_activation_correlation_is_one_minus_the_mean_correlation():
    outputs = torch.randn(40, 5, generator=Streams(0).get("outputs"), dtype=torch.float64)
    outputs[:, 4] = outputs[:, 0] * -3 + outputs[:, 1] + 7
    r = torch.corrcoef(outputs.T).abs()
    assert close(correlation_scores(outputs), 1 - (r.sum(1) - 1) / 4)


def test_activation_correlation_of_copies_is_least():
    outputs = torch.randn(40, 4, generator=Streams(0).get("outputs"), dtype=torch.float64)
    outputs[:, 3] = -2 * outputs[:, 1] + 1
    found = correlation_scores(outputs)
    assert set(found.argsort()[:2].tolist()) == {1, 3}
    assert close(found[1], found[3])


def test_activation_correlation_of_silent_units_is_zero_and_touches_no_other():
    outputs = torch.randn(40, 4, generator=Streams(0).get("outputs"), dtype=torch.float64)
    silent = torch.cat([outputs, torch.full((40, 1), 0.1), torch.zeros(40, 1)], dim=1)
    found = correlation_scores(silent.double())
    assert found[4:].tolist() == [0.0, 0.0]
    assert close(found[:4], correlation_scores(outputs))
    assert correlation_scores(silent[:, 3:].double()).tolist() == [1.0, 0.0, 0.0]


def test_taylor_unit_is_the_squared_slope_in_a_gate_of_the_unit(build, images):
    split = images()
    found = units.taylor_unit(Evidence(build("dense", nn.Tanh), split=split))
    step = 1e-6
    for name, values in found.items():
        for unit, value in enumerate(values):
            losses = []
            for sign in (1, -1):
                model = build("dense", nn.Tanh)
                layer = model.get_submodule(name)
                with torch.no_grad():
                    layer.weight[unit] *= 1 + sign * step
                    layer.bias[unit] *= 1 + sign * step
                    losses.append(nn.functional.cross_entropy(model(split.images), split.labels))
            slope = (losses[0] - losses[1]) / (2 * step)
            assert float(value) == pytest.approx(float(slope) ** 2, rel=1e-5, abs=1e-12)


def test_taylor_unit_of_layers_without_bias_is_of_weights_alone(build, images):
    evidence = Evidence(build("convolutional"), split=images("convolutional"))
    g, w = evidence.gradients["conv2.weight"], evidence.weights["conv2.weight"]
    found = units.taylor_unit(evidence)["conv2"]
    assert close(found, (g * w).flatten(1).sum(1).square())


def test_random_unit_scores_come_from_the_generator_alone(build):
    def drawn(seed):
        return units.random(Evidence(build(), generator=Streams(seed).get("scores")))

    assert torch.equal(drawn(0)["fc1"], drawn(0)["fc1"])
    assert not torch.equal(drawn(0)["fc1"], drawn(1)["fc1"])
    with pytest.raises(ValueError, match="need a generator"):
        units.random(Evidence(build()))


def test_equal_units_get_equal_scores(build, images):
    model = build("dense")
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.fill_(0.1 if "weight" in name else 0.3)
    evidence = Evidence(model, split=images())
    for name, score in UNIT_SCORES.items():
        if name != "random":
            for values in list(score(evidence).values())[:2]:
                assert values.max() - values.min() <= 1e-12, name
