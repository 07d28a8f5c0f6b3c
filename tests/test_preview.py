"""A frame's preview: what it shows, where it lies, and that whatever fails costs only itself."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from arwatch.errors import WriteError
from arwatch.model.frame import Exposure, Frame
from arwatch.model.job import Job, Source
from arwatch.model.outcome import Skipped, Written
from arwatch.output.naming import output_names
from arwatch.output.pictures import band_means, block_of, demosaiced, stretched
from arwatch.output.previews import CROPS, LATEST, keep, preview_name, show_latest
from arwatch.platform.fs import look
from arwatch.process.preview import LONGEST, crops, small
from arwatch.process.run import process
from arwatch.process.subtract import subtract
from arwatch.settings import Background, Preview, Settings
from arwatch.simulate import Scene, arw_bytes, render
from arwatch.sky import render_surface
from fits_support import names
from scenes import BAYER, RGGB, XTRANS, tiled

SMALL = Scene(height=96, width=128, stars=3)
SETTINGS = Settings(background=Background(box_size=16, filter_size=3))
PATTERNS = [*BAYER.values(), XTRANS]
NAMES = [*BAYER, "X-Trans"]
MIB = 1 << 20


def job_of(path: Path, settings: Settings = SETTINGS) -> Job:
    """Give what a daemon with its state beside the frames has to be done."""
    source = Source(path, *(look(path) or (0, 0)))
    output = path.parent / output_names(path, settings.output)[0]
    previews = path.parent / "state/previews"
    return Job(source=source, output=output, root=path.parent, settings=settings, previews=previews)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    path = tmp_path / "DSC00001.ARW"
    path.write_bytes(arw_bytes(render(SMALL, 1).mosaic, Exposure()))
    return job_of(path)


def drawn(mosaic: np.ndarray, colors: np.ndarray = RGGB, **facts) -> tuple[np.ndarray, np.ndarray]:
    """Give the small picture and the crops of a mosaic."""
    frame = Frame(
        **{"mosaic": mosaic, "colors": colors.astype(np.uint8), "black_level": 512, "white_level": 16383} | facts
    )
    job = job_of(Path("/nowhere/a.ARW"))
    subtracted = subtract(frame, job)
    return small(frame, subtracted, job), crops(frame, subtracted)


# -- what it shows -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("colors", PATTERNS, ids=NAMES)
def test_bands_keep_their_colour(colors: np.ndarray) -> None:
    """A red light over a flat sky is red in both pictures, at its place, whatever the pattern."""
    own = tiled(colors, (240, 360))
    mosaic = np.random.default_rng(1).normal(1500, 5, own.shape)
    mosaic[114:126, 174:186] += np.array([1000.0, 0.0, 0.0, 0.0])[own[114:126, 174:186]]
    picture, parts = drawn(mosaic.astype(np.uint16), colors)
    assert picture.dtype == parts.dtype == np.uint8
    y, x = np.unravel_index(np.argmax(picture[:, :, 0]), picture.shape[:2])
    assert (y / len(picture), x / picture.shape[1]) == pytest.approx((0.5, 0.5), abs=0.05)
    red, green, blue = picture[y, x].astype(int)
    assert red > 150
    assert max(green, blue) < 110
    width = (parts.shape[1] - 4 * 4) // 5
    spot = parts[95:105, 2 * (width + 4) + 95 : 2 * (width + 4) + 105].mean((0, 1))
    assert spot[0] > 120
    assert max(spot[1:]) < 100


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("colors", PATTERNS, ids=NAMES)
def test_the_small_picture_is_that_of_the_subtracted_mosaic(colors: np.ndarray, steps: int) -> None:
    """The surface taken off the blocks is the surface taken off the pixels, averaged."""
    shape, pattern = (180, 252), colors.astype(np.uint8)
    block = pattern.shape[0] * steps, pattern.shape[1] * steps
    mosaic = np.random.default_rng(2).integers(500, 3000, shape).astype(np.uint16)
    mesh = 1000 + np.add.outer(np.arange(5.0) ** 2, np.arange(7.0)) * 10
    subtracted = mosaic - render_surface(mesh, shape, 36)
    blocks = band_means(mosaic, pattern, block) - render_surface(mesh, shape, 36, block=block)
    np.testing.assert_allclose(blocks, band_means(subtracted, pattern, block), atol=6)


def test_no_edge_is_longer_than_was_asked_for() -> None:
    for ny, nx in ((4024, 6024), (6024, 4024), (7000, 100), (9, 9)):
        for colors in (RGGB, XTRANS):
            high, wide = block_of((ny, nx), colors, LONGEST)
            assert max(ny // high, nx // wide) <= LONGEST
            assert (high % colors.shape[0], wide % colors.shape[1]) == (0, 0)
    assert block_of((4024, 6024), RGGB, LONGEST) == (4, 4)


@pytest.mark.parametrize("colors", PATTERNS, ids=NAMES)
def test_crops_have_every_band_at_every_pixel(colors: np.ndarray) -> None:
    levels = np.array([30.0, 20.0, 10.0, 20.0])[tiled(colors, (25, 31))]
    expected = np.broadcast_to(np.float32([30, 20, 10]), (25, 31, 3))
    np.testing.assert_allclose(demosaiced(levels, colors.astype(np.uint8)), expected, rtol=1e-6)


def test_the_stretch_rises_and_shows_faint_light_more() -> None:
    light = np.linspace(-100, 7000, 5000)
    grey = stretched(light, -30.0, 6000.0, 500.0).astype(int)
    assert (np.diff(grey) >= 0).all()
    assert (grey[light <= -30] == 0).all()
    assert (grey[light >= 5970] == 255).all()
    sky, nebula = np.interp([0, 10], light, grey)
    assert 40 < sky < 80
    assert nebula - sky > 8


def test_frames_of_a_night_compare() -> None:
    """Half of the light, as by clouds, is darker; another ISO or another depth of the same light is not."""
    spot = np.zeros((240, 360))
    spot[110:130, 170:190] = 400
    noise = np.random.default_rng(3).normal(0, 5, spot.shape)

    def brightest(light: np.ndarray, iso: int | None = 800, **facts) -> int:
        mosaic = np.rint(512 + light).astype(np.uint16)
        return int(np.sort(drawn(mosaic, exposure=Exposure(iso=iso), **facts)[0][:, :, 1], None)[-20])

    clear = brightest(1000 + noise + spot)
    assert brightest(1000 + noise + spot / 2) < clear - 15
    assert brightest(5000 + noise + spot) == pytest.approx(clear, abs=4), "moonlight"
    assert brightest(2 * (1000 + noise + spot), 1600) == pytest.approx(clear, abs=4)
    assert brightest((1000 + noise + spot) / 4, white_level=512 + 3968) == pytest.approx(clear, abs=4), "12 bits"
    assert brightest(1000 + noise + spot, None) == clear, "no EXIF"


@pytest.mark.parametrize("shape", [(96, 128), (97, 131), (300, 90)])
def test_crops_of_small_frames_are_whole(shape: tuple[int, int]) -> None:
    mosaic = np.random.default_rng(4).normal(1500, 5, shape).astype(np.uint16)
    _, parts = drawn(mosaic)
    high, wide = (min(200, edge) // 2 * 2 for edge in shape)
    assert parts.shape == (high, 5 * wide + 16, 3)


# -- where it lies -------------------------------------------------------------------------------------------


def test_a_worker_makes_a_preview_beside_the_output(job: Job) -> None:
    outcome = process(job)
    assert isinstance(outcome, Written)
    assert outcome.no_preview is None
    assert outcome.figures.preview_s > 0
    source = job.source
    name = preview_name(source.path, source.size, source.mtime_ns)
    assert outcome.preview == job.previews / name
    crops_name = outcome.preview.stem + CROPS
    assert sorted(names(job.previews)) == sorted([name, crops_name, LATEST])
    for path, size in ((outcome.preview, (64, 48)), (job.previews / crops_name, (5 * 128 + 16, 96))):
        with Image.open(path) as picture:
            assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", size)
    assert (job.previews / LATEST).read_bytes() == outcome.preview.read_bytes()
    outcome.preview.unlink()
    assert isinstance(process(job), Skipped)
    assert not outcome.preview.exists(), "an output that is there gets no second preview"


@pytest.mark.parametrize("how", ["settings", "no folder"])
def test_none_is_made_unasked(job: Job, how: str) -> None:
    off = replace(job, settings=SETTINGS.model_copy(update={"preview": Preview(enabled=False)}))
    outcome = process(off if how == "settings" else replace(job, previews=None))
    assert isinstance(outcome, Written)
    assert (outcome.preview, outcome.no_preview) == (None, None)
    assert not job.previews.exists()


@pytest.mark.parametrize("case", ["a file in the way", "a link in the way", "latest has no folder"])
def test_a_preview_that_fails_costs_only_itself(job: Job, tmp_path: Path, case: str) -> None:
    state = job.previews.parent
    if case == "latest has no folder":
        preview = Preview(latest=str(tmp_path / "missing/latest.jpg"))
        job = replace(job, settings=SETTINGS.model_copy(update={"preview": preview}))
    elif case == "a file in the way":
        state.write_bytes(b"")
    else:
        state.mkdir()
        (tmp_path / "elsewhere").mkdir()
        job.previews.symlink_to(tmp_path / "elsewhere")
    outcome = process(job)
    assert isinstance(outcome, Written)
    assert outcome.output.exists()
    if case == "latest has no folder":
        assert outcome.preview.exists()
        assert outcome.no_preview.startswith("the picture of the latest frame was not renewed: ")
    else:
        assert outcome.preview is None
        assert outcome.no_preview.startswith("the preview was not kept: ")
    assert not (tmp_path / "elsewhere").exists() or names(tmp_path / "elsewhere") == []


def test_a_name_is_the_frame_s_own() -> None:
    path = Path("/night/DSC00001.ARW")
    name = preview_name(path, 1, 2)
    assert name.startswith("DSC00001-")
    others = {preview_name(Path("/day/DSC00001.ARW"), 1, 2), preview_name(path, 2, 2), preview_name(path, 1, 3)}
    assert len({name, *others}) == 4
    assert len(os.fsencode(preview_name(Path("/night") / ("\N{GRINNING FACE}" * 63), 1, 2))) < 240


def test_the_oldest_go_first_and_nothing_else_does(tmp_path: Path) -> None:
    folder = tmp_path / "state/previews"
    keep(folder, {"seed-0123456789ab.jpg": b""}, 1)
    kept = {"mine.jpg", LATEST, "notes-0123456789ab.txt"}
    for name in kept:
        (folder / name).write_bytes(bytes(MIB))
    outside = tmp_path / "outside.jpg"
    outside.write_bytes(bytes(MIB))
    (folder / "link-0123456789ab.jpg").symlink_to(outside)
    (folder / "folder-0123456789ab.jpg").mkdir()
    for number in range(12):
        name = f"{number:02}-0123456789ab"
        keep(folder, {name + ".jpg": bytes(100_000), name + CROPS: bytes(20_000)}, 1)
        os.utime(folder / (name + ".jpg"), ns=(number, number))
        os.utime(folder / (name + CROPS), ns=(number, number))
    found = set(names(folder))
    assert found >= kept | {"link-0123456789ab.jpg", "folder-0123456789ab.jpg"}
    assert outside.stat().st_size == MIB
    left = sorted(name for name in found if name[:2].isdigit() and name.endswith("ab.jpg"))
    assert left == [f"{number:02}-0123456789ab.jpg" for number in range(12 - len(left), 12)]
    assert 100_000 * 6 < sum((folder / name).stat().st_size for name in found if name[:2].isdigit()) <= MIB


def test_the_latest_is_the_frame_s_that_was_taken_last(tmp_path: Path) -> None:
    latest, hour = tmp_path / "latest.jpg", 3600 * 10**9
    now = time.time_ns()
    for picture, taken, shown in ((b"1", now - 3 * hour, b"1"), (b"3", now - hour, b"3"), (b"2", now - 2 * hour, b"3")):
        show_latest(latest, picture, taken)
        assert latest.read_bytes() == shown
    os.utime(latest, ns=(now + hour, now + hour))  # a clock was wrong
    show_latest(latest, b"4", now)
    assert latest.read_bytes() == b"4"
    assert names(tmp_path) == ["latest.jpg"]


def test_the_latest_replaces_a_link_and_not_what_it_leads_to(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"mine")
    os.utime(target, (0, 0))
    (tmp_path / "latest.jpg").symlink_to(target)
    os.utime(tmp_path / "latest.jpg", (0, 0), follow_symlinks=False)
    show_latest(tmp_path / "latest.jpg", b"picture", time.time_ns())
    assert target.read_bytes() == b"mine"
    assert not (tmp_path / "latest.jpg").is_symlink()
    (tmp_path / "folder.jpg").mkdir()
    os.utime(tmp_path / "folder.jpg", (0, 0))
    with pytest.raises(WriteError, match=r"folder\.jpg could not be written"):
        show_latest(tmp_path / "folder.jpg", b"picture", time.time_ns())
