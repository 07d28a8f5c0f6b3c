"""Stars: found, measured and found again on the sensor's own samples; arrays in, values out."""

from arwatch.stars.measure import measure
from arwatch.stars.model import Cells, DamagedError, Measured, StarList

__all__ = ["Cells", "DamagedError", "Measured", "StarList", "measure"]
