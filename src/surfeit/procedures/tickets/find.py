"""Lottery tickets: iterative pruning with rewinding, and the controls of every level."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pyarrow as pa
from torch import nn

from surfeit.core import Objective, check_seeds, cross_entropy
from surfeit.data import Dataset
from surfeit.execute import Derived, Engine, Progress, train_outcome
from surfeit.models import Builder, Initial
from surfeit.procedures.tickets.arms import TICKET
from surfeit.procedures.tickets.config import TicketConfig
from surfeit.procedures.tickets.levels import dense_job, level_job, retraining
from surfeit.procedures.tickets.selection import check_levels
from surfeit.procedures.tickets.table import Row, ticket_table
from surfeit.prune import coverage
from surfeit.store import Store
from surfeit.train import Job, Numerics, Origin, Recipe


def find_tickets(
    model: nn.Module | Builder,
    dataset: Dataset,
    recipe: Recipe,
    config: TicketConfig | None = None,
    *,
    seeds: Sequence[int] = (0,),
    store: Store | None = None,
    engine: Engine | None = None,
    numerics: Numerics | None = None,
    objective: Objective = cross_entropy,
    progress: Progress | None = None,
) -> pa.Table:
    """Searches for tickets level by level, with their controls, over replicates.

    Level 0 trains the dense network `w_T = train(w_0)`. Level l takes the weights that level l − 1
    ended with, removes those with the least scores, `m_l = top(score(w_T), (1 − rate)^l)` within
    `m_(l−1)`, rewinds what is left to the dense network's weights at step k, and trains
    `m_l ⊙ w_k` from step k on. Controls of a level are made from that ticket. Trainings that do not
    wait for each other are done side by side.

    Runs are addressed by what they depend on, so that the same call trains only what is missing:
    what was interrupted goes on, and more levels, controls or seeds come on top.

    >>> table = find_tickets(lenet_300_100, load("digits"), Recipe(epochs=20), seeds=(0, 1, 2))

    Args:
        model: a builder, its network drawn from each seed's stream `init`; or a module, whose own
            weights are every replicate's initial ones and which is not changed: then replicates
            differ in what training draws (such as the order of the images) alone, and intervals
            over them leave the variation of initial weights out. A module is built anew in other
            processes from its description; one that only its own code can build is trained in this
            process, unless a builder at a module's top level builds it there.
        dataset: the train split is fitted, the validation split tells the early stopping step, the
            test split is measured and decides nothing.
        recipe: how each level is trained. The early stopping step is as fine as its
            `evaluate_every`; without it, as fine as an epoch.
        config: levels, rates, score, rewinding and controls; `TicketConfig()` by default.
        seeds: one a replicate, integers >= 0.
        store: where runs are kept; `Store()` by default.
        engine: `Local()` by default, or `InProcess()` for what no other process can have.
        numerics: device, threads, precision of each training; one CPU thread in float32 by default.
        objective: what every training minimises, and scores that look at the loss are of.
        progress: called with where all trainings stand.

    Returns:
        one row a training, by replicate, level and arm:

        - `replicate`: its seed; `level`: 0 for the dense network; `arm`: `ticket` (the dense
          network's too) or a control's name;
        - `density`: kept of the weights that may be pruned, as a fraction; with whole units, the
          weights of removed units count as removed and those that read them do not;
          `overall_density`: kept of all parameters, those too that no mask reaches: `coverage`
          names them;
        - `test_accuracy`, `validation_accuracy`: at the end, fractions; null where there are no
          classes, as in a regression;
        - `early_stop_step`: the step of the least validation loss, counted as the schedule does,
          from the rewound step on; `early_stop_accuracy` and `early_stop_test_accuracy`: validation
          and test accuracy there;
        - `test_loss`, `validation_loss`, `early_stop_loss` (on the validation split) and
          `early_stop_test_loss`: the objective's means at the same moments;
        - `steps`: the step that it ended at: an early stopping step there is censored, the loss was
          still falling;
        - `run`: its key.

        A training that failed has null figures. Why is in the table's metadata: `failures(table)`.

    Raises:
        ValueError: before any training, if network, data, recipe and configuration do not fit
            together: rewinding beyond the recipe's steps, fine-tuning at a rate next to 0, seeds
            given twice, whole units of a network that has none to remove, or that cannot be
            followed.
        CollapseError: before any training, if a level would empty a layer; both are named.
        KeyboardInterrupt: after Ctrl-C, once every training has saved where it stands.

    Source: Frankle and Carbin 2019, section 1 (strategy of appendix B, "resetting"); Frankle,
    Dziugaite, Roy and Carbin 2020 for k > 0. Cost: (levels (1 + controls) + 1) trainings a seed,
    those of `scratch-b` 1 / density times as long, and one copy of the data on the disk while they
    run.
    """
    config = TicketConfig() if config is None else config
    if not isinstance(config, TicketConfig):
        raise ValueError(f"config must be a TicketConfig(...), got {config!r}")
    numerics, store = numerics or Numerics(), store or Store()
    jobs = {
        seed: Job(model, dataset, recipe, seed, numerics=numerics, objective=objective)
        for seed in check_seeds(seeds)
    }
    first = next(iter(jobs.values()))
    replace(first, origin=Origin(step=config.rewind_to))  # says so if the training is shorter
    check_levels(config, first.network, first.structure)
    retraining(recipe, config, len(dataset.train))
    rows = [row for seed in jobs for row in _rows(config, seed)]
    laws = {seed: job.law for seed, job in jobs.items()}
    trainings = {
        row.name: _training(row, config, jobs[row.replicate], laws[row.replicate]) for row in rows
    }
    outcome = train_outcome(trainings, store=store, engine=engine, progress=progress)
    return ticket_table(rows, outcome, store, parameters=coverage(first.network).total)


def _rows(config: TicketConfig, seed: int) -> list[Row]:
    """The trainings of a replicate, tickets before the controls of their level."""
    arms = (TICKET, *config.controls)
    later = [Row(seed, level, arm) for level in range(1, config.levels + 1) for arm in arms]
    return [Row(seed, 0, TICKET), *later]


def _training(row: Row, config: TicketConfig, base: Job, law: Initial | None) -> Job | Derived:
    if row.level == 0:
        return dense_job(base, config)
    dense = Row(row.replicate, 0, TICKET).name
    # One-shot levels all come from the dense network.
    last = row.level - 1 if config.schedule == "iterative" else 0
    return Derived(
        derive=partial(level_job, base, config, row.level, row.arm, law),
        parents=tuple(dict.fromkeys([dense, Row(row.replicate, last, TICKET).name])),
    )
