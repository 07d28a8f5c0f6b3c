"""A worker's frames and the files that lie under their outputs' names: nothing of anybody else's is replaced."""

from __future__ import annotations

import hashlib
import os
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits as astropy_fits

from arwatch.model.frame import Exposure
from arwatch.model.job import KEEP, Job, Replace, Source
from arwatch.model.outcome import Outcome, Skipped, Written
from arwatch.output import fits
from arwatch.output.naming import output_names
from arwatch.platform.fs import look
from arwatch.process.run import process
from arwatch.settings import Background, Output, Settings
from arwatch.simulate import Scene, arw_bytes, render
from fits_support import names

SMALL = Scene(height=96, width=128, stars=3)
OTHER_SETTINGS = Settings(background=Background(box_size=20))
RENEW, FORCE, OVERWRITE = Replace(outdated=True), Replace(outdated=True, current=True), Replace(foreign=True)
PLAIN = "a.bkg_subtracted.fits"


def put(path: Path, number: int = 1, hour: int | None = None) -> Path:
    """Write a frame; another number is another frame, `hour` is when it was taken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    taken = None if hour is None else datetime(2026, 11, 21, hour)  # noqa: DTZ001 - a camera's clock
    path.write_bytes(arw_bytes(render(SMALL, number).mosaic, Exposure(taken=taken)))
    return path


def work(
    path: Path, replace: Replace = KEEP, settings: Settings | None = None, folder: Path | None = None, **facts: bool
) -> Outcome:
    """Let a worker process a frame, as the scheduler would give it."""
    seen = look(path)
    assert seen is not None
    settings = settings or Settings()
    if folder:
        settings = settings.model_copy(update={"output": Output(folder=str(folder))})
    place = folder or path.parent
    job = Job(
        source=Source(path, *seen),
        output=place / output_names(path, settings.output)[0],
        root=place,
        settings=settings,
        replace=replace,
        **facts,
    )
    return process(job)


def written(outcome: Outcome) -> Written:
    assert isinstance(outcome, Written), outcome
    return outcome


def skipped(outcome: Outcome) -> Skipped:
    assert isinstance(outcome, Skipped), outcome
    return outcome


def is_of(output: Path, source: Path) -> bool:
    made = fits.provenance(output)
    return made is not None and hashlib.sha256(source.read_bytes()).hexdigest().startswith(made.fingerprint)


def test_two_cards_with_the_same_names_in_one_output_folder(tmp_path: Path) -> None:
    one, two, out = put(tmp_path / "A" / "a.ARW", 1), put(tmp_path / "B" / "a.ARW", 2), tmp_path / "out"
    first, second = (written(work(path, RENEW, folder=out)) for path in (one, two))
    assert (first.output.name, first.left_alone) == (PLAIN, None)
    assert second.left_alone == f"{PLAIN} belongs to another frame"
    assert is_of(first.output, one)
    assert is_of(second.output, two)
    again = [skipped(work(path, RENEW, folder=out)).output for path in (one, two)]
    assert again == [first.output, second.output]
    assert len(names(out)) == 2


def test_frames_of_the_same_size_and_time_are_told_apart_by_their_content(tmp_path: Path) -> None:
    """A card's file system tells times to two seconds, and all frames of a camera may have one size."""
    one, two, out = put(tmp_path / "A" / "a.ARW", 1), put(tmp_path / "B" / "a.ARW", 2), tmp_path / "out"
    for path in (one, two):
        os.utime(path, ns=(10**18, 10**18))
    work(one, folder=out)
    assert is_of(written(work(two, folder=out)).output, two)


def untouched(path):
    """Give what changes where somebody writes; reading changes the time of access."""
    found = path.lstat()
    return found.st_mode, found.st_ino, found.st_size, found.st_mtime_ns


@pytest.mark.parametrize("kind", ["a notebook's FITS", "a text", "a folder", "a dead link", "a damaged output"])
def test_what_is_not_arwatch_s_is_left_alone(tmp_path: Path, kind: str) -> None:
    path, plain = put(tmp_path / "a.ARW"), tmp_path / PLAIN
    if kind == "a notebook's FITS":
        astropy_fits.PrimaryHDU(np.ones((4, 4))).writeto(plain)
    elif kind == "a text":
        plain.write_text("mine")
    elif kind == "a folder":
        plain.mkdir()
    elif kind == "a dead link":
        plain.symlink_to("nowhere")
    else:
        work(path)
        plain.write_bytes(plain.read_bytes()[:-1])
    before = untouched(plain)
    outcome = written(work(path, FORCE))
    assert outcome.left_alone == f"{PLAIN} is not arwatch's"
    assert is_of(outcome.output, path)
    assert untouched(plain) == before
    assert skipped(work(path, RENEW)).output == outcome.output


def test_overwrite_replaces_what_is_another_s(tmp_path: Path) -> None:
    one, two, out = put(tmp_path / "A" / "a.ARW", 1), put(tmp_path / "B" / "a.ARW", 2), tmp_path / "out"
    work(one, folder=out)
    outcome = written(work(two, OVERWRITE, folder=out))
    assert (outcome.output, outcome.left_alone) == (out / PLAIN, None)
    assert is_of(out / PLAIN, two)
    (out / PLAIN).write_text("mine")
    assert is_of(written(work(one, OVERWRITE, folder=out)).output, one)
    assert names(out) == [PLAIN]


def test_the_camera_s_counter_begins_again(tmp_path: Path) -> None:
    """The path is the same; the exposure's time tells the frames apart."""
    path = put(tmp_path / "a.ARW", 1, hour=20)
    first = written(work(path)).output
    (tmp_path / "archive").mkdir()
    path.rename(tmp_path / "archive" / "a.ARW")
    put(path, 2, hour=23)
    outcome = written(work(path))
    assert outcome.left_alone == f"{PLAIN} belongs to another frame"
    assert is_of(first, tmp_path / "archive" / "a.ARW")
    assert is_of(outcome.output, path)
    assert skipped(work(path)).output == outcome.output


@pytest.mark.parametrize(("fresh", "outputs"), [(False, 1), (True, 2)])
def test_without_a_time_a_new_file_is_another_frame_only_where_the_old_one_had_gone(
    tmp_path: Path, *, fresh: bool, outputs: int
) -> None:
    path = put(tmp_path / "a.ARW", 1)
    work(path)
    put(path, 2)
    assert is_of(written(work(path, fresh=fresh)).output, path)
    assert len(list(tmp_path.glob("*.fits"))) == outputs


def test_a_frame_that_returns_under_its_name_is_the_same_frame(tmp_path: Path) -> None:
    path = put(tmp_path / "a.ARW", 1)
    first = written(work(path)).output
    os.utime(path)
    assert skipped(work(path, fresh=True)).output == first


@pytest.mark.parametrize("way", ["link/a.ARW", "night/../night/a.ARW", "copy/a.ARW"])
@pytest.mark.parametrize("folder", ["out", ""])
def test_the_same_frame_over_another_path_has_its_output(tmp_path: Path, way: str, folder: str) -> None:
    path = put(tmp_path / "night" / "a.ARW")
    (tmp_path / "link").symlink_to("night")
    put(tmp_path / "copy" / "a.ARW")
    out = tmp_path / folder if folder else None
    first = written(work(path, folder=out)).output
    outcome = work(tmp_path / way, folder=out)
    if way.startswith("copy") and not folder:
        assert written(outcome).output.parent.name == "copy"
    else:
        assert os.path.realpath(skipped(outcome).output) == str(first)
        assert len(list(first.parent.glob("*.fits"))) == 1


def test_a_frame_whose_name_was_taken_keeps_its_output_over_a_link(tmp_path: Path) -> None:
    (tmp_path / "night").mkdir()
    (tmp_path / "night" / PLAIN).write_text("mine")
    path = put(tmp_path / "night" / "a.ARW")
    (tmp_path / "link").symlink_to("night")
    first = written(work(tmp_path / "link" / "a.ARW")).output
    assert skipped(work(path)).output.samefile(first)


def test_an_output_under_the_name_that_version_0_1_gave_is_found(tmp_path: Path) -> None:
    path = put(tmp_path / "a.ARW")
    old = tmp_path / output_names(path, Output())[1]
    written(work(path)).output.rename(old)
    assert skipped(work(path)).output == old


def test_other_settings_keep_or_renew(tmp_path: Path) -> None:
    path = put(tmp_path / "a.ARW")
    work(path)
    kept = skipped(work(path, KEEP, OTHER_SETTINGS))
    assert (kept.outdated, kept.recipe) == (True, fits.provenance(tmp_path / PLAIN).recipe)
    renewed = written(work(path, RENEW, OTHER_SETTINGS))
    assert (renewed.renewed, renewed.output) == (True, tmp_path / PLAIN)
    assert not skipped(work(path, KEEP, OTHER_SETTINGS)).outdated
    assert not written(work(path, FORCE, OTHER_SETTINGS)).renewed
    assert names(tmp_path) == ["a.ARW", PLAIN]


def test_a_frame_that_was_rewritten_is_made_again_also_where_outputs_are_kept(tmp_path: Path) -> None:
    path = put(tmp_path / "a.ARW", 1)
    work(path)
    put(path, 2)
    assert not written(work(path, KEEP, OTHER_SETTINGS)).renewed
    assert is_of(tmp_path / PLAIN, path)


@pytest.mark.parametrize("rival", ["another program", "a worker with the same frame"])
def test_somebody_takes_the_name_while_the_output_is_written(tmp_path: Path, rival: str) -> None:
    """An audit hook takes it when the temporary file is opened; it cannot be removed, only be without effect."""
    path, plain, spare = put(tmp_path / "a.ARW"), tmp_path / PLAIN, tmp_path / "spare"
    written(work(path)).output.rename(spare)
    waiting = [True]

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if waiting and event == "open" and str(arguments[0]).startswith(".arwatch-"):
            waiting.clear()
            if rival == "another program":
                plain.write_text("mine")
            else:
                plain.write_bytes(spare.read_bytes())

    sys.addaudithook(hook)
    outcome = work(path)
    assert not waiting
    if rival == "another program":
        assert plain.read_text() == "mine"
        assert written(outcome).left_alone == f"{PLAIN} is not arwatch's"
    else:
        assert skipped(outcome).output == plain
        assert names(tmp_path) == ["a.ARW", PLAIN, "spare"]
