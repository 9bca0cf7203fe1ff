"""Training whole: repeated, masked, stopped, measured, damaged."""

import json
import os
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from surfeit.core import (
    CollapseError,
    DivergedError,
    ProtocolError,
    Split,
    Streams,
    digest,
    parameters,
)
from surfeit.models import conv_2, mlp
from surfeit.store import Store
from surfeit.train import Conduct, Numerics, Recipe, Snapshots, train
from surfeit.train.loop import Loop
from surfeit.train.masking import HeldMask
from surfeit.train.state import Update

from .conftest import content, make_dataset, normalised, rows, small

RECIPE = Recipe(lr=0.1, epochs=3, batch_size=16)


def test_key_of_a_fixed_training_never_changes(dataset, store):
    run = train(small, dataset, RECIPE, store=store)
    identity = json.loads((run.path / "run.json").read_text())["identity"]
    assert set(identity["config"]) == {"architecture", "initial", "recipe", "seed"}
    assert identity["config"]["initial"] == "glorot-normal"
    text = json.dumps(identity)
    for word in ("every_epochs", "checkpoint_seconds", "other_numerics", "per_decade"):
        assert word not in text
    assert "cuda:" not in text


def test_same_seed_ends_the_same_and_another_seed_another(dataset, tmp_path):
    one, again, other = (
        train(small, dataset, RECIPE, seed=seed, store=Store(tmp_path / name))
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert one.key == again.key != other.key
    assert content(one) == content(again)
    assert digest(one.tensors()) != digest(other.tensors())


def test_a_run_has_its_snapshots_metrics_and_provenance(dataset, store):
    run = train(small, dataset, RECIPE, store=store)
    assert run.steps() == [0, 4, 8, 12]
    assert run.metrics().column_names == [
        *("step", "epoch", "learning_rate", "train_loss", "train_accuracy"),
        *("validation_loss", "validation_accuracy", "test_loss", "test_accuracy"),
    ]
    assert run.metrics()["train_loss"].null_count == 1
    assert run.about["model"] == "small"
    assert run.layers == ["fc1", "fc2", "fc3"]
    assert len(run.about["commit"] or "0" * 40) == 40
    assert run.verify() == []
    untrained = small(generator=Streams(0).get("init"))
    assert digest(run.tensors(0)) == digest(parameters(untrained))


def test_a_module_with_the_seeds_own_weights_is_the_builders_run(dataset, store):
    run = train(small, dataset, RECIPE, store=store)
    module = small(generator=Streams(0).get("init"))
    assert train(module, dataset, RECIPE, store=store).key == run.key
    other = small(generator=Streams(1).get("init"))
    assert train(other, dataset, RECIPE, store=store).key != run.key


def test_a_builder_that_draws_otherwise_has_another_key(dataset, store):
    def doubled(**options):
        model = small(**options)
        with torch.no_grad():
            model.fc1.weight.mul_(2)
        return model

    run = train(doubled, dataset, RECIPE, store=store)
    assert run.key != train(small, dataset, RECIPE, store=store).key
    assert torch.equal(run.tensors(0)["fc1.weight"], 2 * small().fc1.weight)


def test_the_users_module_and_settings_are_left_as_they_were(dataset, store):
    model = normalised()
    model[1].eval()
    before = digest(dict(model.state_dict()))
    torch.set_num_threads(2)
    state = torch.get_rng_state()
    train(model, dataset, RECIPE, store=store)
    assert digest(dict(model.state_dict())) == before
    assert model.training
    assert not model[1].training
    assert torch.get_num_threads() == 2
    assert torch.equal(state, torch.get_rng_state())


def test_the_callers_threads_change_nothing(dataset, tmp_path):
    runs = []
    for threads in (1, 4):
        torch.set_num_threads(threads)
        runs.append(train(normalised, dataset, RECIPE, store=Store(tmp_path / str(threads))))
    assert content(runs[0]) == content(runs[1])


def test_a_done_run_is_returned_without_training(dataset, store, monkeypatch):
    run = train(small, dataset, RECIPE, store=store)
    monkeypatch.setattr(Loop, "run", lambda self: pytest.fail("it was trained again"))
    assert train(small, dataset, RECIPE, store=store).key == run.key
    fewer = Snapshots(every_epochs=0)
    assert train(small, dataset, RECIPE, store=store, snapshots=fewer).key == run.key


def test_a_done_run_is_returned_from_a_store_that_cannot_be_written(dataset, store, monkeypatch):
    run = train(small, dataset, RECIPE, store=store)
    (run.path / "lease").unlink()
    monkeypatch.setattr("surfeit.train.training.Lease", lambda *a, **o: pytest.fail("a lease"))
    assert train(small, dataset, RECIPE, store=store).key == run.key


def test_more_snapshots_asked_later_are_recorded_and_the_end_is_the_same(dataset, store):
    run = train(small, dataset, RECIPE, store=store)
    before = content(run)
    more = train(small, dataset, RECIPE, store=store, snapshots=Snapshots(per_decade=3))
    assert more.key == run.key
    assert more.steps() == [0, 1, 2, 4, 5, 8, 10, 12]
    assert content(more).items() >= before.items()
    assert more.verify() == []


def test_a_done_run_that_lost_files_is_trained_again_and_ends_the_same(dataset, store):
    run = train(small, dataset, RECIPE, store=store)
    before = content(run)
    (run.path / "snapshots" / "12.safetensors").unlink()
    (run.path / "snapshots" / "4.safetensors").write_bytes(b"cut")
    (run.path / "metrics.jsonl").unlink()
    assert content(train(small, dataset, RECIPE, store=store)) == before
    assert run.verify() == []


def test_a_run_trained_again_that_ends_otherwise_is_an_error(dataset, store, monkeypatch):
    run = train(small, dataset, RECIPE, store=store)
    (run.path / "snapshots" / "4.safetensors").unlink()
    real = Update.__call__

    def update(self, state):
        real(self, state)
        state.params["fc1.bias"].add_(1e-3)

    monkeypatch.setattr(Update, "__call__", update)
    with pytest.raises(ProtocolError, match=r"ended with other .*snapshots/12.safetensors"):
        train(small, dataset, RECIPE, store=store)


def test_the_test_split_decides_nothing(dataset, tmp_path):
    recipe = Recipe(lr=0.5, epochs=40, batch_size=16, patience=2)
    other = make_dataset(wrong_test_labels=True)
    assert other.fingerprint != dataset.fingerprint
    runs = [
        train(small, data, recipe, store=Store(tmp_path / name))
        for name, data in (("a", dataset), ("b", other))
    ]
    assert runs[0].done["stopped_early"]
    tests = ("test_loss", "test_accuracy")
    assert [r[tests[0]] for r in rows(runs[0])] != [r[tests[0]] for r in rows(runs[1])]
    kept = [[{n: v for n, v in row.items() if n not in tests} for row in rows(run)] for run in runs]
    assert kept[0] == kept[1]
    assert digest(runs[0].tensors()) == digest(runs[1].tensors())


def test_early_stopping_waits_for_patience_epochs_without_a_lower_loss(dataset, store):
    recipe = Recipe(lr=0.5, epochs=60, batch_size=16, patience=3)
    run = train(small, dataset, recipe, store=store)
    losses = [row["validation_loss"] for row in rows(run)]
    best = losses.index(min(losses))
    assert run.done["best"] == {
        name: row[name]
        for row in [rows(run)[best]]
        for name in ("step", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy")
    }
    assert len(losses) == best + 3 + 1 < 61
    assert run.steps()[-1] == run.done["steps"]
    assert train(small, dataset, recipe, store=store).key == run.key


@pytest.mark.parametrize("recipe", [RECIPE, Recipe(lr=0.1, steps=10, batch_size=16)])
def test_metrics_equal_a_plain_loop(dataset, store, recipe):
    run = train(small, dataset, recipe, store=store)
    model = small(generator=Streams(0).get("init")).double()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    found, step = rows(run), 0
    for epoch in range(3):
        order = torch.randperm(50, generator=Streams(0).get("order", epoch))
        loss_sum, hits, seen = 0.0, 0, 0
        for index in order.split(16):
            if recipe.steps is not None and step == recipe.steps:
                break
            labels = dataset.train.labels[index]
            outputs = model(dataset.train.images[index].double())
            loss = F.cross_entropy(outputs, labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step += 1
            seen += len(index)
            loss_sum += loss.item() * len(index)
            hits += int((outputs.argmax(1) == labels).sum())
        row = found[epoch + 1]
        assert row["step"] == step
        assert row["train_loss"] == pytest.approx(loss_sum / seen, rel=1e-4)
        assert row["train_accuracy"] == hits / seen
        for name, split in (("validation", dataset.validation), ("test", dataset.test)):
            outputs = model(split.images.double())
            loss = F.cross_entropy(outputs, split.labels).item()
            assert row[f"{name}_loss"] == pytest.approx(loss, rel=1e-4)
            assert row[f"{name}_accuracy"] == (outputs.argmax(1) == split.labels).double().mean()


@pytest.mark.parametrize("seed", [0, 1])
def test_float64_trains_in_float64(dataset, store, seed):
    double = Numerics(dtype="float64")
    run = train(normalised, dataset, RECIPE, seed=seed, store=store, numerics=double)
    floats = {v.dtype for v in run.tensors().values() if v.is_floating_point()}
    assert floats == {torch.float64}
    single = train(normalised, dataset, RECIPE, seed=seed, store=store)
    assert run.key != single.key
    for name, value in single.tensors().items():
        assert torch.allclose(value.double(), run.tensors()[name].double(), atol=1e-4)


MASKED = [
    Recipe(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1, epochs=3, batch_size=16),
    Recipe(optimizer="adam", lr=0.1, weight_decay=0.1, epochs=3, batch_size=16),
    Recipe(optimizer="adamw", lr=0.1, weight_decay=0.1, epochs=3, batch_size=16),
    Recipe(optimizer="adagrad", lr=0.1, l1=0.1, epochs=3, batch_size=16),
    Recipe(optimizer="rmsprop", lr=0.1, momentum=0.9, clip_norm=0.1, epochs=3, batch_size=16),
]


@pytest.mark.parametrize("recipe", MASKED, ids=lambda recipe: recipe.optimizer)
@pytest.mark.parametrize("builder", [small, normalised])
def test_masked_weights_are_exactly_zero_at_every_step(dataset, store, recipe, builder):
    model = builder(generator=Streams(0).get("init"))
    name, weight = next((n, v) for n, v in model.named_parameters() if n.endswith("weight"))
    mask = {name: torch.rand(weight.shape, generator=Streams(0).get("mask")) > 0.5}
    every = Snapshots(per_decade=30)
    run = train(builder, dataset, recipe, mask=mask, store=store, snapshots=every)
    assert run.steps() == list(range(13))
    for step in run.steps():
        assert not run.tensors(step)[name][~mask[name]].any()
        assert run.tensors(step)[name][mask[name]].all()
    assert run.key != train(builder, dataset, recipe, store=store).key


def test_without_the_hold_momentum_would_revive_weights(dataset, store, monkeypatch):
    mask = {"fc1.weight": small().fc1.weight.detach() > 0}
    monkeypatch.setattr(HeldMask, "hold_", lambda self: None)
    with pytest.raises(ProtocolError, match=r"masked weights of fc1.weight came back to life"):
        train(small, dataset, MASKED[0], mask=mask, store=store)


def test_a_mask_of_whole_units_trains_as_the_network_without_them(dataset, tmp_path):
    recipe = Recipe(lr=0.1, momentum=0.9, clip_norm=0.05, epochs=3, batch_size=16)
    whole = mlp((6,), input_shape=(1, 4, 4), classes=3)
    fewer = mlp((4,), input_shape=(1, 4, 4), classes=3)
    with torch.no_grad():
        fewer.fc1.weight.copy_(whole.fc1.weight[:4])
        fewer.fc2.weight.copy_(whole.fc2.weight[:, :4])
    alive = torch.arange(6) < 4
    mask = {
        "fc1.weight": alive[:, None].expand(6, 16),
        "fc1.bias": alive,
        "fc2.weight": alive.expand(3, 6),
    }
    double = Numerics(dtype="float64")
    store = Store(tmp_path)
    masked = train(whole, dataset, recipe, mask=mask, store=store, numerics=double).tensors()
    small_one = train(fewer, dataset, recipe, store=store, numerics=double).tensors()
    assert torch.allclose(masked["fc1.weight"][:4], small_one["fc1.weight"], atol=1e-9)
    assert torch.allclose(masked["fc2.bias"], small_one["fc2.bias"], atol=1e-9)


def test_clipping_counts_the_gradients_of_kept_weights_alone(dataset, store):
    model = small(generator=Streams(0).get("init")).double()
    mask = {"fc3.weight": torch.rand(3, 6, generator=Streams(0).get("mask")) > 0.7}
    recipe = Recipe(lr=1.0, clip_norm=0.01, steps=1, batch_size=50)
    with torch.no_grad():
        model.fc3.weight.mul_(mask["fc3.weight"])
    double = Numerics(dtype="float64")
    run = train(model, dataset, recipe, mask=mask, store=store, numerics=double)
    F.cross_entropy(model(dataset.train.images.double()), dataset.train.labels).backward()
    grads = {name: value.grad for name, value in model.named_parameters()}
    grads["fc3.weight"] = grads["fc3.weight"] * mask["fc3.weight"]
    total = sum(grad.square().sum() for grad in grads.values()) ** 0.5
    for name, value in model.named_parameters():
        expected = value.detach() - 0.01 / total * grads[name]
        assert torch.allclose(run.tensors()[name], expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("mask", [None, {"fc1.weight": torch.ones(8, 16) > 0}])
def test_a_diverged_training_says_so(dataset, store, mask):
    recipe = Recipe(lr=1e30, epochs=3, batch_size=16)
    with pytest.raises(DivergedError, match=r"at step 4 \(epoch 1.0\) .* Lower the learning rate"):
        train(small, dataset, recipe, mask=mask, store=store)
    assert store.runs()[0].status == "interrupted"


def test_a_network_laid_out_channels_last_trains_alike(dataset, tmp_path):
    runs = []
    for layout in (torch.contiguous_format, torch.channels_last):
        model = conv_2(input_shape=(1, 4, 4), classes=3).to(memory_format=layout)
        recipe = Recipe(lr=0.05, momentum=0.9, steps=2, batch_size=16)
        runs.append(train(model, dataset, recipe, store=Store(tmp_path / str(layout))))
    assert content(runs[0]) == content(runs[1])


class Noisy(nn.Module):
    """Foreign code that draws from torch's global generator, and a parameter nothing reads."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(16, 3)
        self.idle = nn.Parameter(torch.ones(2))
        nn.init.constant_(self.fc.weight, 0.1)
        nn.init.zeros_(self.fc.bias)

    def forward(self, images):
        return self.fc(F.dropout(images.flatten(1), 0.5, self.training))


def test_foreign_code_that_draws_is_repeatable(dataset, tmp_path):
    runs = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        runs.append(train(Noisy(), dataset, RECIPE, store=Store(tmp_path / str(seed))))
    assert content(runs[0]) == content(runs[1])
    assert torch.equal(runs[0].tensors()["idle"], torch.ones(2))
    with pytest.raises(ValueError, match=r"cannot be built from its description"):
        runs[0].model()
    assert isinstance(runs[0].model(into=Noisy()), Noisy)


class Giving(nn.Linear):
    """A network whose outputs are no single tensor."""

    def __init__(self, kind):
        super().__init__(16, 3)
        self.kind = kind

    def forward(self, images):
        outputs = super().forward(images.flatten(1))
        return {"dict": {"logits": outputs}, "tuple": (outputs, outputs)}.get(self.kind)


def frozen():
    return small().requires_grad_(False)


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (mlp((3,)), {}, r"does not take images of shape \[1, 4, 4\] as blobs has them"),
        (
            mlp((3,), input_shape=(1, 4, 4), classes=2),
            {},
            r"3 classes, the network gives .*\[1, 2\]",
        ),
        (nn.Flatten(), {}, "no parameters to train"),
        (frozen(), {}, "nothing to train: all of its parameters are frozen"),
        (small, {"seed": -1}, "seed must be an integer >= 0"),
        (small, {"mask": {"fc9.weight": torch.ones(1) > 0}}, "no parameter 'fc9.weight': did you"),
        (
            small,
            {"mask": {"fc1.bias": torch.ones(8)}},
            "the mask of fc1.bias must be bool, True = kept, got torch.float32",
        ),
        (
            small,
            {"mask": {"fc1.bias": torch.ones(7) > 0}},
            r"'fc1.bias' is \[8\] in the model, \[7\] in the mask",
        ),
        (Noisy, {}, r"got a class: pass Noisy\(...\), whose .* or a builder, def build\(\*, input"),
        (
            lambda: small(),
            {},
            r"takes other arguments .* write def build\(\*, input_shape, classes, generator\): ...",
        ),
        (lambda images, **_: small(), {}, r"\(missing a required argument: 'images'\)"),
        (lambda **_: None, {}, "returned a NoneType: it must return the module"),
        (small, {"mask": [torch.ones(8, 16) > 0]}, "mask must be bool tensors .* got a list: pass"),
        (small, {"mask": torch.ones(8, 16) > 0}, "mask must be bool tensors .* got a Tensor: pass"),
        (small, {"pruning": 0.1}, "pruning must be a Pruning, got 0.1: pass Pruning"),
        (small, {"origin": 3}, "origin must be an Origin, got 3: pass Origin"),
        (small, {"origin": 0}, "origin must be an Origin, got 0: pass Origin"),
        (small, {"numerics": "cuda"}, r"numerics must be a Numerics, got 'cuda': pass Numerics\("),
        (small, {"conduct": 0}, r"conduct must be a Conduct, got 0: pass Conduct\("),
        (small, {"snapshots": [1]}, r"snapshots must be a Snapshots, got \[1\]: pass Snapshots\("),
        (Giving("dict"), {}, "one tensor of floating point numbers, .* got a dict of logits: wrap"),
        (Giving("tuple"), {}, "one tensor of floating point numbers, .* got a tuple of 2: wrap"),
        (Giving("nothing"), {}, "one tensor of floating point numbers, .* got a NoneType: wrap"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_written(
    dataset, store, model, options, words
):
    with pytest.raises(ValueError, match=words):
        train(model, dataset, RECIPE, store=store, **options)
    assert not os.listdir(store.root)


@pytest.mark.parametrize("kind", ["split", "tensors", "pair", "loader", "name"])
def test_what_is_no_data_set_is_told_with_what_makes_one(dataset, store, kind):
    pair = dataset.train.inputs, dataset.train.targets
    given = {
        "split": (dataset.train, "a Split"),
        "tensors": (TensorDataset(*pair), "a TensorDataset"),
        "pair": (pair, "a tuple"),
        "loader": (DataLoader(TensorDataset(*pair)), "a DataLoader"),
        "name": ("digits", "'digits'"),
    }
    data, words = given[kind]
    with pytest.raises(ValueError, match=f"dataset must be a Dataset, got {words}: load.*from_ten"):
        train(small, data, RECIPE, store=store)


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (Conduct, {"checkpoint_seconds": "3"}, "checkpoint_seconds must be >= 0, got '3'"),
        (Conduct, {"checkpoint_seconds": float("nan")}, "checkpoint_seconds must be >= 0, got nan"),
        (Conduct, {"progress": 3}, "progress must be a function of a Moment, got 3"),
        (Snapshots, {"every_epochs": "3"}, "are integers and must be >= 0, got '3' and 0"),
        (Snapshots, {"per_decade": 1.5}, "are integers and must be >= 0, got 1 and 1.5"),
        (Snapshots, {"at": 3}, "at must hold steps >= 0, got 3"),
        (Snapshots, {"at": (1.5,)}, r"at must hold steps >= 0, got \(1.5,\)"),
    ],
)
def test_conduct_and_snapshots_say_what_was_given(kind, options, words):
    with pytest.raises(ValueError, match=words):
        kind(**options)


def test_a_mask_that_empties_a_layer_is_refused_before_anything_is_written(dataset, store):
    mask = {name: value > 9 for name, value in small().named_parameters() if name == "fc2.weight"}
    with pytest.raises(CollapseError, match=r"layer 'fc2' would be left without weights"):
        train(small, dataset, RECIPE, mask=mask, store=store)
    assert not os.listdir(store.root)


def test_an_error_of_a_builders_own_is_left_as_it_is(dataset, store):
    def build(*, input_shape, classes, generator):
        raise TypeError("mine")

    with pytest.raises(TypeError, match=r"^mine$"):
        train(build, dataset, RECIPE, store=store)


def test_a_mask_may_remove_all_of_a_bias(dataset, store):
    run = train(small, dataset, RECIPE, mask={"fc1.bias": torch.zeros(8) > 0}, store=store)
    assert not run.tensors()["fc1.bias"].any()


def test_a_last_batch_of_one_image_is_refused_for_batch_normalisation(dataset, store):
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3), nn.BatchNorm1d(3))
    with pytest.raises(ValueError, match=r"50 training images in batches of 7 .*choose another"):
        train(model, dataset, Recipe(epochs=1, batch_size=7), store=store)
    assert train(small, dataset, Recipe(epochs=1, batch_size=7), store=store).status == "done"


def test_progress_is_told_with_the_epochs_metrics(dataset, store):
    moments = []
    train(small, dataset, RECIPE, store=store, conduct=Conduct(progress=moments.append))
    assert moments[-1].step == moments[-1].steps == 12
    assert moments[-1].metrics["step"] == 12
    assert "validation_accuracy" in moments[-1].metrics


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"threads": 0}, "threads must be an integer in \\[1, 1024\\], got 0"),
        ({"threads": True}, "threads must be an integer"),
        ({"dtype": "float16"}, "no dtype 'float16'"),
        ({"device": "tpu"}, "no device 'tpu'"),
        ({"device": torch.device("cpu")}, r"device must be a text .* got device\(type='cpu'\)"),
        ({"device": "cuda:x"}, "no number after its colon"),
        ({"device": "cuda:99"}, r"device 'cuda:99' is not there: torch sees \d+ CUDA devices"),
    ],
)
def test_numerics_error_says_what_was_given(options, words):
    with pytest.raises(ValueError, match=words):
        Numerics(**options)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_trains_like_the_cpu_and_twice_the_same(dataset, tmp_path):
    cuda = Numerics(device="cuda")
    recipe = Recipe(optimizer="adam", lr=0.01, epochs=3, batch_size=16, augmentation="crop-flip")
    for builder in (small, normalised):
        one, again = (
            train(builder, dataset, recipe, store=Store(tmp_path / name), numerics=cuda)
            for name in ("a", "b")
        )
        assert content(one) == content(again)
    cpu = train(small, dataset, recipe, store=Store(tmp_path / "cpu"))
    cuda_run = train(small, dataset, recipe, store=Store(tmp_path / "a"), numerics=cuda)
    assert torch.allclose(cpu.weights("fc1"), cuda_run.weights("fc1"), atol=1e-3)


def test_where_images_lie_in_memory_changes_no_bit(dataset, tmp_path):
    def moved(split):
        room = torch.empty(split.images.numel() + 1)
        room[1:] = split.images.reshape(-1)
        return Split(room[1:].view(split.images.shape), split.labels)

    odd = replace(dataset, **{name: moved(split) for name, split in dataset.splits.items()})
    assert all(split.images.data_ptr() % 64 for split in odd.splits.values())
    runs = [
        train(small, data, RECIPE, store=Store(tmp_path / name))
        for name, data in (("a", dataset), ("b", odd))
    ]
    assert content(runs[0]) == content(runs[1])
