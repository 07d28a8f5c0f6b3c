"""The service on a real systemd: installed as a user installs it, then everything that a night can do to it."""

from __future__ import annotations

import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from astropy.io import fits

from arwatch import simulate
from end_to_end import systemd_lab
from end_to_end.systemd_lab import Lab, arwatch_command

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("systemd")]

SIZE_MIB = 100
CAPTURES = Path("/srv/captures")
HOME = Path("/home/anna/M 31")
STICK = Path("/mnt/stick/captures")
CONFIG = "/etc/arwatch/arwatch.toml"
SETTINGS = f"""
[watch]
folders = ["{CAPTURES}", "{HOME}", "{STICK}"]
settle_s = 0.3
rescan_s = 3.0
[workers]
count = 1
retry_s = 0.1
[disk]
min_free_mib = 10
[service]
stop_timeout_s = 1.0
"""
MANAGER = """
[Service]
Type=notify
User=%i
Slice=user-%i.slice
Delegate=yes
KillMode=mixed
RuntimeDirectory=user/%i
Environment=XDG_RUNTIME_DIR=/run/user/%i
ExecStart=/lib/systemd/systemd --user
"""
"""A user's service manager as a login starts it, without a login."""
IMPATIENT = "[Service]\nWatchdogSec=8\nRestartSec=200ms\n"


ASK = """
import sqlite3, sys
db = sqlite3.connect("file:/var/lib/arwatch/ledger.sqlite?mode=ro", uri=True)
print(*(state for state, in db.execute("SELECT state FROM states WHERE CAST(path AS TEXT) LIKE ?", sys.argv[1:])))
"""


class Night:
    """The installed service, a camera, and the books that are kept of both."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._taken = 0

    def give(self, count: int = 1, folder: Path = CAPTURES, size: tuple[int, int] = (400, 600)) -> list[str]:
        """Deliver frames; gives their names."""
        names = []
        for _ in range(count):
            self._taken += 1
            shot = simulate.render(simulate.tonight(*size), self._taken)
            name = f"DSC{self._taken:05d}.ARW"
            simulate.write_arw(self.lab.path(folder / name), shot.mosaic)
            names.append(name)
        return names

    def state(self, name: str) -> str:
        """Give what the ledger has of a frame."""
        # inside: SQLite would follow /proc/PID/root to the file's namesake outside
        return self.lab.run(sys.executable, "-I", "-S", "-c", ASK, f"%/{name}").strip()

    def wait(self, names: list[str], state: str = "written") -> None:
        """Wait until the frames are in a state."""
        self.lab.wait(lambda: all(self.state(name) == state for name in names), f"{names} {state}")

    def events(self, event: str) -> list[dict[str, object]]:
        """Give the journal's events of a kind."""
        return [entry for entry in self.lab.events("arwatch") if entry["event"] == event]

    def main(self) -> str:
        """Give the daemon's process id."""
        return self.lab.show("arwatch", "MainPID")

    def worker(self) -> str:
        """Give the worker's process id."""
        servers = self.lab.run("pgrep", "-P", self.main()).split()
        return self.lab.run("pgrep", "-P", ",".join(servers)).strip()

    def processes(self) -> list[str]:
        """Give the ids of the service's processes."""
        group = self.lab.show("arwatch", "ControlGroup")
        return self.lab.run("cat", f"/sys/fs/cgroup{group}/cgroup.procs", check=False).split() if group else []

    def is_running(self) -> bool:
        """Whether the service is ready."""
        return self.lab.show("arwatch", "ActiveState") == "active"

    def status(self) -> str:
        """Give what the service says of itself."""
        return self.lab.show("arwatch", "StatusText")

    def count(self) -> None:
        """Nothing lost, nothing twice, nothing half."""
        told = Counter(str(entry["path"]) for entry in self.events("frame.written"))
        assert not [path for path, times in told.items() if times > 1]
        folders = [folder for folder in map(self.lab.path, (CAPTURES, HOME, STICK)) if folder.exists()]
        frames = [frame for folder in folders for frame in folder.glob("*.ARW")]
        assert len(frames) == self._taken
        for frame in frames:
            with fits.open(frame.with_suffix(".bkg_subtracted.fits"), checksum=True, memmap=False) as hdus:
                assert hdus[1].data.size >= 400 * 600
        found = [path.name for folder in folders for path in folder.iterdir()]
        assert not [name for name in found if name.endswith(".tmp")]
        assert len([name for name in found if name.endswith(".fits")]) == self._taken


@pytest.fixture(scope="module")
def booted_night() -> Iterator[Night]:
    reason = systemd_lab.unavailable()
    if reason and os.environ.get("ARWATCH_REQUIRE_TOOLS") == "1":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    with systemd_lab.booted() as lab:
        lab.run("useradd", "--create-home", "--home-dir", "/home/anna", "anna")
        lab.run("chmod", "700", "/home/anna")
        lab.run("groupadd", "astro")
        lab.run("install", "-d", "-o", "anna", "-g", "astro", "-m", "2775", str(HOME))
        lab.run("mkdir", str(CAPTURES))
        lab.run("mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}M,mode=755", "captures", str(CAPTURES))
        _install(lab)
        yield Night(lab)


def _install(lab: Lab) -> None:
    """Go through what the README and the program itself tell a user to type."""
    lab.path("/tmp/arwatch.toml").write_text(SETTINGS, encoding="utf-8")
    said = lab.run(arwatch_command(), "install-service", "--config", "/tmp/arwatch.toml")
    # the group of the folder in a home lets the service in; for the other folder it says what to do
    (advice,) = re.findall(r"^  sudo (chgrp .*) && sudo (chmod .*)$", said, re.MULTILINE)
    for words in advice:
        lab.run(*words.split())
    drop_in = lab.path("/etc/systemd/system/arwatch.service.d/impatient.conf")
    drop_in.write_text(IMPATIENT, encoding="utf-8")
    lab.run("systemctl", "daemon-reload")
    (start,) = re.findall(r"^  sudo (systemctl enable --now arwatch)$", said, re.MULTILINE)
    lab.run(*start.split())


@pytest.fixture
def night(booted_night: Night) -> Iterator[Night]:
    booted_night.lab.wait(booted_night.is_running, "ready")
    yield booted_night
    booted_night.lab.wait(booted_night.is_running, "ready again")
    booted_night.count()


def test_a_second_installation_changes_nothing(night: Night) -> None:
    said = night.lab.run(arwatch_command(), "install-service")
    assert "written" not in said
    assert "created" not in said
    assert said.count("unchanged") == 3
    assert night.lab.run("systemd-analyze", "verify", "arwatch.service") == ""


def test_ready_means_that_the_folders_are_watched_and_the_kernels_were_there(night: Night) -> None:
    events = [str(entry["event"]) for entry in night.lab.events("arwatch")]
    assert "service.compiling" not in events  # the installation has compiled them, where the service finds them
    assert events.index("watch.started") < events.index("service.ready")
    assert "arwatch.service" in night.lab.run("systemctl", "list-units", "--state=active", "--plain")


def test_the_process_may_do_little(night: Night) -> None:
    for pid in (night.main(), night.worker()):
        status = night.lab.run("cat", f"/proc/{pid}/status")
        facts = dict(re.findall(r"^(\w+):\s+(\S+)", status, re.MULTILINE))
        assert facts["NoNewPrivs"] == "1"
        assert facts["Seccomp"] == "2"
        assert int(facts["CapEff"], 16) == int(facts["CapBnd"], 16) == 0
        within = ["nsenter", "-t", pid, "-m", "-n"]
        for place in ("/etc/x", "/srv/x"):
            assert "Read-only" in night.lab.run(*within, "touch", place, check=False), place
        assert night.lab.run(*within, "ls", "-A", "/home/anna").splitlines() == [HOME.name]
        assert len(night.lab.run(*within, "cat", "/proc/self/net/dev").splitlines()) == 3  # heading and lo


def test_frames_become_fits_and_journal_entries(night: Night) -> None:
    names = night.give(3) + night.give(1, HOME)
    night.wait(names)
    assert {str(entry["frame"]) for entry in night.events("frame.written")} >= set(names)
    parts = r"(waiting|working)", r"\d+ written, 0 failed tonight", f"missing: {STICK}", r"last DSC\d{5} \d+ s ago"
    assert re.fullmatch(" · ".join([*parts, r"sky R \d+ G \d+ B \d+"]), night.status())
    found = night.lab.journal("arwatch", f"ARWATCH_FRAME={names[0]}", "ARWATCH_EVENT=frame.written", "--output=json")
    assert len(found.splitlines()) == 1
    warnings = night.lab.journal("arwatch", "--priority=warning", "--identifier=arwatch", "--output=cat")
    assert "watch.lost" in warnings  # the stick
    assert '"info"' not in warnings
    assert "\x1b" not in night.lab.journal("arwatch", "--output=export")
    shown = night.lab.run(arwatch_command(), "logs", "--no-follow", "-n", "100")
    assert re.search(rf"^\d\d:\d\d:\d\d frame.written   {names[0]} .*R \d+±\d+ ", shown, re.MULTILINE)
    assert re.search(r"^\d\d:\d\d:\d\d systemd +Started arwatch", shown, re.MULTILINE)


def test_logs_shows_what_is_asked_for_and_follows(night: Night) -> None:
    logs = [arwatch_command(), "logs"]
    shown = night.lab.run(*logs, "--no-follow", "--since", "yesterday", "-p", "warning")
    assert re.search(r"^\d\d:\d\d:\d\d watch.lost    ! ", shown, re.MULTILINE)  # the stick
    assert "frame.written" not in shown
    assert "nothing of arwatch.service matches" in night.lab.run(*logs, "--no-follow", "--since", "tomorrow")
    assert night.lab.run(*logs, "--since", "tomorow", check=False).startswith("arwatch: Failed to parse timestamp")
    assert "systemctl status dream.service" in night.lab.run(*logs, "--unit", "dream", check=False)
    follower = night.lab.run("sh", "-c", f"{arwatch_command()} logs -n 1 > /tmp/logs 2>&1 & echo $!").strip()
    followed = night.lab.path("/tmp/logs")
    night.lab.wait(followed.exists, "logs")
    night.lab.wait(followed.read_text, "the last event of before")
    (name,) = night.give()
    night.lab.wait(lambda: f"frame.written   {name} " in followed.read_text(encoding="utf-8"), "followed")
    assert "frame.seen" not in followed.read_text(encoding="utf-8")
    night.lab.run("kill", follower)
    night.wait([name])


@pytest.fixture
def config(night: Night) -> Iterator[Path]:
    """The settings' file, which a test may change."""
    path = night.lab.path(CONFIG)
    yield path
    path.write_text(SETTINGS, encoding="utf-8")
    night.lab.run("systemctl", "reload", "arwatch")


def test_reload_takes_new_settings_and_says_what_has_changed(night: Night, config: Path) -> None:
    main = night.main()
    config.write_text(SETTINGS + '[observer]\nname = "Anna"\n', encoding="utf-8")
    night.lab.run("systemctl", "reload", "arwatch")
    assert night.events("service.reloaded")[-1]["reason"] == "[observer] name: '' -> 'Anna'"
    (name,) = night.give()
    night.wait([name])
    assert fits.getval(night.lab.path(CAPTURES / name).with_suffix(".bkg_subtracted.fits"), "OBSERVER", 1) == "Anna"
    night.lab.run("systemctl", "reload", "arwatch")
    assert night.events("service.reloaded")[-1]["reason"] == "nothing has changed"
    assert night.main() == main


def test_a_reload_with_wrong_settings_fails_and_the_service_goes_on(night: Night, config: Path) -> None:
    main = night.main()
    config.write_text(SETTINGS + "[observer]\nnane = 1\n", encoding="utf-8")
    said = night.lab.run("systemctl", "reload", "arwatch", check=False)
    assert "Job for arwatch.service failed" in said
    assert night.is_running()
    (refused,) = night.events("service.reload_failed")
    mend = "[observer] nane: no such key; did you mean name?"
    line = len(SETTINGS.splitlines()) + 2
    assert refused["reason"] == f"{CONFIG}: 1 setting cannot be used: line {line}: {mend}"
    shown = night.lab.run("systemctl", "status", "--no-pager", "--full", "arwatch")
    assert re.search(rf"arwatch\[\d+\]:   line {line}: {re.escape(mend)}$", shown, re.MULTILINE)
    night.wait(night.give())
    assert night.main() == main
    assert not [path for path in night.lab.path("/run/arwatch").iterdir() if path.suffix == ".reload"]


def test_a_reload_says_what_needs_a_restart(night: Night, config: Path) -> None:
    night.lab.run("install", "-d", "-m", "777", "/srv/new")
    changed = SETTINGS.replace("folders = [", 'folders = ["/srv/new", ') + '[state]\nfolder = "/srv/state"\n'
    config.write_text(changed, encoding="utf-8")
    night.lab.run("systemctl", "reload", "arwatch")
    reason = str(night.events("service.restart_needed")[-1]["reason"])
    assert reason.startswith("[state] folder: the ledger is another one after a restart; /srv/new: ")
    assert "`arwatch install-service` again and restart it" in reason
    night.lab.wait(lambda: "not writable: /srv/new" in night.status(), "told in the status")
    assert "`arwatch install-service` again" in str(night.events("output.blocked")[-1]["reason"])


def test_a_killed_worker_costs_an_attempt(night: Night) -> None:
    main, worker = night.main(), night.worker()
    night.lab.run("kill", "-STOP", worker)
    names = night.give(2)
    night.wait(names[:1], "working")
    night.lab.run("kill", "-KILL", worker)
    night.wait(names)
    assert night.events("worker.lost")[-1]["frame"] == names[0]
    assert night.main() == main


def test_a_killed_daemon_comes_back(night: Night) -> None:
    main = night.main()
    night.lab.run("kill", "-STOP", night.worker())
    names = night.give(2)
    night.wait(names[:1], "working")
    night.lab.run("kill", "-KILL", main)
    names += night.give()
    night.wait(names)
    assert night.main() != main
    assert "code=killed, status=9/KILL" in night.lab.journal("arwatch")


def test_a_frozen_daemon_is_replaced_by_the_watchdog(night: Night) -> None:
    main = night.main()
    night.lab.run("kill", "-STOP", main)
    names = night.give(2)
    night.wait(names)
    assert night.main() != main
    journal = night.lab.journal("arwatch")
    assert "Watchdog timeout" in journal
    assert "Fatal Python error: Aborted" in journal  # and where it was


def test_a_full_disk_is_waited_for(night: Night) -> None:
    filler = night.lab.path(CAPTURES / "filler")
    free = os.statvfs(filler.parent)
    filler.write_bytes(bytes(free.f_bavail * free.f_frsize - (8 << 20)))
    names: list[str] = []

    def is_low_or_written() -> bool:
        return night.status().startswith("disk low") or night.state(names[-1]) == "written"

    while not night.status().startswith("disk low"):  # how full the disk is, is asked every few seconds
        names += night.give()
        night.lab.wait(is_low_or_written, "low or written")
    assert night.state(names[-1]) == "settled"
    assert night.events("disk.low")
    filler.unlink()
    night.wait(names)
    assert night.events("disk.resumed")


def test_a_stop_in_the_middle_of_a_frame_leaves_nothing_half(night: Night) -> None:
    worker = night.worker()
    names = night.give(1, size=(2000, 3000))
    night.wait(names, "working")
    night.lab.run("kill", "-STOP", worker)
    names += night.give()
    night.lab.wait(lambda: night.state(names[1]) == "settled", "the second frame waits")
    night.lab.run("systemctl", "stop", "arwatch")
    assert night.lab.show("arwatch", "Result") == "success"
    assert not [path for path in night.lab.path(CAPTURES).iterdir() if path.name.endswith(".tmp")]
    assert night.events("service.stopped")[-1]["waiting"] == 2
    night.lab.run("systemctl", "start", "arwatch")
    night.wait(names)


def test_a_disk_that_is_plugged_in_later_is_watched_and_may_be_written_to(night: Night) -> None:
    night.lab.run("mkdir", "-p", str(STICK.parent))
    night.lab.run("mount", "-t", "tmpfs", "stick", str(STICK.parent))
    night.lab.run("install", "-d", "-m", "777", str(STICK))
    night.wait(night.give(2, STICK))


@pytest.mark.parametrize("moment", ["idle", "working", "starting", "compiling"])
def test_a_stop_at_any_moment_leaves_nothing_for_systemd_to_kill(night: Night, moment: str) -> None:
    began = night.lab.run("date", "+%s.%N").strip()
    names = []
    if moment == "working":
        night.lab.run("kill", "-STOP", night.worker())
        names = night.give(2, HOME)
        night.wait(names[:1], "working")
    elif moment in {"starting", "compiling"}:
        night.lab.run("systemctl", "stop", "arwatch")
        if moment == "compiling":
            night.lab.run("mv", "/var/cache/arwatch", "/var/cache/kept")
        night.lab.run("systemctl", "start", "--no-block", "arwatch")
        if moment == "compiling":
            night.lab.wait(lambda: "compiling" in night.status(), "compiling")
        else:
            night.lab.wait(lambda: len(night.processes()) > 1, "the daemon's first process")
    night.lab.run("systemctl", "stop", "arwatch")
    states = [night.lab.show("arwatch", name) for name in ("ActiveState", "Result")]
    if moment == "compiling":
        night.lab.run("rm", "-rf", "/var/cache/arwatch")
        night.lab.run("mv", "/var/cache/kept", "/var/cache/arwatch")
    night.lab.run("systemctl", "start", "arwatch")
    assert states == ["inactive", "success"]
    assert "SIGKILL" not in night.lab.journal("arwatch", f"--since=@{began}")
    night.wait(names)


def test_the_counts_of_tonight_survive_a_restart(night: Night) -> None:
    night.wait(night.give())
    before = night.status().split(" · ")[1]
    night.lab.run("systemctl", "restart", "arwatch")
    assert night.status().split(" · ")[1] == before != "0 written, 0 failed tonight"


def test_wrong_settings_are_not_tried_for_ever(night: Night) -> None:
    config = night.lab.path(CONFIG)
    config.write_text(SETTINGS.replace("settle_s", "settel_s"), encoding="utf-8")
    night.lab.run("systemctl", "restart", "arwatch", check=False)
    assert night.lab.show("arwatch", "ActiveState") == "failed"
    assert night.lab.show("arwatch", "ExecMainStatus") == "78"
    assert "did you mean settle_s?" in night.lab.journal("arwatch")
    config.write_text(SETTINGS, encoding="utf-8")
    night.lab.run("systemctl", "restart", "arwatch")


def test_a_second_camera_gets_an_instance(booted_night: Night) -> None:
    lab = booted_night.lab
    lab.run("install", "-d", "-m", "777", "/srv/north")
    settings = '[watch]\nfolders = ["/srv/north"]\nsettle_s = 0.3\n[disk]\nmin_free_mib = 1\n'
    lab.path("/tmp/north.toml").write_text(settings, encoding="utf-8")
    said = lab.run(arwatch_command(), "install-service", "--config", "/tmp/north.toml")
    (start,) = re.findall(r"^  sudo (systemctl enable --now arwatch@north)$", said, re.MULTILINE)
    lab.run(*start.split())
    frame = lab.path("/srv/north/DSC00001.ARW")
    simulate.write_arw(frame, simulate.render(simulate.tonight(400, 600)).mosaic)
    lab.wait(lambda: frame.with_suffix(".bkg_subtracted.fits").exists(), "the FITS", "arwatch@north")
    assert lab.path("/var/lib/arwatch/north/ledger.sqlite").exists()
    lab.run(arwatch_command(), "uninstall-service", "--config", "/etc/arwatch/north.toml")
    assert not lab.path("/etc/systemd/system/arwatch@.service").exists()
    assert booted_night.is_running()


Install: TypeAlias = Callable[[str, str], str]


@pytest.fixture
def install(booted_night: Night) -> Iterator[Install]:
    """Install an instance of a name for settings; gives what the installer said."""
    lab, installed = booted_night.lab, []

    def install(name: str, settings: str) -> str:
        lab.path(f"/tmp/{name}.toml").write_text(f"{settings}\n[disk]\nmin_free_mib = 1\n", encoding="utf-8")
        installed.append(f"/etc/arwatch/{name}.toml")
        return lab.run(arwatch_command(), "install-service", "--config", f"/tmp/{name}.toml")

    yield install
    for config in installed:
        lab.run(arwatch_command(), "uninstall-service", "--config", config)
    lab.run("rm", "-rf", "/srv/east")


@pytest.mark.parametrize("group", ["disk", "docker"])
def test_the_service_never_becomes_a_member_of_a_powerful_group(
    booted_night: Night, install: Install, group: str
) -> None:
    lab = booted_night.lab
    lab.run("groupadd", "--force", group)  # docker: a number as people's groups have it
    lab.run("install", "-d", "-g", group, "-m", "2775", "/srv/east")
    said = install("group", '[watch]\nfolders = ["/srv/east"]')
    assert re.search(rf"may not write to /srv/east \(.*{group}.*: the service does not become a member\)", said)
    assert "sudo chgrp arwatch /srv/east && sudo chmod g+rwxs /srv/east" in said
    assert "SupplementaryGroups" not in lab.run("systemctl", "cat", "arwatch@group")


@pytest.mark.parametrize("how", ["mounted", "made"])
def test_a_missing_output_folder_is_waited_for(booted_night: Night, install: Install, how: str) -> None:
    lab, unit, out = booted_night.lab, f"arwatch@{how}", Path("/mnt/archive/fits")
    lab.run("mkdir", "-p", str(out.parent))
    lab.run("install", "-d", "-m", "777", "/srv/east")
    said = install(how, f'[watch]\nfolders = ["/srv/east"]\nsettle_s = 0.3\n[output]\nfolder = "{out}"')
    assert f"note: {out} is not there now" in said
    lab.run("systemctl", "start", unit)
    simulate.write_arw(lab.path("/srv/east/DSC00001.ARW"), simulate.render(simulate.tonight(400, 600)).mosaic)

    def told(event: str) -> list[str]:
        return [str(e["folder"]) for e in lab.events(unit) if e["event"] == event]

    lab.wait(lambda: "frame.settled" in lab.journal(unit), "settled", unit)
    assert told("watch.lost") == [str(out)]
    assert f"missing: {out}" in lab.show(unit, "StatusText")
    assert not lab.path(out).exists()
    if how == "mounted":
        lab.run("mount", "-t", "tmpfs", "archive", str(out.parent))
    lab.run("install", "-d", "-m", "777", str(out))
    if how == "made":  # on the system's disk, which the running service sees read-only
        lab.wait(lambda: told("output.blocked"), "blocked", unit)
        assert "run `arwatch install-service` again and restart it" in lab.journal(unit)
        lab.run("systemctl", "restart", unit)
    lab.wait((lab.path(out) / "DSC00001.bkg_subtracted.fits").exists, "the FITS", unit)
    if how == "mounted":
        lab.run("systemctl", "stop", unit)
        lab.run("umount", str(out.parent))


@pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="there is no FUSE here")
def test_the_service_stops_in_time_while_a_share_does_not_answer(booted_night: Night, install: Install) -> None:
    pytest.importorskip("mfusepy")
    lab, unit = booted_night.lab, "arwatch@share"
    lab.run("mkdir", "/srv/disk", "/srv/share")
    for folder in ("/srv/east", "/srv/fits"):
        lab.run("install", "-d", "-m", "777", folder)
    share = f"{sys.executable} {Path(__file__).with_name('hanging_share.py')} /srv/disk /srv/share"
    server = lab.run("sh", "-c", f"{share} > /srv/share.log 2>&1 & echo $!").strip()
    lab.wait(lambda: "/srv/share" in lab.run("cat", "/proc/mounts"), "the share")
    install(
        "share",
        '[watch]\nfolders = ["/srv/share", "/srv/east"]\nsettle_s = 0.3\nobserver = "polling"\n'
        '[output]\nfolder = "/srv/fits"\n[service]\nstop_timeout_s = 1.0',
    )
    lab.run("systemctl", "start", unit)
    mosaic = simulate.render(simulate.tonight(400, 600)).mosaic
    simulate.write_arw(lab.path("/srv/disk/DSC00001.ARW"), mosaic)
    lab.wait(lab.path("/srv/fits/DSC00001.bkg_subtracted.fits").exists, "the FITS", unit)
    lab.run("kill", "-STOP", server)
    try:
        lab.wait(lambda: "does not answer: /srv/share" in lab.show(unit, "StatusText"), "stalled", unit)
        simulate.write_arw(lab.path("/srv/east/DSC00002.ARW"), mosaic)
        lab.wait(lab.path("/srv/fits/DSC00002.bkg_subtracted.fits").exists, "the other folder's", unit)
        began = time.monotonic()
        lab.run("systemctl", "stop", unit)
        assert time.monotonic() - began < 15.0
        assert [lab.show(unit, name) for name in ("ActiveState", "Result")] == ["inactive", "success"]
        assert "SIGKILL" not in lab.journal(unit)
    finally:
        lab.run("kill", "-KILL", server)
        lab.run("umount", "/srv/share")


def test_a_user_has_a_service_of_ones_own(booted_night: Night) -> None:
    lab = booted_night.lab
    uid = lab.run("id", "-u", "anna").strip()
    lab.path("/etc/systemd/system/user@.service").write_text(MANAGER, encoding="utf-8")
    said = lab.run("runuser", "-u", "anna", "--", arwatch_command(), "logs", check=False)
    assert "may not read the journal of arwatch.service: sudo usermod -aG systemd-journal $USER" in said
    lab.run("usermod", "--append", "--groups", "systemd-journal", "anna")
    lab.run("systemctl", "daemon-reload")
    lab.run("systemctl", "start", f"user@{uid}")
    as_anna = ["runuser", "-u", "anna", "--", "env", f"XDG_RUNTIME_DIR=/run/user/{uid}", "HOME=/home/anna"]
    # the kernels need not be compiled a second time for a test
    lab.run("install", "-d", "-o", "anna", "/home/anna/.cache", "/home/anna/lights")
    lab.run("cp", "-r", "/var/cache/arwatch", "/home/anna/.cache/arwatch")
    lab.run("chown", "-R", "anna", "/home/anna/.cache")
    settings = '[watch]\nfolders = ["/home/anna/lights"]\nsettle_s = 0.3\n[disk]\nmin_free_mib = 1\n'
    lab.path("/tmp/arwatch.toml").write_text(settings, encoding="utf-8")
    said = lab.run(*as_anna, arwatch_command(), "install-service", "--user", "--config", "/tmp/arwatch.toml")
    assert "failed" not in said
    (start,) = re.findall(r"^  (systemctl --user enable --now arwatch)$", said, re.MULTILINE)
    lab.run(*as_anna, *start.split())
    frame = lab.path("/home/anna/lights/DSC00001.ARW")
    simulate.write_arw(frame, simulate.render(simulate.tonight(400, 600)).mosaic)
    lab.wait(lambda: frame.with_suffix(".bkg_subtracted.fits").exists(), "the FITS", f"user@{uid}")
    shown = lab.run(*as_anna, arwatch_command(), "logs", "--user", "--no-follow")
    assert "service.compiling" not in shown
    assert "frame.written   DSC00001.ARW" in shown
    assert "removed" in lab.run(*as_anna, arwatch_command(), "uninstall-service", "--user")
    lab.run("systemctl", "stop", f"user@{uid}")


def test_at_last_it_is_taken_away(booted_night: Night) -> None:
    lab = booted_night.lab
    unit = lab.path("/etc/systemd/system/arwatch.service")
    unit.write_text(unit.read_text(encoding="utf-8").replace("Nice=10", "Nice=5"), encoding="utf-8")
    assert "kept, for it was edited" in lab.run(arwatch_command(), "uninstall-service")
    assert unit.exists()
    unit.unlink()
    lab.run(arwatch_command(), "uninstall-service")
    assert (lab.show("arwatch", "LoadState"), lab.show("arwatch", "ActiveState")) == ("not-found", "inactive")
    left = [path.name for path in lab.path("/etc/systemd/system").rglob("*") if path.is_file()]
    assert set(left) - {"user@.service"} == {"impatient.conf"}, "what others put there stays, ours is gone"
    assert lab.path(CONFIG).exists()
    assert "nothing to do" in lab.run(arwatch_command(), "uninstall-service")
