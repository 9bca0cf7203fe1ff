"""Scores of units against brute force, closed forms and the removal criteria."""

import copy

import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams, squared_error
from surfeit.prune import (
    CRITERIA,
    activation_correlation,
    frame_potential,
    magnitude,
    outputs_without,
    removal_order,
    taylor_unit,
)
from surfeit.prune.scores import Evidence, taylor


def close(a, b, tolerance=1e-9):
    return torch.allclose(a.double(), b.double(), rtol=tolerance, atol=tolerance)


def linear(W):
    model = nn.Linear(len(W[0]), len(W)).double()
    model.weight.data = torch.tensor(W).double()
    return model


def test_filter_norm_is_the_euclidean_norm(build):
    found = CRITERIA["magnitude"].scores(Evidence(build("convolutional")))
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
    assert close(CRITERIA["frame_potential"].scores(Evidence(build()))["fc1"], torch.stack(losses))


@pytest.mark.parametrize("criterion", [magnitude, frame_potential])
def test_the_lowest_unit_is_the_criterion_s_first_removal(build, criterion):
    scores = CRITERIA[criterion.__name__].scores(Evidence(build()))
    for name, values in scores.items():
        order = removal_order(build().get_submodule(name).weight, criterion, remove="least")
        assert int(values.argmin()) == int(order[0])


def test_fpgm_is_the_sum_of_distances():
    found = CRITERIA["fpgm"].scores(
        Evidence(linear([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0], [6.0, 8.0]]))
    )[""]
    assert found.tolist() == [15.0, 15.0, 15.0, 25.0]


def test_fpgm_prunes_next_to_the_geometric_median():
    found = CRITERIA["fpgm"].scores(Evidence(linear([[0.0], [1.0], [1.1], [5.0], [0.2]])))[""]
    assert int(found.argmin()) == 1


def test_fpgm_and_frame_potential_do_not_count_removed_units():
    W = [[1.0, 0.0], [9.0, 9.0], [0.0, 2.0]]
    mask = {"weight": torch.tensor([[True, True], [False, False], [True, True]])}
    masked, without = Evidence(linear(W), mask=mask), Evidence(linear([W[0], W[2]]))
    for score in (CRITERIA["fpgm"].scores, CRITERIA["frame_potential"].scores):
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
    return activation_correlation(Evidence(Given(outputs.shape[1]), split=split))["fc"]


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


def test_taylor_unit_of_two_examples_is_its_closed_form():
    # z = c relu(w x): L = (z - t)², so that ∂L/∂c = 2 z (z - t), one example after the other.
    model = nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    model = model.double()
    model[0].weight.data = torch.tensor([[2.0], [-1.0]]).double()
    model[2].weight.data = torch.tensor([[1.0, 1.0]]).double()
    split = Split(torch.tensor([[1.0], [-1.0]]).double(), torch.tensor([[1.0], [3.0]]).double())
    evidence = Evidence(model, split=split, objective=squared_error)
    slopes = torch.tensor([[2 * 2 * (2 - 1), 0], [0, 2 * 1 * (1 - 3)]]).double()
    assert close(taylor_unit(evidence, minibatch=1)["0"], slopes.square().mean(0))
    assert close(taylor_unit(evidence, minibatch=2)["0"], slopes.mean(0).square())


def test_taylor_scores_of_unequal_minibatches_weigh_by_examples(build, images):
    split = images("dense", 7)
    parts = [Evidence(build(), split=split[0:4]), Evidence(build(), split=split[4:7])]
    whole = Evidence(build(), split=split)
    for score in (taylor_unit, taylor):
        first, second = (score(part, minibatch=4) for part in parts)
        for name, values in score(whole, minibatch=4).items():
            assert close(values, (4 * first[name] + 3 * second[name]) / 7)


@pytest.mark.parametrize("score", [taylor_unit, taylor])
@pytest.mark.parametrize("minibatch", [0, -3, 2.0, True, "10"])
def test_minibatches_that_are_no_numbers_of_examples_are_refused(build, images, score, minibatch):
    with pytest.raises(ValueError, match=f"minibatch must be an integer >= 1.*got {minibatch!r}"):
        score(Evidence(build(), split=images()), minibatch=minibatch)


def test_random_unit_scores_come_from_the_generator_alone(build):
    def drawn(seed):
        return CRITERIA["random"].scores(Evidence(build(), generator=Streams(seed).get("scores")))

    assert torch.equal(drawn(0)["fc1"], drawn(0)["fc1"])
    assert not torch.equal(drawn(0)["fc1"], drawn(1)["fc1"])
    with pytest.raises(ValueError, match="need a generator"):
        CRITERIA["random"].scores(Evidence(build()))


def test_equal_units_get_equal_scores(build, images):
    model = build("dense")
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.fill_(0.1 if "weight" in name else 0.3)
    evidence = Evidence(model, split=images())
    for name, criterion in CRITERIA.items():
        if name != "random":
            for values in list(criterion.scores(evidence).values())[:2]:
                assert values.max() - values.min() <= 1e-12, name


class Stacked(nn.Module):
    """A recurrent module of two levels, every step read by a linear layer."""

    def __init__(self, **options):
        super().__init__()
        torch.manual_seed(3)
        self.rnn = nn.LSTM(3, 4, num_layers=2, batch_first=True, **options)
        both = 2 if self.rnn.bidirectional else 1
        self.fc = nn.Linear(both * (self.rnn.proj_size or 4), 3)

    def forward(self, x):
        return self.fc(self.rnn(x)[0]).mean(1)


@pytest.mark.parametrize("level", ["l0", "l0_reverse"])
def test_units_read_within_a_recurrent_module_have_their_gate_there(level):
    model = Stacked(bidirectional=True).double().eval()
    inputs = torch.randn(6, 5, 3, generator=Streams(2).get("steps"), dtype=torch.float64)
    split = Split(inputs, torch.arange(6) % 3)
    found = taylor_unit(Evidence(model, split=split), minibatch=2)[f"rnn.{level}"]
    column, step = 1, 1e-6
    place = column + 4 * level.endswith("reverse")

    def gated(c):
        other = copy.deepcopy(model)
        with torch.no_grad():
            other.rnn.get_parameter(f"weight_hh_{level}")[:, column] *= c
            for above in ("l1", "l1_reverse"):
                other.rnn.get_parameter(f"weight_ih_{above}")[:, place] *= c
        return other

    # At 0 the gate is the removal.
    without = outputs_without(model, f"rnn.{level}", torch.tensor([column]), inputs)
    assert close(gated(0.0)(inputs), without)
    squares = []
    for part in (split[0:2], split[2:4], split[4:6]):
        outputs = [gated(c)(part.inputs).detach() for c in (1 + step, 1 - step)]
        more, less = (float(nn.functional.cross_entropy(z, part.targets)) for z in outputs)
        squares.append(((more - less) / (2 * step)) ** 2)
    assert float(found[column]) == pytest.approx(sum(squares) / 3, rel=1e-5)


def test_units_read_through_a_projection_have_their_gate_there():
    model = Stacked(proj_size=2).double().eval()
    inputs = torch.randn(6, 5, 3, generator=Streams(2).get("steps"), dtype=torch.float64)
    split = Split(inputs, torch.arange(6) % 3)
    evidence = Evidence(model, split=split)
    found = taylor_unit(evidence, minibatch=6)["rnn.l0"]
    weight = model.rnn.weight_hr_l0
    loss = nn.functional.cross_entropy(model(inputs), split.targets)
    slope = (torch.autograd.grad(loss, weight)[0] * weight).detach().sum(0)
    assert close(found, slope.square())
