"""What a command does, behind `cli`; nothing of the daemon needs these."""
