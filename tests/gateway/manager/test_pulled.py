"""An answer to GET /contracts is read: what a Peer shows of what we asked, and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.identity import PeerId
from gateway.fsc.contract import parse_contract_content
from gateway.fsc.hashes import compute_all
from gateway.fsc.jcs import JsonObject
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignatureType
from gateway.manager.pulled import (
    MAX_CONTRACTS,
    PulledPage,
    UnusableAnswer,
    news,
    next_cursor,
    parse_page,
    unknown_to,
)
from gateway.state.contracts import ContractRecord, DeliveryAction
from tests.gateway.harness import FOREIGN, OTHER, PROVIDER, connection, content_hash_of, key_pair, make_content, signed

NOW = 1_800_000_000
PAIR, OURS = key_pair(FOREIGN), key_pair(PROVIDER)
ACCEPT, REJECT, REVOKE = SignatureType.ACCEPT, SignatureType.REJECT, SignatureType.REVOKE
PROFILES = (HashProfile.FSC_DEVELOP, HashProfile.FSC_1_1)
CONTENT = make_content(connection(PAIR, FOREIGN, PROVIDER), now=NOW, profile=HashProfile.FSC_DEVELOP)
HASH, ALIAS = (content_hash_of(CONTENT, profile) for profile in PROFILES)
JWS = signed(PAIR, CONTENT, at=NOW, over=HASH)


def record_of(content: JsonObject = CONTENT) -> ContractRecord:
    parsed = parse_contract_content(content)
    return ContractRecord(parsed, compute_all(parsed, PROFILES))


def answer(*contracts: object, **pagination: object) -> bytes:
    return json.dumps({"contracts": contracts, "pagination": pagination or {"next_cursor": ""}}).encode()


def showing(peer_id: PeerId, jws: str) -> JsonObject:
    """A listed Contract with one accept."""
    return {"content": CONTENT, "signatures": {"accept": {peer_id: jws}}}


def seen(body: bytes) -> list[tuple[SignatureType, str]]:
    return [(one.kind, one.peer_id) for one in parse_page(body, [record_of()]).signatures]


@pytest.mark.parametrize("over", [HASH, ALIAS], ids=["its own", "alias"])
def test_a_signature_is_recognised_by_the_hash_that_it_names(over: str) -> None:
    shown = parse_page(answer(showing(FOREIGN, signed(PAIR, CONTENT, at=NOW, over=over))), [record_of()])
    (one,) = shown.signatures
    assert (one.contract, one.kind, one.peer_id) == (record_of().content_hash, ACCEPT, FOREIGN)
    assert (shown.contracts, shown.next_cursor) == (1, "")


def test_the_content_in_the_answer_is_nothing_to_us() -> None:
    assert seen(answer({"content": None, "signatures": {"accept": {FOREIGN: JWS}}})) == [(ACCEPT, FOREIGN)]


@pytest.mark.parametrize(
    "contract",
    [
        5,
        None,
        {},
        {"content": CONTENT},
        {"signatures": 5},
        {"signatures": {"accept": [JWS]}},
        {"signatures": {"accept": None, "reject": None}},
        {"signatures": {"accept": {FOREIGN: 5}}},
        {"signatures": {"accept": {FOREIGN: "no.jws.at all"}}},
        {"signatures": {"accept": {FOREIGN: JWS[:-200]}}},
        {"signatures": {"accept": {FOREIGN: "A" * 100_000}}},
        {"signatures": {"accept": {OTHER: JWS}}},
        {"signatures": {"approve": {FOREIGN: JWS}}},
        {"signatures": {"revoke": {FOREIGN: JWS}}},
        {"signatures": {"accept": {FOREIGN: signed(PAIR, CONTENT, at=NOW, over="$1$1$another")}}},
    ],
)
def test_what_is_no_signature_of_a_party_under_what_we_asked_is_passed_over(contract: object) -> None:
    assert seen(answer(contract)) == []
    assert seen(answer(contract, showing(FOREIGN, JWS))) == [(ACCEPT, FOREIGN)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"<html>",
        b'{"contracts": 5}',
        b'{"contracts": {"a": 1}}',
        b'{"contracts": [], "pagination": 5}',
        b'{"contracts": ' + b"[" * 10_000,
        b'{"contracts": [], "contracts": []}',
        b"\xff",
    ],
)
def test_what_is_no_list_of_contracts_is_unusable(body: bytes) -> None:
    with pytest.raises(UnusableAnswer):
        parse_page(body, [record_of()])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["contracts", "signatures", "accept", FOREIGN, "pagination", "next_cursor"]), inner
            )
        ),
    )
)
def test_whatever_a_peer_answers_is_read_or_unusable(value: Any) -> None:
    for body in (
        value,
        {"contracts": value},
        {"contracts": [{"signatures": value}]},
        {"contracts": [], "pagination": value},
    ):
        try:
            assert parse_page(json.dumps(body).encode(), [record_of()]).signatures == ()
        except UnusableAnswer:
            continue


def test_an_endless_list_is_cut() -> None:
    body = answer(*({} for _ in range(MAX_CONTRACTS)), showing(FOREIGN, JWS))
    page = parse_page(body, [record_of()])
    assert (page.signatures, page.contracts) == ((), MAX_CONTRACTS + 1)


@pytest.mark.parametrize(
    ("contracts", "given_cursor", "followed", "following"),
    [
        (2, "b", ["", "a"], "b"),
        (2, "", [""], ""),
        (0, "b", [""], ""),
        (2, "a", ["", "a"], ""),
        (2, "a", ["", "a", "b"], ""),
    ],
)
def test_pages_end(contracts: int, given_cursor: str, followed: list[str], following: str) -> None:
    assert next_cursor(PulledPage((), contracts, given_cursor), followed) == following


@pytest.mark.parametrize("cursor", [5, None, [], {}])
def test_a_cursor_that_is_no_text_is_none(cursor: object) -> None:
    assert parse_page(answer(next_cursor=cursor), [record_of()]).next_cursor == ""


# -- what it means


def newer(by: int = 1) -> str:
    return signed(PAIR, CONTENT, at=NOW + by, over=HASH)


@pytest.mark.parametrize(
    ("held", "shown", "is_news"),
    [(None, JWS, True), (JWS, JWS, False), (JWS, newer(), True), (newer(2), newer(1), False)],
)
def test_only_what_is_newer_than_what_we_hold_is_news(held: str | None, shown: str, is_news: bool) -> None:
    record = record_of() if held is None else record_of().with_signature(ACCEPT, FOREIGN, held)
    page = parse_page(answer(showing(FOREIGN, shown)), [record])
    assert [one.unverified.text for one in news(page.signatures, {record.content_hash: record})] == [shown][
        : int(is_news)
    ]


def test_what_a_peer_lacks_of_ours_is_to_be_brought() -> None:
    ours = {at: signed(OURS, CONTENT, at=at, over=HASH) for at in (1, 2, 3)}
    record = record_of().with_signature(ACCEPT, PROVIDER, ours[2])

    def lacking(*contracts: object, of: ContractRecord = record) -> list[DeliveryAction]:
        return unknown_to(parse_page(answer(*contracts), [of]).signatures, of, PROVIDER)

    assert lacking() == [DeliveryAction.SUBMIT]
    assert lacking(showing(FOREIGN, JWS)) == [DeliveryAction.ACCEPT]
    assert lacking(showing(PROVIDER, ours[1])) == [DeliveryAction.ACCEPT]
    assert lacking(showing(PROVIDER, ours[2])) == []
    assert lacking(showing(PROVIDER, ours[3])) == []
    assert lacking(of=record_of()) == []
    ended = record.with_signature(REVOKE, PROVIDER, signed(OURS, CONTENT, REVOKE, at=5, over=HASH))
    assert lacking(showing(PROVIDER, ours[2]), of=ended) == [DeliveryAction.REVOKE]
    assert lacking(of=ended) == [DeliveryAction.SUBMIT, DeliveryAction.REVOKE]
