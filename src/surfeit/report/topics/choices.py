"""What topics chose on the validation split, and what it costs on the test split."""

from typing import Any

from surfeit.report.topics.topic import Tables
from surfeit.tables.tables import where


def choice_of(here: Tables, what: str) -> dict[str, Any] | None:
    """A layer's row of the table "choices" as the summary has it; None if there is none."""
    rows = where(here["choices"], what=what).to_pylist()
    if not rows:
        return None
    row = rows[0]
    test = {key: row[key] for key in ("before", "after", "change", "lower", "upper", "images")}
    return {"chosen": row["chosen"], "amount": row["amount"], "test": test}
