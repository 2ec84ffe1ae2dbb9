"""`klantenregister.logging`: one JSON object a line, whatever happens."""

import asyncio
import gc
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klantenregister.logging import JsonLines, log_stray_errors, log_to_stderr

BSN = "999990019"
ROOT = Path(__file__).parents[2]


def formatted(message: str = "event", *, error: BaseException | None = None, **extra: Any) -> dict[str, Any]:
    """The line of one record, read back; checks that it is one line."""
    record = logging.getLogger("test").makeRecord("test", logging.WARNING, "file", 1, message, (), None, extra=extra)
    record.exc_info = None if error is None else (type(error), error, error.__traceback__)
    line = JsonLines().format(record)
    assert line.splitlines() == [line]
    read: dict[str, Any] = json.loads(line)
    return read


def test_a_line_has_instant_level_event_logger_and_fields() -> None:
    line = formatted("contract_offered", peer_id="1", attempts=3)

    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "warning",
        "event": "contract_offered",
        "logger": "test",
        "peer_id": "1",
        "attempts": 3,
    }


def test_an_exception_is_in_its_line() -> None:
    try:
        raise ZeroDivisionError("by zero")
    except ZeroDivisionError as error:
        line = formatted(error=error)

    assert line["exception"].endswith("ZeroDivisionError: by zero")


def test_what_json_does_not_know_is_shown_as_text() -> None:
    line = formatted(path=Path("/a"), set={1}, nested={"path": Path("/b")})

    assert (line["path"], line["set"], line["nested"]) == ("/a", "{1}", {"path": "/b"})


def test_what_json_cannot_hold_at_all_is_shown_as_text() -> None:
    circle: list[object] = []
    circle.append(circle)

    assert formatted(circle=circle, seconds=1)["circle"] == "[[...]]"
    assert formatted(keys={(1, 2): 3})["keys"] == "{(1, 2): 3}"
    assert formatted(ratio=float("nan"))["ratio"] == "nan"


@given(st.text())
def test_any_text_stays_on_one_line_of_ascii(text: str) -> None:
    line = formatted("event", reason=text)

    assert line["reason"] == text


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """The root logger, put back afterwards."""
    root = logging.getLogger()
    handlers, level, of_asyncio = root.handlers[:], root.level, logging.getLogger("asyncio").level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("asyncio").setLevel(of_asyncio)


def test_everything_of_the_level_and_above_goes_to_standard_error(
    root_logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not UTF-8: what is logged must be readable all the same.
    stderr = io.TextIOWrapper(io.BytesIO(), encoding="latin-1", errors="backslashreplace")
    monkeypatch.setattr(sys, "stderr", stderr)
    log_to_stderr(logging.INFO)

    logging.getLogger("gateway").info("first", extra={"name_of_peer": "Yılmaz"})
    logging.getLogger("gateway").debug("unseen")
    logging.getLogger("asyncio").info("unseen")
    logging.getLogger("register").error("second")
    stderr.flush()

    assert isinstance(stderr.buffer, io.BytesIO)
    lines = [json.loads(line) for line in stderr.buffer.getvalue().splitlines()]
    assert [(line["event"], line["level"], line["logger"]) for line in lines] == [
        ("first", "info", "gateway"),
        ("second", "error", "register"),
    ]
    assert lines[0]["name_of_peer"] == "Yılmaz"


async def test_an_error_in_a_callback_of_the_loop_is_one_line_without_its_text(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    loop = asyncio.get_running_loop()
    log_stray_errors(loop)

    def fail() -> None:
        raise ValueError(BSN)

    loop.call_soon(fail)
    await asyncio.sleep(0.01)
    loop.call_exception_handler({"message": "something happened"})

    first, second = [record for record in caplog.records if record.getMessage() == "event_loop_error"]
    line = JsonLines().format(first)
    assert json.loads(line)["error"] == "ValueError"
    assert "in fail" in json.loads(line)["frames"]
    assert BSN not in line
    assert "Traceback" not in line
    assert json.loads(JsonLines().format(second))["problem"] == "something happened"


async def test_an_error_that_the_interpreter_cannot_raise_is_one_line_without_its_text(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    log_stray_errors(asyncio.get_running_loop())

    class Unwilling:
        def __del__(self) -> None:
            raise ValueError(BSN)

    Unwilling()
    gc.collect()

    [record] = [record for record in caplog.records if record.getMessage() == "unraisable_error"]
    line = JsonLines().format(record)
    assert json.loads(line)["error"] == "ValueError"
    assert "in __del__" in json.loads(line)["frames"]
    assert BSN not in line
    assert capfd.readouterr().err == ""


def test_a_full_disk_of_the_log_is_no_traceback() -> None:
    program = (
        "import logging; from klantenregister.logging import log_to_stderr; log_to_stderr(); "
        "handler = logging.getLogger().handlers[0]; handler.setStream(open('/dev/full', 'w')); "
        "logging.info('lost'); handler.stream = __import__('sys').stderr; logging.info('kept')"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert '"event": "kept"' in done.stderr
    assert len(done.stderr.splitlines()) == 1
