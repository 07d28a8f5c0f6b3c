"""The long-lived process: it watches, waits until files are complete, and lets workers do the rest."""
