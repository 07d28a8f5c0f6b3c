"""Every command as a user types it."""

import json
import shlex
import signal
import subprocess
import sys
import textwrap
import tomllib
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from arwatch import __version__, formats
from arwatch.simulate import Scene, camera, render, write_arw
from end_to_end.programs import ARWATCH, PATIENCE_S, arwatch, daemon

COMMANDS = ["run", "process", "simulate", "demo", "check", "verify", "restore", "retry", "failed", "logs"]
SMALL = Scene(height=300, width=400, stars=20)


@pytest.fixture
def night(tmp_path):
    folder = tmp_path / "night"
    list(camera(folder, frames=2, scene=SMALL))
    return folder


def test_version():
    assert arwatch("--version").stdout.split()[-1] == __version__
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_fits_80_columns(command):
    text = arwatch(command, "--help").stdout
    assert f"Example: arwatch {command}" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["run"], 78, "no folder to watch"),
        (["run", "x", "--config", "/nonexistent.toml"], 78, "cannot be read"),
        (["process", "/nonexistent"], 1, "no such file or folder"),
        (["process", "."], 1, "no frame in this folder"),
        (["process", ".", "--force", "--keep"], 2, "give one"),
        (["simulate", "x", "--size", "big"], 2, "is no size"),
        (["simulate", "/proc/x"], 1, "/proc/x"),
        (["restore", __file__], 1, "it is no FITS file"),
        (["verify", __file__], 1, "is not a camera raw file"),
        (["process", "/dev/null"], 1, "no such file"),
        (["retry"], 2, "--all"),
        (["failed", "--config", "arwatch.toml"], 1, "there is no ledger in"),
        (["procces"], 2, "No such command"),
    ],
)
def test_mistakes_are_explained(tmp_path, args, code, says):
    (tmp_path / "arwatch.toml").write_text("[state]\nfolder = '/nonexistent'\n")
    done = arwatch(*args, cwd=tmp_path)
    assert done.returncode == code
    assert says in " ".join((done.stdout + done.stderr).split()), "lines are wrapped"
    assert "Traceback" not in done.stderr


def test_the_list_of_commands_is_whole_sentences():
    commands = arwatch("--help").stdout.partition("Commands:")[2].splitlines()[1:]
    assert {line.split()[0] for line in commands} == {*COMMANDS, "install-service", "uninstall-service"}
    assert all(line.endswith(".") and not line.endswith("..") for line in commands)


def test_frames_in_subfolders_are_hinted_at(night):
    done = arwatch("process", night.parent)
    assert done.returncode == 1
    assert "subfolders" in done.stderr


def test_an_empty_file_is_explained(tmp_path):
    (tmp_path / "DSC00001.ARW").touch()
    done = arwatch("process", tmp_path)
    assert done.returncode == 1
    assert "the file is empty" in " ".join(done.stdout.split())


def test_closed_streams_become_no_other_file_s(night):
    """Without stderr (`2>&-`) a command does its work."""
    done = subprocess.run(
        f"exec {shlex.join([*ARWATCH, 'process', str(night)])} 2>&-", shell=True, check=False, timeout=PATIENCE_S
    )
    assert done.returncode == 0
    assert len(list(night.glob("*.fits"))) == 2


def test_an_interrupt_while_the_program_is_loaded_is_no_traceback():
    code = """
        import os, signal, sys
        class Interrupt:
            def find_spec(self, name, *_):
                if name == "arwatch.cli":
                    os.kill(os.getpid(), signal.SIGINT)
        sys.meta_path.insert(0, Interrupt())
        from arwatch.__main__ import main
        main()
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGINT
    assert done.stderr == ""


def test_process_then_skip_then_force(night):
    first = arwatch("process", night)
    assert first.returncode == 0
    assert "2 written, 0 skipped, 0 failed" in first.stdout
    assert max(map(len, first.stdout.splitlines())) <= 80
    assert "0 written, 2 skipped, 0 failed" in arwatch("process", night).stdout
    assert "2 written, 0 skipped, 0 failed" in arwatch("process", night, "--force").stdout


def test_process_renews_what_was_made_with_other_settings_unless_told_to_keep_it(night, tmp_path):
    config = tmp_path / "other.toml"
    config.write_text("[background]\nbox_size = 50\n")
    assert arwatch("process", night).returncode == 0
    kept = arwatch("process", night, "--config", config, "--keep")
    assert "0 written, 2 skipped, 0 failed" in kept.stdout
    renewed = arwatch("process", night, "--config", config)
    assert "2 written, 0 skipped, 0 failed" in renewed.stdout
    assert renewed.stdout.count("(renewed)") == 2
    assert len(list(night.glob("*.fits"))) == 2


def test_a_file_of_the_user_s_is_replaced_on_request_only(night):
    (night / "DSC00001.bkg_subtracted.fits").write_text("mine")
    first = arwatch("process", night)
    assert "is not arwatch's" in " ".join(first.stdout.split())
    assert (night / "DSC00001.bkg_subtracted.fits").read_text() == "mine"
    for output in night.glob("*~*.fits"):
        output.unlink()
    assert "1 written, 1 skipped, 0 failed" in arwatch("process", night, "--overwrite").stdout
    assert len(list(night.glob("*.fits"))) == 2


def test_two_cards_and_one_output_folder(tmp_path):
    """Both hold DSC00001.ARW: the second one's output gets a name of its own. A folder given twice is one folder."""
    config = tmp_path / "a.toml"
    config.write_text(f'[output]\nfolder = "{tmp_path}/out"\n')
    for number, card in enumerate(("A", "B")):
        (tmp_path / card).mkdir()
        write_arw(tmp_path / card / "DSC00001.ARW", render(SMALL, number).mosaic)
        done = arwatch("process", tmp_path / card, "--config", config)
        assert done.returncode == 0, done.stdout
    assert "belongs to another frame" in " ".join(done.stdout.split())
    assert len(list((tmp_path / "out").iterdir())) == 2
    again = arwatch("process", tmp_path / "A", tmp_path / "A" / ".." / "A", tmp_path / "A", "--config", config)
    assert "0 written, 1 skipped, 0 failed" in again.stdout


def test_process_goes_on_after_a_bad_frame(night):
    (night / "DSC00000.ARW").write_text("no picture")
    done = arwatch("process", night)
    assert done.returncode == 1
    assert "2 written, 0 skipped, 1 failed" in done.stdout
    assert "DSC00000.ARW" in done.stdout


def test_verify_convinces(night):
    done = arwatch("verify", night / "DSC00001.ARW")
    assert done.returncode == 0, done.stderr
    assert "equal within 0.02 ADU" in done.stdout


def test_restore_gives_the_raw_mosaic_back(night):
    assert arwatch("process", night).returncode == 0
    done = arwatch("restore", night / "DSC00001.bkg_subtracted.fits")
    assert done.returncode == 0, done.stderr
    with fits.open(done.stdout.strip()) as hdus:
        raw = next(hdu.data for hdu in hdus if hdu.data is not None)
    again = arwatch("restore", night / "DSC00001.bkg_subtracted.fits")
    assert again.returncode == 1, "nothing is replaced unasked"
    assert np.abs(raw - formats.read(night / "DSC00001.ARW").mosaic.astype(float)).max() <= 0.5


def test_failed_frames_are_listed_and_tried_again(tmp_path):
    """While the daemon runs and after it; a frame that is to be tried again is off the list."""
    folder = tmp_path / "night"
    folder.mkdir()
    bad = folder / "DSC00001.ARW"
    bad.write_text("no picture")
    config = ("--config", tmp_path / "arwatch.toml")
    with daemon(tmp_path, folder) as running:
        running.wait_for("frame.failed")
        done = arwatch("failed", "--json", *config)
        assert done.returncode == 0, done.stderr
        listed = json.loads(done.stdout)
        assert (listed["path"], listed["code"], listed["attempts"], listed["final"]) == (str(bad), "not_raw", 0, True)
        assert datetime.fromisoformat(listed["when"]).tzinfo is not None
        assert arwatch("retry", "--all", *config).returncode == 0
        running.wait_for("frame.failed", count=2)
        running.stop()
    done = arwatch("failed", *config)
    assert "DSC00001.ARW" in done.stdout
    assert "not_raw" in done.stdout
    assert arwatch("retry", bad, folder / "other.ARW", *config).returncode == 1
    assert "no frame has failed" in arwatch("failed", *config).stdout
    assert arwatch("failed", "--json", *config).stdout == ""
    bad.unlink()
    assert list(camera(folder, frames=1, scene=SMALL)) == [bad], "copied again"
    with daemon(tmp_path, folder) as running:
        running.wait_for("frame.written")
        running.stop()
    assert "no frame has failed" in arwatch("failed", *config).stdout


def test_simulate_writes_what_was_asked_for(tmp_path):
    done = arwatch("simulate", tmp_path, "--frames", 2, "--interval", 0, "--size", "100x150", "--truth")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "DSC00001.ARW",
        "DSC00001.truth.npz",
        "DSC00002.ARW",
        "DSC00002.truth.npz",
    ]


def test_demo_shows_the_main_job(tmp_path):
    done = arwatch("demo", "--frames", 2, "--size", "300x400", "--folder", tmp_path / "demo")
    assert done.returncode == 0, done.stderr
    assert "2 written, 0 skipped, 0 failed" in done.stdout
    assert "frame.written" in done.stderr
    assert (tmp_path / "demo" / "before_after.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "demo").rglob("*.bkg_subtracted.fits"))) == 2


def test_check_finds_the_machine_ready_or_says_what_to_do(tmp_path):
    config = tmp_path / "a.toml"
    config.write_text(f'[watch]\nfolders = ["{tmp_path}"]\n[state]\nfolder = "{tmp_path}/state"\n')
    done = arwatch("check", "--config", config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("ready")
    config.write_text(f'[watch]\nfolders = ["{tmp_path}/gone"]\n')
    done = arwatch("check", "--config", config)
    assert done.returncode == 1
    assert "is not there" in done.stdout
    config.write_text("[watch]\nsetle_s = 3\n")
    done = arwatch("check", "--config", config)
    assert done.returncode == 78
    assert "did you mean settle_s?" in done.stderr
