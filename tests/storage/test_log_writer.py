"""The log writer, in the process of the test: batches, failures, the socket that ends in the middle."""

import json
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from storage.log_journal import FULL_BYTES, claim_journal, journal_path, recent
from storage.log_rows import Group, render_batch
from storage.log_writer import ANSWER_HEAD, Failure, LogWriter, answer_message, batch_message, serve
from storage.sqlite_connection import SqliteFile
from tests.storage.children import ROOT

NUMBERS = Group("INSERT INTO numbers VALUES (?, ?, ?) ON CONFLICT (sequence) DO NOTHING", ("a",))
UNKNOWN = Group("INSERT INTO unknown VALUES (?, ?, ?)", ("a",))
SOME_BYTES = 2_000


@pytest.fixture
def path(tmp_path: Path) -> str:
    file = SqliteFile(tmp_path / "x.db", 1)
    file.create()
    connection = file.connect(timeout_s=1)
    connection.execute("CREATE TABLE numbers (sequence INTEGER PRIMARY KEY, shared TEXT, own TEXT)")
    connection.close()
    return str(file.path)


def numbers(path: str) -> list[tuple[int, str]]:
    """What the tables have."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT sequence, own FROM numbers ORDER BY sequence").fetchall()


def waiting(path: str) -> int:
    """How many rows the journal has."""
    return sum(frame.rows for frame in recent(path))


def committed(writer: LogWriter, *own: str, group: Group = NUMBERS, moves: bool = False) -> Failure | None:
    rows: dict[Group, list[tuple[str | int | None, ...]]] = {group: [(one,) for one in own]}
    return writer.commit(len(own), render_batch(rows), moves=moves)


def test_rows_are_in_the_journal_until_they_are_moved(path: str) -> None:
    writer = LogWriter(path, 1, timeout_s=1)
    assert not writer.has_work()
    assert committed(writer, "x", "y") is None
    assert committed(writer, "z") is None
    assert (waiting(path), numbers(path)) == (3, [])
    assert writer.has_work()
    writer.tidy()
    assert (waiting(path), numbers(path)) == (0, [(1, "x"), (2, "y"), (3, "z")])
    assert not writer.has_work()
    assert committed(writer, "w") is None
    assert committed(writer, "v", moves=True) is None
    assert (waiting(path), numbers(path)[3:]) == (1, [(4, "w")])
    writer.close()
    assert numbers(path)[3:] == [(4, "w"), (5, "v")]
    assert os.listdir(Path(path).parent) == ["x.db"]


def test_a_full_journal_is_moved(path: str) -> None:
    writer = LogWriter(path, 1, timeout_s=1)
    for number in range(3 * FULL_BYTES // SOME_BYTES):
        assert committed(writer, f"{number:{SOME_BYTES}}") is None
    assert len(numbers(path)) + waiting(path) == 3 * FULL_BYTES // SOME_BYTES
    assert waiting(path) <= FULL_BYTES // SOME_BYTES
    assert os.path.getsize(journal_path(path)) == FULL_BYTES
    writer.close()
    assert [int(own) for _, own in numbers(path)] == list(range(3 * FULL_BYTES // SOME_BYTES))


def test_a_writer_that_is_killed_leaves_a_journal_that_the_next_one_moves(path: str, tmp_path: Path) -> None:
    writer = LogWriter(path, 1, timeout_s=1)
    committed(writer, "x")
    killed = tmp_path / "killed"
    killed.mkdir()
    for name in os.listdir(tmp_path):
        if name.startswith("x.db"):
            shutil.copy(tmp_path / name, killed)
    writer.tidy()
    # Once more what was moved already, as after a power cut just then.
    shutil.copy(journal_path(str(killed / "x.db")), tmp_path / "late")
    writer.close()
    os.rename(tmp_path / "late", journal_path(path))
    for left in (path, str(killed / "x.db")):
        following = LogWriter(left, 1, timeout_s=1)
        assert committed(following, "y") is None
        following.close()
        assert numbers(left) == [(1, "x"), (2, "y")]


def test_what_cannot_be_moved_is_kept_and_what_no_longer_fits_is_refused(path: str) -> None:
    writer = LogWriter(path, 1, timeout_s=0.01)
    kept = 0
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        while (failure := committed(writer, "x" * SOME_BYTES)) is None:
            kept += 1
            writer.tidy()
        assert "another process keeps it locked" in failure[0]
        assert failure[1] == "database is locked"
        assert committed(writer, moves=True) is not None
    assert waiting(path) == kept > 10
    assert committed(writer, "y") is None
    writer.close()
    assert len(numbers(path)) == kept + 1


def test_what_asks_for_a_move_is_not_written_when_that_fails(path: str) -> None:
    writer = LogWriter(path, 1, timeout_s=1)
    assert committed(writer, "x", group=UNKNOWN) is None
    failure = committed(writer, "y", moves=True)
    assert failure is not None
    assert "no such table" in failure[1]
    assert path in failure[0]
    assert waiting(path) == 1


def test_a_file_that_is_gone_is_told_and_recovers(path: str) -> None:
    writer = LogWriter(path, 1, timeout_s=1)
    assert committed(writer, "x") is None
    os.rename(path, path + ".away")
    for failure in (committed(writer, "y"), committed(writer, moves=True)):
        assert failure is not None
        assert "it is gone" in failure[0]
    writer.tidy()  # not now: nobody waits for it
    os.rename(path + ".away", path)
    assert committed(writer, "z") is None
    writer.close()
    assert [own for _, own in numbers(path)] == ["x", "z"]


def test_a_journal_that_is_taken_away_loses_nothing(path: str) -> None:
    writer = LogWriter(path, 1, timeout_s=1)
    assert committed(writer, "x") is None
    os.unlink(journal_path(path))
    assert committed(writer, "y") is None
    assert (waiting(path), numbers(path)) == (1, [(1, "x")])
    writer.close()
    assert numbers(path) == [(1, "x"), (2, "y")]


def test_no_room_for_the_journal_is_told_and_recovers(path: str) -> None:
    writer = LogWriter(path, 1, timeout_s=1)
    soft, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_BYTES // 2, most))
    try:
        failure = committed(writer, "x")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, most))
    assert failure is not None
    assert "the disk is full: free space" in failure[0]
    assert committed(writer, "y") is None
    writer.close()
    assert numbers(path) == [(1, "y")]


def test_idle_time_is_used_after_many_rows(path: str) -> None:
    writer = LogWriter(path, 1, timeout_s=1)
    committed(writer, *map(str, range(999)), moves=True)
    writer.tidy()
    before = os.path.getsize(path)
    assert not writer.has_work()
    committed(writer, "999")
    writer.tidy()
    assert os.path.getsize(path) > before
    assert not writer.has_work()
    writer.close()


def served(path: str, sent: bytes) -> bytes:
    """What a writer answers to these bytes, after which the other side is gone."""
    program = "import sys; from storage.log_writer import main; main()"
    ours, theirs = socket.socketpair()
    claimed = claim_journal(path, timeout_s=0)
    with ours:
        command = [sys.executable, "-c", program, path, "1", "1", str(claimed)]
        process = subprocess.Popen(command, stdin=theirs.fileno(), cwd=ROOT, pass_fds=(claimed,))
        theirs.close()
        os.close(claimed)
        ours.sendall(sent)
        ours.shutdown(socket.SHUT_WR)
        answers = b""
        while part := ours.recv(65536):
            answers += part
        assert process.wait(30) == 0
    return answers


def batch_of(*own: str) -> bytes:
    return batch_message(len(own), render_batch({NUMBERS: [(one,) for one in own]}))


def test_it_answers_each_batch_and_ends_with_the_other_side(path: str) -> None:
    assert served(path, batch_of("x", "y")) == 2 * answer_message(None)
    assert numbers(path) == [(1, "x"), (2, "y")]
    assert os.listdir(Path(path).parent) == ["x.db"]


@pytest.mark.parametrize("missing", [1, 20])
def test_a_batch_that_did_not_arrive_whole_is_not_written(path: str, missing: int) -> None:
    assert served(path, batch_of("x", "y")[:-missing]) == answer_message(None)
    assert numbers(path) == []


def test_a_large_batch_arrives_whole(path: str) -> None:
    assert served(path, batch_of("é" * 500_000, "b")) == 2 * answer_message(None)
    assert [len(own) for _, own in numbers(path)] == [500_000, 1]


def test_a_failure_is_answered_with_its_reason(path: str) -> None:
    os.unlink(path)
    answer = served(path, batch_of("x"))[len(answer_message(None)) :]
    assert ANSWER_HEAD.unpack_from(answer) == (len(answer) - ANSWER_HEAD.size,)
    reason, _ = json.loads(answer[ANSWER_HEAD.size :])
    assert "it is gone" in reason


def test_nobody_to_hear_it_ends_it(path: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    serve(LogWriter(path, 1, timeout_s=1), writing)
    os.close(writing)


def test_nothing_beside_the_file_grows_under_a_long_load(path: str) -> None:
    writer = LogWriter(path, 1, timeout_s=1)
    wal = []
    for _ in range(120):
        assert committed(writer, *["x" * 1000] * 500) is None
        wal.append(os.path.getsize(path + "-wal") if os.path.exists(path + "-wal") else 0)
    assert os.path.getsize(path) > 20 * 2**20
    assert max(wal) < 40 * 2**20
    assert os.path.getsize(journal_path(path)) < 2**20
    writer.close()
    assert len(numbers(path)) == 60_000
