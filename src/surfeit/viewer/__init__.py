"""The viewer: a layer's graph over time, on a local page, in one file, in a notebook."""
