"""Putting the service in place, and taking it away."""
