"""Every command as a user types it."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import time
import tomllib
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from arwatch import __version__, formats
from arwatch.errors import FailureCode
from arwatch.ledger.store import Ledger
from arwatch.simulate import Scene, camera, render, write_arw
from end_to_end.programs import ARWATCH, PATIENCE_S, arwatch, daemon

COMMANDS = ["run", "process", "simulate", "demo", "check", "verify", "compare", "restore", "retry", "failed", "logs"]
COMMANDS += ["measure", "night", "select", "config", "status", "version", "install-completion", "help"]
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
    example = text.partition("Example: ")[2].partition("\n\n")[0]
    assert f"arwatch {command}" in example
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
        (["procces"], 2, "did you mean `arwatch process`?"),
        (["stop"], 2, "`sudo systemctl stop arwatch`"),
        (["strat"], 2, "`sudo systemctl start arwatch`"),
        (["x\ny"], 2, "there is no command"),
        (["."], 2, "`arwatch run FOLDER` watches a folder"),
        (["xyzzy"], 2, "`arwatch --help` lists them"),
        (["run", "x", "--since", "soon"], 2, "is no time: write 20:30"),
        (["status"], 3, "no folders in the settings"),
        (["retry", "--all"], 1, "there is no ledger in"),
        (["failed"], 1, "there is no ledger in"),
        (["restore", "/nonexistent"], 1, "no such file or folder"),
        (["restore", "."], 1, "no output of arwatch in this folder"),
        (["check", "--config", "none.toml"], 78, "cannot be read: No such file"),
        (["config", "--show", "--config", "none.toml"], 78, "cannot be read"),
        (["install-completion", "--shell", "csh"], 2, "bash"),
    ],
)
def test_mistakes_are_explained(tmp_path, args, code, says):
    done = arwatch(*args, cwd=tmp_path, env=os.environ | {"XDG_STATE_HOME": str(tmp_path / "state")})
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
    (tmp_path / "out").mkdir()
    for number, card in enumerate(("A", "B")):
        (tmp_path / card).mkdir()
        write_arw(tmp_path / card / "DSC00001.ARW", render(SMALL, number).mosaic)
        done = arwatch("process", tmp_path / card, "--config", config)
        assert done.returncode == 0, done.stdout
    assert "belongs to another frame" in " ".join(done.stdout.split())
    assert len(list((tmp_path / "out").iterdir())) == 2
    again = arwatch("process", tmp_path / "A", tmp_path / "A" / ".." / "A", tmp_path / "A", "--config", config)
    assert "0 written, 1 skipped, 0 failed" in again.stdout


def test_process_says_that_it_waits_for_room(night, tmp_path):
    config = tmp_path / "arwatch.toml"
    config.write_text("[disk]\nmin_free_mib = 999999999\n")
    program = [*ARWATCH, "process", str(night), "--config", str(config)]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as waiting:
        line = waiting.stderr.readline()
        waiting.kill()
    assert line.startswith(f"{night}: ")
    assert "MiB are wanted ([disk] min_free_mib and the outputs): make room. Until then its frames wait" in line


def test_a_folder_for_outputs_is_not_made_in_place_of_a_disk_that_is_away(night, tmp_path):
    config, away = tmp_path / "a.toml", tmp_path / "disk" / "fits"
    config.write_text(f'[output]\nfolder = "{away}"\n')
    done = arwatch("process", night, "--config", config)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(f"{away} is not there: mount its disk, or make it: mkdir -p {away}\n")
    assert not away.parent.exists()


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


def test_a_failed_frame_that_is_not_there_any_more_is_not_waited_for(tmp_path):
    absent, config = tmp_path / "a.ARW", tmp_path / "arwatch.toml"
    config.write_text(f'[state]\nfolder = "{tmp_path / "state"}"\n')
    ledger = Ledger(tmp_path / "state")
    ledger.saw(absent, live=True)
    ledger.failed(absent, None, FailureCode.READ, "I/O error")
    done = arwatch("retry", "--all", "--config", config)
    assert done.stderr == f"arwatch: {absent} is not there any more: nothing to try again\n"
    assert done.stdout.startswith("0 of 1 failed frames will be tried again")
    assert ledger.get(absent).state == "gone"
    ledger.close()
    assert arwatch("retry", "--all", "--config", config).stdout == "no frame has failed that was not dealt with\n"


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


def test_rows_are_in_the_order_of_the_frames_and_there_is_no_empty_table(night):
    write_arw(night / "DSC00000.ARW", render(SMALL).mosaic)
    os.utime(night / "DSC00000.ARW")  # the newest
    done = arwatch("process", night)
    rows = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("DSC")]
    assert rows == ["DSC00001.ARW", "DSC00002.ARW", "DSC00000.ARW"]
    assert re.search(
        r"^3 written, 0 skipped, 0 failed in [\d.]+ s, [\d.]+ s a frame; [\d.]+ s to start$", done.stdout, re.MULTILINE
    )
    for number in range(3, 70):
        (night / f"DSC{number:05}.ARW").hardlink_to(night / "DSC00001.ARW")
    arwatch("process", night)
    assert "sky R" not in arwatch("process", night).stdout


def test_process_says_what_it_left_out_in_subfolders(night):
    list(camera(night / "below", frames=1, scene=SMALL))
    done = arwatch("process", night)
    assert done.returncode == 0
    assert f"left out: 1 frame in 1 subfolder of {night}; --recursive" in done.stderr
    done = arwatch("process", "--recursive", night)
    assert "1 written, 2 skipped" in done.stdout
    assert done.stderr == ""


def test_the_outputs_of_a_folder_are_restored_by_one_command(night):
    assert arwatch("process", night).returncode == 0
    done = arwatch("restore", night)
    assert done.returncode == 0, done.stderr
    assert [Path(line).name for line in done.stdout.splitlines()] == [
        f"DSC0000{n}.bkg_subtracted.raw.fits" for n in (1, 2)
    ]
    again = arwatch("restore", night)
    assert (again.returncode, again.stdout) == (0, "")
    assert "2 of 2 exist already and were kept: --force replaces them" in again.stderr
    assert arwatch("restore", night, "-o", night / "raw").returncode == 0
    assert len(list((night / "raw").iterdir())) == 2


# -- settings --------------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path):
    """The environment of a user with nothing but a settings file."""
    config = tmp_path / "config" / "arwatch" / "arwatch.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[watch]\nfolders = ["{tmp_path}/watched"]\nsettle_s = 0.3\n')
    names = {"XDG_CONFIG_HOME": "config", "XDG_STATE_HOME": "state", "HOME": "."}
    environment = os.environ | {name: str(tmp_path / place) for name, place in names.items()}
    environment.pop("ARWATCH_CONFIG", None)
    return config, environment


def test_commands_find_the_user_s_settings_and_name_them(home, night):
    config, environment = home
    shown = arwatch("config", "--show", env=environment).stdout
    assert shown.startswith(f"# settings: {config}\n")
    assert tomllib.loads(shown)["watch"]["folders"] == [f"{config.parents[2]}/watched"]
    assert re.search(r"^settle_s = 0.3 +# file$", shown, re.MULTILINE)
    assert re.search(r"^rescan_s = 60.0 +# default$", shown, re.MULTILINE)
    assert f"ok   settings     {config} is valid" in arwatch("check", env=environment).stdout
    assert f"{config.parents[2]}/watched: is not there" in arwatch("status", env=environment).stdout
    assert f"with {config} yet" in arwatch("retry", "--all", env=environment).stderr
    # the folders in the settings are not what was asked for here
    assert "2 written" in arwatch("process", night, env=environment).stdout
    other = config.with_name("other.toml")
    other.write_text("")
    for named in ({"args": ["--config", other]}, {"ARWATCH_CONFIG": str(other)}):
        args = named.pop("args", [])
        assert arwatch("config", "--show", *args, env=environment | named).stdout.startswith(f"# settings: {other}\n")


def test_the_default_settings_can_be_begun_with():
    printed = arwatch("config").stdout
    assert printed == (Path(__file__).parents[2] / "config.example.toml").read_text(encoding="utf-8")


# -- beside a daemon -------------------------------------------------------------------------------------------


def test_process_does_not_work_against_a_daemon(night, tmp_path):
    with daemon(tmp_path, night) as running:
        assert running.named("service.started")[0]["settings"] == str(tmp_path / "arwatch.toml")
        running.wait_for("frame.written", 2)
        done = arwatch("process", night)
        assert done.returncode == 1
        assert f"{night} is watched by arwatch process {running.process.pid} on " in done.stderr
        assert "--output DIR" in done.stderr
        assert arwatch("process", night, "--output", night).returncode == 1, "that is where it writes, too"
        assert "2 written" in arwatch("process", night, "--output", tmp_path / "mine").stdout
        assert arwatch("status", night).returncode == 0
        assert running.stop() == 0
    done = arwatch("status", night)
    assert done.returncode == 3
    assert "is not watched" in done.stdout


def test_a_run_leaves_alone_what_was_there_before(night, tmp_path):
    list(camera(night / "below", frames=1, scene=SMALL))
    with daemon(tmp_path, night, "--new-only") as running:
        (scanned,) = running.wait_for("watch.scanned")
        assert (scanned["waiting"], scanned["left_alone"]) == (0, 2)
        assert "--recursive" in running.wait_for("watch.subfolders")[0]["reason"]
        write_arw(night / "new.ARW", render(SMALL).mosaic)
        running.wait_for("frame.written", frame="new.ARW")
        assert running.stop() == 0
    assert [path.name for path in night.glob("*.fits")] == ["new.bkg_subtracted.fits"]
    with daemon(tmp_path, night, "--recursive") as running:
        (scanned,) = running.wait_for("watch.scanned")
        assert scanned["waiting"] == 3
        running.wait_for("frame.written", 3)
        assert running.stop() == 0


def test_the_demo_replaces_nothing_of_the_user_s(tmp_path):
    mine = {name: tmp_path / name for name in ("arwatch.toml", "captures/DSC00001.ARW")}
    for path in mine.values():
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    done = arwatch("demo", "--frames", 1, "--size", "300x400", "--folder", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 written, 0 skipped, 0 failed in" in done.stdout
    assert f"all of it may be deleted: {tmp_path}/arwatch-demo" in done.stdout
    assert {path.read_text() for path in mine.values()} == {"mine"}
    assert {path.name for path in tmp_path.iterdir()} == {"arwatch.toml", "captures", "arwatch-demo"}


def test_the_demo_counts_what_was_done_when_ctrl_c_came(tmp_path):
    captures = tmp_path / "demo" / "captures"
    command = [*ARWATCH, "demo", "--frames", "9", "--size", "300x400", "--folder", str(captures.parent)]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    deadline = time.monotonic() + PATIENCE_S
    while not list(captures.glob("*.fits")) and time.monotonic() < deadline:
        time.sleep(0.01)
    demo.send_signal(signal.SIGINT)
    told, _ = demo.communicate(timeout=PATIENCE_S)
    done = len(list(captures.glob("*.fits")))
    assert f"{done} written, 0 skipped, 0 failed" in told
    assert f"interrupted, {9 - done} left" in told


def test_demo_shows_the_main_job(tmp_path):
    done = arwatch("demo", "--frames", 2, "--size", "300x400", "--folder", tmp_path / "demo")
    assert done.returncode == 0, done.stderr
    assert "2 written, 0 skipped, 0 failed" in done.stdout
    assert "frame.written" in done.stderr
    assert (tmp_path / "demo" / "before_mesh_smooth.jpg").read_bytes().startswith(b"\xff\xd8\xff")
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
