"""Stars: found, measured and found again on the sensor's own samples; arrays in, values out."""

from arwatch.sky import jit
from arwatch.stars.field import Field, Placement, place
from arwatch.stars.measure import measure, rehearse
from arwatch.stars.model import Cells, DamagedError, Measured, StarList

__all__ = ["Cells", "DamagedError", "Field", "Measured", "Placement", "StarList", "measure", "place"]

jit.REHEARSALS.append(rehearse)
jit.discard_stale("arwatch.stars")
