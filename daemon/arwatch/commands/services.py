"""Commands that install, remove and follow the systemd service."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from arwatch.commands.options import CONFIG

USER = click.option("--user", is_flag=True, help="The service of your own account, not the system's.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Say what would be done, do nothing.")


@click.command()
@USER
@CONFIG
@DRY_RUN
def install_service(config: Path | None, *, user: bool, dry_run: bool) -> None:
    """Install arwatch as a systemd service.

    The settings are /etc/arwatch/arwatch.toml (with --user:
    ~/.config/arwatch/arwatch.toml); they are made if there are none. Another
    file there makes an instance: --config /etc/arwatch/north.toml makes
    arwatch@north.

    \b
    Example: sudo arwatch install-service
    """
    from arwatch.commands.install import install

    install.install(config, user=user, dry=dry_run)


@click.command(short_help="Stop the systemd service and take it away.")
@USER
@CONFIG
@DRY_RUN
def uninstall_service(config: Path | None, *, user: bool, dry_run: bool) -> None:
    """Stop the systemd service and take it away; settings and ledger stay.

    \b
    Example: sudo arwatch uninstall-service
    """
    from arwatch.commands.install import install

    install.uninstall(config, user=user, dry=dry_run)


@click.command()
@USER
@click.option("--unit", default="arwatch", show_default=True, help="Or an instance: arwatch@NAME.")
@click.option("-n", "--lines", type=click.IntRange(0), show_default="20; all with --since", help="Events of before.")
@click.option("--since", metavar="TIME", help="From then on: 21:30, yesterday, -2h, '2026-11-21 20:00'.")
@click.option(
    "-p", "--priority", type=click.Choice(["debug", "info", "warning", "error"]), help="That level and graver ones."
)
@click.option("--failed", is_flag=True, help="Only what went wrong with frames.")
@click.option("--no-follow", is_flag=True, help="End after these.")
def logs(
    unit: str, lines: int | None, since: str | None, priority: str | None, *, failed: bool, user: bool, no_follow: bool
) -> None:
    """Follow a service's journal in readable form.

    Frames that arrive or are complete are no lines of their own; with
    -p debug they are.

    \b
    Example: arwatch logs --since 20:00 --failed
    """
    from arwatch.commands import logs as journal

    wanted = journal.Wanted(unit=unit, user=user, lines=lines, since=since, priority=priority, failed=failed)
    sys.exit(journal.show(wanted, follow=not no_follow))


@click.command(hidden=True)
@click.argument("pid", type=click.IntRange(2))
def reload(pid: int) -> None:
    """Let the daemon PID read its settings again: the service's ExecReload.

    Exit code 78: they cannot be used, and those of before stay in force.

    \b
    Example: systemctl reload arwatch
    """
    from arwatch.daemon import reloading

    reloading.ask(pid)


COMMANDS = (install_service, uninstall_service, logs, reload)
