"""Where a frame's output goes, and how it gets there."""
