"""Scores of networks in each floating type, and what no score is taken of."""

import math

import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams, parameters
from surfeit.prune import CRITERIA
from surfeit.prune.evidence.network import lift_
from surfeit.prune.scores import SCORES, Evidence, obs, obs_update, synflow_mask

HALF = [torch.float16, torch.bfloat16]
ALL = {
    **{f"weights {k}": v for k, v in SCORES.items()},
    **{f"units {k}": v.scores for k, v in CRITERIA.items()},
}


def drawn_in(dtype, build, seed=1):
    """A network of numbers that the type holds, in that type."""
    model = build("convolutional")
    generator = Streams(seed).get("other weights")
    for name, value in model.named_parameters():
        noise = torch.randn(value.shape, generator=generator, dtype=torch.float64)
        value.data = value.data + 0.1 * seed * noise if "bn" not in name else value.data
    return model.to(dtype)


def evidence_of(model, images, **options):
    split = images("convolutional", 9)
    initial = {name: value.flip(0) for name, value in parameters(model).items()}
    return Evidence(
        model, initial=initial, split=split, generator=Streams(0).get("scores"), **options
    )


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("masked", [False, True])
def test_scores_of_half_precision_are_those_of_its_numbers(
    build, images, some_mask, name, dtype, masked
):
    model = drawn_in(dtype, build)
    mask = some_mask(model) if masked else None
    found = ALL[name](evidence_of(model, images, mask=mask))
    lifted = ALL[name](evidence_of(drawn_in(dtype, build).double(), images, mask=mask))
    assert found.keys() == lifted.keys()
    for key, value in found.items():
        assert value.dtype == torch.float64
        assert value.isfinite().all()
        scale = float(lifted[key].abs().max())
        assert float((value - lifted[key]).abs().max()) <= 3e-5 * scale, key
    assert all(p.dtype == dtype for p in model.parameters())


@pytest.mark.parametrize("dtype", HALF)
def test_evidence_is_in_float32_and_the_network_is_left_alone(build, images, dtype):
    model = drawn_in(dtype, build)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    evidence = evidence_of(model, images)
    assert all(w.dtype == torch.float32 for w in evidence.weights.values())
    assert all(w.dtype == torch.float32 for w in evidence.initial_weights.values())
    assert all(w.dtype == torch.float32 for w in evidence.gradients.values())
    product = evidence.hessian_vector_product(evidence.gradients)
    assert all(w.dtype == torch.float32 for w in product.values())
    assert all(a.dtype == torch.float32 for a in evidence.activations.values())
    assert evidence.network.bn1.running_var.dtype == torch.float32
    assert evidence.network.bn1.num_batches_tracked.dtype == torch.int64
    for name, value in model.state_dict().items():
        assert value.dtype == before[name].dtype
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("dtype", HALF)
def test_weights_made_good_are_in_the_networks_type(build, images, some_mask, dtype):
    model = drawn_in(dtype, build)
    mask = some_mask(model)
    found = obs_update(evidence_of(model, images), mask)
    lifted = obs_update(evidence_of(drawn_in(dtype, build).double(), images), mask)
    for name, value in found.items():
        assert value.dtype == dtype
        assert not value[~mask[name]].any()
        rounding = torch.finfo(dtype).eps
        torch.testing.assert_close(value.double(), lifted[name], rtol=rounding, atol=1e-4)


def test_synflow_masks_of_half_precision_are_those_of_its_numbers(build, images):
    found = synflow_mask(evidence_of(drawn_in(torch.float16, build), images), 0.3, rounds=5)
    model = drawn_in(torch.float16, build).double()
    expected = synflow_mask(evidence_of(model, images), 0.3, rounds=5)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_layers_in_several_types_are_lifted_each():
    mixed = nn.Sequential(nn.Linear(2, 2).double(), nn.Linear(2, 2).half(), nn.Linear(2, 2))
    own = Evidence(mixed).weights
    assert [w.dtype for w in own.values()] == [torch.float64, torch.float32, torch.float32]


def test_lifted_parameters_share_the_memory_that_they_shared():
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)).half()
    model[1].weight = nn.Parameter(model[0].weight.data.T)  # one storage, two parameters
    model[2].bias = nn.Parameter(model[0].bias.data[2:5])
    before = {name: value.clone() for name, value in model.named_parameters()}
    lift_(model)
    for name, value in model.named_parameters():
        assert value.dtype == torch.float32
        assert torch.equal(value, before[name].float())
    with torch.no_grad():
        model[0].weight[3, 5] = model[0].bias[4] = 7
    assert model[1].weight[5, 3] == model[2].bias[2] == 7


@pytest.mark.parametrize("name", ALL)
def test_weights_that_are_no_numbers_are_counted(build, images, name):
    if name.endswith("random"):
        return
    model = build("convolutional")
    with torch.no_grad():
        model.conv2.weight[0, 0, 0] = torch.tensor([math.nan, math.inf])
    with pytest.raises(ValueError, match=r"conv2\.weight must be finite, got 2 NaN.*of 32"):
        ALL[name](evidence_of(model.float(), images))


@pytest.mark.parametrize("kind", [torch.complex64, torch.int8])
def test_other_numbers_are_refused(kind):
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    model[1].weight = nn.Parameter(torch.ones(3, 4).to(kind), requires_grad=False)
    with pytest.raises(ValueError, match=f"weights of layer '1' must be floating-point.*{kind}"):
        SCORES["large_final"](Evidence(model))
    initial = {"1.weight": torch.ones(3, 4).to(kind)}
    with pytest.raises(ValueError, match=f"the initial 1.weight must be floating-point.*{kind}"):
        Evidence(nn.Sequential(nn.Flatten(), nn.Linear(4, 3)), initial=initial)


def test_parameters_of_integers_have_no_gradient(build, images):
    model = build()
    model.fc3.register_parameter("counts", nn.Parameter(torch.ones(3).long(), requires_grad=False))
    assert "fc3.counts" not in Evidence(model, split=images()).parameter_gradients


# Those that look at images: weights alone say nothing about them.
LOOKING = ["snip", "grasp", "taylor", "obd", "obs", "activation_correlation", "taylor_unit"]


@pytest.mark.parametrize("name", LOOKING)
@pytest.mark.parametrize("fault", ["pixel", "variance", "overflow"])
def test_networks_and_images_that_give_no_numbers_are_refused(build, images, name, fault):
    model, split = build("convolutional").float(), images("convolutional", 9)
    pixels = split.images.clone()
    if fault == "pixel":
        pixels[3, 0, 1, 1] = math.nan
    elif fault == "variance":
        model.bn1.running_var[2] = math.nan
    else:
        pixels *= 1e30
        with torch.no_grad():
            model.conv1.weight.mul_(1e20)
    score = SCORES[name] if name in SCORES else CRITERIA[name].scores
    evidence = Evidence(model, split=Split(pixels, split.labels))
    with pytest.raises(ValueError, match=r"must be finite, .*NaN or infinity|gives NaN on"):
        score(evidence)


def test_dampings_too_small_for_inputs_that_repeat_are_refused():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(50, 4, generator=generator).double()
    x[:, 3] = x[:, 2]
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).double()
    split = Split(x.view(50, 1, 2, 2), torch.zeros(50, dtype=torch.int64))
    evidence = Evidence(model, split=split)
    with pytest.raises(ValueError, match=r"the damping is too small.*raise it, to 0.0001"):
        obs(evidence, damping=1e-300)
    mask = {"1.weight": torch.tensor([[True, False, True, True]] * 2)}
    with pytest.raises(ValueError, match="the damping is too small"):
        obs_update(evidence, mask, damping=1e-300)


def test_equal_depthwise_filters_do_not_stand_in_for_one_another(images):
    model = nn.Sequential(nn.Conv2d(2, 4, 2, groups=2), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3))
    nn.init.ones_(model[0].weight)
    evidence = Evidence(model, split=images("convolutional"))
    # Two filters a group: each contributes 2 · 2 − 1 of the potential, not 2 · 4 − 1.
    assert CRITERIA["frame_potential"].scores(evidence)["0"].tolist() == pytest.approx([3] * 4)
    # From the two of the other group a filter is √(4 + 4) away.
    assert CRITERIA["fpgm"].scores(evidence)["0"].tolist() == pytest.approx([2 * 8**0.5] * 4)
    assert CRITERIA["magnitude"].scores(evidence)["0"].tolist() == pytest.approx([2] * 4)
