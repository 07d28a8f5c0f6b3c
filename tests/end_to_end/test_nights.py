"""A night's figures by the commands that people and programs read them with."""

import csv
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest

import arwatch.commands
from arwatch import simulate
from arwatch.simulate import Scene
from end_to_end.programs import arwatch as command
from end_to_end.programs import daemon

TONIGHT = simulate.tonight(600, 800)
SCENE = Scene(height=600, width=800, stars=150, vignetting=0.0, exposure=TONIGHT.exposure)
MOVE = (7.3, -4.6)
"""Of the second frame's stars, pixels."""


@pytest.fixture
def captures(tmp_path):
    """Give a folder with two frames of one field, the second one moved."""
    folder = tmp_path / "captures"
    stars = simulate.render(SCENE).stars
    moved = tuple(replace(star, x=star.x + MOVE[0], y=star.y + MOVE[1]) for star in stars)
    for seconds, field in ((0, stars), (40, moved)):
        exposure = replace(SCENE.exposure, taken=SCENE.exposure.taken + timedelta(seconds=seconds))
        list(simulate.camera(folder, frames=1, scene=replace(SCENE, stars=field, exposure=exposure)))
    return folder


@pytest.fixture(autouse=True)
def history_of_its_own(tmp_path, monkeypatch):
    """Let commands have a history of their own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_frames_are_measured_and_matched_to_each_other(captures):
    done = command("measure", "--json", captures)
    assert done.returncode == 0, done.stderr
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["frame"], second["frame"]) == ("DSC00001.ARW", "DSC00002.ARW")
    for name in ("fwhm_px", "stars", "sky_adu", "noise_adu"):
        assert first[name].keys() == {"red", "green", "blue"}
    assert first["fwhm_px"]["green"] == pytest.approx(3.0, rel=0.04)
    assert first["sky_adu"]["green"] == pytest.approx(800, rel=0.05)
    assert (first["dx_px"], first["dy_px"]) == pytest.approx((0, 0), abs=0.1)
    assert (second["dx_px"], second["dy_px"]) == pytest.approx(MOVE, abs=0.15)
    assert second["transparency"] == pytest.approx(1.0, abs=0.05)
    assert second["field"] == first["field"]
    table = command("measure", captures / "DSC00001.ARW").stdout
    assert "DSC00001.ARW" in table
    assert max(map(len, table.splitlines())) <= 80


def test_what_cannot_be_measured_is_told_and_the_others_are(captures):
    (captures / "DSC00003.ARW").write_bytes(b"no frame" * 1000)
    done = command("measure", "--json", captures)
    assert done.returncode == 1
    *_, broken = map(json.loads, done.stdout.splitlines())
    assert (broken["frame"], broken["code"], broken["hfd_px"]) == ("DSC00003.ARW", "not_raw", None)
    assert "DSC00003.ARW: the file is not a camera raw file" in done.stderr


def test_a_night_that_was_processed_is_shown_and_chosen_from(captures, tmp_path):
    assert "no ledger" in command("night").stderr
    assert command("process", captures).returncode == 0
    shown = command("night").stdout
    assert "2 frames, 60 s exposed" in shown
    assert "star size" in shown
    assert max(map(len, shown.splitlines())) <= 80
    night = json.loads(command("night", "--json").stdout)
    assert [frame["frame"] for frame in night["frames"]] == ["DSC00001.ARW", "DSC00002.ARW"]
    assert night["frames"][1]["dx_px"] == pytest.approx(MOVE[0], abs=0.15)
    assert night["totals"]["exposure_s"] == 60
    rows = list(csv.DictReader(command("night", night["night"], "--csv").stdout.splitlines()))
    assert float(rows[0]["fwhm_px_green"]) == night["frames"][0]["fwhm_px"]["green"]

    chosen = tmp_path / "chosen"
    done = command("select", "--keep", "fwhm_px < 3.5", "--best", "1", "--output", chosen)
    assert "1 of 2 frames kept" in done.stdout
    (link,) = (chosen / "lights").iterdir()
    assert link.resolve().parent == captures
    assert link.name in (chosen / "weights.csv").read_text()
    assert "It is number 2 of 2" in (chosen / "rejected.txt").read_text()
    again = command("select", "--best", "50%", "--output", chosen)
    assert (again.returncode, "is not empty" in again.stderr) == (1, True)


def test_clouds_of_a_simulated_night_are_told_from_when_they_came(tmp_path):
    folder = tmp_path / "captures"
    size = ("--frames", 25, "--size", "400x600")
    taken = command("simulate", folder, "--night", *size, "--events", "clouds", "--seed", 4, "--truth")
    assert taken.returncode == 0, taken.stderr
    assert command("process", folder).returncode == 0
    night = json.loads(command("night", "--json").stdout)
    truth = json.loads((folder / "night.truth.json").read_text())
    assert f"arwatch night {night['night']}" in taken.stderr
    names = [frame["frame"] for frame in truth["frames"]]
    assert [frame["frame"] for frame in night["frames"]] == names
    (told,), (event,) = night["conditions"], truth["events"]
    assert told["cause"] == "clouds"
    begins = [frame["when"] for frame in night["frames"]]
    assert abs(begins.index(told["onset"]) - names.index(event["onset"])) <= 3
    clear = [i for i, frame in enumerate(truth["frames"]) if not frame["causes"]]
    for i in clear:
        sizes = (night["frames"][i]["fwhm_px"]["green"], truth["frames"][i]["fwhm_px"]["green"])
        assert sizes[0] == pytest.approx(sizes[1], rel=0.06)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["night", "2001-01-01"], "no frame of the night of 2001-01-01"),
        (["night", "yesterday"], "is no night"),
        (["select", "--keep", "fwhm < 3"], "did you mean fwhm_px?"),
        (["select", "--keep", "__import__('os').remove('x')"], "cannot stand there"),
        (["select", "--best", "all"], "write 80%"),
        (["select"], "say what is good"),
    ],
)
def test_mistakes_are_explained(captures, args, says):
    command("process", captures)
    done = command(*args)
    assert done.returncode != 0
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_status_tells_programs_and_people_how_the_night_goes(captures, tmp_path):
    schema = json.loads((Path(arwatch.commands.__file__).parent / "status.schema.json").read_text())
    with daemon(tmp_path, captures) as running:
        running.wait_for("frame.written", 2)
        done = command("status", "--json", captures, "--config", tmp_path / "arwatch.toml")
        people = command("status", captures, "--config", tmp_path / "arwatch.toml").stdout
        assert running.stop() == 0
    status = json.loads(done.stdout)
    jsonschema.validate(status, schema)
    assert (done.returncode, status["state"], status["attention"]) == (0, "good", [])
    assert status["last"]["frame"] == "DSC00002.ARW"
    assert status["tonight"]["frames"] == 2
    assert "last:    DSC00002.ARW of " in people
    after = command("status", "--json", captures, "--config", tmp_path / "arwatch.toml")
    assert (after.returncode, json.loads(after.stdout)["state"]) == (3, "not running")
