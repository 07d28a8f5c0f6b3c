"""Commands that tell of arwatch itself: its settings, how it is, its manual, and what the shell knows of it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from arwatch import __version__
from arwatch.commands.options import CONFIG, in_force


@click.command(short_help="Print settings: the defaults, or those in force.")
@click.option("--show", is_flag=True, help="What is in force, key by key, and from where.")
@CONFIG
def config(config: Path | None, *, show: bool) -> None:
    """Print settings to begin with: every key with its default, explained.

    With --show: what is in force, and from which file. The file is --config's,
    else that of the variable ARWATCH_CONFIG, else the first that is there of
    ~/.config/arwatch/arwatch.toml and /etc/arwatch/arwatch.toml (for root the
    other way round).

    \b
    Example: mkdir -p ~/.config/arwatch
             arwatch config > ~/.config/arwatch/arwatch.toml
    """
    from arwatch.commands import settings

    if show:
        settings.show(*in_force(config))
    else:
        click.echo(settings.default(), nl=False)


@click.command(short_help="Say whether a daemon watches, and how it goes.")
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One object, for programs.")
@CONFIG
def status(folders: tuple[Path, ...], config: Path | None, *, as_json: bool) -> None:
    """Say whether a daemon watches FOLDERS, and how the night goes.

    Without FOLDERS, those of the settings. Exit code 0: all is well; 1: somebody
    should look; 3: a folder is not watched.

    \b
    Example: arwatch status --json
    The system's service: sudo arwatch status
    """
    from arwatch.commands import status as how

    sys.exit(how.status(folders, *in_force(config), as_json=as_json))


@click.command(short_help="Print the version.")
def version() -> None:
    """Print the version, as `arwatch --version` does.

    \b
    Example: arwatch version
    """
    click.echo(f"arwatch, version {__version__}")


@click.command(short_help="Install shell completion and the man page.")
@click.option("--shell", type=click.Choice(["bash", "zsh", "fish"]), help="Instead of the one you use.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, write nothing.")
def install_completion(shell: str | None, *, dry_run: bool) -> None:
    """Install the completion of commands by the Tab key, and `man arwatch`.

    They are put where your shell and man look for them; as root for all users,
    else for you. A second run renews them.

    \b
    Example: arwatch install-completion
    """
    from arwatch.commands import completion

    root = click.get_current_context().find_root().command
    completion.install(root, shell, dry=dry_run)


def _topics(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Give the pages and commands that begin so, for the Tab key."""
    from arwatch.commands import manual

    root = ctx.find_root().command
    commands = root.list_commands(ctx) if isinstance(root, click.Group) else []
    return [topic for topic in (*manual.TOPICS, *commands) if topic.startswith(incomplete)]


@click.command("help", short_help="Read the manual, or a command's help.")
@click.argument("topic", required=False, shell_complete=_topics)
@click.pass_context
def help_(ctx: click.Context, topic: str | None) -> None:
    """Read the manual: a page, or a command's --help; without TOPIC, the list.

    \b
    Example: arwatch help service
    """
    from arwatch.commands import manual

    root = ctx.find_root().command
    commands = root.commands if isinstance(root, click.Group) else {}
    if topic is None:
        formatter = ctx.make_formatter()
        with formatter.section("Pages of the manual, shown by `arwatch help PAGE`"):
            formatter.write_dl([(name, manual.summary(name)) for name in manual.TOPICS])
        formatter.write_paragraph()
        formatter.write_text("`arwatch --help` lists the commands, `arwatch help COMMAND` explains one.")
        click.echo(formatter.getvalue().rstrip())
    elif topic in manual.TOPICS:
        manual.show(topic)
    elif topic in commands:
        command = commands[topic]
        click.echo(command.get_help(click.Context(command, info_name=topic, parent=ctx.parent)))
    else:
        meant = manual.nearest(topic, [*manual.TOPICS, *commands])
        hint = f"did you mean `arwatch help {meant}`?" if meant else "`arwatch help` lists what there is"
        raise click.UsageError(f"there is no page and no command {topic!r}:\n{hint}")


COMMANDS = (config, status, version, install_completion, help_)
