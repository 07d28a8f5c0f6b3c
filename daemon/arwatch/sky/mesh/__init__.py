"""The method: boxes, a median-filtered mesh, a spline surface."""
