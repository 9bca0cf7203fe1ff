"""A verdict: what the measured effect and its interval say about a claim."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from surfeit.tables import digits_for, figure_in_words, range_in_words

Ruling = Literal["supported", "contradicted", "inconclusive"]
RULINGS: tuple[Ruling, ...] = get_args(Ruling)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a study finds of one claim.

    Args:
        claim: its id.
        ruling: supported, contradicted or inconclusive.
        effect: the measured effect, in `unit`; None where nothing could be measured.
        lower, upper: the interval that decided; None where there is none. One of them alone where
            censoring leaves the other side open: the effect is then a bound, too.
        n: replicates that it rests on.
        unit: of the effect: `points` (of accuracy), `steps`, `correlation`, ...
        says: the effect in one plain sentence, which says no more than the figures.
        doubt: why there is no ruling or no interval, in words; empty where nothing is in the way.
        p: the p-value of the two-sided test behind the ruling, before any correction for several
            comparisons; of `equals`, that of two one-sided tests where it is small, and of a
            contradicted claim of several parts that of all of them.
        signed: whether the effect is a difference, so that a page shows its plus.
        against: what the effect was held against, as `0.5`, `±0.5` or `98.1 published`, in `unit`;
            empty where it is 0 or the unit says it.

    Raises:
        ValueError: if the ruling is unknown, a number is not finite, the effect lies outside its
            interval, `n` is negative, p is not in [0, 1], or there is a ruling on one replicate or
            with neither interval nor p.
    """

    claim: str
    ruling: Ruling
    effect: float | None
    lower: float | None
    upper: float | None
    n: int
    unit: str
    says: str = ""
    doubt: str = ""
    p: float | None = None
    signed: bool = True
    against: str = ""

    def __post_init__(self) -> None:
        if self.ruling not in RULINGS:
            raise ValueError(f"a ruling is one of {', '.join(RULINGS)}, got {self.ruling!r}")
        for name in ("effect", "lower", "upper", "p"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise ValueError(
                    f"{name} of the verdict on {self.claim} must be finite, got {value}: "
                    "None where there is none"
                )
            # NumPy's numbers are no JSON.
            object.__setattr__(self, name, None if value is None else float(value))
        if self.n != int(self.n) or self.n < 0:
            raise ValueError(f"n must be a whole number of at least 0, got {self.n}")
        object.__setattr__(self, "n", int(self.n))
        self._check_interval()
        if self.ruling != "inconclusive":
            self._check_ruling()

    def _check_interval(self) -> None:
        ends = [end for end in (self.lower, self.effect, self.upper) if end is not None]
        bare = self.effect is None and (self.lower is not None or self.upper is not None)
        if bare or ends != sorted(ends):
            raise ValueError(
                f"the effect must lie within its interval, got {self.effect} and "
                f"{self.lower} to {self.upper}"
            )
        if self.p is not None and not 0 <= self.p <= 1:
            raise ValueError(f"p must be in [0, 1], got {self.p}")

    def _check_ruling(self) -> None:
        decided = any(one is not None for one in (self.lower, self.upper, self.p))
        if self.n < 2 or self.effect is None or not decided:
            raise ValueError(
                f"{self.claim} cannot be {self.ruling} on n = {self.n}, effect {self.effect}, "
                f"interval {self.lower} to {self.upper}, p = {self.p}: a ruling needs two "
                "replicates, an effect, and an interval or a p-value"
            )

    def words(self) -> str:
        """One line: `supported: +0.42 points (0.20 to 0.64), n = 5`."""
        doubt = f"; {self.doubt}" if self.doubt else ""
        return f"{self.ruling}: {self.effect_in_words()}, n = {self.n}{doubt}"

    def sentence(self) -> str:
        """What it says, as a sentence that ends; empty where it says nothing."""
        said = self.says.strip()
        return said if not said or said.endswith((".", "!", "?")) else f"{said}."

    def to_json(self) -> dict[str, Any]:
        """All fields, as JSON has them."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Verdict":
        """What `to_json` gave; fields that have a default may be missing.

        Raises:
            ValueError: if a field is unknown or missing, and as `Verdict` itself.
        """
        known = {field.name for field in fields(cls)}
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(
                f"a verdict has the fields {sorted(known)}, got {sorted(values)}"
            ) from error

    def effect_in_words(self) -> str:
        """The effect with its interval: `+0.42 points (0.20 to 0.64) against 0.1`."""
        if self.effect is None:
            return "nothing measured"
        lower, upper, scale = self.lower, self.upper, self.effect
        if lower is not None and upper is not None:
            scale = (upper - lower) / 2
        digits = digits_for(scale)
        effect = figure_in_words(self.effect, digits, signed=self.signed)
        effect = f"{effect} {self.unit}".rstrip()
        against = f" against {self.against}" if self.against else ""
        if lower is not None and upper is not None:
            return f"{effect} ({range_in_words(lower, upper, digits)}){against}"
        if lower is not None:
            return f"at least {effect} (from {figure_in_words(lower, digits)})"
        if upper is not None:
            return f"at most {effect} (up to {figure_in_words(upper, digits)})"
        return effect
