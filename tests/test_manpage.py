"""Pages for man(1), and the completion of shells."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from arwatch import cli
from arwatch.commands import manpage, manual

PAGES = dict(manpage.pages(cli.main))


def test_there_is_a_page_of_all_commands_and_one_for_each_of_the_manual():
    assert set(PAGES) == {"arwatch.1"} | {f"arwatch-{topic}.7" for topic in manual.TOPICS}
    for name, command in cli.main.commands.items():
        assert f".SS arwatch {name}".replace("-", "\\-") in PAGES["arwatch.1"], name
        assert command.short_help or command.help


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
@pytest.mark.parametrize("name", PAGES)
def test_man_has_nothing_to_complain_of(tmp_path, name):
    page = tmp_path / name
    page.write_text(PAGES[name], encoding="utf-8")
    environment = os.environ | {"MANWIDTH": "80", "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": ""}
    done = subprocess.run(
        ["man", "--warnings", "-l", str(page)], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stderr == ""
    assert "    arwatch" in done.stdout


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return tmp_path


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("bash", "XDG_DATA_HOME/bash-completion/completions/arwatch"),
        ("zsh", "XDG_DATA_HOME/zsh/site-functions/_arwatch"),
        ("fish", "XDG_CONFIG_HOME/fish/completions/arwatch.fish"),
    ],
)
def test_one_command_installs_completion_and_manual(home, shell, file, monkeypatch):
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    dry = CliRunner().invoke(cli.main, ["install-completion", "--dry-run"])
    assert dry.exit_code == 0, dry.output
    assert list(home.iterdir()) == []
    done = CliRunner().invoke(cli.main, ["install-completion"])
    assert done.output.replace("written", "would be written") == dry.output
    assert "_ARWATCH_COMPLETE" in (home / file).read_text()
    assert (home / "XDG_DATA_HOME/man/man1/arwatch.1").read_text() == PAGES["arwatch.1"]
    assert ("fpath" in done.output) is (shell == "zsh")


@pytest.mark.skipif(shutil.which("manpath") is None, reason="man is not installed")
def test_what_man_needs_to_find_the_manual_is_told(home, monkeypatch):
    """Debian's looks into ~/.local/share/man only where PATH has ~/.local/bin."""
    needed = f"export MANPATH=':{home / 'XDG_DATA_HOME' / 'man'}'\n"
    assert needed in CliRunner().invoke(cli.main, ["install-completion", "--shell", "bash"]).output
    monkeypatch.setenv("MANPATH", f":{home / 'XDG_DATA_HOME' / 'man'}")
    assert "MANPATH" not in CliRunner().invoke(cli.main, ["install-completion", "--shell", "bash"]).output
    assert subprocess.run(["man", "-w", "arwatch"], capture_output=True, check=False).returncode == 0


def test_an_unknown_shell_is_explained(home, monkeypatch):
    monkeypatch.setenv("SHELL", "/bin/csh")
    done = CliRunner().invoke(cli.main, ["install-completion"])
    assert done.exit_code == 1
    assert "--shell bash" in done.output
    assert list(home.iterdir()) == []


def test_for_all_users_they_are_where_each_shell_looks(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    done = CliRunner().invoke(cli.main, ["install-completion", "--dry-run"])
    files = [line.partition(": ")[2] for line in done.output.splitlines()]
    assert files[:4] == [
        "/usr/local/share/bash-completion/completions/arwatch",
        "/usr/local/share/zsh/site-functions/_arwatch",
        "/etc/fish/completions/arwatch.fish",
        "/usr/local/share/man/man1/arwatch.1",
    ]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("ser", ["service"]), ("st", ["status"]), ("s", ["service", "siril", "speed", "select", "simulate", "status"])],
)
def test_pages_and_commands_are_completed_as_topics(typed, meant):
    complete = ShellComplete(cli.main, {}, "arwatch", "_ARWATCH_COMPLETE")
    assert [item.value for item in complete.get_completions(["help"], typed)] == meant


@pytest.fixture
def environment(home):
    """For a shell that finds this arwatch, and what was installed for it."""
    program = home / "bin" / "arwatch"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m arwatch "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": str(Path(cli.__file__).parents[1])}


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_commands_by_what_was_installed(home, environment):
    CliRunner().invoke(cli.main, ["install-completion", "--shell", "bash"])
    script = home / "XDG_DATA_HOME/bash-completion/completions/arwatch"
    ask = f'. {script}; COMP_WORDS=(arwatch inst); COMP_CWORD=1; _arwatch_completion arwatch; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True, env=environment)
    assert sorted(done.stdout.split()) == ["install-completion", "install-service"]


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes_commands_by_what_was_installed(environment):
    CliRunner().invoke(cli.main, ["install-completion", "--shell", "fish"])
    ask = ["fish", "-c", 'complete -C "arwatch inst"']
    done = subprocess.run(ask, capture_output=True, text=True, check=True, env=environment)
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["install-completion", "install-service"]
