"""How measurements are shown: medians with the smallest and the greatest value, in Markdown tables."""

from __future__ import annotations

import os
import platform
import statistics
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table: what was measured, its value with spread, and what it should reach."""

    what: str
    value: str
    goal: str = ""


def spread(times: list[float], unit: str = " s") -> str:
    """Give median (least to greatest)."""
    return f"{statistics.median(times):.2f}{unit} ({min(times):.2f} to {max(times):.2f})"


def machine() -> str:
    """Name the processor, its cores, and the versions that matter."""
    info = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
    name = names[0] if names else platform.processor()
    cores = len(os.sched_getaffinity(0))
    return f"{name}, {cores} cores, Python {platform.python_version()}, numpy {np.__version__}"


def table(title: str, head: tuple[str, str, str], rows: list[Row]) -> str:
    """Format rows as a Markdown table."""
    lines = [head, *((row.what, row.value, row.goal) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(3)]
    text = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |" for line in lines]
    text.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return f"\n{title}\n\n" + "\n".join(text)
