"""Evidence against finite differences, dense Hessians and plain forward passes."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from surfeit.core import Split, Streams, buffers, digest, parameters
from surfeit.data import from_tensors
from surfeit.prune import CRITERIA
from surfeit.prune.scores import SCORES, Evidence, snip, synflow

KINDS = ["dense", "convolutional"]


def close(a, b, tolerance=1e-9):
    return torch.allclose(a.double(), b.double(), rtol=tolerance, atol=tolerance)


def masked_copy(model, mask):
    model = copy.deepcopy(model)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name in mask:
                value.mul_(mask[name])
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_finite_differences(build, images, loss_of, flat, kind):
    model, split = build(kind, nn.Tanh), images(kind)
    evidence = Evidence(model, split=split)
    loss, w = loss_of(model, split, evidence.names)
    step = 1e-6
    slopes = [
        (loss(w + step * e) - loss(w - step * e)) / (2 * step) for e in torch.eye(len(w)).double()
    ]
    assert close(flat(evidence.gradients), torch.stack(slopes), 1e-7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_products_are_those_of_the_dense_hessian(build, images, loss_of, flat, kind, activation):
    model, split = build(kind, activation), images(kind)
    evidence = Evidence(model, split=split, batch_size=3)
    loss, w = loss_of(model, split, evidence.names)
    H = torch.autograd.functional.hessian(loss, w)
    generator = Streams(0).get("v")
    v = {
        name: torch.randn(x.shape, generator=generator).double()
        for name, x in evidence.weights.items()
    }
    assert close(flat(evidence.hessian_vector_product(v)), H @ flat(v))


def test_products_are_those_of_finite_differences_of_gradients(build, images, flat):
    model, split = build("dense", nn.Tanh), images("dense")
    evidence = Evidence(model, split=split)
    step, v = 1e-5, evidence.gradients
    slopes = []
    for sign in (1, -1):
        moved = copy.deepcopy(model)
        with torch.no_grad():
            for name, value in moved.named_parameters():
                if name in v:
                    value.add_(v[name], alpha=sign * step)
        slopes.append(flat(Evidence(moved, split=split).gradients))
    expected = (slopes[0] - slopes[1]) / (2 * step)
    assert close(flat(evidence.hessian_vector_product(v)), expected, 1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_results_do_not_depend_on_the_batch_size(build, images, flat, kind):
    split = images(kind, 11)
    whole = Evidence(build(kind), split=split)
    g, Hg = whole.gradients, whole.hessian_vector_product(whole.gradients)
    for size in (1, 4, 5):
        parts = Evidence(build(kind), split=split, batch_size=size)
        assert close(flat(parts.gradients), flat(g), 1e-12)
        assert close(flat(parts.hessian_vector_product(g)), flat(Hg), 1e-12)
        for name, outputs in parts.activations.items():
            assert close(outputs, whole.activations[name], 1e-12)


def test_removed_weights_are_zero_and_no_variables(build, images, some_mask, loss_of, flat):
    model, split = build("dense", nn.Tanh), images("dense")
    mask = some_mask(model)
    evidence = Evidence(model, split=split, mask=mask)
    keep = flat(mask)
    loss, w = loss_of(masked_copy(model, mask), split, evidence.names)
    H = torch.autograd.functional.hessian(loss, w) * keep[:, None] * keep
    g = torch.autograd.functional.jacobian(loss, w) * keep
    ones = {name: torch.ones_like(x) for name, x in evidence.weights.items()}
    assert close(flat(evidence.weights), w)
    assert not flat(evidence.weights)[~keep].any()
    assert close(flat(evidence.gradients), g)
    assert close(flat(evidence.hessian_vector_product(ones)), H.sum(1))


def test_activations_are_what_the_reader_reads_averaged_over_positions(build, images):
    model, split = build("convolutional").eval(), images("convolutional")
    found = Evidence(model, split=split).activations
    after = model[:4](split.images)
    assert close(found["conv1"], after.mean((2, 3)))
    after = model[4:6](after)
    assert close(found["conv2"], after.mean((2, 3)))
    assert close(found["fc"], model(split.images))


class Residual(nn.Module):
    """Functional activations, one in place, two in a row, and a sum behind a layer."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        x = torch.relu_(self.fc1(x.flatten(1))).clamp(max=0.1)
        x = nn.functional.relu(self.fc2(x) + x, inplace=True)
        return self.fc3(x)


def test_activations_of_units_that_are_added_are_those_in_front_of_the_sum(images):
    model, split = Residual().double(), images("dense")
    found = Evidence(model, split=split).activations
    first = model.fc1(split.images.flatten(1))
    assert close(found["fc1"], first)
    assert close(found["fc2"], model.fc2(torch.relu(first).clamp(max=0.1)))
    assert close(found["fc3"], model(split.images))


@pytest.mark.parametrize("kind", KINDS)
def test_the_model_is_left_as_it_was(build, images, some_mask, kind):
    model, split = build(kind), images(kind)
    model.train()
    model[1].eval()
    for value in model.parameters():
        value.grad = torch.ones_like(value)
    held = [value.grad for value in model.parameters()]
    modes = [module.training for module in model.modules()]
    before = digest(parameters(model) | buffers(model))
    state = torch.random.get_rng_state()
    evidence = Evidence(
        model,
        initial=parameters(model),
        split=split,
        mask=some_mask(model),
        generator=Streams(0).get("scores"),
    )
    for score in [*SCORES.values(), *(one.scores for one in CRITERIA.values())]:
        score(evidence)
    assert digest(parameters(model) | buffers(model)) == before
    assert [module.training for module in model.modules()] == modes
    assert all(v.grad is g for v, g in zip(model.parameters(), held, strict=True))
    assert all(bool((g == 1).all()) for g in held)
    assert all(value.requires_grad for value in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_mask_may_hold_other_parameters_and_lack_weights(build):
    mask = {"fc1.bias": torch.tensor([True, False, True, True, True])}
    evidence = Evidence(build(), mask=mask)
    assert evidence.names == ["fc1.weight", "fc1.bias", "fc2.weight", "fc3.weight"]
    assert evidence.weights["fc1.bias"][1] == 0
    assert bool(evidence.kept["fc2.weight"].all())


def test_a_shared_weight_is_scored_once(images):
    model = nn.Sequential(nn.Flatten(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)).double()
    model[3].weight = model[1].weight
    evidence = Evidence(model, split=images())
    assert evidence.names == ["1.weight"]
    assert snip(evidence)["1.weight"].shape == (8, 8)


def test_float32_models_take_float64_images(build, images):
    evidence = Evidence(build().float(), split=images())
    assert evidence.gradients["fc1.weight"].dtype == torch.float32
    assert snip(evidence)["fc1.weight"].dtype == torch.float64


def test_nan_at_a_removed_weight_does_no_harm(build, images):
    model = build()
    with torch.no_grad():
        model.fc1.weight[0, 0] = torch.nan
    mask = {"fc1.weight": torch.ones(5, 8, dtype=torch.bool)}
    mask["fc1.weight"][0, 0] = False
    assert bool(Evidence(model, split=images(), mask=mask).gradients["fc1.weight"].isfinite().all())


def test_weights_that_are_not_finite_are_named(build):
    model = build()
    with torch.no_grad():
        model.fc2.weight[0, :2] = torch.inf
    with pytest.raises(ValueError, match=r"fc2.weight must be finite.*2 NaN or infinite.*of 20"):
        _ = Evidence(model).weights


@pytest.mark.parametrize(
    ("question", "needs"),
    [
        (lambda e: e.initial_weights, r"initial=run\.tensors\(0\)"),
        (lambda e: e.gradients, r"split=dataset\.train"),
        (lambda e: e.activations, r"split=dataset\.train"),
        (lambda e: e.hessian_vector_product(e.weights), r"split=dataset\.train"),
        (synflow, r"split=dataset\.train"),
        (lambda e: e.draws, r"generator=Streams"),
    ],
)
def test_what_is_missing_is_asked_for(build, question, needs):
    with pytest.raises(ValueError, match=needs):
        question(Evidence(build()))


def test_initial_weights_of_another_network_are_refused(build):
    initial = parameters(build())
    with pytest.raises(ValueError, match=r"lack fc2\.weight"):
        Evidence(build(), initial={k: v for k, v in initial.items() if k != "fc2.weight"})
    with pytest.raises(ValueError, match=r"fc1.weight is \[5, 8\] in the model, \[5, 7\].*initial"):
        Evidence(build(), initial=initial | {"fc1.weight": torch.ones(5, 7)})
    with pytest.raises(ValueError, match=r"the initial fc1.weight must be finite"):
        Evidence(build(), initial=initial | {"fc1.weight": torch.full((5, 8), torch.nan)})


def test_masks_of_another_network_are_refused(build):
    with pytest.raises(ValueError, match=r"no parameter 'fc1.wieght': did you mean 'fc1.weight'"):
        Evidence(build(), mask={"fc1.wieght": torch.ones(5, 8, dtype=torch.bool)})
    with pytest.raises(ValueError, match=r"must be bool, True = kept, got torch.float32"):
        Evidence(build(), mask={"fc1.weight": torch.ones(5, 8)})
    with pytest.raises(ValueError, match=r"\[5, 8\] in the model, \[8, 5\] in the mask"):
        Evidence(build(), mask={"fc1.weight": torch.ones(8, 5, dtype=torch.bool)})


def test_splits_that_do_not_fit_are_refused(build, images):
    split = images("dense")
    wide = Split(torch.ones(2, 1, 3, 3), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"takes no input of shape \[1, 3, 3\]"):
        _ = Evidence(build(), split=wide).gradients
    with pytest.raises(ValueError, match=r"labels in \[0, 3\).*got labels in \[3, 3\]"):
        _ = Evidence(build(), split=Split(split.images, torch.full((7,), 3))).gradients
    with pytest.raises(ValueError, match=r"cross_entropy needs outputs of shape \[7, 5\]"):
        _ = Evidence(build("convolutional")[:3], split=images("convolutional")).gradients


def test_a_data_set_given_for_a_split_is_told_of_its_train_split(build, images):
    split = images()
    data = from_tensors("mine", train=split, validation=split, test=split)
    with pytest.raises(ValueError, match=r"a Split .*, got a Dataset: pass data\.train"):
        Evidence(build(), split=data)
    with pytest.raises(ValueError, match=r"got a tuple: .*Split\(inputs, targets\)"):
        Evidence(build(), split=(split.images, split.labels))


def test_vectors_that_do_not_fit_are_refused(build, images):
    evidence = Evidence(build(), split=images())
    v = evidence.weights
    with pytest.raises(ValueError, match=r"did you mean 'fc1.weight'"):
        evidence.hessian_vector_product({"fc1.weigh": v["fc1.weight"]})
    with pytest.raises(ValueError, match=r"v needs \[5, 8\] for fc1.weight, which is missing"):
        evidence.hessian_vector_product({})
    with pytest.raises(ValueError, match=r"v needs \[5, 8\] for fc1.weight, got \[8\]"):
        evidence.hessian_vector_product(v | {"fc1.weight": torch.ones(8)})


def test_outputs_out_of_range_are_told(build, images):
    model = build().float()
    with torch.no_grad():
        model.fc3.weight.fill_(3e38)
    with pytest.raises(ValueError, match=r"outputs must be finite, but \d of 7 hold NaN or inf"):
        _ = Evidence(model, split=images()).gradients


def test_other_impossible_evidence_is_refused(build):
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        Evidence(build(), batch_size=0)
    with pytest.raises(ValueError, match="nothing to score"):
        Evidence(nn.ReLU())
    with pytest.raises(ValueError, match=r"'0' computes 'weight'.*remove_parametrizations"):
        Evidence(nn.Sequential(parametrizations.weight_norm(nn.Linear(2, 2))))
    with pytest.raises(ValueError, match="objective must be an Objective"):
        Evidence(build(), objective="hinge")


def test_outputs_that_depend_on_the_batch_are_refused(images):
    norm = nn.BatchNorm2d(2, track_running_stats=False)
    model = nn.Sequential(norm, nn.Flatten(), nn.Linear(8, 3)).double()
    with pytest.raises(ValueError, match=r"'0' keeps no running statistics.*track_running_stats"):
        _ = Evidence(model, split=images()).gradients


class Twice(nn.Module):
    def __init__(self, times):
        super().__init__()
        self.fc, self.times = nn.Linear(8, 8).double(), times

    def forward(self, x):
        x = x.flatten(1)
        for _ in range(self.times):
            x = self.fc(x)
        return x


def test_layers_that_run_twice_are_seen_where_they_are_read_first(images):
    model, split = Twice(2), images()
    found = Evidence(model, split=split).activations["fc"]
    assert close(found, model.fc(split.images.flatten(1)))


def test_layers_that_never_run_have_no_unit_scores(images):
    evidence = Evidence(Twice(0), split=images(), generator=Streams(0).get("scores"))
    assert evidence.names == ["fc.weight"]
    assert all(criterion.scores(evidence) == {} for criterion in CRITERIA.values())
    with pytest.raises(ValueError, match="no pass through the network runs 'fc'"):
        evidence.matrix("fc")


@pytest.mark.parametrize(("times", "often"), [(2, "2 times"), (0, "never")])
def test_scores_of_layers_inputs_need_each_to_run_once(images, times, often):
    for name in ("obd", "obs"):
        with pytest.raises(ValueError, match=f"layer 'fc' ran {often}"):
            SCORES[name](Evidence(Twice(times), split=images()))
