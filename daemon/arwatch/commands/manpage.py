"""Pages for man(1): arwatch(1) from the commands' own help, arwatch-night(7) and so on from the manual's pages."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

import click
from markdown_it import MarkdownIt

from arwatch import __version__
from arwatch.commands import manual

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it.token import Token

FILES = (
    ("~/.config/arwatch/arwatch.toml", "Settings of a user."),
    ("/etc/arwatch/arwatch.toml", "Settings of the system's service, and of users who have none."),
    ("~/.local/state/arwatch, /var/lib/arwatch", "The ledger: what became of each frame."),
)
ENVIRONMENT = (
    ("ARWATCH_CONFIG", "Settings file, where --config does not name one."),
    ("NUMBA_CACHE_DIR", "Where compiled kernels are kept."),
    ("NO_COLOR", "Set to anything: no colours on a terminal."),
)


def pages(root: click.Command) -> Iterator[tuple[str, str]]:
    """Give each page's file name and its text in the language of man(7)."""
    yield "arwatch.1", "\n".join([*_head("arwatch", 1), *_commands(root)]) + "\n"
    for topic in manual.TOPICS:
        tokens = MarkdownIt().enable("table").parse(manual.page(topic))
        name = f"arwatch-{topic}"
        lines = [*_head(name, 7), ".SH NAME", f"{name} \\- {_text(manual.summary(topic))}", *_body(tokens)]
        yield f"{name}.7", "\n".join(lines) + "\n"


def _head(name: str, section: int) -> list[str]:
    # no hyphenation, ragged right: names of keys and commands stay whole
    return [f'.TH {name.upper()} {section} "" "arwatch {__version__}"', ".nh", ".ad l"]


def _commands(root: click.Command) -> Iterator[str]:
    context = click.Context(root, info_name="arwatch")
    yield from (".SH NAME", f"arwatch \\- {_text(_first(root))}", ".SH SYNOPSIS")
    yield from (".B arwatch", _text("COMMAND [OPTIONS] [ARGUMENTS]"))
    yield from (".SH DESCRIPTION", *_help(root), ".SH COMMANDS")
    for name, command in root.commands.items() if isinstance(root, click.Group) else ():
        below = click.Context(command, info_name=name, parent=context)
        usage = " ".join([f"arwatch {name}", *command.collect_usage_pieces(below)])
        yield from (f".SS {_text(usage)}", *_help(command))
        for parameter in command.params:
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(below)):
                yield from (".TP", f".B {_text(record[0])}", _text(record[1]))
    for heading, rows in (("FILES", FILES), ("ENVIRONMENT", ENVIRONMENT)):
        yield f".SH {heading}"
        for name, meaning in rows:
            yield from (".TP", f".B {_text(name)}", _text(meaning))
    also = ", ".join(f"arwatch-{topic}(7)" for topic in manual.TOPICS)
    yield from (".SH EXIT STATUS", _text("See arwatch-log(7)."), ".SH SEE ALSO", _text(also))


def _first(command: click.Command) -> str:
    return (command.help or "").partition("\n")[0].rstrip(".")


def _help(command: click.Command) -> Iterator[str]:
    """Give a command's help; what follows click's backspace keeps its lines."""
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        lines = paragraph.strip("\n").split("\n")
        if lines[0] == "\b":
            yield from (".PP", ".nf", *map(_text, lines[1:]), ".fi")
        else:
            yield from (".PP", _text(" ".join(lines)))


def _body(tokens: Sequence[Token]) -> Iterator[str]:
    """Write the pages' Markdown: headings, paragraphs, lists, code, tables."""
    cells: list[str] = []
    heading = False
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == "fence":
            yield from (".PP", ".RS 4", ".nf", *(_text(line) for line in token.content.rstrip("\n").split("\n")))
            yield from (".fi", ".RE")
        elif token.type == "tr_open":
            cells = []
        elif token.type == "tr_close" and not heading:
            yield from (".TP", f"\\fB{cells[0]}\\fR", "; ".join(cell for cell in cells[1:] if cell) or "\\&")
        elif token.type == "inline" and before is not None:
            text = _inline(token)
            if before.type in {"td_open", "th_open"}:
                heading = before.type == "th_open"
                cells.append(text)
            elif before.type == "heading_open":
                yield from (() if before.tag == "h1" else (f".SH {text}",))
            elif before.type == "paragraph_open":
                yield from ([".IP \\(bu 2", text] if before.hidden or before.level > 1 else [".PP", text])


def _inline(token: Token) -> str:
    parts = []
    for child in token.children or ():
        if child.type == "code_inline":
            parts.append(f"\\fB{_text(child.content)}\\fR")
        elif child.type in {"softbreak", "hardbreak"}:
            parts.append(" ")
        elif child.type == "strong_open":
            parts.append("\\fB")
        elif child.type == "em_open":
            parts.append("\\fI")
        elif child.type in {"strong_close", "em_close"}:
            parts.append("\\fR")
        else:
            parts.append(_text(child.content))
    return "".join(parts)


def _text(text: str) -> str:
    """Write a line so that nothing in it is taken for a request."""
    safe = re.sub(r"[\\]", r"\\e", text).replace("-", "\\-")
    return f"\\&{safe}" if safe[:1] in {".", "'"} else safe
