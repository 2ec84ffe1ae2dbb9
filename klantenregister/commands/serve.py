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
from klantenregister.errors import WrongUsage
from klantenregister.hosting import Role
from klantenregister.installation import ALL_ROLES, running
from klantenregister.logging import log_to_stderr
from klantenregister.preflight import check_files
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
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve. Raises: WrongUsage, Failed."""
    settings = read_settings(arguments.config)
    check_before_start(settings)
    log_to_stderr()
    uvloop.run(_serve(settings, arguments.roles))
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


async def _serve(settings: Settings, roles: frozenset[Role]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with running(settings, SystemClock(), roles):
        _log.info("serving", extra={"roles": sorted(roles), "tenants": [tenant.slug for tenant in settings.tenants]})
        await stop.wait()
        _log.info("stopping")
