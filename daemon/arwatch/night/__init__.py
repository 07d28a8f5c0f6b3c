"""What a night's frames tell together: pure functions of frames in time order, the same live and afterwards."""
