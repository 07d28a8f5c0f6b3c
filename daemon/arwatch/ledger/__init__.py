"""What became of every frame."""
