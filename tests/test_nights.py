"""Nights out of the ledger: each frame once, in its night, with all that is known of it."""

from contextlib import closing
from datetime import date
from pathlib import Path

import numpy as np
import pytest

import arwatch
from arwatch.commands.nights import NoNightError
from arwatch.commands.nights import night as night_of_day
from arwatch.errors import FailureCode
from arwatch.ledger.nights import Nights
from arwatch.ledger.seen import frames_of, frames_since
from arwatch.ledger.store import Ledger
from arwatch.model.figures import Figures
from arwatch.model.job import Look
from arwatch.stars.model import Cells, StarList
from arwatch.stars.sighting import Sighting

ROOT = Path("/night")
EVENING = date(2026, 11, 21)
CELLS = Cells(
    fwhm_px=np.full((6, 8), 2.5, np.float32),
    sky=np.arange(48, dtype=np.float32).reshape(6, 8),
    transparency=np.full((6, 8), np.nan, np.float32),
)


class Book:
    """A ledger that the test fills; times are of the camera's clock, so that the machine's zone does not matter."""

    def __init__(self, folder):
        self.folder = folder
        self.now = 1000.0

    def add(self, name, taken, *, failed=False, skipped=False, gone=False, sighting=b"", **figures):
        path = ROOT / name
        self.now += 1
        with closing(Ledger(self.folder, [ROOT], lambda: self.now)) as ledger:
            ledger.saw(path, live=True)
            ledger.settled(path, Look(10, 5))
            ledger.started(path, path.with_suffix(".fits"), "recipe")
            if failed:
                ledger.failed(path, None, FailureCode.DAMAGED, "rows repeat")
            elif gone:
                ledger.gone(path)
            else:
                known = Figures(taken=taken, exposure_s=60.0, **figures)
                ledger.written(path, 99, known, skipped=skipped, sighting=sighting)

    def frames(self, day=EVENING):
        with Nights(self.folder) as history:
            return frames_of(history, day)


@pytest.fixture
def book(tmp_path):
    return Book(tmp_path)


def test_a_night_goes_from_noon_to_noon_in_the_order_of_the_exposures(book):
    book.add("c.ARW", "2026-11-22T11:59:00")
    book.add("a.ARW", "2026-11-21T12:00:00")
    book.add("next.ARW", "2026-11-22T12:00:00")
    book.add("b.ARW", "2026-11-22T02:00:00")
    assert [frame.path.name for frame in book.frames()] == ["a.ARW", "b.ARW", "c.ARW"]
    assert [frame.path.name for frame in book.frames(date(2026, 11, 22))] == ["next.ARW"]
    with Nights(book.folder) as history:
        assert history.days() == ["2026-11-21", "2026-11-22"]
        assert night_of_day(history)[0] == date(2026, 11, 22)


def test_a_frame_is_there_once_with_what_is_known_best(book):
    book.add("a.ARW", "2026-11-21T20:00:00", green_fwhm_px=2.0)
    book.add("a.ARW", "2026-11-21T20:00:00", skipped=True)
    book.add("b.ARW", "2026-11-21T21:00:00", green_fwhm_px=2.0)
    book.add("b.ARW", "2026-11-21T21:00:00", green_fwhm_px=3.0)
    book.add("c.ARW", "2026-11-21T22:00:00", gone=True)
    a, b = book.frames()
    assert (a.figures.green_fwhm_px, b.figures.green_fwhm_px) == (2.0, 3.0)


def test_failed_frames_have_no_time_but_that_of_their_end(book):
    book.now = 1_795_300_000.0  # 2026-11-21, 22:13 UTC: the same night wherever this machine is, but for a few islands
    book.add("failed.ARW", None, failed=True)
    book.add("mended.ARW", None, failed=True)
    book.add("mended.ARW", "2026-11-21T20:00:00")
    with Nights(book.folder) as history:
        frames = frames_since(history, book.now - 3600)
    assert {(frame.path.name, frame.state) for frame in frames} <= {("failed.ARW", "failed"), ("mended.ARW", "written")}
    assert ("failed.ARW", "failed") in {(frame.path.name, frame.state) for frame in frames}


def test_maps_and_outputs_are_found_by_the_records(book):
    stars = StarList.none((100, 100))
    book.add("a.ARW", "2026-11-21T20:00:00", sighting=Sighting(CELLS, stars).pack())
    book.add("b.ARW", "2026-11-21T21:00:00", sighting=b"damaged")
    a, b = book.frames()
    assert np.array_equal(np.array(a.cells.sky), CELLS.sky)
    assert np.array_equal(np.array(a.cells.fwhm_px), CELLS.fwhm_px)
    assert np.isnan(np.array(a.cells.transparency)).all()
    assert b.cells is None
    with Nights(book.folder) as history:
        assert history.outputs([a.number]) == {a.number: ROOT / "a.fits"}
        assert Sighting.unpack(history.sightings([a.number])[a.number]).stars.shape == (100, 100)


def test_a_night_that_is_not_there_is_told_with_those_that_are(book):
    book.add("a.ARW", "2026-11-21T20:00:00")
    with Nights(book.folder) as history:
        with pytest.raises(NoNightError, match="it has frames of 2026-11-21"):
            night_of_day(history, "2001-01-01")
        with pytest.raises(NoNightError, match="is no night"):
            night_of_day(history, "yesterday")


def test_notebooks_get_tables_with_units(book):
    book.add("a.ARW", "2026-11-21T20:00:00", green_fwhm_px=2.5, green_stars=100)
    book.add("b.ARW", "2026-11-21T21:00:00", green_stars=120)
    nights = arwatch.nights(book.folder)
    assert list(nights) == [EVENING]
    table = nights[EVENING].table()
    assert str(table["green_fwhm_px"].unit) == "pix"
    assert table["green_fwhm_px"].tolist() == [2.5, None]
    assert table["green_stars"].tolist() == [100, 120]
    assert table["exposure_s"].quantity.sum().to_value("min") == 2
    with pytest.raises(KeyError):
        nights[date(2001, 1, 1)]
