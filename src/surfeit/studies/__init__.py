"""Studies, one file each: a claim of the literature becomes a table, a figure and a verdict."""
