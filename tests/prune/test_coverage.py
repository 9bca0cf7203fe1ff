"""What masks reach of networks that are more than linear layers, and what they leave out."""

import pytest
import torch
from torch import nn

from surfeit.core import CollapseError, Split
from surfeit.data import from_tensors
from surfeit.models import lenet_300_100
from surfeit.prune import check_alive, coverage, densities, density, full_mask, prunable
from surfeit.prune.prunable import layer_of
from surfeit.prune.schedules import at_step
from surfeit.store import Store, density_of
from surfeit.train import Pruning, Recipe, train


class Tagger(nn.Module):
    """Tokens, their places, a recurrent layer, attention, a normalisation and a matrix by hand."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.tokens = nn.Embedding(20, 4)
        self.places = nn.Parameter(torch.randn(5, 4))
        self.lstm = nn.LSTM(4, 6, batch_first=True)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.norm = nn.LayerNorm(6)
        self.turn = nn.Parameter(torch.randn(6, 6))
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        x, _ = self.lstm(self.tokens(x) + self.places)
        x = self.norm(x + self.attention(x, x, x, need_weights=False)[0])
        return self.fc((x @ self.turn).mean(1))


WEIGHTS = {
    "lstm.weight_ih_l0": 24 * 4,
    "lstm.weight_hh_l0": 24 * 6,
    "attention.in_proj_weight": 18 * 6,
    "attention.out_proj.weight": 6 * 6,
    "fc.weight": 3 * 6,
}
LEFT_OUT = {
    "biases": {
        "lstm.bias_ih_l0": 24,
        "lstm.bias_hh_l0": 24,
        "attention.in_proj_bias": 18,
        "attention.out_proj.bias": 6,
        "fc.bias": 3,
    },
    "normalisation": {"norm.weight": 6, "norm.bias": 6},
    "embeddings": {"tokens.weight": 80},
    "no layer's": {"places": 20, "turn": 36},
}


def test_coverage_names_every_parameter_once():
    found = coverage(Tagger())
    assert found.prunable == WEIGHTS
    assert list(found.prunable) == prunable(Tagger())
    assert found.left_out == LEFT_OUT
    every = sum(value.numel() for value in Tagger().parameters())
    assert (found.reached, found.total) == (402, every)
    assert found.share == 402 / every
    assert str(found) == (
        "402 of 625 parameters may be pruned; left out: biases (75), normalisation (12), "
        "embeddings 'tokens.weight' (80), parameters of no layer 'places', 'turn' (56)"
    )


def test_coverage_counts_what_is_named_and_what_is_shared():
    also = coverage(Tagger(), ("turn", "fc.bias"))
    assert also.prunable == WEIGHTS | {"turn": 36, "fc.bias": 3}
    assert also.left_out["no layer's"] == {"places": 20}
    tied = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    tied[1].weight = tied[0].weight
    assert str(coverage(tied)) == "16 of 16 parameters may be pruned"
    assert coverage(nn.ReLU()).share == 1


def test_projections_and_states_of_other_modules_are_covered_or_named():
    packed = coverage(nn.MultiheadAttention(8, 2, kdim=4, vdim=3, add_bias_kv=True))
    names = ["q_proj_weight", "k_proj_weight", "v_proj_weight", "out_proj.weight"]
    assert list(packed.prunable) == names
    assert packed.left_out["no layer's"] == {"bias_k": 8, "bias_v": 8}
    projected = coverage(nn.LSTM(3, 4, proj_size=2))
    assert list(projected.prunable) == ["weight_ih_l0", "weight_hh_l0"]
    assert projected.left_out["no layer's"] == {"weight_hr_l0": 8}
    cell = coverage(nn.GRUCell(3, 4))
    assert list(cell.prunable) == ["weight_ih", "weight_hh"]


def test_density_is_of_the_mask_or_of_all_parameters():
    model = Tagger()
    mask = full_mask(model)
    assert density(mask) == density(mask, model) == 1
    mask["lstm.weight_hh_l0"][:12] = False
    assert density(mask) == 1 - 72 / 402
    assert density(mask, model) == 1 - 72 / 625
    assert densities(mask)["lstm.weight_hh_l0"] == 0.5
    assert density({}, model) == 1
    with pytest.raises(ValueError, match=r"has no parameter 'fc9\.weight'"):
        density({"fc9.weight": torch.ones(2, dtype=torch.bool)}, model)
    with pytest.raises(ValueError, match="a mask without entries"):
        density({}, nn.ReLU())
    # Of a mask that holds biases as well, they are among its entries.
    lenet = lenet_300_100()
    mask = full_mask(lenet, ("fc1.bias",))
    mask["fc1.bias"][:30] = False
    assert density(mask, lenet) == 1 - 30 / 266_610


def test_recurrent_weights_and_attention_are_pruned_and_held(tmp_path):
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 20, (40, 5), generator=generator)
    split = Split(tokens, torch.arange(40) % 3)
    data = from_tensors("tokens", train=split, validation=split, test=split)
    pruning = Pruning(moments=at_step(2, 0.3), allocation="uniform")
    recipe = Recipe(optimizer="adam", lr=0.01, weight_decay=0.1, steps=6, batch_size=10)
    run = train(Tagger(), data, recipe, pruning=pruning, store=Store(tmp_path))
    mask, weights = run.mask_at(), run.tensors()
    assert {name: kept.numel() for name, kept in mask.items()} == WEIGHTS
    for name, kept in mask.items():
        assert densities(mask)[name] == pytest.approx(0.3, abs=0.5 / kept.numel() + 0.02)
        assert not weights[name][~kept].any()
        assert weights[name][kept].all()
    assert run.metrics().to_pylist()[-1]["density"] == density(mask)
    # A run that begins with the mask says the same density of itself.
    again = train(Tagger(), data, recipe, mask=mask, store=Store(tmp_path))
    assert density_of(again) == density(mask)


def test_the_layer_of_a_weight_is_its_module():
    names = ["block.fc1.weight", "fc1.bias", "lstm.weight_hh_l0_reverse", "a.in_proj_weight", "w"]
    assert list(map(layer_of, names)) == ["block.fc1", "fc1", "lstm", "a", "w"]
    empty = {"enc.lstm.weight_hh_l0": torch.zeros(8, 2, dtype=torch.bool)}
    with pytest.raises(CollapseError, match=r"layer 'enc\.lstm' would be left without weights"):
        check_alive(empty)
