"""The journal of a log file: what it holds after any end, and who may write it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import StoreUnavailable
from storage.log_journal import (
    FULL_BYTES,
    Frame,
    Journal,
    claim_journal,
    journal_path,
    open_journal,
    open_left_journal,
    read_frames,
    recent,
    render_frame,
)

PAYLOADS = st.lists(st.binary(min_size=0, max_size=60), max_size=8)


def opened(path: str) -> Journal:
    return open_journal(path, claim_journal(path, timeout_s=0))


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "x.db")


@pytest.fixture
def journal(path: str) -> Iterator[Journal]:
    journal = opened(path)
    yield journal
    journal.close()


def payloads(frames: list[Frame]) -> list[bytes]:
    return [frame.payload for frame in frames]


def rendered(generation: int, written: list[bytes]) -> bytes:
    return b"".join(render_frame(generation, 7 * at, 1, payload) for at, payload in enumerate(written))


@given(PAYLOADS, PAYLOADS, st.data())
def test_whatever_was_there_before_only_whole_frames_of_the_first_generation_are_read(
    before: list[bytes], after: list[bytes], data: st.DataObject
) -> None:
    old, new = rendered(1, before), rendered(2, after)
    cut = data.draw(st.integers(1, len(new))) if new else 0
    content = new[:cut] + old[cut:] + bytes(40)
    found = read_frames(content)
    of_new, of_old = ([one for one in read_frames(all_) if content.startswith(all_[: one.end])] for all_ in (new, old))
    assert payloads(found) == payloads(of_new or of_old)
    assert [frame.first for frame in found] == [7 * at for at in range(len(found))]


@given(PAYLOADS.filter(bool), st.data())
def test_a_byte_that_changed_ends_it(written: list[bytes], data: st.DataObject) -> None:
    content = bytearray(rendered(3, written))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    ends = [frame.end for frame in read_frames(rendered(3, written))]
    untouched = sum(end <= at for end in ends)
    assert payloads(read_frames(bytes(content))) == written[:untouched]


def test_what_was_appended_is_there_for_those_who_read_and_after_a_kill(path: str, journal: Journal) -> None:
    assert journal.is_empty
    assert recent(path) == []
    journal.append(1, 2, b"[a, b]")
    journal.append(3, 1, b"[c]")
    assert [(one.first, one.rows, one.payload) for one in recent(path)] == [(1, 2, b"[a, b]"), (3, 1, b"[c]")]
    journal.clear()
    assert recent(path) == []
    journal.append(4, 1, b"[d]")
    assert payloads(recent(path)) == [b"[d]"]
    assert payloads(journal.frames()) == [b"[d]"]


def test_its_length_never_changes_under_what_is_appended(path: str, journal: Journal) -> None:
    lengths = set()
    for number in range(50):
        journal.append(number, 1, b"x" * 1000)
        lengths.add(os.path.getsize(journal_path(path)))
    assert lengths == {FULL_BYTES}


def test_it_is_full_before_it_is_longer_but_takes_anything_when_empty(path: str, journal: Journal) -> None:
    assert journal.has_room(10 * FULL_BYTES)
    journal.append(1, 1, b"x" * 3 * FULL_BYTES)
    assert not journal.has_room(1)
    assert payloads(recent(path)) == [b"x" * 3 * FULL_BYTES]
    journal.clear()
    assert os.path.getsize(journal_path(path)) == FULL_BYTES
    while journal.has_room(1000):
        journal.append(1, 1, b"x" * 1000)
    assert os.path.getsize(journal_path(path)) == FULL_BYTES


def test_only_one_may_write_it(path: str, journal: Journal) -> None:
    journal.append(1, 1, b"[a]")
    assert open_left_journal(path) is None
    with pytest.raises(StoreUnavailable, match=r"x\.db: another program writes to it"):
        claim_journal(path, timeout_s=0.05)


def test_what_a_writer_left_is_found_by_the_next(path: str) -> None:
    left = opened(path)
    left.append(1, 1, b"[a]")
    left.close()
    found = open_left_journal(path)
    assert found is not None
    assert payloads(found.frames()) == [b"[a]"]
    found.close()
    following = opened(path)
    following.append(2, 1, b"[b]")
    assert payloads(recent(path)) == [b"[a]", b"[b]"]
    following.clear()
    following.close()
    assert os.listdir(Path(path).parent) == []
    assert open_left_journal(path) is None
    assert recent(path) == []


def test_what_cannot_be_written_is_not_there(path: str, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.append(1, 1, b"[a]")

    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fail)
        with pytest.raises(OSError, match="Input/output"):
            journal.append(2, 1, b"[b]")
    assert payloads(recent(path)) == [b"[a]"]
    journal.append(2, 1, b"[c]")
    assert payloads(recent(path)) == [b"[a]", b"[c]"]


def test_it_notices_that_it_was_taken_away(path: str) -> None:
    journal = opened(path)
    assert journal.is_in_place()
    os.rename(journal_path(path), path + ".away")
    assert not journal.is_in_place()
    journal.close()
    assert os.listdir(Path(path).parent) == ["x.db.away"]
