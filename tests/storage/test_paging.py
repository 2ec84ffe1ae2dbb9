import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.documents import Collection, Scalar, Sort
from storage.errors import InvalidCursor
from storage.paging import (
    DocumentPosition,
    LogPosition,
    document_cursor,
    log_cursor,
    parse_document_cursor,
    parse_log_cursor,
)

PEOPLE = Collection("people", ("age",))
int64 = st.integers(-(2**63), 2**63 - 1)
scalars = st.none() | st.booleans() | int64 | st.floats(allow_nan=False) | st.text()


@given(scalars, st.text())
def test_a_document_position_comes_back(value: Scalar, document_id: str) -> None:
    position = DocumentPosition(value, document_id)
    cursor = document_cursor("tenant", PEOPLE, Sort("age"), position)
    assert parse_document_cursor("tenant", PEOPLE, Sort("age"), cursor) == position
    assert type(parse_document_cursor("tenant", PEOPLE, Sort("age"), cursor).value) is type(value)


@given(int64, st.integers(0, 1_000), int64)
def test_a_log_position_comes_back(at_ms: int, worker: int, sequence: int) -> None:
    position = LogPosition(at_ms, worker, sequence)
    assert parse_log_cursor("tenant", "calls", True, log_cursor("tenant", "calls", True, position)) == position


@given(st.text(), st.integers(0, 60), st.characters())
def test_no_changed_cursor_is_taken(document_id: str, place: int, sign: str) -> None:
    cursor = document_cursor("tenant", PEOPLE, None, DocumentPosition(None, document_id))
    changed = cursor[:place] + sign + cursor[place + 1 :]
    if changed != cursor:
        with pytest.raises(InvalidCursor):
            parse_document_cursor("tenant", PEOPLE, None, changed)


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_no_other_text_is_taken(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        parse_document_cursor("tenant", PEOPLE, None, cursor)
    with pytest.raises(InvalidCursor):
        parse_log_cursor("tenant", "calls", False, cursor)


def test_a_cursor_belongs_to_its_listing() -> None:
    cursor = document_cursor("tenant", PEOPLE, Sort("age"), DocumentPosition(1, "a"))
    for tenant, collection, sort in (
        ("other", PEOPLE, Sort("age")),
        ("tenant", Collection("notes"), Sort("age")),
        ("tenant", PEOPLE, Sort("age", descending=True)),
        ("tenant", PEOPLE, Sort("name")),
        ("tenant", PEOPLE, None),
    ):
        with pytest.raises(InvalidCursor):
            parse_document_cursor(tenant, collection, sort, cursor)
    with pytest.raises(InvalidCursor):
        parse_log_cursor("tenant", "people", True, cursor)


@pytest.mark.parametrize("position", [(1,), (1, 2), (None, None), ("a", "b", "c"), (2**64, "a"), ("\ud800", "a"), ()])
def test_a_forged_position_of_another_shape_is_refused(position: tuple[Scalar, ...]) -> None:
    cursor = forged(["documents", "tenant", "people"], json.dumps(position).encode())
    with pytest.raises(InvalidCursor):
        parse_document_cursor("tenant", PEOPLE, None, cursor)


def test_a_forged_position_without_end_is_refused() -> None:
    with pytest.raises(InvalidCursor):
        parse_document_cursor("tenant", PEOPLE, None, forged(["documents", "tenant", "people"], b"[" * 100_000))


def test_a_forgery_of_the_right_shape_is_taken_so_the_others_fail_by_their_shape() -> None:
    cursor = forged(["documents", "tenant", "people"], b'[null,"a"]')
    assert parse_document_cursor("tenant", PEOPLE, None, cursor) == DocumentPosition(None, "a")


def forged(listing: list[str], payload: bytes) -> str:
    key = hashlib.blake2b(json.dumps(listing).encode(), digest_size=32).digest()
    checksum = hashlib.blake2b(payload, key=key, digest_size=8).digest()
    return base64.urlsafe_b64encode(checksum + payload).rstrip(b"=").decode()
