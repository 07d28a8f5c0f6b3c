"""Why nothing can be written to a folder, as the log says it; asked by another account, since root may do anything."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from arwatch.platform.access import READ_ONLY, explain, why_not_writable

ASK = "import os, sys; from pathlib import Path; from arwatch.platform.access import why_not_writable as why; {}"


def test_a_folder_that_can_be_written_to(tmp_path):
    assert why_not_writable(tmp_path) is None
    with pytest.raises(OSError, match="No such file"):
        why_not_writable(tmp_path / "absent")


@pytest.mark.skipif(os.geteuid() != 0, reason="another account can be taken on by root only")
def test_denied_names_account_mode_owner_and_what_to_type():
    code = ASK.format("os.setgid(65534); os.setuid(65533); print(why(Path('/etc')))")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("permission denied for 65533: the folder is drwxr-xr-x and belongs to root; allow it with: ")
    assert said.endswith("sudo chgrp nogroup /etc && sudo chmod g+rwxs /etc\n")


def test_errors_name_what_helps():
    here = Path.cwd()
    assert explain(OSError(errno.EROFS, "Read-only file system"), here) == READ_ONLY
    assert "sudo chgrp" in explain(PermissionError(errno.EACCES, "Permission denied"), here)
    assert explain(OSError(errno.EIO, "Input/output error"), here) == "Input/output error"
    assert explain(PermissionError(errno.EACCES, "Permission denied"), here / "absent") == "Permission denied"
