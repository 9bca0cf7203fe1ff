"""Training and pruning together: tickets, supermasks."""
