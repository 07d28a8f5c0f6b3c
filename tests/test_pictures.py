"""Pictures for people, and what they show: both models of the sky on one frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from arwatch.commands.models import left_of, seen, title_of, triple
from arwatch.commands.pictures import GAP, TITLE, Panel, binned, save, shared_stretch
from arwatch.model.frame import Frame
from arwatch.settings import Background
from arwatch.simulate import andromeda, render
from scenes import BAYER, XTRANS, tiled

RGGB = np.array([[0, 1], [3, 2]], np.uint8)


@pytest.mark.parametrize("colors", [*BAYER.values(), XTRANS], ids=[*BAYER, "X-Trans"])
@pytest.mark.parametrize("shape", [(48, 72), (50, 73)])
def test_each_band_is_the_mean_of_its_own_samples(colors: np.ndarray, shape: tuple[int, int]) -> None:
    values = np.array([100.0, 20.0, 7.0, 20.0])[tiled(colors, shape)] + np.arange(shape[1]) // 12
    picture = binned(values, colors.astype(np.uint8), 6)
    assert picture.shape == (4, 6, 3)
    assert picture[0, 0] == pytest.approx([100, 20, 7])
    assert picture[:, 3].mean(0) == pytest.approx([103, 23, 10])


def test_a_picture_is_as_wide_as_was_asked_for_at_most() -> None:
    for width in (1, 7, 50, 1000):
        assert binned(np.ones((40, 100)), RGGB, width).shape[1] <= max(width, 1)
    assert binned(np.ones((40, 100)), RGGB, 1000).shape == (20, 50, 3)


def test_the_darkest_and_the_faint_show_in_one_stretch() -> None:
    flat, dark = np.zeros((20, 30, 3)), np.zeros((20, 30, 3))
    dark[0] = -0.2
    black, span = shared_stretch(flat, dark)
    assert black < -0.2
    assert 0.05 < (0 - black) / span < 0.3


@pytest.mark.parametrize(("name", "kind"), [("a.png", "PNG"), ("a.jpg", "JPEG"), ("a.jpeg", "JPEG")])
def test_a_picture_is_of_the_kind_that_its_name_says(tmp_path: Path, name: str, kind: str) -> None:
    panel = Panel("what it is", np.full((20, 30, 3), 0.5), 0.0, 1.0, linear=True)
    save(tmp_path / name, [[panel, panel], [panel, panel]])
    with Image.open(tmp_path / name) as picture:
        assert picture.format == kind
        assert picture.size == (60 + GAP, 40 + 2 * TITLE + GAP)
        assert picture.getpixel((15, TITLE + 10)) == pytest.approx((128,) * 3, abs=2)
        assert np.asarray(picture)[:TITLE, :30].min() < 100, "the title"
    with pytest.raises(FileExistsError):
        save(tmp_path / name, [[panel]])


@pytest.fixture(scope="module")
def frame() -> Frame:
    return Frame(mosaic=render(andromeda(600, 900)).mosaic, colors=RGGB, black_level=512, white_level=16383)


def test_both_models_are_seen_on_one_frame(tmp_path: Path, frame: Frame) -> None:
    both = seen(frame, Background(box_size=20), 100)
    mesh, smooth = both.results
    assert (mesh.used, smooth.used) == ("mesh", "smooth")
    for result in both.results:
        # nothing is lost: what was taken for sky and what is left are the frame
        np.testing.assert_allclose(result.surface + result.left, both.before, atol=1e-4)
        assert np.median(result.surface) == pytest.approx(1, abs=0.1)
        assert result.rim is not None
        assert result.objects > 0.001
        assert result.seconds > 0
    assert mesh.rim.is_dark
    assert mesh.rim.level < -0.03
    assert abs(smooth.rim.level) < 0.01
    titles = [panel.title for panel in triple(both)]
    assert titles == ["the frame", 'model = "mesh"', 'model = "smooth"']
    assert {(panel.black, panel.span) for panel in left_of(both.results)} == {shared_stretch(mesh.left, smooth.left)}
    save(tmp_path / "a.jpg", [triple(both)])


def test_a_model_that_failed_is_called_so(frame: Frame) -> None:
    small = Frame(mosaic=frame.mosaic[:64, :96], colors=RGGB, black_level=512, white_level=16383)
    mesh, smooth = seen(small, Background(box_size=16), 100).results
    assert (mesh.used, smooth.used) == ("mesh", "mesh")
    assert title_of(smooth) == 'model = "smooth" failed, mesh in its place'
    assert smooth.rim is None
