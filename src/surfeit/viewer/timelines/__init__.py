"""What can be looked at: runs over their steps, ticket searches over their levels."""
