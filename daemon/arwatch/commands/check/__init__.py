"""`arwatch check`: are the settings valid and the machine ready; if not, what to do."""

from arwatch.commands.check.run import check

__all__ = ["check"]
