"""`arwatch compare`: the models of the sky on a user's own frames, as a picture and in numbers."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from rich.console import Console
from rich.markup import escape

from arwatch import formats
from arwatch.commands import models, pictures
from arwatch.commands.options import broken, say
from arwatch.errors import ArwatchError, FrameError
from arwatch.telling.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from arwatch.commands.models import Result, Seen
    from arwatch.settings import Background

ENDINGS = (".jpg", ".jpeg", ".png")
PANEL = 760
"""Columns of each of the four parts of a picture."""
WIDTH = 80
"""Columns of the text."""
ABOUT = """\
Both models of the sky on the same frame. The picture shows above what each
takes for sky, below what it leaves, each pair in one stretch. Good is an even
ground up to the corners, with nebulae and galaxies left whole. The numbers are
in % of the sky: below zero the edges are darker than the middle, because too
much was taken off there.
"""


class PictureError(ArwatchError):
    """A picture cannot be written where it was to be."""


def compare(frames: list[Path], output: Path | None, settings: Background) -> int:
    """Print figures and write a picture for each frame; gives how many frames could not be compared.

    Parameters
    ----------
    frames
        To read.
    output
        Folder for the pictures; of one frame also the picture. None: the folder that the command runs in.
    settings
        Of both models.

    Raises
    ------
    PictureError
        A picture cannot be written.
    """
    if output is not None:
        _refuse(output, len(frames))
    console = Console(highlight=False)
    click.echo(ABOUT)
    advised: Counter[str] = Counter()
    for number, path in enumerate(frames, 1):
        count = f"frame {number} of {len(frames)}: " if len(frames) > 1 else ""
        try:
            with console.status(f"{count}{escape(printable(path.name))} by both models"):
                frame = formats.read(path)
                seen = models.seen(frame, settings, PANEL)
        except (FrameError, OSError, ValueError) as error:
            say(f"{path}: {error}{_cure(error)}")
            continue
        model, reason = advice(seen, settings.model)
        advised[model] += 1
        click.echo(f"{printable(path.name)}, {frame.mosaic.shape[1]} x {frame.mosaic.shape[0]} pixels\n")
        click.echo("\n".join(table(seen)))
        picture = _save(path, output, seen)
        for line in (f"{reason}", f"Picture: {printable(str(picture))}"):
            click.echo("\n".join(broken(line, WIDTH, indent=0)))
        click.echo()
    failed = len(frames) - advised.total()
    if len(frames) > 1 and advised:
        told = ", ".join(f'model = "{model}" for {count}' for model, count in advised.most_common())
        click.echo(f"Of {len(frames)} frames: {told}{f'; {failed} could not be compared' if failed else ''}.")
    return failed


def table(seen: Seen) -> Iterator[str]:
    """Give the lines of a table of what each model leaves."""
    rims = [result.rim for result in seen.results]
    rows: dict[str, list[float | None]] = {
        "edges against the middle": [None if rim is None else 100 * rim.level for rim in rims],
        "corners against the middle": [None if rim is None else 100 * rim.corners for rim in rims],
        "noise of a box (60 along the frame)": [None if rim is None else 100 * rim.noise for rim in rims],
        "light of nebulae and galaxies": [100 * result.objects for result in seen.results],
    }
    yield f"  {'left by model, % of the sky':40}{''.join(f'{result.asked:>10}' for result in seen.results)}"
    for name, values in rows.items():
        signed = "+" if "against" in name else ""
        cells = ("?" if value is None else f"{value:{signed}.2f}" for value in values)
        yield f"  {name:40}{''.join(f'{cell:>10}' for cell in cells)}"
    yield f"  {'seconds':40}{''.join(f'{result.seconds:10.1f}' for result in seen.results)}\n"


def advice(seen: Seen, current: str) -> tuple[str, str]:
    """Give the model to choose, and why, for people who have the model `current` in their settings."""
    choose = {
        model: f'keep model = "{model}"' if model == current else f'set model = "{model}" in [background]'
        for model in ("mesh", "smooth")
    }
    mesh, smooth = seen.results
    doubt = "" if smooth.quality is None else smooth.quality.doubt
    if smooth.used != "smooth":
        return "mesh", f"The smooth model fails on this frame ({doubt}): {choose['mesh']}."
    if mesh.rim is None or smooth.rim is None:
        return "mesh", f"The frame is too small to measure its edges: {choose['mesh']}, or judge by the picture."
    more = smooth.objects > 1.1 * mesh.objects + 0.0005
    kept = ", and keeps more of nebulae and galaxies" if more else ""
    flatter = abs(smooth.rim.level) < abs(mesh.rim.level)
    unsure = f" But it is not sure of it ({doubt}): judge by the picture." if doubt else ""
    if mesh.rim.is_dark and flatter:
        far = f"{-100 * mesh.rim.level:.1f} % darker than the middle, smooth {abs(100 * smooth.rim.level):.1f} % off"
        what = f"The mesh leaves the edges {far}{kept}"
        return "smooth", f"{what}: {choose['smooth']}.{unsure}"
    if more:
        what = "Smooth keeps more of nebulae and galaxies"
        return "smooth", f"{what}: {choose['smooth']}.{unsure}"
    if mesh.rim.is_dark:
        return "mesh", "Neither leaves the edges even; a smaller [background] scale lets smooth follow more."
    what = "Both leave the edges as bright as the middle, within the noise of a box"
    return "mesh", f"{what}: {choose['mesh']}."


def _refuse(output: Path, frames: int) -> None:
    """Say before the work begins where a picture cannot be written."""
    if output.is_dir():
        return
    if output.suffix.lower() not in ENDINGS:
        raise PictureError(f"--output {output}: no such folder, and no name of a picture ({', '.join(ENDINGS)})")
    if frames > 1:
        raise PictureError(f"--output {output}: {frames} frames make as many pictures; name a folder that is there")
    if not output.absolute().parent.is_dir():
        raise PictureError(f"--output {output}: no such folder: mkdir {output.absolute().parent}")
    if output.exists() or output.is_symlink():
        raise PictureError(f"{output} is there already, and nothing is replaced: choose another name")


def _save(frame: Path, output: Path | None, seen: Seen) -> Path:
    """Draw and write a picture; gives its path."""
    names: Iterator[Path]
    if output is not None and not output.is_dir():
        names = iter([output])
    else:
        folder = (output or Path()).absolute()
        numbers = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
        names = (folder / f"{frame.stem}.models{number}.jpg" for number in numbers)
    left = [panel._replace(title=f"left by {panel.title}") for panel in models.left_of(seen.results)]
    rows = [_surfaces(seen.results), left]
    for path in names:
        try:
            pictures.save(path, rows)
        except FileExistsError:
            continue
        except OSError as error:
            cure = "--output FOLDER writes the picture elsewhere"
            raise PictureError(f"{path} cannot be written ({error.strerror}): {cure}") from error
        return path
    raise PictureError(f"{output} is there already, and nothing is replaced: choose another name")


def _surfaces(results: tuple[Result, ...]) -> list[pictures.Panel]:
    """Draw what the models take for sky, in one stretch from the darkest to the brightest of it."""
    all_of_them = np.concatenate([result.surface.ravel() for result in results])
    black, white = (float(value) for value in np.percentile(all_of_them, (0.1, 99.9)))
    span = 1.05 * max(white - black, 0.01)
    titles = (f"taken for sky by {result.used}" for result in results)
    return [
        pictures.Panel(title, result.surface, black, span, linear=True)
        for title, result in zip(titles, results, strict=True)
    ]


def _cure(error: Exception) -> str:
    refused = any(isinstance(reason, PermissionError) for reason in (error, error.__cause__))
    return ": chmod +r it, or let an account that may read it do this" if refused else ""
