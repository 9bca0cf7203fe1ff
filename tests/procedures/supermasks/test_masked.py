"""What every trained mask keeps: frozen weights, zeros and ones, straight-through gradients."""

import copy
import re

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from surfeit.core import Streams, digest, parameters
from surfeit.models import mlp
from surfeit.procedures.supermasks import BernoulliMask, EdgePopup, MaskedNetwork
from surfeit.procedures.supermasks.masked import straight_through
from surfeit.train import Recipe, train

from .conftest import normalised, small


def bernoulli(network: nn.Module) -> MaskedNetwork:
    return BernoulliMask(network, generator=Streams(0).get("thresholds"), rescale=True)


def popup(network: nn.Module) -> MaskedNetwork:
    return EdgePopup(network, density=0.4, generator=Streams(0).get("scores"))


BOTH = pytest.mark.parametrize("masked", [bernoulli, popup])
RECIPE = Recipe(lr=5.0, momentum=0.9, batch_size=16, epochs=3, weight_decay=1e-3)


def test_straight_through_is_hard_to_the_last_bit_with_the_gradient_of_soft():
    soft = torch.tensor([0.1, 0.3, 0.7], requires_grad=True)
    hard = torch.tensor([1.0, 0.0, 1.0])
    gate = straight_through(soft, hard)
    assert torch.equal(gate, hard)
    (gate * torch.tensor([2.0, 3.0, 5.0])).sum().backward()
    assert soft.grad is not None
    assert soft.grad.tolist() == [2.0, 3.0, 5.0]


@BOTH
def test_only_the_scores_are_parameters_and_the_network_given_is_left_alone(masked):
    network = normalised()
    before = digest(dict(network.state_dict()))
    wrapper = masked(network)
    names = [name for name, _ in wrapper.named_parameters()]
    assert names == ["network.0.scores", "network.4.scores"]
    assert digest(dict(network.state_dict())) == before
    assert set(wrapper.frozen()) == {f"network.{name}" for name, _ in network.named_parameters()}


@BOTH
@pytest.mark.parametrize("network", [small, normalised])
def test_training_moves_scores_and_never_a_weight(masked, network, dataset, store):
    wrapper = masked(network())
    frozen, scores = digest(wrapper.frozen()), digest(parameters(wrapper))
    run = train(wrapper, dataset, RECIPE, seed=3, store=store)
    ended = run.model(into=copy.deepcopy(wrapper))
    assert isinstance(ended, MaskedNetwork)
    assert digest(ended.frozen()) == frozen
    assert digest(parameters(ended)) != scores
    assert digest(parameters(wrapper)) == scores  # the module given is not changed


@BOTH
def test_masks_learn_what_untrained_weights_do_not_know(masked, dataset, store):
    wide = mlp((64,), input_shape=(1, 4, 4), classes=3)
    recipe = Recipe(optimizer="adam", lr=0.05, batch_size=20, epochs=30)
    run = train(masked(wide), dataset, recipe, store=store)
    last = run.metrics().to_pylist()[-1]
    assert last["test_accuracy"] > 0.85  # a third by chance


@BOTH
def test_training_again_gives_the_same_scores_to_the_last_bit(masked, dataset, store, tmp_path):
    from surfeit.store import Store

    runs = [
        train(masked(small()), dataset, RECIPE, store=place) for place in (store, Store(tmp_path))
    ]
    assert runs[0].path != runs[1].path
    assert runs[0].key == runs[1].key
    assert digest(runs[0].tensors()) == digest(runs[1].tensors())
    other = train(masked(small()), dataset, RECIPE, seed=1, store=store)
    assert digest(other.tensors()) != digest(runs[0].tensors())


@BOTH
def test_extract_is_a_plain_network_that_answers_as_the_wrapper_does(masked, dataset):
    network = normalised().eval()
    wrapper = masked(network).eval()
    plain = wrapper.extract()
    assert type(plain) is nn.Sequential
    assert [n for n, _ in plain.named_parameters()] == [n for n, _ in network.named_parameters()]
    assert [n for n, _ in plain.named_buffers()] == [n for n, _ in network.named_buffers()]
    images = dataset.test.images
    assert torch.allclose(plain(images), wrapper(images), atol=1e-6)
    for name, kept in wrapper.mask().items():
        assert kept.dtype == torch.bool
        assert torch.equal(plain.get_parameter(name) != 0, kept)


def test_extract_with_a_mask_of_ones_is_the_network_itself(dataset):
    network = normalised()
    wrapper = popup(network)
    everything = {name: torch.ones_like(kept) for name, kept in wrapper.mask().items()}
    assert digest(parameters(wrapper.extract(everything))) == digest(parameters(network))


@BOTH
def test_forward_is_the_network_with_masked_weights(masked, dataset):
    network = small()
    wrapper = masked(network).eval()
    own = parameters(network)
    hidden = dataset.test.images.flatten(1)
    for place, name in enumerate(["fc1", "fc2", "fc3"]):
        kept = wrapper.mask()[f"{name}.weight"].float()
        scale = kept.numel() / kept.sum() if masked is bernoulli else 1.0
        hidden = F.linear(hidden, own[f"{name}.weight"] * kept * scale, own[f"{name}.bias"])
        hidden = hidden.relu() if place < 2 else hidden
    assert torch.allclose(wrapper(dataset.test.images), hidden, atol=1e-5)


@BOTH
def test_evaluation_draws_nothing(masked, dataset):
    wrapper = masked(small()).eval()
    state = torch.get_rng_state()
    first = wrapper(dataset.test.images)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(wrapper(dataset.test.images), first)


@BOTH
def test_the_printed_structure_tells_two_settings_apart(masked):
    assert any(word in repr(masked(small())) for word in ("rescale=True", "density=0.4"))


def _computed() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.utils.parametrizations.weight_norm(nn.Linear(16, 3)))


def _tied() -> nn.Module:
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 16), nn.Linear(16, 16))
    model[2].weight = model[1].weight
    return model


def _over_one_memory() -> nn.Module:
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 16), nn.Linear(16, 16))
    model[2].weight.data = model[1].weight.data.T
    return model


def _one_layer() -> nn.Module:
    return nn.Linear(16, 16)


def _one_layer_twice() -> nn.Module:
    layer = nn.Linear(16, 16)
    return nn.Sequential(layer, nn.ReLU(), layer)


@BOTH
@pytest.mark.parametrize("build", [_one_layer, _one_layer_twice])
def test_a_single_layer_is_masked_wherever_it_stands(masked, build):
    wrapper, x = masked(build()).eval(), torch.randn(5, 16)
    (kept,) = wrapper.mask().values()
    assert 0 < int(kept.sum()) < kept.numel()
    plain = wrapper.extract()
    assert torch.allclose(wrapper(x), plain(x), atol=1e-6)
    assert torch.equal(wrapper(x), wrapper(x))
    assert plain.state_dict().keys() == build().state_dict().keys()


@BOTH
@pytest.mark.parametrize(
    ("network", "words"),
    [
        (lambda: small, "network must be a module"),
        (lambda: nn.Sequential(nn.ReLU()), "no Linear or convolution layer"),
        (_computed, "weights of 1 are no parameters of their own"),
        (lambda: popup(small()), "frozen already"),
        (_tied, "two layers share one weight"),
        (_over_one_memory, "two layers share one weight"),
    ],
)
def test_a_network_that_cannot_be_masked_is_refused(masked, network, words):
    with pytest.raises(ValueError, match=words):
        masked(network())


def gradients(wrapper: MaskedNetwork, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
    loss = F.cross_entropy(wrapper(images), labels)
    names, values = zip(*wrapper.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, values), strict=True))


def test_gradients_reach_scores_through_the_whole_network(dataset):
    """Against finite differences of the loss in the gate itself, in float64."""
    wrapper = popup(small()).double()
    images, labels = dataset.test.images.double(), dataset.test.labels
    grads = gradients(wrapper, images, labels)
    network = wrapper.extract()
    weight = small().get_parameter("fc2.weight").double()
    scores = wrapper.get_parameter("network.fc2.scores")
    for place in [(0, 0), (3, 5), (5, 2)]:
        losses = []
        for step in (1e-6, -1e-6):
            nudged = copy.deepcopy(network)
            with torch.no_grad():
                nudged.get_parameter("fc2.weight")[place] += step * weight[place]
            losses.append(F.cross_entropy(nudged(images), labels).item())
        slope = (losses[0] - losses[1]) / 2e-6 * scores[place].sign().item()
        assert grads["network.fc2.scores"][place].item() == pytest.approx(slope, abs=1e-6)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (Recurrent(), "layer 'lstm' (LSTM) is none"),
        (
            nn.TransformerEncoderLayer(4, 2, 8),
            "layer 'self_attn.q' (MultiheadAttention) is none",
        ),
        (nn.Sequential(nn.Bilinear(3, 3, 2)), "layer '0' (Bilinear) is none"),
    ],
)
def test_layers_of_other_kinds_are_named(network, words, generator):
    with pytest.raises(ValueError, match=re.escape(f"{words}: take a network without one")):
        BernoulliMask(network, generator=generator)


def test_embeddings_stay_as_they_are(generator):
    network = nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(12, 3))
    masked = BernoulliMask(network, generator=generator)
    assert masked.mask().keys() == {"2.weight"}
    assert torch.equal(masked.extract()[0].weight, network[0].weight)


def test_a_transposed_convolutions_unit_reads_its_second_axis(generator):
    network = nn.Sequential(nn.ConvTranspose2d(6, 4, 3, groups=2), nn.Flatten(), nn.Linear(64, 3))
    scores = EdgePopup(network, density=0.5, generator=generator).network[0].scores
    largest = float(scores.abs().max())
    assert 0.9 / (3 * 9) ** 0.5 < largest <= 1 / (3 * 9) ** 0.5
