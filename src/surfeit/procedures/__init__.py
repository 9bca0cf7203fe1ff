"""Training and pruning together: tickets, their instability, supermasks."""
