"""Frames land, FITS appear: the installed daemon on real files."""

import contextlib
import os
import shutil
import signal
import sqlite3
import threading
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from arwatch import formats
from arwatch.daemon.looker import PART_S
from arwatch.ledger.history import History
from arwatch.ledger.store import Ledger
from arwatch.simulate import Scene, arw_bytes, camera, render, write_arw
from arwatch.sky.reference import subtract_background_reference
from end_to_end.programs import PATIENCE_S, arwatch, daemon

SMALL = Scene(height=300, width=400, stars=20)
FRAMES = os.environ.get("ARWATCH_FRAMES")


def output_of(path):
    return path.with_name(path.stem + ".bkg_subtracted.fits")


def assert_equals_reference(path, output=None):
    frame = formats.read(path)
    expected = subtract_background_reference(frame.mosaic, frame.colors).mosaic
    with fits.open(output or output_of(path)) as hdus:
        assert hdus[0].data is None
        assert {"DATE", "PATH"} <= set(hdus[0].header)
        assert hdus[1].data.dtype == ">f4"
        np.testing.assert_allclose(hdus[1].data, expected, rtol=0, atol=0.02)


def trickle(path, data, chunks=20):
    """Write as a download does: under the final name, with pauses; the pauses are those of flushing to disk."""
    with path.open("wb") as file:
        for start in range(0, len(data), -(-len(data) // chunks)):
            file.write(data[start : start + -(-len(data) // chunks)])
            file.flush()
            os.fsync(file.fileno())


def test_arrivals_of_all_kinds(tmp_path):
    night = tmp_path / "night"
    night.mkdir()
    shot = render(SMALL)
    write_arw(night / "before.ARW", shot.mosaic)
    with daemon(tmp_path, night) as running:
        running.wait_for("frame.written", frame="before.ARW")
        trickle(night / "chunks.ARW", arw_bytes(render(SMALL, 2).mosaic))
        hidden = night / ".renamed.ARW.Xa3f2K"
        write_arw(hidden, render(SMALL, 3).mosaic)
        (night / "bad.ARW").write_text("this is a shopping list")
        hidden.rename(night / "renamed.arw")
        (night / "picture.JPG").write_bytes(b"\xff\xd8\xff")
        for name in ("chunks.ARW", "renamed.arw"):
            (written,) = running.wait_for("frame.written", frame=name)
            assert written["path"] == str(night / name)
            assert written["output"] == str(output_of(night / name))
            assert 900 < written["red_level"] < 1000
            assert 5 < written["green_noise"] < 80
            assert 0.3 <= written["since_complete_s"] < PATIENCE_S
        (failed,) = running.wait_for("frame.failed", frame="bad.ARW")
        assert failed["code"] == "not_raw"
        assert running.stop() == 0
    for path in (night / "before.ARW", night / "chunks.ARW", night / "renamed.arw"):
        assert_equals_reference(path)
        own = [event["event"] for event in running.events if event.get("frame") == path.name]
        own = [name for name in own if name != "frame.waiting"]  # the machine may rest in the middle of a download
        assert own == ["frame.seen", "frame.settled", "frame.written"]
    assert running.events[-1]["event"] == "service.stopped"
    assert (running.events[-1]["written"], running.events[-1]["failed"]) == (3, 1)
    assert {path.name for path in night.iterdir() if path.name.startswith(".")} == set()


def test_sigterm_in_the_middle_of_a_frame_finishes_it(tmp_path):
    night = tmp_path / "night"
    night.mkdir()
    shot = render(Scene(height=2848, width=4272))
    with daemon(tmp_path, night, settings="[workers]\ncount = 1\nthreads = 1\n") as running:
        for name in ("a.ARW", "b.ARW"):
            write_arw(night / f".{name}", shot.mosaic)
        for name in ("a.ARW", "b.ARW"):  # at once, so that the first is not done before the second has settled
            (night / f".{name}").rename(night / name)
        running.wait_for("frame.settled", count=2)
        assert running.stop() == 0
    (stopping,) = running.named("service.stopping")
    assert stopping["in_work"] == 1
    assert len(running.named("frame.written")) == 1
    with fits.open(running.named("frame.written")[0]["output"]) as hdus:
        assert hdus[1].data.shape == (2848, 4272)
    with daemon(tmp_path, night) as running:
        running.wait_for("frame.written")
        running.stop()
    assert all(output_of(night / name).exists() for name in ("a.ARW", "b.ARW"))


OTHER_METHOD = "[background]\nbox_size = 50\n"


def frame_events(running):
    return [event["event"] for event in running.events if event["event"].startswith("frame.")]


def test_a_restart_does_nothing_twice_and_keeps_what_was_made_with_other_settings(tmp_path):
    night = tmp_path / "night"
    list(camera(night, frames=3, scene=SMALL))
    with daemon(tmp_path, night) as running:
        running.wait_for("frame.written", count=3)
        running.stop()
    with daemon(tmp_path, night) as running:
        running.wait_for("service.ready")
        assert running.stop() == 0
    assert (frame_events(running), running.named("outputs.kept")) == ([], [])
    output_of(night / "DSC00003.ARW").unlink()
    before = {path: path.read_bytes() for path in night.glob("*.fits")}
    with daemon(tmp_path, night, settings=OTHER_METHOD) as running:
        (kept,) = running.wait_for("outputs.kept")
        running.wait_for("frame.written")
        running.stop()
    assert kept["frames"] == 2
    assert f"arwatch process {night}" in kept["reason"]
    assert [event["frame"] for event in running.named("frame.written")] == ["DSC00003.ARW"]
    assert {path: path.read_bytes() for path in before} == before
    shutil.rmtree(tmp_path / "state")
    with daemon(tmp_path, night, settings=OTHER_METHOD) as running:
        (kept,) = running.wait_for("outputs.kept")
        running.wait_for("frame.skipped", count=3)
        running.stop()
    assert running.named("ledger.created")
    assert (kept["frames"], len(running.named("outputs.kept"))) == (2, 1)


def test_what_a_reload_makes_outdated_is_kept_told_once_and_renewed_by_process(tmp_path):
    night, config = tmp_path / "night", tmp_path / "arwatch.toml"
    list(camera(night, frames=2, scene=SMALL))
    with daemon(tmp_path, night) as running:
        running.wait_for("frame.written", count=2)
        config.write_text(config.read_text() + OTHER_METHOD)
        running.process.send_signal(signal.SIGHUP)
        (kept,) = running.wait_for("outputs.kept")
        assert kept["frames"] == 2
        list(camera(night, frames=1, scene=SMALL))
        running.wait_for("frame.written", count=3)
        running.stop()
    assert len(running.named("outputs.kept")) == 1
    done = arwatch("process", night, "--config", config, "--keep")
    assert "0 written, 3 skipped" in done.stdout
    assert "other settings" in " ".join(done.stdout.split())
    done = arwatch("process", night, "--config", config)
    assert "2 written, 1 skipped" in done.stdout
    assert done.stdout.count("(renewed)") == 2
    with daemon(tmp_path, night, settings=OTHER_METHOD) as running:
        running.stop()  # the ledger has heard of it
    assert (frame_events(running), running.named("outputs.kept")) == ([], [])


def test_what_lies_under_an_output_s_name_and_is_not_the_frame_s_is_left_alone(tmp_path):
    """The counter begins again after the first frame was moved away; a notebook has written another one's name."""
    night, archive = tmp_path / "night", tmp_path / "archive"
    night.mkdir()
    archive.mkdir()
    path, other = night / "DSC00001.ARW", night / "DSC00002.ARW"
    fits.PrimaryHDU(np.ones((4, 4))).writeto(output_of(other))
    notebook_s = output_of(other).read_bytes()
    with daemon(tmp_path, night) as running:
        write_arw(path, render(SMALL).mosaic, SMALL.exposure)
        running.wait_for("frame.written")
        path.rename(archive / path.name)
        later = replace(SMALL.exposure, taken=SMALL.exposure.taken + timedelta(days=30))
        write_arw(path, render(SMALL, 2).mosaic, later)
        write_arw(other, render(SMALL, 3).mosaic, later)
        events = running.wait_for("frame.written", count=3)
        running.stop()
    told = {event["frame"]: event for event in events}
    assert told[path.name]["reason"].startswith(f"{output_of(path).name} belongs to another frame: this is ")
    assert told[other.name]["reason"].startswith(f"{output_of(other).name} is not arwatch's: this is ")
    assert output_of(other).read_bytes() == notebook_s
    assert_equals_reference(archive / path.name, output_of(path))
    for frame in (path, other):
        assert_equals_reference(frame, told[frame.name]["output"])


def test_a_lost_ledger_has_its_figures_again_out_of_the_outputs(tmp_path):
    night, state = tmp_path / "night", tmp_path / "state"
    list(camera(night, frames=2, scene=SMALL))
    with daemon(tmp_path, night) as running:
        running.wait_for("frame.written", count=2)
        running.stop()
    before = figures_in_history(state)
    assert {name for name in before if before[name].red_level and before[name].iso} == {"DSC00001.ARW", "DSC00002.ARW"}
    shutil.rmtree(state)
    with daemon(tmp_path, night) as running:
        running.wait_for("frame.skipped", count=2)
        running.stop()
    no_work = dict.fromkeys(("decode_s", "subtract_s", "measure_s", "write_s", "preview_s"))
    assert figures_in_history(state) == {name: replace(found, **no_work) for name, found in before.items()}


def figures_in_history(state):
    """Give the newest figures of each frame, by its name."""
    with History(state) as history:
        return {record.path.name: record.figures for record in history.frames()}


def change_ledger(state, statements):
    with contextlib.closing(sqlite3.connect(state / "ledger.sqlite", isolation_level=None)) as ledger:
        ledger.executescript(statements)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("CREATE TRIGGER t BEFORE INSERT ON queue BEGIN SELECT RAISE(ABORT, 'a mistake'); END", "a mistake"),
        ("DROP VIEW states; DROP TABLE queue; PRAGMA user_version = 4", "update arwatch"),
    ],
)
def test_a_mistake_in_arwatch_or_a_later_ledger_ends_the_service_and_leaves_the_ledger(tmp_path, change, says):
    night, state = tmp_path / "night", tmp_path / "state"
    list(camera(night, frames=1, scene=SMALL))
    Ledger(state).close()
    change_ledger(state, change)
    with daemon(tmp_path, night, ready=False) as running:
        assert running.process.wait(PATIENCE_S) == 70
        (failed,) = running.wait_for("service.failed")
    assert says in failed["reason"]
    assert not running.named("ledger.set_aside")
    assert not list(state.glob("*.unreadable*"))


def test_a_ledger_that_is_damaged_in_any_way_is_set_aside_and_rebuilt(tmp_path):
    """None of these may end the daemon, or be taken for a frame that is done."""
    night, state = tmp_path / "night", tmp_path / "state"
    list(camera(night, frames=1, scene=SMALL))
    with daemon(tmp_path, night) as running:
        running.wait_for("frame.written")
        running.stop()
    for change in (
        "ALTER TABLE queue RENAME COLUMN recipe TO recipf",
        "PRAGMA writable_schema = 1; UPDATE sqlite_master SET name = CAST(x'ff' AS TEXT) WHERE name = 'history_paths'",
        "UPDATE history SET size = 'large'",
        "UPDATE history SET reason = CAST(x'ff' AS TEXT)",
        "UPDATE history SET state = 'writtem'",
    ):
        change_ledger(state, change)
        with daemon(tmp_path, night) as running:
            running.wait_for("frame.skipped")
            running.stop()
        assert len(running.named("ledger.set_aside")) == 1, change


def test_an_idle_daemon_stops_at_once(tmp_path):
    """The summary comes before whoever looks at the folders would have been killed for not ending by itself."""
    night = tmp_path / "night"
    night.mkdir()
    with daemon(tmp_path, night, settings="[watch]\nrescan_s = 3600.0\n") as running:
        assert running.stop() == 0
    stopping, stopped = running.events[-2:]
    assert (stopping["event"], stopped["event"]) == ("service.stopping", "service.stopped")
    told = [datetime.fromisoformat(event["time"]) for event in (stopping, stopped)]
    assert (told[1] - told[0]).total_seconds() < 2 * PART_S


def test_nothing_partial_is_ever_visible(tmp_path):
    """Whatever a reader finds under a final name at any moment is whole."""
    night = tmp_path / "night"
    night.mkdir()
    seen, stop = [], threading.Event()

    def read_all_the_time():
        while not stop.is_set():
            for path in night.glob("*.fits"):
                with fits.open(path) as hdus:
                    seen.append(hdus[1].data.shape)

    reader = threading.Thread(target=read_all_the_time, daemon=True)
    with daemon(tmp_path, night) as running:
        reader.start()
        list(camera(night, frames=6, scene=SMALL))
        running.wait_for("frame.written", count=6)
        stop.set()
        reader.join()
        running.stop()
    assert set(seen) == {(300, 400)}


@pytest.mark.skipif(not FRAMES, reason="ARWATCH_FRAMES is not set")
@pytest.mark.timeout(300)
def test_the_frames_of_others(tmp_path):
    night = tmp_path / "night"
    night.mkdir()
    frames = sorted(Path(FRAMES).glob("*.[aA][rR][wW]"))
    foreign = sorted(Path(FRAMES, "foreign").glob("*.arw"))
    assert frames
    assert foreign
    with daemon(tmp_path, night, settings="[watch]\nsettle_s = 0.3\ngive_up_s = 3.0\n") as running:
        for path in (*frames, *foreign):
            trickle(night / path.name, path.read_bytes())
        running.wait_for("frame.written", count=len(frames))
        running.wait_for("frame.failed", count=len(foreign))
        assert running.stop(signal.SIGINT) == 0
    assert {event["frame"] for event in running.named("frame.failed")} == {path.name for path in foreign}
    for path in frames:
        if path.stat().st_size < 10e6:  # the large ones are compared by the engine's own tests
            assert_equals_reference(night / path.name)


def test_a_camera_whose_counter_starts_again_replaces_no_output(tmp_path):
    """Frames without EXIF times: what tells them apart is that the first one was moved away before the second came."""
    night, card = tmp_path / "night", tmp_path / "card"
    night.mkdir()
    card.mkdir()
    path = night / "DSC00001.ARW"
    with daemon(tmp_path, night) as running:
        path.write_bytes(arw_bytes(render(SMALL, 1).mosaic))
        running.wait_for("frame.written")
        first = output_of(path).read_bytes()
        path.rename(card / path.name)
        state = tmp_path / "state"
        with History(state) as history:
            while not history.counts().get("gone"):
                time.sleep(0.05)
        path.write_bytes(arw_bytes(render(SMALL, 2).mosaic))
        second = running.wait_for("frame.written", 2)[1]
        assert running.stop() == 0
    assert output_of(path).read_bytes() == first
    assert Path(second["output"]).exists()
    assert second["reason"].startswith(f"{output_of(path).name} belongs to another frame")
