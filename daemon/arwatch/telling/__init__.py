"""How arwatch tells what it does: events, the log, systemd."""
