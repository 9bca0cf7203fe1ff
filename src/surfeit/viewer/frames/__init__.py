"""Pictures of one layer at one moment: graph, eigenvalues, removals; computed once and kept."""
