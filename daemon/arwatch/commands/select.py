"""`arwatch select`: the good frames of a night, for the programs that go on with them. Nothing is moved or deleted."""

from __future__ import annotations

import csv
import os
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from arwatch.commands.words import hours
from arwatch.errors import ArwatchError
from arwatch.night.choose import worth
from arwatch.night.nights import night_of
from arwatch.telling.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from arwatch.night.choose import Choice

LINKS = "lights"
MOST_REASONS = 40
"""More rejections are counted here, and told one by one in `rejected.txt`."""
SIRIL = f"""requires 1.0.0
cd {LINKS}
convert light -debayer -out=../process
cd ../process
register light
stack r_light rej 3 3 -norm=addscale -out=../result
"""
"""As the page `siril` explains it."""


class NotEmptyError(ArwatchError):
    """The folder for the choice holds something already."""


def show(choices: Sequence[Choice]) -> None:
    """Print how many frames are chosen, and why the others are not."""
    rejected = [choice for choice in choices if not choice.kept]
    for choice in rejected[:MOST_REASONS]:
        click.echo(f"{printable(choice.frame.path.name)}: {choice.reason}")
    if len(rejected) > MOST_REASONS:
        click.echo(f"... and {len(rejected) - MOST_REASONS} more")
    kept = [choice.frame for choice in choices if choice.kept]
    exposed = hours(sum(frame.exposure_s for frame in kept))
    click.echo(f"{len(kept)} of {len(choices)} frames kept, {exposed} exposed")


def write(choices: Sequence[Choice], outputs: Mapping[int, Path], folder: Path) -> None:
    """Write the choice into a new folder: lists, weights, links to the outputs, and what Siril and AstroBin read.

    Raises
    ------
    NotEmptyError
        Something lies there already: nothing of the user's is replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise NotEmptyError(f"{folder} is not empty: name a new folder")
    kept = [(choice, outputs[choice.frame.number]) for choice in choices if choice.kept and _has(choice, outputs)]
    links = folder / LINKS
    links.mkdir()
    names = _names([output for _, output in kept])
    for (_, output), name in zip(kept, names, strict=True):
        (links / name).symlink_to(output)
    _write_lines(folder / "selected.txt", [os.fspath(output) for _, output in kept])
    rejected = [choice for choice in choices if not choice.kept]
    _write_lines(folder / "rejected.txt", [f"{choice.frame.path}\t{choice.reason}" for choice in rejected])
    weights = [(name, _weight(choice)) for (choice, _), name in zip(kept, names, strict=True)]
    _write_csv(folder / "weights.csv", ("file", "weight"), weights)
    _write_csv(folder / "astrobin.csv", *_astrobin([choice for choice, _ in kept]))
    (folder / "stack.ssf").write_text(SIRIL, encoding="ascii")


def _has(choice: Choice, outputs: Mapping[int, Path]) -> bool:
    with suppress(KeyError, OSError):
        return outputs[choice.frame.number].exists()
    return False


def _names(outputs: Sequence[Path]) -> list[str]:
    """Give each output's name, with a number before it where two frames share one."""
    counts = Counter(output.name for output in outputs)
    return [
        output.name if counts[output.name] == 1 else f"{place:05}_{output.name}"
        for place, output in enumerate(outputs, 1)
    ]


def _weight(choice: Choice) -> str:
    part = worth(choice.frame)
    return "" if part is None else f"{part:.4f}"


def _astrobin(kept: Sequence[Choice]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Sum up by night, exposure and ISO (welcome.astrobin.com/importing-acquisitions-from-csv)."""
    groups: dict[tuple[str, float, int | None], list[float]] = {}
    for frame in (choice.frame for choice in kept):
        if frame.exposure_s > 0:
            sizes = groups.setdefault((str(night_of(frame)), frame.exposure_s, frame.figures.iso), [])
            sizes.append(frame.figures.fwhm_arcsec or 0.0)
    rows: list[tuple[object, ...]] = []
    for (day, exposure_s, iso), sizes in sorted(groups.items(), key=str):
        mean = f"{sum(sizes) / len(sizes):.2f}" if all(sizes) else ""
        rows.append((day, len(sizes), f"{exposure_s:.4f}", "" if iso is None else iso, 1, mean))
    return ("date", "number", "duration", "iso", "binning", "meanFwhm"), rows


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    path.write_bytes(b"".join(os.fsencode(line) + b"\n" for line in lines))


def _write_csv(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
