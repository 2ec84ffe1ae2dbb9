"""The log writer, in the process of the test: batches, failures, the socket that ends in the middle."""

import marshal
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
from itertools import pairwise
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


def test_the_write_ahead_log_grows_ahead_of_what_is_written_and_then_no_more(path: str) -> None:
    writer = LogWriter(path, 1, timeout_s=1)
    journal = path + "-wal"
    lengths = [0]
    for number in range(60):
        assert writer.commit({INSERT: [(("a" * 3000,), (number,))]}) is None
        writer.grow()
        lengths.append(os.path.getsize(journal))
    changes = [after for before, after in pairwise(lengths) if after != before]
    assert len(changes) < 12
    assert max(after - before for before, after in pairwise(lengths)) < 2 * 2**20
    # A process that finds the log as it is after a power cut: its zeros are the end of it.
    cut = Path(path).with_name("cut")
    cut.mkdir()
    for name in (path, journal):
        shutil.copy(name, cut)
    assert [own for _, own in numbers(str(cut / "x.db"))] == list(range(60))
    writer.close()
    assert [own for _, own in numbers(path)] == list(range(60))


def test_it_never_grows_while_another_process_may_be_writing(path: str) -> None:
    writer = LogWriter(path, 1, timeout_s=0.01)
    assert writer.commit(batch_of(1)) is None
    length = os.path.getsize(path + "-wal")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writer.grow()
    assert os.path.getsize(path + "-wal") == length
    other.execute("INSERT INTO numbers VALUES ('b', 2)")
    other.execute("COMMIT")
    other.close()
    writer.grow()
    assert os.path.getsize(path + "-wal") > 2 * length
    writer.close()
    assert numbers(path) == [("a", 1), ("b", 2)]


def test_no_room_to_grow_ahead_is_no_fault(path: str) -> None:
    writer = LogWriter(path, 1, timeout_s=1)
    writer.grow()
    assert writer.commit(batch_of(1)) is None
    soft, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(path + "-wal"), most))
    try:
        writer.grow()
        assert writer.commit(batch_of(2)) is not None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, most))
    assert writer.commit(batch_of(2)) is None
    writer.close()
    assert [own for _, own in numbers(path)] == [1, 2]


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
