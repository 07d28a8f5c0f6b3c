from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from arwatch.cli import main
from arwatch.commands.install.install import InstallError, place
from arwatch.commands.install.steps import Steps
from arwatch.commands.install.unitfiles import DropIn, command, hidden, installation, packaged, quoted, signed, unedited
from arwatch.errors import ArwatchError
from arwatch.settings import Settings
from fits_support import need_tool

UNITS = ("arwatch.service", "arwatch@.service", "arwatch-user.service")


def _analyze(*words: str) -> str:
    done = subprocess.run([need_tool("systemd-analyze"), *words], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_has_nothing_to_say_about_the_units(tmp_path: Path, unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    path = tmp_path / unit.replace("@", "@north")
    path.write_text(packaged(f"systemd/{unit}"), encoding="utf-8")
    manager = ["--user"] if "user" in unit else []
    assert _analyze(*manager, "verify", str(path)) == ""


@pytest.mark.parametrize("unit", ["arwatch.service", "arwatch@.service"])
def test_the_system_service_is_hardly_exposed(tmp_path: Path, unit: str) -> None:
    path = tmp_path / unit.replace("@", "@north")
    path.write_text(packaged(f"systemd/{unit}"), encoding="utf-8")
    said = _analyze("security", "--offline=true", "--threshold=15", "--no-pager", str(path))
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d)", said)
    assert found, said
    assert float(found[1]) <= 1.5


def _directives(unit: str) -> list[str]:
    lines = packaged(f"systemd/{unit}").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_an_instance_differs_in_its_name_settings_and_state_only() -> None:
    single, instance = _directives("arwatch.service"), _directives("arwatch@.service")
    different = {a.partition("=")[0] for a, b in zip(single, instance, strict=True) if a != b}
    assert different == {"Description", "ExecStart", "StateDirectory"}


def test_a_users_service_lives_and_dies_like_the_systems() -> None:
    keys = ("KillMode", "OOMPolicy", "Restart", "RestartPreventExitStatus", "TimeoutStopSec", "Type", "WatchdogSec")
    system, user = (
        [line for line in _directives(unit) if line.startswith(keys)] for unit in ("arwatch.service", UNITS[2])
    )
    assert system == user


@pytest.mark.parametrize("unit", UNITS)
def test_there_is_more_time_to_stop_than_frames_in_work_are_given(unit: str) -> None:
    (stop,) = (int(line.partition("=")[2]) for line in _directives(unit) if line.startswith("TimeoutStopSec"))
    assert stop > Settings().service.stop_timeout_s


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("/srv/captures", '"/srv/captures"'),
        ("/srv/M 31", '"/srv/M 31"'),
        ("/srv/100%", '"/srv/100%%"'),
        ('/srv/5"', '"/srv/5\\""'),
        ("/srv/a\\b", '"/srv/a\\\\b"'),
        ("/srv/$HOME", '"/srv/$HOME"'),
    ],
)
def test_words_reach_systemd_as_they_are(word: str, written: str) -> None:
    assert quoted(word) == written


def test_a_dollar_is_doubled_in_a_command_line() -> None:
    assert quoted("/srv/$HOME", dollar=True) == '"/srv/$$HOME"'


@pytest.mark.parametrize("word", ["/srv/a\nExecStart=/bin/x", "/srv/\udcff", "/srv/\x1b[31m"])
def test_names_that_a_unit_file_cannot_hold_are_refused(word: str) -> None:
    with pytest.raises(ArwatchError, match="rename"):
        quoted(word)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r")), st.text(min_size=1))
def test_an_edit_is_noticed(text: str, addition: str) -> None:
    assert unedited(signed(text))
    assert not unedited(signed(text) + addition)
    assert not unedited(addition + signed(text))
    assert not unedited(text)


def test_files_of_ours_are_renewed_and_removed_unless_edited(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, steps = tmp_path / "arwatch.service.d" / "installation.conf", Steps(dry=False)
    steps.write_ours(path, "[Service]\nNice=1\n")
    steps.write_ours(path, "[Service]\nNice=2\n")
    assert "Nice=2" in path.read_text(encoding="utf-8")
    edited = path.read_text(encoding="utf-8").replace("Nice=2", "Nice=3")
    path.write_text(edited, encoding="utf-8")
    steps.write_ours(path, "[Service]\nNice=4\n")
    steps.remove_ours(path)
    assert path.read_text(encoding="utf-8") == edited
    assert capsys.readouterr().out.count("kept, for it was edited") == 2
    path.unlink()
    steps.write_ours(path, "[Service]\nNice=4\n")
    steps.remove_ours(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("config", "unit", "settings"),
    [
        (None, "arwatch", "/etc/arwatch/arwatch.toml"),
        ("/home/anna/arwatch.toml", "arwatch", "/etc/arwatch/arwatch.toml"),
        ("/etc/arwatch/north.toml", "arwatch@north", "/etc/arwatch/north.toml"),
        ("south-2.toml", "arwatch@south-2", "/etc/arwatch/south-2.toml"),
    ],
)
def test_the_name_of_the_settings_says_which_service(config: str | None, unit: str, settings: str) -> None:
    where = place(Path(config) if config else None, user=False)
    assert (where.unit, where.config) == (unit, Path(settings))
    assert where.file.name == ("arwatch@.service" if "@" in unit else "arwatch.service")
    assert where.drop_in == Path(f"/etc/systemd/system/{unit}.service.d/installation.conf")
    packaged(f"systemd/{where.source}")


@pytest.mark.parametrize(("config", "user"), [("M 31.toml", False), ("north.txt", False), ("north.toml", True)])
def test_names_that_no_service_can_have_are_refused(config: str, *, user: bool) -> None:
    with pytest.raises(InstallError, match=r"\.toml"):
        place(Path(config), user=user)


def _drop_in(folders: list[str], fstab: Path, *, confined: bool = True) -> list[str]:
    paths = [Path(folder) for folder in folders]
    config = Path("/etc/arwatch/arwatch.toml")
    drop_in = DropIn(config=config, folders=paths, stop_timeout_s=300.0, groups=["1001"], confined=confined)
    return drop_in.text(fstab).splitlines()


def test_the_drop_in_opens_the_folders_and_nothing_else(tmp_path: Path) -> None:
    lines = _drop_in(["/srv/captures", "/home/anna/M 31"], tmp_path / "none")
    assert 'ReadWritePaths="-/srv/captures"' in lines
    assert 'BindPaths="-/home/anna/M 31"' in lines
    assert sum(line.startswith(("ReadWritePaths", "BindPaths")) for line in lines) == 2
    assert "SupplementaryGroups=1001" in lines
    assert "TimeoutStopSec=330" in lines
    (start,) = (line for line in lines if line.startswith('ExecStart="'))
    assert start.endswith('"run" "--config" "/etc/arwatch/arwatch.toml"')
    assert Path(command()[0]).is_absolute()


def test_hidden_parts_of_the_installation_are_bound_in(tmp_path: Path) -> None:
    bound = {line for line in _drop_in([], tmp_path / "none") if line.startswith("BindReadOnlyPaths")}
    assert bound == {f'BindReadOnlyPaths="{path}"' for path in installation() if hidden(path)}


def test_only_disks_that_the_machine_needs_are_required(tmp_path: Path) -> None:
    need_tool("systemd-escape")
    fstab = tmp_path / "fstab"
    fstab.write_text(
        "# /dev/sdz /mnt/old ext4 nofail 0 0\nUUID=1 / ext4 defaults 0 1\nUUID=2 /data ext4 defaults 0 2\n"
        "UUID=3 /mnt/usb-disk exfat nofail,uid=1000 0 0\nnas:/x /mnt/my\\040nas nfs noauto 0 0\n",
        encoding="utf-8",
    )
    folders = ["/data/captures", "/mnt/usb-disk/captures", "/mnt/my nas/captures", "/mnt/old"]
    lines = _drop_in(folders, fstab)
    required = [line for line in lines if line.startswith("RequiresMountsFor")]
    assert required == ['RequiresMountsFor="/data/captures"', 'RequiresMountsFor="/mnt/old"']
    assert [line for line in lines if line.startswith("After")] == [
        r"After=mnt-usb\x2ddisk.mount",
        r"After=mnt-my\x20nas.mount",
    ]


def test_a_users_drop_in_says_only_where_arwatch_is(tmp_path: Path) -> None:
    lines = _drop_in(["/home/anna/captures"], tmp_path / "none", confined=False)
    keys = [line.partition("=")[0] for line in lines if "=" in line]
    assert keys == ["ExecStart", "ExecStart", "ExecReload", "ExecReload", "TimeoutStopSec"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    need_tool("systemctl")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("which", [["--user"], []])
def test_a_dry_run_tells_and_does_nothing(home: Path, which: list[str]) -> None:
    done = CliRunner().invoke(main, ["install-service", *which, "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "would be written" in done.output
    assert "What to type next" in done.output
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("folder", ["~/captures", "captures", "/srv/../etc"])
def test_a_service_needs_whole_paths(home: Path, folder: str) -> None:
    config = home / "arwatch.toml"
    config.write_text(f'[watch]\nfolders = ["{folder}"]\n', encoding="utf-8")
    done = CliRunner().invoke(main, ["install-service", "--user", "--dry-run", "--config", str(config)])
    assert done.exit_code == 1
    assert "whole path" in done.output


def test_wrong_settings_are_told_before_anything_is_done(home: Path) -> None:
    config = home / "arwatch.toml"
    config.write_text("[watch]\nfoldrs = []\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["install-service", "--user", "--config", str(config)])
    assert done.exit_code == 78
    assert "did you mean folders?" in done.output
    assert [path.name for path in home.iterdir()] == ["arwatch.toml"]


def test_without_root_it_says_what_to_type(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    done = CliRunner().invoke(main, ["install-service"])
    assert done.exit_code == 1
    assert "sudo" in done.output
    assert list(home.iterdir()) == []


def test_uninstalling_what_is_not_there_is_no_error(home: Path) -> None:
    done = CliRunner().invoke(main, ["uninstall-service", "--user"])
    assert done.exit_code == 0
    assert "nothing to do" in done.output
    assert list(home.iterdir()) == []
