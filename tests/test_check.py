"""`arwatch check` tells what does not fit the machine or the frames, each with its cure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from arwatch.commands.check import rim
from arwatch.commands.check.folders import Folders
from arwatch.commands.check.machine import _workers
from arwatch.platform.machine import GIB
from arwatch.settings import Settings, Workers
from arwatch.simulate import Scene, camera


def found(tmp_path: Path, **sections: dict[str, object]) -> dict[str, str]:
    """Give what is not well about the folders, by what was looked at."""
    state = {"folder": str(tmp_path / "state")}
    settings = Settings.model_validate({"state": state, **sections})
    with Folders([], None) as folders:
        return {finding.what: finding.how for finding in folders.findings(settings) if finding.state != "ok"}


@pytest.fixture
def night(tmp_path: Path) -> Path:
    list(camera(tmp_path / "night", frames=1, scene=Scene(height=64, width=96, stars=0)))
    return tmp_path / "night"


def watching(folder: Path, **more: object) -> dict[str, object]:
    return {"folders": [str(folder)], **more}


def test_what_fits_is_not_complained_of(tmp_path: Path, night: Path) -> None:
    assert found(tmp_path, watch=watching(night), background={"box_size": 32}) == {}


def test_the_folder_of_the_latest_picture(tmp_path: Path, night: Path) -> None:
    def told(latest: object, **more: object) -> dict[str, str]:
        preview = {"latest": str(latest), **more}
        return found(tmp_path, watch=watching(night), background={"box_size": 32}, preview=preview)

    assert told(tmp_path / "latest.jpg") == {}
    away = tmp_path / "www/latest.jpg"
    assert told(away) == {"preview": f"{away.parent} is not there: mkdir it, or correct [preview] latest"}
    assert told(away, enabled=False) == {}


def test_a_box_larger_than_the_frames(tmp_path: Path, night: Path) -> None:
    told = found(tmp_path, watch=watching(night))
    assert told == {
        "box": "[background] box_size = 100 is larger than DSC00001.ARW (96 x 64 pixels): set it lower",
    }


def test_patterns_that_match_nothing(tmp_path: Path, night: Path) -> None:
    (night / "DSC2.ARW").touch()
    told = found(tmp_path, watch=watching(night, patterns=["*.nef"]))["patterns"]
    assert told == (
        f"{night}: none of its 2 files matches *.nef; there are *.ARW: correct [watch] patterns if these are frames"
    )
    assert "patterns is empty" in found(tmp_path, watch=watching(night, patterns=[]))["patterns"]


def test_frames_in_subfolders(tmp_path: Path, night: Path) -> None:
    told = found(tmp_path, watch=watching(night.parent))
    assert told["subfolders"] == f"not watched: 1 frame in 1 subfolder of {night.parent}; [watch] recursive = true"
    assert "subfolders" not in found(tmp_path, watch=watching(night.parent, recursive=True))


def test_a_path_that_means_something_else_for_a_service(tmp_path: Path) -> None:
    told = found(tmp_path, watch=watching(Path("captures")))
    assert told["path"].startswith("captures depends on the folder that arwatch is started in")
    assert "disk" not in told, "of a disk that is away nothing is known"


def test_folders_that_are_not_there(tmp_path: Path) -> None:
    told = found(tmp_path, watch=watching(tmp_path / "gone"), output={"folder": str(tmp_path / "out")})
    assert told["folder"] == f"{tmp_path}/gone is not there: mount its disk, or correct [watch] folders"
    assert told["outputs"] == (
        f"{tmp_path}/out is not there: arwatch waits for it and never makes it: mount its disk, or mkdir it"
    )
    assert not (tmp_path / "out").exists()


def test_dark_edges_on_the_newest_frame(tmp_path: Path) -> None:
    def told(**background: object) -> list[tuple[str, str]]:
        sections = {"watch": watching(tmp_path), "background": {"box_size": 25} | background}
        return [(found.state, found.how) for found in rim.findings(Settings.model_validate(sections))]

    assert told() == [], "no frame"
    flat = Scene(height=400, width=600, stars=0, gradient=(0, 0), vignetting=0)
    list(camera(tmp_path, frames=1, scene=flat))
    assert told() == [("ok", "DSC00001.ARW gets edges as bright as its middle")]
    list(camera(tmp_path, frames=1, scene=replace(flat, vignetting=0.5)))
    ((state, how),) = told()
    assert state == "warn"
    assert how.startswith("DSC00002.ARW gets edges ")
    assert f'% darker than its middle: [background] model = "smooth" mends it; see `arwatch compare {tmp_path}' in how
    assert told(model="smooth") == [], "it was chosen"
    assert told(box_size=100) == [], "too few boxes to tell"
    (tmp_path / "DSC00003.ARW").write_text("no frame")
    assert told() == [], "others tell of it"


@pytest.mark.parametrize(
    ("settings", "state", "says"),
    [
        ({"memory_mib": 10}, "fail", "a frame of 24 Mpx needs 300, one of 61 Mpx 460; set it higher, or to 0"),
        ({"memory_mib": 400}, "warn", "memory_mib = 400"),
        ({"count": 99}, "fail", "not more than 13 fit; set [workers] count lower, or to 0"),
    ],
)
def test_workers_that_do_not_fit(settings: dict[str, int], state: str, says: str) -> None:
    told = [finding for finding in _workers(Workers(**settings), 4 * GIB) if finding.state != "ok"]
    assert [finding.state for finding in told] == [state]
    assert says in told[0].how
