"""The local page: what it is answered, and to whom."""
