"""`klantenregister demo`: a whole federation in one process, for a first look."""

import argparse
import asyncio
import logging
import signal
import sys
import tempfile
from pathlib import Path

import uvloop

from klantenregister.demo import Report, Say, run_demo
from klantenregister.errors import Failed
from klantenregister.logging import log_stray_errors, log_to_stderr


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser("demo", help="start a whole federation in one process and look a person up")
    parser.add_argument("--once", action="store_true", help="do it once and exit")
    parser.add_argument("--json", action="store_true", help="print a JSON object as the last line")
    parser.add_argument("--verbose", action="store_true", help="also show the log")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run it. Raises: Failed."""
    log_to_stderr(logging.INFO if arguments.verbose else logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="klantenregister-demo-") as directory:
        try:
            report = uvloop.run(_run(Path(directory), once=arguments.once))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    if arguments.json:
        sys.stdout.write(f"{report.as_json()}\n")
    if not report.is_ok:
        raise Failed("the lookup did not give what it should: run it again with --verbose to see why")
    return 0


async def _run(directory: Path, *, once: bool) -> Report:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    log_stray_errors(loop)
    work = asyncio.current_task()
    assert work is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _interrupt, stop, work, once)
    return await run_demo(directory, _say(), stop=None if once else stop)


def _interrupt(stop: asyncio.Event, work: "asyncio.Task[Report]", once: bool) -> None:
    """Stop after the lookup; a second time, or when nothing waits for a signal, at once."""
    if once or stop.is_set():
        work.cancel()
    stop.set()


def _say() -> Say:
    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    return say
