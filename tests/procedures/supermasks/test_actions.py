"""What masked weights become: each action's own rule, and that nothing else moves."""

import pytest
import torch
from torch import nn

from surfeit.core import Streams, digest, parameters
from surfeit.procedures.supermasks import KEPT, REMOVED, Weights, signed_constants, untrained

from .conftest import normalised, small


def weights(seed: int = 0, shape: tuple[int, ...] = (40, 50)) -> Weights:
    def draw(name: str) -> torch.Tensor:
        return torch.randn(shape, generator=Streams(seed).get(name))

    return Weights(
        initial=0.3 * draw("initial"),
        trained=0.4 * draw("trained"),
        kept=draw("kept") > 0,
        generator=Streams(seed).get("actions"),
    )


def test_rewind_and_freeze_are_the_initial_weights_to_the_last_bit():
    given = weights()
    assert torch.equal(KEPT["rewind"](given), given.initial)
    assert torch.equal(REMOVED["freeze"](given), given.initial)


def test_reinit_draws_from_the_distribution_again():
    given = weights()
    drawn = KEPT["reinit"](given)
    assert drawn.std().item() == pytest.approx(0.3, rel=0.06)
    assert (drawn.sign() == given.initial.sign()).float().mean().item() == pytest.approx(
        0.5, abs=0.05
    )
    assert not (drawn == given.initial).any()


def test_signed_actions_keep_every_sign_and_the_others_do_not():
    for name in ("signed_reinit", "signed_constant"):
        given = weights()
        assert torch.equal(KEPT[name](given).sign(), given.initial.sign())
    for name in ("reinit", "random_constant", "reshuffle"):
        given = weights()
        assert not torch.equal(KEPT[name](given).sign(), given.initial.sign())


def test_constants_have_one_size_the_deviation_of_the_layer():
    given = weights()
    expected = given.initial.double().sub(given.initial.double().mean()).square().mean().sqrt()
    for name in ("signed_constant", "random_constant"):
        sizes = KEPT[name](given).abs().unique()
        assert sizes.numel() == 1
        assert sizes.item() == pytest.approx(expected.item(), rel=1e-5)


def test_reshuffle_permutes_kept_weights_among_themselves():
    given = weights()
    moved = KEPT["reshuffle"](given)
    assert torch.equal(moved[~given.kept], given.initial[~given.kept])
    assert torch.equal(moved[given.kept].sort().values, given.initial[given.kept].sort().values)
    assert (moved[given.kept] != given.initial[given.kept]).float().mean() > 0.95


def test_variant_zeros_what_moved_toward_zero_and_freezes_the_rest():
    given = weights()
    found = REMOVED["variant"](given)
    for value, first, last in zip(
        found.flatten().tolist(),
        given.initial.flatten().tolist(),
        given.trained.flatten().tolist(),
        strict=True,
    ):
        assert value == (0 if abs(last) < abs(first) else first)


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("removed", REMOVED)
def test_untrained_follows_the_mask_and_touches_nothing_else(kept, removed):
    network = normalised()
    trained = {name: value + 0.1 for name, value in parameters(network).items()}
    mask = {"4.weight": torch.rand(3, 64, generator=Streams(0).get("mask")) < 0.4}
    before = digest(dict(network.state_dict()))
    made = untrained(
        network,
        mask,
        trained,
        kept=KEPT[kept],
        removed=REMOVED[removed],
        generator=Streams(4).get("actions"),
    )
    source = Streams(4).get("actions")
    given = Weights(
        initial=parameters(network)["4.weight"],
        trained=trained["4.weight"],
        kept=mask["4.weight"],
        generator=source,
    )
    first, second = KEPT[kept](given), REMOVED[removed](given)
    chosen = mask["4.weight"]
    own = parameters(made)
    assert torch.equal(own["4.weight"][chosen], first[chosen])
    assert torch.equal(own["4.weight"][~chosen], second[~chosen])
    for name in own.keys() - {"4.weight"}:
        assert torch.equal(own[name], parameters(network)[name])
    assert digest(dict(network.state_dict())) == before


def test_signed_constants_make_every_layer_two_valued():
    network = small()
    made = signed_constants(network)
    for name in ("fc1", "fc2", "fc3"):
        layer, weight = made.get_submodule(name), network.get_submodule(name).weight
        assert torch.equal(layer.weight.sign(), weight.sign())
        assert layer.weight.abs().unique().numel() == 1
        assert layer.weight.abs().max().item() == pytest.approx(weight.std(correction=0).item())
    assert torch.equal(made.get_parameter("fc1.bias"), network.get_parameter("fc1.bias"))


def test_wrong_masks_are_refused():
    network = small()
    own = parameters(network)
    shape = own["fc1.weight"].shape
    with pytest.raises(ValueError, match=r"no parameter 'fc9\.weight'"):
        untrained(network, {"fc9.weight": torch.ones(shape) > 0}, own)
    with pytest.raises(ValueError, match="which is no parameter of the trained weights"):
        untrained(network, {"fc1.weight": torch.ones(shape) > 0}, {})
    with pytest.raises(
        ValueError, match=r"the mask of fc1.weight must be bool, .* got torch.float32"
    ):
        untrained(network, {"fc1.weight": torch.ones(shape)}, own)
    with pytest.raises(ValueError, match=r"trained fc1.weight must be \[8, 16\] .* got \[2\]"):
        untrained(network, {"fc1.weight": torch.ones(shape) > 0}, {"fc1.weight": torch.ones(2)})
    with pytest.raises(ValueError, match="no Linear or convolution layer"):
        signed_constants(nn.ReLU())
