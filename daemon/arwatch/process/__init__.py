"""What is done with one frame, from raw file to FITS."""
