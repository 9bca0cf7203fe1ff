"""How many examples a Taylor score differentiates the mean loss of at once."""

MINIBATCH = 10


def check_minibatch(minibatch: object) -> None:
    """Says so if a minibatch is no number of examples.

    Raises:
        ValueError: if it is no integer >= 1.
    """
    if isinstance(minibatch, bool) or not isinstance(minibatch, int) or minibatch < 1:
        raise ValueError(
            "minibatch must be an integer >= 1, the examples whose mean loss is differentiated at "
            f"once, got {minibatch!r}"
        )
