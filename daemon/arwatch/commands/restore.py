"""`arwatch restore`: raw mosaics from outputs, of single files or of all in a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from arwatch.commands.options import say
from arwatch.commands.owner import hand_over
from arwatch.errors import ArwatchError
from arwatch.output.fits import restore_file
from arwatch.telling.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from arwatch.settings import Output


class RestoreError(ArwatchError):
    """Nothing can be restored like this; the text says what to do."""


def restore(paths: Sequence[Path], output: Path | None, settings: Output, *, force: bool) -> int:
    """Restore outputs, and print the names of the files that were made; gives how many could not be.

    Parameters
    ----------
    paths
        Outputs, or folders of these.
    output
        File, or folder where there are several; None: beside each output, `.raw.fits` for `.fits`.
    settings
        Say how outputs are called.
    force
        Replace what is there.
    """
    files, several = _files(paths, settings)
    if several and output is not None:
        output.mkdir(parents=True, exist_ok=True)
    failed = there = 0
    for fits in files:
        target = _target(fits, output)
        if target.exists() and not force:
            if not several:
                raise RestoreError(f"{target} exists already: name another file with -o, or give --force")
            there += 1
            continue
        try:
            if target.exists() and target.samefile(fits):
                raise RestoreError(f"{target} cannot be restored onto itself: name another file with -o")
            restore_file(fits, target)
        except ArwatchError as error:
            failed += 1
            say(f"{fits}: {error}" if str(fits) not in str(error) else str(error))
        else:
            hand_over(target)
            click.echo(printable(str(target)))
    if there:
        say(f"{there} of {len(files)} exist already and were kept: --force replaces them")
    return failed


def _files(paths: Sequence[Path], settings: Output) -> tuple[list[Path], bool]:
    """Give the outputs to restore, and whether they may be several."""
    endings = (settings.suffix.lower(), f"{settings.suffix.lower()}.fz")
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if _is_output(file.name, endings))
            if not inside:
                raise RestoreError(f"{path}: no output of arwatch in this folder; they end in {settings.suffix}")
            files += inside
        elif not path.exists():
            raise RestoreError(f"{path}: no such file or folder")
        else:
            files.append(path)
    return list(dict.fromkeys(files)), len(paths) > 1 or paths[0].is_dir()


def _is_output(name: str, endings: tuple[str, ...]) -> bool:
    return name.lower().endswith(endings) and not name.startswith(".")


def _target(fits: Path, output: Path | None) -> Path:
    raw = f"{fits.name.removesuffix('.fz').removesuffix('.fits')}.raw.fits"
    if output is None:
        return fits.with_name(raw)
    return output / raw if output.is_dir() else output
