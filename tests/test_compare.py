"""`arwatch compare`: both models of the sky on a user's own frames, and which one to choose."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from arwatch import cli
from arwatch.commands import models
from arwatch.commands.compare import advice, table
from arwatch.simulate import andromeda, camera
from arwatch.sky import Quality
from arwatch.sky.rim import Rim


def compare(*arguments: object) -> Result:
    return CliRunner().invoke(cli.main, ["compare", *map(str, arguments)], prog_name="arwatch")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("night")
    list(camera(folder, frames=1, scene=andromeda(400, 600)))
    (folder / "settings.toml").write_text("[background]\nbox_size = 20\n")
    return folder


def test_a_picture_and_figures_of_each_frame(night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "DSC00001.models.jpg").write_text("mine")
    (tmp_path / "DSC00002.ARW").write_text("no frame")
    done = compare(night / "DSC00001.ARW", "DSC00002.ARW", "--config", night / "settings.toml")
    assert done.exit_code == 1, "one is no frame"
    assert "DSC00002.ARW: the file is not a camera raw file" in done.stderr
    assert 'set model = "smooth" in [background]' in " ".join(done.stdout.split())
    assert 'Of 2 frames: model = "smooth" for 1; 1 could not be compared.' in done.stdout
    assert max(map(len, done.stdout.replace(str(tmp_path), "").splitlines())) <= 80
    assert (tmp_path / "DSC00001.models.jpg").read_text() == "mine", "nothing is replaced"
    with Image.open(tmp_path / "DSC00001.models-2.jpg") as picture:
        assert picture.format == "JPEG"
        assert picture.width > picture.height > 300
    assert {path.name for path in night.iterdir()} == {"DSC00001.ARW", "settings.toml"}


@pytest.mark.parametrize(
    ("output", "frames", "says"),
    [
        ("x.gif", 1, "no name of a picture (.jpg, .jpeg, .png)"),
        ("there.png", 1, "is there already, and nothing is replaced"),
        ("gone/x.png", 1, "no such folder: mkdir"),
        ("x.jpg", 2, "2 frames make as many pictures; name a folder"),
    ],
)
def test_where_a_picture_cannot_go_is_said_before_the_work(tmp_path: Path, output: str, frames: int, says: str) -> None:
    for name in ("there.png", *(f"{number}.ARW" for number in range(frames))):
        (tmp_path / name).write_text("mine")
    done = compare(*sorted(tmp_path.glob("*.ARW")), "--output", tmp_path / output)
    assert done.exit_code == 1
    assert says in done.stderr
    assert not done.stdout
    assert (tmp_path / "there.png").read_text() == "mine"


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    assert "no such file or folder" in compare(tmp_path / "x.ARW").stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_told(night: Path, tmp_path: Path) -> None:
    frame = tmp_path / "DSC00001.ARW"
    frame.write_bytes((night / "DSC00001.ARW").read_bytes())
    frame.chmod(0)
    done = compare(frame)
    assert done.exit_code == 1
    assert "Permission denied: chmod +r it" in done.stderr


def result(  # a model's result, as far as advice needs it
    rim: float | None, *, objects: float = 0.0, used: str = "smooth", doubt: str = "", noise: float = 0.01
) -> models.Result:
    nothing = np.zeros((2, 2, 3))
    quality = Quality(used=1.0, residual=0.0, spread=0.0, doubt=doubt)
    measured = None if rim is None else Rim(level=rim, corners=rim, noise=noise)
    return models.Result(
        asked="smooth", used=used, quality=quality, surface=nothing, left=nothing, rim=measured, objects=objects,
        seconds=1.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("mesh", "smooth", "choose", "says"),
    [
        (result(-0.05), result(-0.001), "smooth", "edges 5.0 % darker than the middle, smooth 0.1 % off: set"),
        (result(-0.05), result(0.001, objects=0.02), "smooth", "keeps more of nebulae"),
        (result(-0.05), result(0.0, doubt="clouds"), "smooth", "it is not sure of it (clouds): judge by the picture"),
        (result(0.0), result(0.0, objects=0.02), "smooth", "Smooth keeps more of nebulae and galaxies: set"),
        (result(-0.02), result(-0.03, objects=0.02), "smooth", "Smooth keeps more of nebulae and galaxies: set"),
        (result(0.005), result(-0.005), "mesh", "as bright as the middle, within the noise of a box: keep"),
        (result(-0.02), result(-0.03), "mesh", "Neither leaves the edges even"),
        (result(-0.05), result(-0.05, used="mesh", doubt="too few boxes"), "mesh", "fails on this frame (too few"),
        (result(None), result(None), "mesh", "too small to measure its edges"),
    ],
)
def test_what_is_advised(mesh: models.Result, smooth: models.Result, choose: str, says: str) -> None:
    seen = models.Seen(before=np.zeros((2, 2, 3)), results=(mesh, smooth))
    model, reason = advice(seen, "mesh")
    assert model == choose
    assert says in reason
    assert f'model = "{choose}"' in reason or "Neither" in reason
    assert "set model" not in advice(seen, choose)[1], "it is set already"
    assert all(len(line) <= 80 for line in table(seen))


def test_figures_are_in_per_cent_of_the_sky_and_signed() -> None:
    seen = models.Seen(before=np.zeros((2, 2, 3)), results=(result(-0.0412), result(0.0003, objects=0.0123)))
    lines = {line[2:42].strip(): line[42:].split() for line in table(seen)}
    assert lines["edges against the middle"] == ["-4.12", "+0.03"]
    assert lines["light of nebulae and galaxies"] == ["0.00", "1.23"]
