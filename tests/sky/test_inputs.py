import numpy as np
import pytest

from arwatch.sky import subtract_background
from scenes import RGGB

GOOD = np.full((40, 50), 100, np.uint16)


def with_value(value):
    mosaic = np.full((40, 50), 100.0)
    mosaic[3, 4] = value
    return mosaic


@pytest.mark.parametrize(
    ("mosaic", "colors", "error", "message"),
    [
        (GOOD[0], RGGB, ValueError, r"two-dimensional array \(ny, nx\)"),
        (GOOD[np.newaxis], RGGB, ValueError, "two-dimensional"),
        (GOOD[:0], RGGB, ValueError, "two-dimensional"),
        (GOOD.astype(complex), RGGB, TypeError, "real numbers"),
        (GOOD > 0, RGGB, TypeError, "real numbers"),
        ([["a"]], RGGB, TypeError, "real numbers"),
        (with_value(np.nan), RGGB, ValueError, "NaN or infinity; set missing samples to 0"),
        (with_value(-np.inf), RGGB, ValueError, "NaN or infinity"),
        (with_value(1.7e308), RGGB, ValueError, "float32"),
        (GOOD, RGGB.astype(float), TypeError, "colour indices"),
        (GOOD, RGGB[0], ValueError, "two-dimensional"),
        (GOOD, [[0, 1], [4, 2]], ValueError, "0 .red., 1 or 3 .green. or 2 .blue."),
        (GOOD, [[0, 1], [-1, 2]], ValueError, "0 .red."),
        (GOOD, np.zeros((40, 49), int), ValueError, r"\(40, 49\) are neither the mosaic's \(40, 50\)"),
        (GOOD, np.random.default_rng(1).integers(0, 3, (40, 50)), ValueError, "no pattern"),
    ],
)
def test_what_cannot_be_used_is_named(mosaic, colors, error, message):
    with pytest.raises(error, match=message):
        subtract_background(mosaic, colors)


@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads_no_work(threads):
    with pytest.raises(ValueError, match="at least 1"):
        subtract_background(GOOD, RGGB, threads=threads)


def test_a_band_without_any_sample_is_zero():
    result = subtract_background(GOOD, [[1]])
    np.testing.assert_array_equal(result.mosaic, 0)
    assert (result.green.level, result.red.level, result.blue.noise) == (100, 0, 0)
