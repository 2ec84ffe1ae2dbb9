"""Structured logs on standard error: one JSON object a line, made of the event's name and its fields.

What is logged is chosen where it is logged: never a token, a key, a query, a body or klant data.
"""

import asyncio
import json
import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_log = logging.getLogger(__name__)

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One line of JSON for each record; the fields given as `extra` become members."""

    def __init__(self, always: Mapping[str, object] = MappingProxyType({})) -> None:
        """`always` are members of every line."""
        super().__init__()
        self._always = dict(always)

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            **self._always,
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # ASCII: one line, and JSON, whatever is in it and whatever the encoding of standard error.
        try:
            return json.dumps(line, default=str, allow_nan=False)
        except (TypeError, ValueError, RecursionError):  # keys that are no text, numbers that are none, circles
            return json.dumps({name: str(value) for name, value in line.items()})


class _Lines(logging.StreamHandler[TextIO]):
    """Writes lines; what cannot be written, because the disk of standard error is full, is lost and nothing else."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def log_to_stderr(level: int = logging.INFO, **always: object) -> None:
    """Send all records of `level` and above to standard error as JSON lines; `always` are members of every line."""
    handler = _Lines()
    handler.setFormatter(JsonLines(always))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def log_stray_errors(loop: asyncio.AbstractEventLoop) -> None:
    """Log what nobody can catch, in `loop` and in callbacks of the interpreter, which would print a traceback."""
    loop.set_exception_handler(_log_loop_error)
    sys.unraisablehook = _log_unraisable


def _log_loop_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # The rest of the context shows whole objects, which may hold anything.
    _log.error("event_loop_error", extra={"problem": context.get("message"), **_told(context.get("exception"))})


def _log_unraisable(args: "UnraisableHookArgs") -> None:
    # A server name that is no text comes here too, so a stranger can cause it: no error of the program.
    _log.warning("unraisable_error", extra={"problem": args.err_msg, **_told(args.exc_value)})


def _told(error: BaseException | None) -> dict[str, object]:
    """Which error and where; not its text, which may hold what a stranger sent."""
    if error is None:
        return {}
    return {"error": type(error).__name__, "frames": "".join(traceback.format_tb(error.__traceback__))}
