"""Surfeit measures, shows and removes the redundancy in neural networks."""

__version__ = "0.1.0"
