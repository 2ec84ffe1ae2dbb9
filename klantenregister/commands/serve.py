"""`klantenregister serve`: run the installation until it is told to stop."""

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import uvloop

from clock import SystemClock
from config.settings import Settings
from klantenregister import __version__
from klantenregister.composition import running
from klantenregister.errors import Failed, WrongUsage
from klantenregister.followers import follow_leader
from klantenregister.hosting import ALL_ROLES, Role
from klantenregister.logging import log_stray_errors, log_to_stderr
from klantenregister.preflight import check_files
from klantenregister.reloading import Fingerprint, fingerprint, reload_when_changed
from klantenregister.settings_file import read_settings
from klantenregister.worker import Line, Worker, alone, parse_settings
from storage.errors import StoreUnavailable

_log = logging.getLogger(__name__)

_COLLECT_AFTER = 10_000
"""Objects that are made beyond those that are let go before the youngest are searched for cycles (default: 700)."""


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
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that serve (default: 1)")
    parser.add_argument("--supervised", type=int, help=argparse.SUPPRESS)  # how a supervisor starts a worker
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve. Raises: WrongUsage, Failed."""
    if arguments.workers < 1:
        raise WrongUsage("--workers: at least one process serves")
    config, roles = arguments.config.absolute(), arguments.roles
    if arguments.supervised is not None:
        uvloop.run(_serve_supervised(config, roles, arguments.supervised))
    elif arguments.workers > 1:
        _become_supervisor(arguments.workers, config, roles)
    else:
        uvloop.run(_serve_alone(config, roles))
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


def _become_supervisor(workers: int, config: Path, roles: frozenset[Role]) -> NoReturn:
    """Go on as the supervisor, in this process but without all that it does not need."""
    words = (str(workers), "--config", str(config), "--roles", ",".join(sorted(roles)))
    os.execv(sys.executable, [sys.executable, "-m", "klantenregister.supervisor", *words])  # noqa: S606 - no shell is wanted


async def _serve_alone(config: Path, roles: frozenset[Role]) -> None:
    stop, reload = asyncio.Event(), asyncio.Event()
    settings, seen = _from_file(config)
    log_to_stderr()
    await _serve(config, settings, roles, alone(), Asked(stop, reload, seen))


async def _serve_supervised(config: Path, roles: frozenset[Role], descriptor: int) -> None:
    stop, reload = asyncio.Event(), asyncio.Event()
    try:
        line = await Line.join(descriptor, stop)
    except StoreUnavailable as error:
        raise Failed(str(error)) from error
    worker = Worker(line.start.number, line, line)
    if line.start.settings:
        settings = parse_settings(line.start.settings)
        seen = fingerprint(config, settings)
        reload.set()  # what was written while no leader looked
    else:
        settings, seen = _from_file(config)
    log_to_stderr(worker=worker.number)
    try:
        await _serve(config, settings, roles, worker, Asked(stop, reload, seen))
    finally:
        await line.close()


def _from_file(config: Path) -> tuple[Settings, Fingerprint]:
    """The configuration, when it and every file that it names is right. Raises: WrongUsage."""
    settings = read_settings(config)
    seen = fingerprint(config, settings)
    check_before_start(settings)
    return settings, seen


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the process while it serves, and the fingerprint of when its settings were read."""

    stop: asyncio.Event
    reload: asyncio.Event
    seen: Fingerprint


async def _serve(config: Path, settings: Settings, roles: frozenset[Role], worker: Worker, asked: Asked) -> None:
    loop = asyncio.get_running_loop()
    log_stray_errors(loop)
    loop.add_signal_handler(signal.SIGTERM, asked.stop.set)
    # From a terminal the supervisor is interrupted too, and tells its workers to stop.
    loop.add_signal_handler(signal.SIGINT, asked.stop.set if worker.line is None else _nothing)
    loop.add_signal_handler(signal.SIGHUP, asked.reload.set if worker.is_leader else _nothing)
    async with running(settings, SystemClock(), roles, config=config, worker=worker) as installation:
        if worker.line is None or worker.is_leader:
            abreast = reload_when_changed(installation, config, asked.reload, asked.seen)
        else:
            abreast = follow_leader(installation, worker.line)
        watching = installation.tasks.create_task(abreast)
        if worker.line is not None:
            worker.line.tell_serving(settings.timeouts.shutdown_seconds)
        _spare_the_collector()
        slugs = [tenant.slug for tenant in settings.tenants]
        _log.info("serving", extra={"roles": sorted(roles), "tenants": slugs, "version": __version__})
        await asked.stop.wait()
        _log.info("stopping")
        watching.cancel()


def _spare_the_collector() -> None:
    """Let requests not pay for searching what is there for good: modules, settings, Contracts and keys.

    A request leaves nothing in cycles, so the youngest may be more before they are searched; what does is still found.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


def _nothing() -> None:
    """What a signal does that is not for this process."""
