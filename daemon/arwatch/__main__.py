"""`python -m arwatch`."""

from arwatch.cli import main

main(prog_name="arwatch")
