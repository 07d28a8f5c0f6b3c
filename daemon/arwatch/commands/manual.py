"""The pages of `arwatch/docs` on a terminal."""

from __future__ import annotations

import difflib
import re
from importlib.resources import files
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markdown import Markdown

if TYPE_CHECKING:
    from collections.abc import Iterable

TOPICS = (
    *("service", "measuring", "conditions", "log", "outputs"),
    *("siril", "method", "promises", "speed", "architecture"),
)
"""The pages, in the order in which a newcomer needs them; each is a file of `arwatch/docs`."""
WIDTH = 80
"""Columns that a page takes at most."""


def summary(topic: str) -> str:
    """Return what a page is about: its first paragraph, one sentence."""
    return " ".join(page(topic).split("\n\n")[1].split())


def page(topic: str) -> str:
    """Return a page in Markdown; its links name what can be typed here instead of files of the repository."""
    text = files("arwatch").joinpath("docs", f"{topic}.md").read_text("utf-8")
    text = re.sub(r"^!\[([^\]]+)\]\([^)]+\)$", r"(Picture: \1. It is in the repository.)", text, flags=re.MULTILINE)
    text = re.sub(r"\[[^\]]+\]\((\w+)\.md(?:#[\w-]*)?\)", r"`arwatch help \1`", text)
    return re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]+\)", r"\1", text)


def show(topic: str) -> None:
    """Print a page, within 80 columns; without colours where it is no terminal that reads it."""
    console = Console(highlight=False)
    console.width = min(WIDTH, console.width)
    # this theme leaves the terminal's background as it is: nobody wants a bright block at night
    console.print(Markdown(page(topic), code_theme="ansi_dark"))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the name that was probably meant; None where nothing resembles it."""
    return next(iter(difflib.get_close_matches(name.lower(), list(known), n=1)), None)
