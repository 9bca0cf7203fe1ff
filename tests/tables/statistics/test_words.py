import pytest

from surfeit.tables import digits_for, figure_in_words, range_in_words


@pytest.mark.parametrize(
    ("scale", "digits"),
    [(0.22, 2), (2.2, 1), (25, 0), (1234, 0), (0.0031, 4), (1e-12, 6), (0, 2), (float("inf"), 2)],
)
def test_two_digits_of_the_scale_are_shown(scale, digits):
    assert digits_for(scale) == digits


def test_numbers_have_thousands_and_no_minus_zero():
    assert figure_in_words(-0.001, 2, signed=True) == "+0.00"
    assert figure_in_words(-0.001, 2) == "0.00"
    assert figure_in_words(1250.4, 0, signed=True) == "+1,250"
    assert figure_in_words(999_999_999_999, 0) == "999,999,999,999"
    assert figure_in_words(2.5e12, 0) == "2.5e+12"
    assert figure_in_words(-1e200, 2, signed=True) == "-1e+200"
    assert range_in_words(2e200, 1e200, 0) == "1e+200 to 2e+200"


def test_ranges_have_the_smaller_end_first():
    assert range_in_words(0.64, 0.2, 2) == "0.20 to 0.64"
    assert range_in_words(-1250, -3, 0) == "-1,250 to -3"
