"""Every command as a user types it."""

import shlex
import signal
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from arwatch import __version__, formats
from arwatch.simulate import Scene, camera
from end_to_end.programs import ARWATCH, PATIENCE_S, arwatch

COMMANDS = ["run", "process", "simulate", "demo", "check", "verify", "restore", "retry"]
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
        (["simulate", "x", "--size", "big"], 2, "is no size"),
        (["simulate", "/proc/x"], 1, "/proc/x"),
        (["restore", __file__], 1, "it is no FITS file"),
        (["verify", __file__], 1, ""),
        (["process", "/dev/null"], 1, "no such file"),
        (["retry"], 2, "--all"),
        (["procces"], 2, "No such command"),
    ],
)
def test_mistakes_are_explained(tmp_path, args, code, says):
    done = arwatch(*args, cwd=tmp_path)
    assert done.returncode == code
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_list_of_commands_is_whole_sentences():
    commands = arwatch("--help").stdout.partition("Commands:")[2].splitlines()[1:]
    assert all(line.endswith(".") and not line.endswith("..") for line in commands)


def test_frames_in_subfolders_are_hinted_at(night):
    done = arwatch("process", night.parent)
    assert done.returncode == 1
    assert "subfolders" in done.stderr


def test_outputs_go_where_and_as_the_command_says(night, tmp_path):
    (tmp_path / "arwatch.toml").write_text(f'[output]\nfolder = "{tmp_path / "elsewhere"}"\nsuffix = ".fit"\n')
    (tmp_path / "here").mkdir()
    done = arwatch(
        "process", night, "--config", "arwatch.toml", "--profile", "siril", "-o", "here/lights", cwd=tmp_path
    )
    assert "2 written" in done.stdout
    outputs = sorted((tmp_path / "here" / "lights").iterdir())
    assert [path.name for path in outputs] == ["DSC00001.fit", "DSC00002.fit"]
    assert fits.getdata(outputs[0], 0).shape == (SMALL.height, SMALL.width)
    assert not (tmp_path / "elsewhere").exists()
    assert len(list(night.iterdir())) == 2


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
