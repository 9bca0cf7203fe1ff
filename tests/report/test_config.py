import pytest

from surfeit.report import ReportConfig


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": 1.0}, r"loss must be a fraction in \[0, 1\), got 1.0"),
        ({"repeats": 1}, "repeats must be at least 2 .*got 1"),
        ({"link": 0.0}, r"link must be a cosine in \(0, 1\], got 0.0"),
        ({"cluster": 1.5}, r"cluster must be a cosine in \(0, 1\], got 1.5"),
        ({"ranks": (2, 1)}, r"ranks must be ascending and at least 1, got \(2, 1\)"),
        ({"ranks": ()}, "ranks must be ascending"),
        ({"work": 0.0}, "work must be positive, got 0.0"),
        ({"convolution_images": 0}, "convolution_images must be positive, got 0"),
        ({"curvature_examples": 0}, "curvature_examples must be positive, got 0"),
    ],
)
def test_config_refuses_what_is_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        ReportConfig(**options)
