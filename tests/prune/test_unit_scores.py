"""Criteria as scores of units: at once or in greedy orders, and what keys say of them."""

from functools import cache

import pytest
import torch

from surfeit.core import Split, Streams
from surfeit.models import Structure, mlp
from surfeit.procedures.tickets import TicketConfig
from surfeit.procedures.tickets.selection import Places, select
from surfeit.prune import (
    CRITERIA,
    UNIT_SCORES,
    Criterion,
    Evidence,
    Removal,
    contributions,
    criterion_named,
    order_by,
    removal_order,
    taylor_unit,
    unit_score_named,
    unit_score_names,
)
from surfeit.prune.schedules import at_step
from surfeit.prune.unit_selection import maskings, pooled_scores
from surfeit.train.pruning import Pruning

from ..oracles.removal import NETWORKS, built

MODEL = mlp((12, 9), input_shape=(1, 4, 4), classes=3, generator=Streams(0).get("init"))
PAIRS = [name for name, criterion in CRITERIA.items() if criterion.pairs]


def test_scores_by_name_are_those_of_the_criteria():
    evidence = Evidence(MODEL, split=split())
    assert list(UNIT_SCORES) == list(CRITERIA)
    for name in ("magnitude", "activation_correlation"):
        found = UNIT_SCORES[name](evidence)
        expected = CRITERIA[name].scores(Evidence(MODEL, split=split()))
        assert {layer: values.tolist() for layer, values in found.items()} == {
            layer: values.tolist() for layer, values in expected.items()
        }


def split(count=30):
    generator = Streams(1).get("images")
    images = torch.randn(count, 1, 4, 4, generator=generator)
    return Split(images, torch.randint(0, 3, (count,), generator=generator))


def places(model):
    return Places(model, Structure.of(model), "unit")


PLACES = places(MODEL)


def config(name, **options):
    return TicketConfig(levels=2, rate=0.3, granularity="unit", score=name, **options)


@pytest.mark.parametrize("name", PAIRS)
def test_greedy_tickets_keep_what_the_removal_order_removes_last(name):
    kept = select(config(f"greedy_{name}"), PLACES, Evidence(MODEL), 1, within=None)
    for layer in ("fc1", "fc2"):
        weight = MODEL.get_submodule(layer).weight.detach()
        order = removal_order(weight, CRITERIA[name])
        last = order[len(order) - round(0.7 * len(order)) :]
        assert set(kept[layer].nonzero().flatten().tolist()) == set(last.tolist())


@pytest.mark.parametrize("name", PAIRS)
def test_greedy_tickets_of_a_later_level_order_the_units_that_are_left(name):
    first = select(config(f"greedy_{name}"), PLACES, Evidence(MODEL), 1, within=None)
    mask = PLACES.to_mask(first)
    second = select(config(f"greedy_{name}"), PLACES, Evidence(MODEL, mask=mask), 2, within=first)
    for layer in ("fc1", "fc2"):
        left = first[layer].nonzero().flatten()
        # What reads removed units has lost those weights: fc2 keeps the columns that fc1 kept.
        rows = (MODEL.get_submodule(layer).weight.detach() * mask[f"{layer}.weight"])[left]
        count = round(0.49 * len(first[layer]))
        last = left[removal_order(rows, CRITERIA[name])[len(left) - count :]]
        assert set(second[layer].nonzero().flatten().tolist()) == set(last.tolist())


def test_greedy_orders_and_sums_of_all_pairs_keep_different_units():
    weight = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0.7, 0.7], [0, 0, 1]])
    model = mlp((6,), input_shape=(1, 1, 3), classes=2)
    model.fc1.weight.data = weight
    evidence = Evidence(model)
    kept = {
        name: select(config(name), places(model), evidence, 1, within=None)["fc1"].tolist()
        for name in ("frame_potential", "greedy_frame_potential")
    }
    assert kept["frame_potential"] != kept["greedy_frame_potential"]


@pytest.fixture(scope="module")
def followed():
    """A function name -> a network of the oracles and its structure, found once for all tests."""

    @cache
    def find(name):
        model, inputs = built(NETWORKS[name])
        return model, Structure.of(model, inputs[:1])

    return find


@pytest.mark.parametrize("name", ["Residual", "Grouped", "Concatenating", "DepthwiseSeparable"])
@pytest.mark.parametrize("criterion", PAIRS)
def test_greedy_orders_of_groups_are_of_their_weight_vectors_side_by_side(
    followed, name, criterion
):
    model, structure = followed(name)
    scored = unit_score_named(f"greedy_{criterion}").of(Evidence(model, structure=structure))
    assert scored.keys() == maskings(structure, structure.layers).keys()
    for masking, scores in scored.values():
        order = removal_order(masking.removal.matrix(model), CRITERIA[criterion])
        assert scores.argsort().tolist() == order.tolist()


@pytest.mark.parametrize("name", ["Residual", "PreActivation"])
def test_scores_at_once_of_groups_are_means_over_their_members(followed, name):
    model, structure = followed(name)
    evidence = Evidence(model, structure=structure)
    every = [masking.removal for masking in maskings(structure, structure.layers).values()]
    group = next(removal for removal in every if len(removal.members) > 1)
    found = unit_score_named("magnitude").of(evidence)[group.name].scores
    totals, counts = torch.zeros(group.units).double(), torch.zeros(group.units).double()
    for member, places in group.members.items():
        norms = structure.layer(member).matrix(model).double().norm(dim=1)
        for unit, place in enumerate(places.tolist()):
            totals[place] += norms[unit]
            counts[place] += 1
    assert torch.allclose(found, totals / counts)


def test_contributions_of_examples_are_the_scores_of_the_removal_s_layers():
    structure, data = Structure.of(MODEL), split()
    removal = Removal.of(structure, "fc1")
    evidence = Evidence(MODEL, split=data, structure=structure)
    found = contributions(CRITERIA["taylor_unit"], removal, MODEL, evidence=evidence)
    assert torch.equal(found, taylor_unit(Evidence(MODEL, split=data))["fc1"])
    assert torch.equal(found, pooled_scores(removal, CRITERIA["taylor_unit"].scores(evidence)))
    assert order_by(found).tolist() == found.argsort().tolist()


def test_former_names_stay_in_keys_and_mean_the_same():
    pruning = {"moments": at_step(1, 0.5), "granularity": "unit"}
    former, now = (Pruning(score=name, **pruning) for name in ("filter-norm", "magnitude"))
    assert former.in_key(MODEL) == now.in_key(MODEL)
    assert former.in_key(MODEL) == {
        "moments": [[1, 0.5]],
        "score": "filter_norm",
        "allocation": "global",
        "granularity": "unit",
        "images": 1000,
    }
    assert unit_score_named("filter_norm").criterion is CRITERIA["magnitude"]


def test_keys_of_unit_scores_are_those_of_stored_runs():
    keys = {
        name: Pruning(
            moments=at_step(1, 0.5), granularity="unit", score=name, allocation="uniform"
        ).in_key(MODEL)
        for name in unit_score_names()
    }
    assert {name: key["score"] for name, key in keys.items()} == {
        name: name for name in unit_score_names()
    } | {"magnitude": "filter_norm"}
    assert {name: key["semantics"] for name, key in keys.items() if "semantics" in key} == {
        "taylor_unit": 2
    }


def test_greedy_orders_are_not_compared_across_layers():
    with pytest.raises(
        ValueError, match=r"greedy_frame_potential orders .* allocation='layerwise'"
    ):
        config("greedy_frame_potential", allocation="global")
    with pytest.raises(ValueError, match=r"greedy_inner_product orders .* allocation='uniform'"):
        Pruning(moments=at_step(1, 0.5), granularity="unit", score="greedy-inner-product")
    assert config("frame_potential", allocation="global").score == "frame_potential"


def test_errors_say_what_is_allowed():
    with pytest.raises(
        ValueError, match=r"no unit score 'greedy_magnitude'.*greedy_frame_potential"
    ):
        unit_score_named("greedy_magnitude")
    with pytest.raises(ValueError, match="the score fpgm has no options, got damping=1"):
        unit_score_named("fpgm", damping=1)
    with pytest.raises(ValueError, match="the score magnitude has no options, got mode='training'"):
        CRITERIA["magnitude"].scores(Evidence(MODEL), mode="training")
    with pytest.raises(ValueError, match=r"no option of taylor_unit 'minibach'.*minibatch"):
        unit_score_named("taylor-unit", minibach=1)
    with pytest.raises(ValueError, match="taylor_unit looks at a network and examples, not at a"):
        removal_order(MODEL.fc1.weight, CRITERIA["taylor_unit"])
    removal = Removal.of(Structure.of(MODEL), "fc1")
    with pytest.raises(ValueError, match="taylor_unit looks at examples: pass evidence=Evidence"):
        contributions(CRITERIA["taylor_unit"], removal, MODEL)
    with pytest.raises(ValueError, match="criterion must be a function"):
        contributions("magnitude", removal, MODEL)
    with pytest.raises(ValueError, match="mine judges by nothing"):
        Criterion(name="mine", says="", first="")
    with pytest.raises(ValueError, match="must be of letters, digits and _, got 'my own'"):
        Criterion(name="my own", says="", first="", of_weights=lambda w, g: w.sum(1))
    with pytest.raises(ValueError, match="remove must be 'least' or 'most', got 'last'"):
        order_by(torch.ones(3), "last")
    with pytest.raises(ValueError, match="pairs must be >= 0"):
        order_by(-torch.ones(3, 3))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("greedy_frame_potential", "one by one, 'frame_potential' is greedy as it is: give that"),
        ("greedy-frame-potential", "one by one, 'frame-potential' is greedy as it is: give that"),
        (
            "greedy_magnitude",
            "no 'greedy_magnitude': a unit's 'magnitude' is the same",
        ),
        ("greedy_nothing", "no criterion 'greedy_nothing'"),
    ],
)
def test_a_greedy_order_is_no_criterion_and_says_what_is(name, words):
    with pytest.raises(ValueError, match=words):
        criterion_named(name)
