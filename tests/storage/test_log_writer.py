"""The log writer, in the process of the test: batches, failures, the socket that ends in the middle."""

import marshal
import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from storage.log_writer import Batch, LogWriter, message, message_size, serve
from storage.sqlite_connection import SqliteFile
from storage.sqlite_open import PROBE
from tests.storage.children import ROOT

INSERT = "INSERT INTO numbers VALUES (?, ?)"


@pytest.fixture
def path(tmp_path: Path) -> str:
    file = SqliteFile(tmp_path / "x.db", 1)
    file.create()
    connection = file.connect(timeout_s=1)
    connection.execute("CREATE TABLE numbers (shared TEXT, own INTEGER UNIQUE)")
    connection.close()
    return str(file.path)


def numbers(path: str) -> list[tuple[str, int]]:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT shared, own FROM numbers ORDER BY own").fetchall()
    connection.close()
    return found


def test_a_batch_is_committed_or_none_of_it(path: str) -> None:
    writer = LogWriter(path, 1, timeout_s=1)
    shared = ("a",)
    assert writer.commit({INSERT: [(shared, (1,)), (shared, (2,))], PROBE: [((), ())]}) is None
    refused: list[tuple[Batch, str]] = [
        ({INSERT: [(shared, (3,)), (shared, (2,))]}, "UNIQUE"),
        ({INSERT: [(shared, (3,))], "INSERT INTO unknown VALUES (?)": [((), (1,))]}, "no such table"),
        ({INSERT: [(shared, (3,)), (shared, (2**70,))]}, "Overflow"),
    ]
    for batch, behind in refused:
        failure = writer.commit(batch)
        assert failure is not None
        assert behind in failure[1]
        assert path in failure[0]
    assert writer.commit({INSERT: [(shared, (4,))]}) is None
    writer.close()
    assert numbers(path) == [("a", 1), ("a", 2), ("a", 4)]


def test_a_file_that_is_gone_is_told_and_recovers(path: str) -> None:
    writer = LogWriter(path, 1, timeout_s=1)
    os.rename(path, path + ".away")
    failure = writer.commit({PROBE: [((), ())]})
    assert failure is not None
    assert "it is gone" in failure[0]
    os.rename(path + ".away", path)
    assert writer.commit({PROBE: [((), ())]}) is None
    writer.close()


def test_idle_time_is_used_after_many_rows(path: str) -> None:
    writer = LogWriter(path, 1, timeout_s=1)
    writer.commit({INSERT: [(("a",), (number,)) for number in range(999)]})
    assert not writer.is_worth_moving()
    writer.commit({INSERT: [(("a",), (999,))]})
    assert writer.is_worth_moving()
    before = os.path.getsize(path)
    writer.move()
    assert os.path.getsize(path) > before
    assert not writer.is_worth_moving()
    os.rename(path, path + ".away")
    writer.move()  # not now: nobody waits for it
    writer.close()


def served(path: str, sent: bytes) -> bytes:
    """What a writer answers to these bytes, after which the other side is gone."""
    program = "import sys; from storage.log_writer import main; main()"
    ours, theirs = socket.socketpair()
    with ours:
        process = subprocess.Popen([sys.executable, "-c", program, path, "1", "1"], stdin=theirs.fileno(), cwd=ROOT)
        theirs.close()
        ours.sendall(sent)
        ours.shutdown(socket.SHUT_WR)
        answers = b""
        while part := ours.recv(65536):
            answers += part
        assert process.wait(30) == 0
    return answers


def batch_of(*own: int) -> Batch:
    return {INSERT: [(("a",), (one,)) for one in own]}


def test_it_answers_each_batch_and_ends_with_the_other_side(path: str) -> None:
    assert served(path, message(batch_of(1, 2))) == bytes(8)
    assert numbers(path) == [("a", 1), ("a", 2)]
    assert os.listdir(Path(path).parent) == ["x.db"]


@pytest.mark.parametrize("missing", [1, 20])
def test_a_batch_that_did_not_arrive_whole_is_not_written(path: str, missing: int) -> None:
    assert served(path, message(batch_of(1, 2))[:-missing]) == bytes(4)
    assert numbers(path) == []


def test_a_large_batch_arrives_whole(path: str) -> None:
    assert served(path, message({INSERT: [(("é" * 500_000,), (1,)), (("b",), (2,))]})) == bytes(8)
    assert [own for _, own in numbers(path)] == [1, 2]


def test_a_failure_is_answered_with_its_reason(path: str) -> None:
    os.unlink(path)
    answer = served(path, message(batch_of(1)))[4:]
    assert message_size(answer) == len(answer)
    reason, _ = marshal.loads(answer[4:])
    assert "it is gone" in reason


def test_nobody_to_hear_it_ends_it(path: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    serve(LogWriter(path, 1, timeout_s=1), writing)
    os.close(writing)
