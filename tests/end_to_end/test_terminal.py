"""Commands on a real terminal: Ctrl-C at any time, and the terminal closed."""

import contextlib
import os
import pty
import re
import signal
import subprocess
import time

import psutil

from arwatch.simulate import Scene, camera
from arwatch.telling.text import columns
from end_to_end.programs import ARWATCH, PATIENCE_S
from terminals import shown


class Terminal:
    """A program on a terminal of its own, and what it has shown."""

    def __init__(self, *args):
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [*ARWATCH, *map(str, args)], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        self.shown = ""

    def read_until(self, pattern):
        """Wait for what matches this, or (None) until every process has left the terminal."""
        deadline = time.monotonic() + PATIENCE_S
        while pattern is None or not re.search(pattern, self.shown):
            assert time.monotonic() < deadline, self.shown
            try:
                self.shown += os.read(self._ours, 65536).decode(errors="replace")
            except OSError:  # nobody has it open
                assert pattern is None, self.shown
                return

    def wait_for_fork_server(self):
        """Wait until the libraries begin to be loaded."""
        deadline = time.monotonic() + PATIENCE_S
        while not any("forkserver" in " ".join(line) for line in self._command_lines()):
            assert time.monotonic() < deadline, self.shown
            time.sleep(0.01)

    def _command_lines(self):
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                yield child.cmdline()

    def end_by_ctrl_c(self):
        """Interrupt the whole group, as the terminal does, and wait for its end; gives the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.read_until(None)
        self.close()
        assert "Traceback" not in self.shown, self.shown
        return self.process.wait(PATIENCE_S)

    def type(self, text):
        os.write(self._ours, text.encode())

    def close(self):
        os.close(self._ours)


def test_ctrl_c_while_libraries_are_loaded_ends_without_a_traceback(tmp_path):
    list(camera(tmp_path, frames=1, scene=Scene(height=100, width=150, stars=5)))
    for command, codes in (("process", {1}), ("run", {0, 1})):  # 0: the service had begun and was told to end
        terminal = Terminal(command, tmp_path)
        terminal.wait_for_fork_server()
        assert terminal.end_by_ctrl_c() in codes


def test_ctrl_c_while_others_work_ends_without_a_traceback(tmp_path):
    (frame,) = camera(tmp_path / "camera", frames=1, scene=Scene(height=1000, width=1500))
    for arguments, sign in ((["verify", frame], "engine, then"), (["demo", "--folder", tmp_path / "demo"], "happens")):
        terminal = Terminal(*arguments)
        terminal.read_until(sign)
        assert terminal.end_by_ctrl_c() == 1


def test_ctrl_c_tells_what_was_processed(tmp_path):
    (frame,) = camera(tmp_path, frames=1, scene=Scene(height=400, width=600, stars=5))
    for number in range(2, 401):  # more than any machine is through with before it is interrupted
        (tmp_path / f"DSC{number:05}.ARW").hardlink_to(frame)
    terminal = Terminal("process", tmp_path)
    terminal.read_until(r"[1-9]\d*/400")
    assert terminal.end_by_ctrl_c() == 1
    assert "written," in terminal.shown
    assert re.search(r"interrupted, [1-9]\d* left", terminal.shown)
    assert "no settings file: defaults" in terminal.shown or "settings: " in terminal.shown


def test_a_stopped_terminal_holds_up_no_frame(tmp_path):
    """After Ctrl-S, and with more to tell than the terminal takes."""
    folder = tmp_path / "night"
    folder.mkdir()
    terminal = Terminal("run", folder)
    terminal.read_until("service.ready")
    terminal.type("\x13")
    for _ in camera(folder, frames=200, scene=Scene(height=40, width=60, stars=0)):
        pass
    deadline = time.monotonic() + PATIENCE_S
    while len(list(folder.glob("*.fits"))) < 200:
        assert time.monotonic() < deadline, sorted(folder.iterdir())
        time.sleep(0.05)
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(PATIENCE_S) == 0
    terminal.close()


def test_a_closed_terminal_ends_the_daemon(tmp_path):
    terminal = Terminal("run", tmp_path)
    terminal.read_until("service.ready")
    terminal.process.send_signal(signal.SIGHUP)
    terminal.read_until("service.reloaded")
    terminal.close()
    terminal.process.send_signal(signal.SIGHUP)  # as the system does to the session's leader
    assert terminal.process.wait(PATIENCE_S) == 0


def test_a_frame_that_arrives_shows_at_the_bottom_until_it_is_a_line(tmp_path):
    terminal = Terminal("run", tmp_path)
    terminal.read_until("service.ready")
    list(camera(tmp_path, frames=2, scene=Scene(height=100, width=150, stars=5)))
    terminal.read_until(r"(?s)frame\.written.*frame\.written")
    terminal.process.send_signal(signal.SIGINT)
    terminal.read_until(None)
    terminal.close()
    assert terminal.process.wait(PATIENCE_S) == 0
    assert re.search(r"\r\x1b\[K[12] arriving", terminal.shown), terminal.shown
    lines = [re.sub(r"^[\d:]{8} ", "", line) for line in shown(terminal.shown)]
    assert [line.split()[0] for line in lines if line.startswith("frame.")] == ["frame.written"] * 2
    assert lines[-3].startswith("service.stopped written=2"), lines
    assert lines[-1] == "", "the last line is the shell's again"
    assert not any("arriving" in line or "wait " in line for line in lines)
    assert max(map(columns, shown(terminal.shown))) <= 80 + len(str(tmp_path)), "but for the folder's name"
