"""What depends on the machine: cores, memory, folders, file systems and processes."""
