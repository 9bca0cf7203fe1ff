"""The small runs that the quick budgets of all studies draw on: trained once, shared by all."""

from surfeit.train import Recipe

POOL_DATA = "digits"
POOL_MODEL = "mlp-64-32"
POOL_RECIPE = Recipe(optimizer="adam", lr=3e-3, batch_size=60, epochs=20)
"""360 steps, 0.5 s on one core; validation accuracy about 96 %."""
