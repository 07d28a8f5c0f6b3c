"""Why nothing can be written to a folder, as the log says it; asked by another account, since root may do anything."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from arwatch.platform.access import READ_ONLY, explain, why_not_writable

ASK = "import os, sys; from pathlib import Path; from arwatch.platform.access import why_not_writable as why; {}"


def test_a_folder_that_can_be_written_to(tmp_path):
    assert why_not_writable(tmp_path) is None
    with pytest.raises(OSError, match="No such file"):
        why_not_writable(tmp_path / "absent")


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="another account can be taken on by root only")


def asked_by_another(folder, *groups):
    """What an account that may do nothing, of the group nogroup and these, is told of a folder."""
    code = ASK.format(f"os.setgroups({groups}); os.setgid(65534); os.setuid(65533); print(why(Path({str(folder)!r})))")
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@as_root
def test_denied_names_account_mode_owner_and_what_to_type():
    said = asked_by_another("/etc")
    assert said.startswith("permission denied for 65533: the folder is drwxr-xr-x and belongs to root; allow it with: ")
    assert said.endswith("sudo chgrp nogroup /etc && sudo chmod g+rwxs /etc")


@as_root
@pytest.mark.parametrize(
    ("owner", "group", "allow"),
    [(65533, 65534, "chmod u+rwx"), (0, 65534, "sudo chmod g+rwxs"), (0, 65532, "sudo chmod g+rwxs")],
)
def test_what_is_told_to_type_changes_the_rights_that_count(owner, group, allow):
    """A folder of one's own that is closed for its owner stays so whatever its group may do."""
    with TemporaryDirectory(dir="/tmp") as folder:
        os.chown(folder, owner, group)
        Path(folder).chmod(0o555)
        assert asked_by_another(folder, 65532).endswith(f"allow it with: {allow} {folder}")
        Path(folder).chmod(0o777)


def test_errors_name_what_helps(tmp_path):
    here = tmp_path
    assert explain(OSError(errno.EROFS, "Read-only file system"), here) == READ_ONLY
    assert "allow it with: chmod u+rwx" in explain(PermissionError(errno.EACCES, "Permission denied"), here)
    assert explain(OSError(errno.EIO, "Input/output error"), here) == "Input/output error"
    assert explain(PermissionError(errno.EACCES, "Permission denied"), here / "absent") == "Permission denied"
