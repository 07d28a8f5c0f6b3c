"""Reading settings again: what changed, what waits for a restart, and that who asks learns the outcome."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from arwatch.daemon import reloading
from arwatch.errors import SettingsError
from arwatch.settings import Observer, Output, Settings, State, Watch, Workers

OLD = Settings(watch=Watch(folders=("/srv/a",)))


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ({}, []),
        ({"workers": Workers(count=2)}, ["[workers] count: 0 -> 2"]),
        ({"observer": Observer(name="Anna")}, ["[observer] name: '' -> 'Anna'"]),
        ({"watch": Watch(folders=("/srv/a", "/srv/b"))}, ["[watch] folders: ['/srv/a'] -> ['/srv/a', '/srv/b']"]),
        (
            {"output": Output(compress=True, pedestal_adu=9)},
            ["[output] pedestal_adu: unset -> 9.0", "[output] compress: false -> true"],
        ),
    ],
)
def test_what_has_changed_is_said(new, said):
    assert reloading.changes(OLD, OLD.model_copy(update=new)) == said


def test_long_values_are_cut():
    (said,) = reloading.changes(OLD, OLD.model_copy(update={"observer": Observer(name="x" * 1000)}))
    assert len(said) < 100


def test_another_state_folder_waits_for_a_restart_until_it_is_taken_back():
    moved = OLD.model_copy(update={"state": State(folder="/srv/state")})
    for old in (OLD, moved):  # also where a second reload finds nothing changed
        assert reloading.waits_for_restart(OLD.state, old, moved) == [
            "[state] folder: the ledger is another one after a restart"
        ]
    assert reloading.waits_for_restart(OLD.state, moved, OLD) == []


def test_an_error_of_several_lines_becomes_one():
    text = "a.toml: 2 settings cannot be used:\n  [x] y: no\n  [z] q: no"
    assert reloading.on_one_line(text) == "a.toml: 2 settings cannot be used: [x] y: no; [z] q: no"
    assert reloading.on_one_line("a.toml: cannot be read") == "a.toml: cannot be read"


@pytest.fixture
def service(tmp_path, monkeypatch):
    """A daemon's loop in a thread: it answers as soon as it has got SIGHUP."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{tmp_path}:/another")
    got = threading.Event()
    before = signal.signal(signal.SIGHUP, lambda *_: got.set())
    outcome = []

    def loop():
        got.wait(10)
        reloading.answer(reloading.askers(), outcome[0])

    thread = threading.Thread(target=loop)
    thread.start()
    yield outcome
    thread.join()
    signal.signal(signal.SIGHUP, before)
    assert list(tmp_path.iterdir()) == []


def test_who_asks_learns_that_all_is_well(service):
    service.append(None)
    reloading.ask(os.getpid())


def test_who_asks_learns_why_the_settings_were_refused(service):
    service.append("a.toml: 1 setting cannot be used:\n  [x] y: no such key")
    with pytest.raises(SettingsError, match=r"stay in force: a\.toml: 1 setting cannot be used:\n  \[x\] y"):
        reloading.ask(os.getpid())


def test_a_daemon_that_does_not_answer_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(reloading, "ANSWER_S", 0.1)
    deaf = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); print(flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(reloading.ReloadError, match=r"within 0\.1 s"):
            reloading.ask(other.pid)
        other.kill()
    with pytest.raises(reloading.ReloadError, match="No such process"):
        reloading.ask(other.pid)
    assert list(tmp_path.iterdir()) == []


def test_who_was_killed_while_asking_is_cleared_away(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    bind = "import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1])"
    subprocess.run([sys.executable, "-c", bind, str(tmp_path / "1.reload")], check=True)
    reloading.answer(reloading.askers(), None)
    assert reloading.askers() == []


def test_outside_of_a_service_it_says_what_to_type(monkeypatch):
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    assert reloading.askers() == []
    with pytest.raises(reloading.ReloadError, match="systemctl reload arwatch"):
        reloading.ask(os.getpid())
