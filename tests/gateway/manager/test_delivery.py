"""Debts are paid: whoever is away, whatever is killed, one Peer never waiting for another."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.identity import PeerId, PeerName
from certs.tls import server_context
from gateway.fsc.contract import parse_contract_content
from gateway.fsc.hashes import compute_all
from gateway.fsc.names import ManagerAddress
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignatureType
from gateway.fsc.versions import explain_refusal
from gateway.manager.contracts import add_our_signature, offer
from gateway.manager.delivery import MAX_DELAY_S, next_delay_s, settled
from gateway.state.contracts import ContractRecord, Delivery, DeliveryAction
from gateway.state.local_peer import LocalPeer
from klantenregister.hosting import HostedPeer
from klantenregister.stores import Stores
from storage.memory import MemoryDocuments
from storage.sqlite_documents import SqliteDocuments
from storage.sqlite_log import SqliteLog
from tests.gateway.harness import (
    CONSUMER,
    DAY_S,
    DIRECTORY,
    FOREIGN,
    OTHER,
    PROVIDER,
    RULE,
    Federation,
    connection,
    content_hash_of,
    delegated_connection,
    eventually,
    federation,
    key_pair,
    make_content,
    make_group,
    open_stores,
    working,
)


@pytest.mark.parametrize(("attempts", "delay_s"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (10_000, 60)])
def test_delays_double_to_a_minute(attempts: int, delay_s: int) -> None:
    assert next_delay_s(attempts, jitter=1.0) == delay_s


@given(st.integers(1, 100), st.floats(0, 1))
def test_jitter_takes_at_most_a_quarter(attempts: int, jitter: float) -> None:
    longest = next_delay_s(attempts, jitter=1.0)
    assert 1 <= next_delay_s(attempts, jitter=jitter) <= longest <= MAX_DELAY_S
    assert next_delay_s(attempts, jitter=jitter) >= longest * 3 // 4


async def offered(hosted: HostedPeer, other: PeerId = FOREIGN) -> ContractRecord:
    """A Contract of ours, owed to `other`."""
    now = hosted.peer.clock.now()
    grant = connection(hosted.peer.signing_pair(), CONSUMER, other)
    return await offer(hosted.peer, (grant,), not_before=now, not_after=now + 30 * DAY_S, created_at=now, remark="")


async def debts(peer: LocalPeer, record: ContractRecord) -> tuple[Delivery, ...]:
    present = await peer.contracts.get(record.content_hash)
    assert present is not None
    return present.deliveries


async def paid(peer: LocalPeer, record: ContractRecord) -> None:
    async with asyncio.timeout(5):
        while await debts(peer, record):  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.005)


async def failed(peer: LocalPeer, record: ContractRecord, attempts: int = 1) -> Delivery:
    """The debt once it was tried in vain `attempts` times."""
    async with asyncio.timeout(5):
        while (debt := (await debts(peer, record))[0]).attempts < attempts:  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.005)
    return debt


def wake(hosted: HostedPeer) -> None:
    """Let the worker see that time went by."""
    hosted.peer.contracts.owed.set()


@pytest.fixture
async def hosted(group: Federation) -> HostedPeer:
    return await group.host(CONSUMER)


# -- one attempt


async def test_what_we_offer_is_brought_with_everything_the_receiver_needs(
    group: Federation, hosted: HostedPeer
) -> None:
    foreign = await group.foreign()
    await foreign.announce(hosted.peer)
    record = await offered(hosted)
    async with working(hosted):
        await paid(hosted.peer, record)
    (got,) = foreign.signatures_received()
    assert (got.method, got.path) == ("POST", "/v1/contracts")
    assert got.headers["Fsc-Manager-Address"] == hosted.peer.tenant.manager_address
    assert got.headers["Content-Type"] == "application/json"
    signature = record.signatures[SignatureType.ACCEPT][CONSUMER]
    assert json.loads(got.body) == {"contract_content": record.parsed.raw, "signature": signature}


@pytest.mark.parametrize("kind", list(SignatureType))
async def test_each_signature_goes_to_its_own_endpoint(
    group: Federation, hosted: HostedPeer, kind: SignatureType
) -> None:
    foreign = await group.foreign()
    content = make_content(connection(foreign.pair, FOREIGN, CONSUMER), now=group.clock.now())
    await foreign.submit(hosted.peer, content)
    if kind is SignatureType.REVOKE:
        await add_our_signature(hosted.peer, content_hash_of(content), SignatureType.ACCEPT, remark="")
    record = await add_our_signature(hosted.peer, content_hash_of(content), kind, remark="")
    async with working(hosted):
        await paid(hosted.peer, record)
    assert ("PUT", kind.value) in foreign.contracts_received()
    got = next(one for one in foreign.received if one.path.endswith(f"/{kind}"))
    assert got.path == f"/v1/contracts/{content_hash_of(content)}/{kind}"


async def test_every_other_party_is_told(group: Federation, hosted: HostedPeer) -> None:
    foreign, other = await group.foreign(), await group.foreign(OTHER)
    for one in (foreign, other):
        await one.announce(hosted.peer)
    grant = delegated_connection(foreign.pair, FOREIGN, CONSUMER, on_behalf_of=OTHER)
    now = group.clock.now()
    record = await offer(hosted.peer, (grant,), not_before=now, not_after=now + DAY_S, created_at=now, remark="by hand")
    async with working(hosted):
        await paid(hosted.peer, record)
    assert foreign.contracts_received() == other.contracts_received() == [("POST", "contracts")]


async def test_an_unknown_peer_is_found_through_the_directory(group: Federation) -> None:
    directory = await group.host(DIRECTORY, directory=True)
    rules = make_group(directories={DIRECTORY: directory.peer.tenant.manager_address})
    hosted = await group.host(CONSUMER, group=rules)
    foreign = await group.foreign()
    await foreign.announce(directory.peer)
    record = await offered(hosted)
    async with working(hosted):
        await paid(hosted.peer, record)
    assert foreign.contracts_received() == [("POST", "contracts")]


DIFFER = explain_refusal("ERROR_CODE_UNKNOWN_FSC_VERSION", HashProfile.FSC_2_0)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (422, b'{"code": "ERROR_CODE_X", "message": "no\\u0007"}', "422 ERROR_CODE_X: no�"),
        (500, b"<html>", "500 without a readable reason"),
        (404, b"[]", "404 without a readable reason"),
        (404, b'{"code": 1}', "404 without a readable reason"),
        (422, b'{"code": ["A"], "message": 1}', "422 ['A']: 1"),
        (
            422,
            b'{"code": "ERROR_CODE_UNKNOWN_FSC_VERSION", "message": "no"}',
            f"{DIFFER}. It answered 422 ERROR_CODE_UNKNOWN_FSC_VERSION: no",
        ),
        (400, b'{"code": "A", "message": "\\ud800"}', "400 without a readable reason"),
        (400, b"[" * 100_000, "400 without a readable reason"),
    ],
)
async def test_a_refusal_is_kept_with_its_reason_and_tried_again(
    group: Federation, hosted: HostedPeer, status: int, body: bytes, told: str
) -> None:
    foreign = await group.foreign()
    await foreign.announce(hosted.peer)
    foreign.status, foreign.body = status, body
    record = await offered(hosted)
    async with working(hosted):
        debt = await failed(hosted.peer, record)
        assert (debt.last_error, debt.next_at) == (told, group.clock.now() + 1)
        foreign.status = 201
        group.clock.advance(1)
        wake(hosted)
        await paid(hosted.peer, record)


# -- who is away


async def test_a_peer_that_is_away_gets_it_when_it_is_back(group: Federation, hosted: HostedPeer) -> None:
    foreign = await group.foreign(listen=False)
    await foreign.announce(hosted.peer)
    record = await offered(hosted)
    async with working(hosted):
        for attempts, delay_s in ((1, 1), (2, 2), (3, 4)):
            debt = await failed(hosted.peer, record, attempts)
            assert delay_s * 3 / 4 <= debt.next_at - group.clock.now() <= delay_s
            group.clock.at = debt.next_at
            wake(hosted)
        await failed(hosted.peer, record, 4)
        await group.open(foreign)
        await foreign.announce(hosted.peer)  # hastens: no time goes by
        await paid(hosted.peer, record)
    assert foreign.contracts_received() == [("POST", "contracts")]


async def test_a_peer_at_another_address_is_told_nothing(group: Federation, hosted: HostedPeer) -> None:
    other = await group.foreign(OTHER)
    foreign = await group.foreign(listen=False)
    foreign.address = other.address
    await foreign.announce(hosted.peer)
    record = await offered(hosted)
    async with working(hosted):
        debt = await failed(hosted.peer, record)
    assert f"reached Peer {OTHER} where Peer {FOREIGN} was meant" in debt.last_error
    assert other.signatures_received() == []


async def test_a_peer_that_does_not_answer_holds_up_nobody_else(group: Federation, hosted: HostedPeer) -> None:
    slow, quick = await group.foreign(), await group.foreign(OTHER)
    slow.pause = asyncio.Event()
    for one in (slow, quick):
        await one.announce(hosted.peer)
    waiting = [await offered(hosted, FOREIGN) for _ in range(20)]
    async with working(hosted):
        await eventually(lambda: len(slow.signatures_received()) == 4)
        for _ in range(3):
            await paid(hosted.peer, await offered(hosted, OTHER))
        assert len(slow.signatures_received()) == 4
        slow.pause.set()
        for record in waiting:
            await paid(hosted.peer, record)
    assert len(slow.signatures_received()) == 20


async def test_what_waited_for_an_unreachable_peer_is_not_tried_one_by_one(
    group: Federation, hosted: HostedPeer
) -> None:
    tried = 0

    def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tried
        tried += 1
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        foreign = await group.foreign(listen=False, port=server.sockets[0].getsockname()[1])
        await foreign.announce(hosted.peer)
        records = [await offered(hosted) for _ in range(40)]
        async with working(hosted):
            reasons = {(await failed(hosted.peer, record)).last_error for record in records}
    assert tried <= 8
    assert all(foreign.address in reason for reason in reasons)


async def test_an_attempt_under_way_is_not_begun_twice(group: Federation, hosted: HostedPeer) -> None:
    foreign = await group.foreign()
    foreign.pause = asyncio.Event()
    await foreign.announce(hosted.peer)
    record = await offered(hosted)
    async with working(hosted):
        await eventually(lambda: len(foreign.signatures_received()) == 1)
        for _ in range(5):
            wake(hosted)
            await foreign.announce(hosted.peer)
        await offered(hosted, OTHER)
        assert len(foreign.signatures_received()) == 1
        foreign.pause.set()
        await paid(hosted.peer, record)
    assert len(foreign.signatures_received()) == 1


# -- what ends


async def test_an_expired_contract_is_owed_to_nobody(group: Federation, hosted: HostedPeer) -> None:
    foreign = await group.foreign(listen=False)
    await foreign.announce(hosted.peer)
    record = await offered(hosted)
    async with working(hosted):
        await failed(hosted.peer, record)
        group.clock.at = record.content.not_after
        wake(hosted)
        await paid(hosted.peer, record)


async def test_a_worker_without_work_ends_at_once(hosted: HostedPeer) -> None:
    async with asyncio.timeout(1), working(hosted):
        await asyncio.sleep(0.01)


async def test_a_worker_is_ended_in_the_middle_of_an_attempt(group: Federation, hosted: HostedPeer) -> None:
    foreign = await group.foreign()
    foreign.pause = asyncio.Event()
    await foreign.announce(hosted.peer)
    record = await offered(hosted)
    async with asyncio.timeout(2), working(hosted):
        await eventually(lambda: len(foreign.signatures_received()) == 1)
    assert len(await debts(hosted.peer, record)) == 1
    foreign.pause.set()
    async with working(hosted):
        await paid(hosted.peer, record)


async def test_a_store_that_is_away_for_a_while_stops_nothing(group: Federation, hosted: HostedPeer) -> None:
    foreign = await group.foreign()
    foreign.pause = asyncio.Event()
    await foreign.announce(hosted.peer)
    record = await offered(hosted)
    documents = group.stores.documents
    assert isinstance(documents, MemoryDocuments)
    async with working(hosted):
        await eventually(lambda: len(foreign.signatures_received()) == 1)
        documents.available = False
        foreign.pause.set()  # the outcome cannot be written: it will be brought again
        await asyncio.sleep(0.1)
        documents.available = True
        await paid(hosted.peer, record)
    assert len(foreign.signatures_received()) == 2


async def test_our_own_expired_certificate_stops_nothing(group: Federation) -> None:
    host = f"manager-{CONSUMER}.localhost"
    hosted = await group.host(CONSUMER, key_pairs=(key_pair(CONSUMER, host=host, days=1),))
    foreign = await group.foreign()
    await foreign.announce(hosted.peer)
    record = await offered(hosted)
    group.clock.advance(2 * DAY_S)
    async with working(hosted):
        debt = await failed(hosted.peer, record)
    assert "no certificate that is valid now" in debt.last_error


async def test_a_debt_survives_the_death_of_the_process(tmp_path: Path) -> None:
    path = tmp_path / "peer.db"
    async with _stored(path) as group:
        hosted = await group.host(CONSUMER)
        foreign = await group.foreign(listen=False)
        await foreign.announce(hosted.peer)
        record = await offered(hosted)
        async with working(hosted):
            await failed(hosted.peer, record)
    async with _stored(path) as group:
        again = await group.host_tenant(hosted.peer.tenant)
        known = await again.peer.peers.get(FOREIGN)
        assert known is not None
        returned = await group.foreign(pair=foreign.pair)
        address = ManagerAddress(returned.address)
        await again.peer.peers.remember(FOREIGN, known.name, address, now=group.clock.now())
        group.clock.advance(MAX_DELAY_S)
        async with working(again):
            await paid(again.peer, record)
        assert returned.contracts_received() == [("POST", "contracts")]


@contextlib.asynccontextmanager
async def _stored(path: Path) -> AsyncIterator[Federation]:
    """A Group whose stores are in a file."""
    stores = Stores(SqliteDocuments(path), SqliteLog(path, worker=0))
    await open_stores(stores)
    async with federation(stores) as group:
        yield group
    await stores.close()


# -- what changes meanwhile


async def test_who_announces_itself_a_moment_later_gets_it_within_the_first_attempt(group: Federation) -> None:
    """Peers that start together do not know each other yet: that is nothing to warn of, nor to wait a second for."""
    directory = await group.host(DIRECTORY, directory=True)
    rules = make_group(directories={DIRECTORY: directory.peer.tenant.manager_address})
    hosted = await group.host(CONSUMER, group=rules)
    foreign = await group.foreign()
    record = await offered(hosted)
    async with working(hosted):
        await asyncio.sleep(0.05)
        await foreign.announce(directory.peer)
        await paid(hosted.peer, record)  # and no time went by


async def test_a_first_failure_is_no_warning_but_a_second_is(
    group: Federation, hosted: HostedPeer, caplog: pytest.LogCaptureFixture
) -> None:
    foreign = await group.foreign(listen=False)
    await foreign.announce(hosted.peer)
    record = await offered(hosted)

    def levels() -> list[str]:
        return [one.levelname for one in caplog.records if one.message == "delivery_failed"]

    async with working(hosted):
        await failed(hosted.peer, record)
        assert levels() == ["INFO"]
        group.clock.advance(1)
        wake(hosted)
        await failed(hosted.peer, record, 2)
    assert levels() == ["INFO", "WARNING"]


async def test_a_peer_that_moved_gets_it_at_its_new_place(group: Federation) -> None:
    directory = await group.host(DIRECTORY, directory=True)
    rules = make_group(directories={DIRECTORY: directory.peer.tenant.manager_address})
    hosted = await group.host(CONSUMER, group=rules)
    foreign = await group.foreign(listen=False)
    await foreign.announce(hosted.peer)
    await group.open(foreign)
    await foreign.announce(directory.peer)
    record = await offered(hosted)
    async with working(hosted):
        await paid(hosted.peer, record)
    known = await hosted.peer.peers.get(FOREIGN)
    assert known is not None
    assert known.manager_address == foreign.address


async def test_what_is_signed_again_during_an_attempt_is_owed_still(group: Federation, hosted: HostedPeer) -> None:
    foreign = await group.foreign()
    foreign.pause = asyncio.Event()
    await foreign.announce(hosted.peer)
    record = await offered(hosted)
    before = record.signatures[SignatureType.ACCEPT][CONSUMER]
    again = await hosted.peer.sign(record.parsed, record.hashes[0], SignatureType.ACCEPT, after=group.clock.now())
    async with working(hosted):
        await eventually(lambda: len(foreign.signatures_received()) == 1)
        await hosted.peer.contracts.update(
            record.content_hash, lambda one: one.signed_again(CONSUMER, before, again, now=group.clock.now())
        )
        foreign.pause.set()
        await paid(hosted.peer, record)
    brought = [json.loads(one.body)["signature"] for one in foreign.signatures_received()]
    assert brought == [before, again]


async def test_a_debt_that_another_process_wrote_is_noticed(
    group: Federation, hosted: HostedPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.manager.delivery._LOOK_EVERY_S", 0.05)
    foreign = await group.foreign()
    await foreign.announce(hosted.peer)
    elsewhere = await group.host_tenant(hosted.peer.tenant)
    async with working(hosted):
        await asyncio.sleep(0.02)
        await paid(hosted.peer, await offered(elsewhere))
    assert foreign.contracts_received() == [("POST", "contracts")]


async def test_two_processes_that_deliver_the_same_do_no_harm(group: Federation, hosted: HostedPeer) -> None:
    provider = await group.host(PROVIDER)
    tenant = provider.peer.tenant
    await hosted.peer.peers.remember(PROVIDER, tenant.name, tenant.manager_address, now=1)
    twin = await group.host_tenant(hosted.peer.tenant)
    record = await offered(hosted, PROVIDER)
    async with working(hosted, twin):
        wake(twin)
        await paid(hosted.peer, record)
        await asyncio.sleep(0.05)
    ours, theirs = (
        await hosted.peer.contracts.get(record.content_hash),
        await provider.peer.contracts.get(record.content_hash),
    )
    assert ours is not None
    assert theirs is not None
    assert ours.signatures == theirs.signatures


@pytest.mark.parametrize("cut", ["before the answer", "in the head", "in the body"])
async def test_an_answer_that_breaks_off_leaves_the_debt_and_doubles_nothing(
    group: Federation, hosted: HostedPeer, cut: str
) -> None:
    """The Peer stored it; its answer did not reach us: it is brought again, which changes nothing there."""
    foreign = await group.foreign()
    await foreign.announce(hosted.peer)
    heads = {
        "before the answer": b"",
        "in the head": b"HTTP/1.1 201 Cre",
        "in the body": b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{",
    }

    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(heads[cut])
            await writer.drain()
        writer.transport.abort()

    tls = server_context(foreign.pair, make_group().trust, RULE, clock=group.clock)
    async with await asyncio.start_server(break_off, "127.0.0.1", 0, ssl=tls) as server:
        whole, foreign.address = foreign.address, f"https://{FOREIGN}.localhost:{server.sockets[0].getsockname()[1]}"
        await foreign.announce(hosted.peer)
        record = await offered(hosted)
        async with working(hosted):
            debt = await failed(hosted.peer, record)
            assert debt.last_error
            foreign.address = whole
            await foreign.announce(hosted.peer)
            await paid(hosted.peer, record)
    assert foreign.contracts_received() == [("POST", "contracts")]


async def test_a_clock_that_goes_back_delays_nothing(
    group: Federation, hosted: HostedPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.manager.delivery._LOOK_EVERY_S", 0.05)
    foreign = await group.foreign(listen=False)
    group.clock.advance(DAY_S)
    await foreign.announce(hosted.peer)
    record = await offered(hosted)
    async with working(hosted):
        await failed(hosted.peer, record)
        group.clock.advance(-DAY_S)
        await group.open(foreign)
        name, address = PeerName(f"Peer {FOREIGN}"), ManagerAddress(foreign.address)
        await hosted.peer.peers.remember(FOREIGN, name, address, now=group.clock.now())
        await paid(hosted.peer, record)


async def test_a_debt_that_was_read_before_it_was_paid_is_looked_at_once(group: Federation, hosted: HostedPeer) -> None:
    foreign = await group.foreign()
    await foreign.announce(hosted.peer)
    record = await offered(hosted)
    async with working(hosted):
        await paid(hosted.peer, record)
        hosted.peer.contracts.agenda.put(record)  # as a look at the store that took long does
        wake(hosted)
        await eventually(lambda: len(foreign.contracts_received()) == 2)
        await asyncio.sleep(0.3)
    assert len(foreign.contracts_received()) == 2


# -- the outcome, pure


def _owing(*deliveries: Delivery) -> ContractRecord:
    parsed = parse_contract_content(make_content(connection(key_pair(FOREIGN), FOREIGN, PROVIDER), now=1_800_000_000))
    return ContractRecord(parsed, compute_all(parsed, (HashProfile.FSC_2_0,)), deliveries=deliveries)


SUBMIT = Delivery(FOREIGN, DeliveryAction.SUBMIT, 100)
REVOKE = Delivery(FOREIGN, DeliveryAction.REVOKE, 100)


def test_what_was_confirmed_is_owed_no_more_and_the_rest_stays() -> None:
    elsewhere = Delivery(OTHER, DeliveryAction.SUBMIT, 100)
    after = settled(_owing(SUBMIT, REVOKE, elsewhere), SUBMIT, "", 100)
    assert after.deliveries == (REVOKE, elsewhere)


def test_what_another_settled_meanwhile_stays_settled() -> None:
    assert settled(_owing(REVOKE), SUBMIT, "no", 100).deliveries == (REVOKE,)


def test_a_failure_counts_from_when_it_ended() -> None:
    (debt,) = settled(_owing(SUBMIT), SUBMIT, "no", 130).deliveries
    assert debt == Delivery(FOREIGN, DeliveryAction.SUBMIT, 131, attempts=1, last_error="no")


def test_what_was_hastened_during_the_attempt_is_due_at_once() -> None:
    (debt,) = settled(_owing(replace(SUBMIT, next_at=120)), SUBMIT, "no", 130).deliveries
    assert (debt.next_at, debt.attempts) == (120, 1)


def test_an_endless_reason_is_cut() -> None:
    (debt,) = settled(_owing(SUBMIT), SUBMIT, "a\n" * 10_000, 100).deliveries
    assert debt.last_error.startswith("a�a")
    assert len(debt.last_error) == 500
