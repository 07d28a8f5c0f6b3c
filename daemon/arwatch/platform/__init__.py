"""The machine: its cores, memory, folders, file systems and processes."""
