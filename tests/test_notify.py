"""What systemd is told: a real datagram socket in its place."""

import pytest

from arwatch.telling import systemd


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"READY": "1", "STATUS": "waiting · 3 written"}, "READY=1\nSTATUS=waiting · 3 written"),
        ({"STATUS": "last x\nSTOPPING=1\ny.ARW"}, "STATUS=last x\\nSTOPPING=1\\ny.ARW"),
        ({"STATUS": "a\rb\x00c\x1b[2J\u2028d\x85e"}, "STATUS=a\\rb\\x00c\\x1b[2J\\u2028d\\x85e"),
        ({"STATUS": "caf\udce9.ARW"}, "STATUS=caf\\udce9.ARW"),
    ],
)
def test_no_value_adds_a_line(manager, state, message):
    systemd.notify(**state)
    assert manager.recv(4096).decode() == message


def test_without_a_manager_nothing_is_told(manager, monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET")
    systemd.notify(READY="1")
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(4096)
