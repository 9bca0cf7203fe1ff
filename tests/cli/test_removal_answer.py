"""The words of `surfeit prune`'s answer."""

import pytest

from surfeit.cli.removal_answer import spread_text


@pytest.mark.parametrize(
    ("deviation", "text"),
    [(12.34, "12.3"), (0.05, "0.1"), (0.0499, "0.05"), (0.014, "0.01"), (0.0021, "0.002")],
)
def test_a_spread_that_is_not_zero_is_not_written_as_zero(deviation, text):
    assert spread_text(deviation) == text
    assert float(text) > 0
