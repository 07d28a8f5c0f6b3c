"""The folders of the settings: are they there, may they be written to, and do frames in them match the settings."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from arwatch import formats
from arwatch.commands.check.finding import Finding
from arwatch.commands.install.install import ACCOUNT
from arwatch.commands.install.unitfiles import hidden
from arwatch.errors import ArwatchError
from arwatch.formats.names import is_frame
from arwatch.ledger.store import NAME
from arwatch.output.naming import output_root
from arwatch.platform import paths
from arwatch.platform.fs import NO_MORE_FILES, count_below, scan
from arwatch.work.disk import MIB, free_room

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from arwatch.commands.account import Account
    from arwatch.settings import Settings

EVERYTHING = os.R_OK | os.W_OK | os.X_OK
MOST_NAMES = 10_000
"""So many files of a folder are looked at where none matches."""


class Folders:
    """The settings' folders, opened while we are who we are; what is found is what the account may do, if there is one.

    Parameters
    ----------
    folders
        Absolute.
    account
        Of the service whose view is asked for; None: our own view.
    """

    def __init__(self, folders: Sequence[Path], account: Account | None) -> None:
        self._account = account
        self._opened = ExitStack()
        self._descriptors: dict[Path, int] = {}
        for folder in folders if account is not None else ():
            if hidden(folder) and folder.is_dir():
                # the unit binds it in: whatever the folders above allow, the service reaches it
                self._descriptors[folder] = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
                self._opened.callback(os.close, self._descriptors[folder])

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the folders."""
        self._opened.close()

    def findings(self, settings: Settings) -> Iterator[Finding]:
        """Look at all folders, as who we are now."""
        watched = [Path(name).expanduser().absolute() for name in settings.watch.folders]
        if not watched:
            yield Finding("warn", "folders", "none in the settings: name them at `arwatch run FOLDER`")
        for name in filter(_is_relative, (*settings.watch.folders, settings.output.folder, settings.preview.latest)):
            what = "depends on the folder that arwatch is started in, which for a service is /: write the whole path"
            yield Finding("warn", "path", f"{name} {what}")
        for folder in watched:
            needs = os.R_OK | os.X_OK if settings.output.folder else EVERYTHING
            finding = self._usable("folder", folder, needs, "mount its disk, or correct [watch] folders")
            yield finding
            if finding.state == "ok":
                yield from _frames(folder, settings)
        outputs = watched
        if settings.output.folder:
            outputs = [output_root(settings.output, Path())]
            cure = "arwatch waits for it and never makes it: mount its disk, or mkdir it"
            yield self._usable("outputs", outputs[0], EVERYTHING, cure)
        for folder in filter(self._is_there, outputs):  # of a disk that is away nothing is known
            yield _disk(folder, settings.disk.min_free_mib)
        yield self._state(settings)
        if settings.preview.enabled and settings.preview.folder:
            folder = Path(settings.preview.folder).expanduser().absolute()
            yield self._usable("preview", folder, EVERYTHING, "mkdir it, or correct [preview] latest")

    def _usable(self, what: str, folder: Path, needs: int, otherwise: str) -> Finding:
        if not self._is_there(folder):
            return Finding("fail", what, f"{folder} is not there: {otherwise}")
        if self._account is not None and needs & os.W_OK and not self._is_opened_by_unit(folder):
            unit = self._account.service.unit
            config = f" --config {self._account.service.config}" if "@" in unit else ""
            cure = f"sudo arwatch install-service{config} && sudo systemctl restart {unit}"
            return Finding("fail", what, f"{folder} is read-only for the service: {cure}")
        if not self._may(folder, needs):
            return Finding("fail", what, f"{folder} is not {_allowed(needs)}: {self._permit(folder)}")
        return Finding("ok", what, f"{folder}")

    def _is_there(self, folder: Path) -> bool:
        return folder in self._descriptors or os.path.isdir(folder)  # noqa: PTH112 -- may be below a closed folder

    def _is_opened_by_unit(self, folder: Path) -> bool:
        assert self._account is not None  # noqa: S101 -- asked for an account only
        return any(folder.is_relative_to(place) for place in (*self._account.writable, self._account.state))

    def _may(self, folder: Path, needs: int) -> bool:
        if folder in self._descriptors:
            return os.access(".", needs, dir_fd=self._descriptors[folder])
        return os.access(folder, needs)

    def _permit(self, folder: Path) -> str:
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            return "its file system is mounted read-only: remount it"
        if self._account is None:
            return f"sudo chown {paths.user_name()} {folder}, or chmod it for this user"
        return f"sudo chgrp {ACCOUNT} {folder} && sudo chmod g+rwxs {folder}, then `sudo arwatch install-service`"

    def _state(self, settings: Settings) -> Finding:
        folder = paths.state_folder(settings.state)
        if self._account is None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                return Finding("fail", "state", f"{folder} cannot be made ({error.strerror}): set [state] folder")
        elif not self._is_there(folder) and folder == self._account.state:
            return Finding("ok", "state", f"{folder} is made at the service's first start")
        finding = self._usable("state", folder, EVERYTHING, "make it, or set another [state] folder")
        ledger = folder / NAME
        if finding.state == "ok" and os.path.exists(ledger) and not os.access(ledger, os.R_OK | os.W_OK):  # noqa: PTH110
            owner = f"{ACCOUNT}:{ACCOUNT}" if self._account else paths.user_name()
            return Finding("fail", "state", f"{ledger} cannot be written: sudo chown -R {owner} {folder}")
        return finding


def _allowed(needs: int) -> str:
    return "writable" if needs & os.W_OK else "readable"


def _frames(folder: Path, settings: Settings) -> Iterator[Finding]:
    """Hold the settings against what is in a folder."""
    watch = settings.watch

    def wanted(name: str) -> bool:
        return is_frame(name, watch.patterns, settings.output.suffix)

    frame = next((path for path, _ in scan(folder, wanted, recursive=watch.recursive)), None)
    if frame is None:
        yield from _no_match(folder, settings)
    else:
        yield from _box(frame, settings.background.box_size)
    if not watch.recursive and (below := count_below(folder, wanted)).frames:
        yield Finding("warn", "subfolders", f"not watched: {below} of {folder}; [watch] recursive = true")


def _no_match(folder: Path, settings: Settings) -> Iterator[Finding]:
    """Say so where a folder has files, but the patterns match none."""
    patterns, suffix = settings.watch.patterns, settings.output.suffix
    if not any(patterns):
        yield Finding("fail", "patterns", '[watch] patterns is empty, so no file is a frame: patterns = ["*.arw"]')
    with os.scandir(folder) as entries:
        names = [entry.name for entry in itertools.islice(entries, MOST_NAMES) if is_frame(entry.name, ("*",), suffix)]
    if any(patterns) and names:
        kinds = Counter(Path(name).suffix for name in names)
        most = ", ".join(f"*{kind}" for kind, _ in kinds.most_common(3))
        files = "its only file" if len(names) == 1 else f"none of its {len(names)} files"
        what = f"{folder}: {files} {'does not match' if len(names) == 1 else 'matches'} {', '.join(patterns)}"
        yield Finding("warn", "patterns", f"{what}; there are {most}: correct [watch] patterns if these are frames")


def _box(path: Path, box: int) -> Iterator[Finding]:
    try:
        height, width = formats.read(path).mosaic.shape
    except (ArwatchError, OSError) as error:
        yield Finding("warn", "frames", f"{path.name} cannot be read: {error}")
        return
    if box > min(height, width):
        how = f"[background] box_size = {box} is larger than {path.name} ({width} x {height} pixels): set it lower"
        yield Finding("fail", "box", how)


def _disk(folder: Path, min_free_mib: int) -> Finding:
    free, files = free_room(folder)
    if not files:
        return Finding("fail", "disk", f"{folder}: {NO_MORE_FILES}")
    text = f"{free / MIB / 1024:.1f} GiB free at {folder}"
    if free < min_free_mib * MIB:
        return Finding("fail", "disk", f"{text}, less than [disk] min_free_mib: make room")
    frames = (free - min_free_mib * MIB) // (100 * MIB)
    return Finding("ok" if frames > 100 else "warn", "disk", f"{text}: about {frames} frames of 24 Mpx")


def _is_relative(name: str) -> bool:
    return bool(name) and not Path(name).expanduser().is_absolute()
