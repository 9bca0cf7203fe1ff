"""A job as JSON: how it is sent to where it is trained.

What is large goes by its digest and lies among the store's objects: data set, mask, and weights
that are not drawn. A network goes by its builder's name in the catalog, by a run and a step, by its
description, or, where only its own code can build it, by its builder's name, `module:function`.
The key goes too: what arrives must have it.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import torch
from torch import nn

from surfeit.core import Streams, SurfeitError, digest, tensors_of
from surfeit.core.importing import absolute, named_object, reference
from surfeit.core.objective import objective_from_json, objective_to_json
from surfeit.data import receive_dataset, send_dataset
from surfeit.models import (
    Builder,
    OwnBuilder,
    builder_named,
    describe,
    foreign_part,
    initialise_,
    is_rebuildable,
    name_of,
    rebuild,
)
from surfeit.store import Objects, Run, Store, canonical_json
from surfeit.train.building import Drawn, Origin, Rewound, frozen_, with_weights_
from surfeit.train.conduct import Numerics
from surfeit.train.job import Job
from surfeit.train.pruning import Pruning
from surfeit.train.recipe import Recipe
from surfeit.train.snapshots import Snapshots


def job_to_json(job: Job, objects: Objects) -> dict[str, Any]:
    """The job as JSON values; what is large is written to the store.

    Args:
        job: the training.
        objects: the store's, which must outlive the work; see `sending_objects`.

    Raises:
        ValueError: if another process could not build the network or the objective: a sentence.
        DiskError: if the disk refuses.

    Cost: a copy of the data set (220 MB for MNIST) and of weights that are not drawn, unless the
    store has them.
    """
    return {
        "key": job.key,
        "network": _network(job, objects),
        "data": send_dataset(job.dataset, objects),
        "recipe": _fields(job.recipe),
        "seed": job.seed,
        "mask": None if job.mask is None else objects.put(dict(job.mask)),
        "numerics": asdict(job.numerics),
        "origin": asdict(job.origin),
        "pruning": None if job.pruning is None else _fields(job.pruning),
        "objective": objective_to_json(job.objective),
        "snapshots": asdict(job.snapshots),
        "role": None if job.role is None else dict(job.role),
        "name": job.names()["model"],
        "check": None if job.check is None else reference(job.check),
    }


def job_from_json(record: Mapping[str, Any], objects: Objects) -> Job:
    """The job that `job_to_json` sent; of equal records one job is made, as long as it is kept.

    Raises:
        SurfeitError: if it is another than the one sent: code or data differ here.
        StoreError, DataError: if an object is missing or damaged.
        ValueError: if a function cannot be imported here.
    """
    return objects.remember(canonical_json(record), lambda: _received(record, objects))


def is_redrawn(job: Job) -> bool:
    """Whether the described network, drawn from the seed, has the job's initial weights.

    Then they need not be sent, and others of their law can be drawn. It is drawn in single
    precision, which torch's default elsewhere is, whatever it is here.
    """
    own = tensors_of(job.network)
    if any(one.dtype != torch.float32 for one in own.values() if one.is_floating_point()):
        return False
    if name_of(job.model) is not None or isinstance(job.model, Drawn):
        return True
    architecture = describe(job.network)
    if not is_rebuildable(architecture):
        return False
    drawn = initialise_(rebuild(architecture), Streams(job.seed).get("init"))
    return digest(tensors_of(drawn)) == digest(own)


def _network(job: Job, objects: Objects) -> dict[str, Any]:
    drawn, name = is_redrawn(job), name_of(job.model)
    if drawn and name is not None:
        return {"builder": name}
    if isinstance(job.model, Rewound):
        return {"run": job.model.run.key, "step": job.model.step}
    architecture = describe(job.network)
    if not is_rebuildable(architecture):
        return _by_name(job.model, architecture)
    return {
        "architecture": architecture,
        "weights": None if drawn else objects.put(tensors_of(job.network)),
        "frozen": job.frozen,
    }


def _by_name(model: nn.Module | Builder, architecture: dict[str, Any]) -> dict[str, str]:
    """A builder by its name, whose network its own code alone can build."""
    if isinstance(model, OwnBuilder):
        return {"own": absolute(model.function)}
    part = foreign_part(architecture)
    if isinstance(model, nn.Module):
        raise ValueError(
            f"a {part} cannot be built in another process, from its description alone: pass a "
            "builder, a function at a module's top level, or use engine=InProcess()"
        )
    try:
        return {"function": reference(model)}
    except ValueError as error:
        raise ValueError(
            f"a {part} cannot be built in another process, from its description alone, and its "
            f"builder cannot be had there: {error}. Or use engine=InProcess()"
        ) from error


def _received(record: Mapping[str, Any], objects: Objects) -> Job:
    mask, pruning, check = record["mask"], record["pruning"], record["check"]
    job = Job(
        _model(record["network"], objects),
        receive_dataset(record["data"], objects),
        Recipe(**record["recipe"]),
        record["seed"],
        None if mask is None else objects.get(mask),
        Numerics(**record["numerics"]),
        Origin(**record["origin"]),
        None if pruning is None else Pruning(**pruning),
        objective_from_json(record["objective"]),
        Snapshots(**record["snapshots"]),
        record["role"],
        record["name"],
        None if check is None else named_object(check),
    )
    if job.key != record["key"]:
        raise SurfeitError(
            f"the training {record['key'][:12]} is another here, {job.key[:12]}: have the same "
            "code in both places, and let what builds the network draw from its generator alone"
        )
    return job


def _model(record: Mapping[str, Any], objects: Objects) -> nn.Module | Builder:
    if "builder" in record:
        return builder_named(record["builder"])
    if "run" in record:
        return Rewound(Run(Store(objects.root).path_of(record["run"])), record["step"])
    if "own" in record:
        return OwnBuilder(record["own"])
    if "function" in record:
        return named_object(record["function"])
    if record["weights"] is None:
        return Drawn(record["architecture"], tuple(record["frozen"]))
    model = with_weights_(rebuild(record["architecture"]), objects.get(record["weights"]))
    return frozen_(model, record["frozen"])


def _fields(value: Any) -> dict[str, Any]:
    """A dataclass's fields as JSON has them, mappings as dicts."""
    found = {one.name: getattr(value, one.name) for one in fields(value)}
    return {name: dict(one) if isinstance(one, Mapping) else one for name, one in found.items()}
