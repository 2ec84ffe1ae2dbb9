"""`klantenregister serve`: run the installation until it is told to stop."""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

import uvloop

from clock import SystemClock
from config.settings import Settings
from klantenregister import __version__
from klantenregister.errors import WrongUsage
from klantenregister.hosting import Role
from klantenregister.installation import ALL_ROLES, running
from klantenregister.logging import log_stray_errors, log_to_stderr
from klantenregister.preflight import check_files
from klantenregister.reloading import Fingerprint, fingerprint, reload_when_changed
from klantenregister.settings_file import read_settings

_log = logging.getLogger(__name__)


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser("serve", help="run the installation")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the configuration")
    parser.add_argument(
        "--roles",
        type=parse_roles,
        default=ALL_ROLES,
        metavar="ROLES",
        help=f"comma separated, of {', '.join(Role)} (default: all)",
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (this version: 1)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve. Raises: WrongUsage, Failed."""
    if arguments.workers != 1:
        raise WrongUsage("--workers: this version serves with one process; give 1 or leave it out")
    settings = read_settings(arguments.config)
    seen = fingerprint(arguments.config, settings)
    check_before_start(settings)
    log_to_stderr()
    uvloop.run(_serve(arguments.config.absolute(), settings, seen, arguments.roles))
    return 0


def parse_roles(text: str) -> frozenset[Role]:
    """Read the value of `--roles`. Raises: argparse.ArgumentTypeError."""
    try:
        return frozenset(Role(one.strip()) for one in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; choose from {', '.join(Role)}") from error


def check_before_start(settings: Settings) -> None:
    """Look at every file before anything is opened. Raises: WrongUsage with every problem."""
    findings = check_files(settings, now=SystemClock().now())
    for warning in findings.warnings:
        sys.stderr.write(f"klantenregister: warning: {warning}\n")
    if findings.errors:
        raise WrongUsage("\n".join(str(error) for error in findings.errors))


async def _serve(config: Path, settings: Settings, seen: Fingerprint, roles: frozenset[Role]) -> None:
    stop, reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    log_stray_errors(loop)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    async with running(settings, SystemClock(), roles, config=config) as installation:
        watching = installation.tasks.create_task(reload_when_changed(installation, config, reload, seen))
        slugs = [tenant.slug for tenant in settings.tenants]
        _log.info("serving", extra={"roles": sorted(roles), "tenants": slugs, "version": __version__})
        await stop.wait()
        _log.info("stopping")
        watching.cancel()
