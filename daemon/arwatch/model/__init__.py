"""The values that flow through arwatch; nothing here does anything."""
