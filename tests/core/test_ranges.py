"""Numbers out of range are told by their name, with what is allowed."""

import math

import pytest

from surfeit.core import check_positive, check_size


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "3", None])
def test_what_is_no_number_of_things_is_told(value):
    check_size("starts", 1)
    check_size("probes", 0, 0)
    with pytest.raises(ValueError, match=r"^starts must be a whole number of at least 1, got "):
        check_size("starts", value)


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan])
def test_what_is_not_above_zero_and_finite_is_told(value):
    check_positive("rate", 1e-300)
    with pytest.raises(ValueError, match=r"^rate must be above 0 and finite, got "):
        check_positive("rate", value)
