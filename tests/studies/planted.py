"""What planted tables share: five seeds whose values spread around a mean."""

SPREAD = (-1.0, 0.7, 0.1, -0.5, 0.9)
"""A seed's share of the jitter; its mean is 0.04."""


def spread(seed: int, number: int) -> float:
    """A seed's share of the jitter in the column of that number: no two columns are alike."""
    return SPREAD[(seed + number) % 5] * (1 + number % 3 / 3)


def rulings(verdicts) -> dict[str, str]:
    """The rulings by claim."""
    return {one.claim: one.ruling for one in verdicts}
