"""The flattest sky: a smooth surface through what lies lowest, objects left as they are."""
