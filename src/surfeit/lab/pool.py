"""The small runs that the quick budgets of all studies draw on: trained once, shared by all.

Two jobs that are equal in network, data, recipe and seed are one run, whichever study asks first,
so a quick budget uses these values and no others of its own where it can. Snapshots are not in a
run's key, but a run that lacks some is trained again for them: leave those of a job as they are by
default where more than the first and the last are needed.
"""

from dataclasses import replace

from surfeit.procedures.tickets import TicketConfig
from surfeit.train import Recipe

POOL_DATA = "digits"
POOL_MODEL = "mlp-64-32"
POOL_RECIPE = Recipe(optimizer="adam", lr=3e-3, batch_size=60, epochs=20)
"""360 steps, 0.5 s on one core; validation accuracy about 96 %."""

POOL_TICKET_RECIPE = replace(POOL_RECIPE, evaluate_every=9)
"""The same, with the validation loss measured twice an epoch, for early stopping."""
POOL_SEARCH = TicketConfig(levels=5, rate=0.5, controls=("reinit",))
"""The search for tickets that quick budgets share: down to 4 % density, 11 trainings a seed."""
