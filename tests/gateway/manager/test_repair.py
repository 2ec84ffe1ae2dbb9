"""What did not reach us is asked for and taken when it is genuine; what the other side lacks is brought again."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from certs.custody import KeyPair
from certs.identity import PeerId
from gateway.fsc.grants import Grant
from gateway.fsc.jcs import JsonObject
from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.manager.contracts import add_our_signature, offer
from gateway.manager.repair import Repairer
from gateway.state.contracts import ContractRecord, DeliveryAction
from gateway.state.local_peer import LocalPeer
from klantenregister.hosting import HostedPeer
from storage.memory import MemoryDocuments
from tests.gateway.harness import (
    CONSUMER,
    DAY_S,
    FOREIGN,
    OTHER,
    PROVIDER,
    Federation,
    ForeignPeer,
    connection,
    content_hash_of,
    delegated_connection,
    eventually,
    key_pair,
    make_content,
    signed,
    strange_authority,
    working,
)

ACCEPT, REJECT, REVOKE = SignatureType.ACCEPT, SignatureType.REJECT, SignatureType.REVOKE
LIST = "/v1/contracts"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.manager.repair._LOOK_EVERY_S", 0.01)


@pytest.fixture
async def hosted(group: Federation) -> HostedPeer:
    return await group.host(CONSUMER)


@pytest.fixture
async def foreign(group: Federation) -> ForeignPeer:
    return await group.foreign()


@asynccontextmanager
async def repairing(peer: LocalPeer) -> AsyncIterator[Repairer]:
    """Only repair is at work, and must end cleanly."""
    repairer = Repairer(peer)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(repairer.run())
        await asyncio.sleep(0.03)  # it has seen what there is
        try:
            yield repairer
        finally:
            task.cancel()


async def shared(hosted: HostedPeer, *foreign: ForeignPeer, **changes: object) -> ContractRecord:
    """A Contract of ours that each of these Peers received, as far as we know; they are known by an announce."""
    for one in foreign:
        await one.announce(hosted.peer)
    pair = hosted.peer.signing_pair()
    if len(foreign) == 1:
        grant: Grant = connection(pair, CONSUMER, foreign[0].peer_id)
    else:
        grant = delegated_connection(pair, CONSUMER, foreign[0].peer_id, on_behalf_of=foreign[1].peer_id)
    now = hosted.peer.clock.now()
    record = await offer(hosted.peer, (grant,), not_before=now, not_after=now + 30 * DAY_S, created_at=now, remark="")
    return await delivered(hosted.peer, record)


async def delivered(peer: LocalPeer, record: ContractRecord) -> ContractRecord:
    return await peer.contracts.update(record.content_hash, lambda one: _without_debts(one))


def _without_debts(record: ContractRecord) -> ContractRecord:
    return replace(record, deliveries=())


def shows(foreign: ForeignPeer, record: ContractRecord, *signatures: tuple[SignatureType, PeerId, str]) -> None:
    """The foreign Peer lists this Contract with these signatures, and the one that we gave."""
    listed: JsonObject = {kind.value: dict(record.signatures.get(kind, {})) for kind in SignatureType}
    for kind, peer_id, jws in signatures:
        listed[kind][peer_id] = jws
    body = {"contracts": [{"content": record.parsed.raw, "signatures": listed}], "pagination": {"next_cursor": ""}}
    foreign.status = 200
    foreign.pages[LIST] = json.dumps(body).encode()


def by(pair: KeyPair, record: ContractRecord, kind: SignatureType = ACCEPT, at: int = 0) -> str:
    return signed(pair, record.parsed.raw, kind, at=at or record.content.created_at)


async def present(hosted: HostedPeer, record: ContractRecord) -> ContractRecord:
    found = await hosted.peer.contracts.get(record.content_hash)
    assert found is not None
    return found


def asked(foreign: ForeignPeer) -> int:
    return sum(one.path == LIST and one.method == "GET" for one in foreign.received)


async def answered(repairer: Repairer, foreign: ForeignPeer, times: int) -> None:
    """Wait until the Peer was asked so many times and what it said was dealt with."""
    questions = repairer._questions
    await eventually(lambda: asked(foreign) == times and questions._subjects[foreign.peer_id].asked is None)


def state(hosted: HostedPeer, record: ContractRecord) -> ContractState | None:
    known = hosted.peer.contracts.view.get(record.content_hash)
    return None if known is None else known.state(hosted.peer.clock.now())


# -- what did not reach us


async def test_an_accept_that_never_came_is_pulled_after_ten_seconds(
    group: Federation, hosted: HostedPeer, foreign: ForeignPeer
) -> None:
    record = await shared(hosted, foreign)
    shows(foreign, record, (ACCEPT, FOREIGN, by(foreign.pair, record)))
    async with repairing(hosted.peer):
        group.clock.advance(9)
        await asyncio.sleep(0.1)
        assert asked(foreign) == 0
        group.clock.advance(11)
        await eventually(lambda: state(hosted, record) is ContractState.VALID)
    (got,) = [one for one in foreign.received if one.path == LIST]
    assert got.method == "GET"
    assert (await present(hosted, record)).deliveries == ()


async def test_a_peer_that_announces_itself_is_asked_at_once(
    group: Federation, hosted: HostedPeer, foreign: ForeignPeer
) -> None:
    record = await shared(hosted, foreign)
    async with working(hosted):
        await asyncio.sleep(0.05)
        shows(foreign, record, (ACCEPT, FOREIGN, by(foreign.pair, record)))
        await foreign.announce(hosted.peer)
        await eventually(lambda: state(hosted, record) is ContractState.VALID)


async def test_a_reload_asks_at_once(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    record = await shared(hosted, foreign)
    async with working(hosted):
        await asyncio.sleep(0.05)
        shows(foreign, record, (ACCEPT, FOREIGN, by(foreign.pair, record)))
        hosted.manager.upkeep.kick()
        await eventually(lambda: state(hosted, record) is ContractState.VALID)


@pytest.mark.parametrize("kind", [REJECT, REVOKE])
async def test_an_end_that_we_missed_bites_when_the_peer_is_there_again(
    hosted: HostedPeer, foreign: ForeignPeer, kind: SignatureType
) -> None:
    record = await shared(hosted, foreign)
    assert (await foreign.put(hosted.peer, record.parsed.raw, ACCEPT)).status == 201
    assert state(hosted, record) is ContractState.VALID
    record = await present(hosted, record)
    shows(foreign, record, (kind, FOREIGN, by(foreign.pair, record, kind)))
    async with repairing(hosted.peer) as repairer:
        repairer.hasten(FOREIGN)
        await eventually(lambda: state(hosted, record) is None)
    assert (await present(hosted, record)).signers(kind) == {FOREIGN}


async def test_everything_is_looked_over_once_after_the_start(
    group: Federation, hosted: HostedPeer, foreign: ForeignPeer
) -> None:
    record = await shared(hosted, foreign)
    await foreign.put(hosted.peer, record.parsed.raw, ACCEPT)
    shows(foreign, await present(hosted, record))
    async with repairing(hosted.peer):
        group.clock.advance(20)
        await eventually(lambda: asked(foreign) == 1)
        group.clock.advance(600)
        await asyncio.sleep(0.1)
        assert asked(foreign) == 1


async def test_who_is_waited_for_may_know_what_a_third_party_signed(
    group: Federation, hosted: HostedPeer, foreign: ForeignPeer
) -> None:
    other = await group.foreign(OTHER)
    record = await shared(hosted, foreign, other)
    other.status = 500
    shows(foreign, record, (ACCEPT, FOREIGN, by(foreign.pair, record)), (ACCEPT, OTHER, by(other.pair, record)))
    async with repairing(hosted.peer):
        group.clock.advance(10)
        await eventually(lambda: state(hosted, record) is ContractState.VALID)
    assert (await present(hosted, record)).signers(ACCEPT) == {CONSUMER, FOREIGN, OTHER}


async def test_a_renewed_accept_on_a_valid_contract_is_taken_and_an_older_one_is_not(
    hosted: HostedPeer, foreign: ForeignPeer
) -> None:
    record = await shared(hosted, foreign)
    await foreign.put(hosted.peer, record.parsed.raw, ACCEPT)
    now = hosted.peer.clock.now()
    async with repairing(hosted.peer) as repairer:
        renewed = by(foreign.pair, record, at=now + 5)
        shows(foreign, await present(hosted, record), (ACCEPT, FOREIGN, renewed))
        repairer.hasten(FOREIGN)
        await answered(repairer, foreign, 1)
        shows(foreign, await present(hosted, record), (ACCEPT, FOREIGN, by(foreign.pair, record, at=now - 100)))
        hosted.peer.clock.advance(60)  # type: ignore[attr-defined]
        repairer.hasten(FOREIGN)
        await answered(repairer, foreign, 2)
    assert (await present(hosted, record)).signatures[ACCEPT][FOREIGN] == renewed


async def test_our_own_signature_comes_back_when_we_lost_it(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    """As after a restore from an older backup: the other side holds our revoke, we do not."""
    record = await shared(hosted, foreign)
    await foreign.put(hosted.peer, record.parsed.raw, ACCEPT)
    before = await present(hosted, record)
    revoked = await add_our_signature(hosted.peer, record.content_hash, REVOKE, remark="")
    await hosted.peer.contracts.update(record.content_hash, lambda _: before)
    shows(foreign, revoked)
    async with repairing(hosted.peer) as repairer:
        repairer.hasten(FOREIGN)
        await eventually(lambda: state(hosted, record) is None)
    assert (await present(hosted, record)).signers(REVOKE) == {CONSUMER}


# -- what they lack of ours


async def test_a_peer_that_lost_a_contract_gets_it_again(
    group: Federation, hosted: HostedPeer, foreign: ForeignPeer
) -> None:
    record = await shared(hosted, foreign)
    await foreign.put(hosted.peer, record.parsed.raw, ACCEPT)
    foreign.status, foreign.pages[LIST] = 200, b'{"contracts": null, "pagination": {"next_cursor": ""}}'
    async with working(hosted):
        await asyncio.sleep(0.05)
        await foreign.announce(hosted.peer)
        await eventually(lambda: foreign.contracts_received() == [("POST", "contracts")])


async def test_what_is_still_owed_is_not_asked_about(
    group: Federation, hosted: HostedPeer, foreign: ForeignPeer
) -> None:
    await foreign.announce(hosted.peer)
    now = group.clock.now()
    grant = connection(hosted.peer.signing_pair(), CONSUMER, FOREIGN)
    record = await offer(hosted.peer, (grant,), not_before=now, not_after=now + DAY_S, created_at=now, remark="")
    async with repairing(hosted.peer) as repairer:
        group.clock.advance(30)
        repairer.hasten(FOREIGN)
        await asyncio.sleep(0.1)
        assert asked(foreign) == 0
    assert [one.action for one in (await present(hosted, record)).deliveries] == [DeliveryAction.SUBMIT]


# -- what is not believed


def refusals(caplog: pytest.LogCaptureFixture) -> int:
    return sum(record.message == "pulled_signature_refused" for record in caplog.records)


async def _stays(hosted: HostedPeer, foreign: ForeignPeer, record: ContractRecord, rounds: int = 3) -> None:
    """The foreign Peer is asked several times, and nothing that it shows is stored."""
    before = await present(hosted, record)
    async with repairing(hosted.peer) as repairer:
        for number in range(1, rounds + 1):
            hosted.peer.clock.advance(90)  # type: ignore[attr-defined]
            await answered(repairer, foreign, number)
    assert await present(hosted, record) == before


def _forgeries(foreign: ForeignPeer, record: ContractRecord) -> Iterable[str]:
    yield by(key_pair(FOREIGN), record)  # a certificate that is not published
    strange, other = key_pair(FOREIGN, issuer=strange_authority()), key_pair(OTHER)
    expired = key_pair(FOREIGN, not_before=foreign.clock.now() - 10 * DAY_S, days=1)
    foreign.chains += [strange.chain, other.chain, expired.chain]
    yield by(strange, record)
    yield by(other, record)
    yield by(expired, record)
    genuine, another = by(foreign.pair, record), by(foreign.pair, record, at=1)
    yield ".".join((*genuine.split(".")[:2], another.split(".")[2]))


@pytest.mark.parametrize("number", range(5), ids=["unpublished", "untrusted", "of another", "expired", "mangled"])
async def test_what_does_not_verify_is_skipped_and_told_once(
    hosted: HostedPeer, foreign: ForeignPeer, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    record = await shared(hosted, foreign)
    shows(foreign, record, (ACCEPT, FOREIGN, list(_forgeries(foreign, record))[number]))
    await _stays(hosted, foreign, record)
    assert refusals(caplog) == 1


async def test_one_forgery_keeps_no_genuine_signature_out(
    group: Federation, hosted: HostedPeer, foreign: ForeignPeer
) -> None:
    other = await group.foreign(OTHER)
    record = await shared(hosted, foreign, other)
    other.status = 500
    shows(
        foreign, record, (REVOKE, OTHER, by(foreign.pair, record, REVOKE)), (ACCEPT, FOREIGN, by(foreign.pair, record))
    )
    async with repairing(hosted.peer):
        group.clock.advance(10)
        await eventually(lambda: asked(foreign) >= 1)
        await asyncio.sleep(0.1)
    found = await present(hosted, record)
    assert found.signers(ACCEPT) == {CONSUMER, FOREIGN}
    assert not found.signers(REVOKE)


async def test_a_contract_that_we_do_not_hold_is_not_taken(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    record = await shared(hosted, foreign)
    unknown = make_content(connection(foreign.pair, FOREIGN, CONSUMER), now=foreign.clock.now())
    body = {
        "contracts": [{"content": unknown, "signatures": {"accept": {FOREIGN: signed(foreign.pair, unknown, at=1)}}}]
    }
    foreign.status, foreign.pages[LIST] = 200, json.dumps(body).encode()
    async with repairing(hosted.peer):
        hosted.peer.clock.advance(10)  # type: ignore[attr-defined]
        await eventually(lambda: asked(foreign) == 1)
        await asyncio.sleep(0.05)
    assert await hosted.peer.contracts.get(content_hash_of(unknown)) is None
    assert (await present(hosted, record)).signers(ACCEPT) == {CONSUMER}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""),
        (404, b"no"),
        (200, b"<html>"),
        (200, b"[" * 50_000),
        (200, b'{"contracts": "' + b"a" * 11_000_000 + b'"}'),
    ],
    ids=["500", "404", "html", "deep", "too large"],
)
async def test_whatever_is_answered_is_survived_and_asked_again(
    hosted: HostedPeer, foreign: ForeignPeer, caplog: pytest.LogCaptureFixture, status: int, body: bytes
) -> None:
    record = await shared(hosted, foreign)
    if status == 200:
        foreign.pages[LIST] = body
    foreign.status, foreign.body = status, body
    await _stays(hosted, foreign, record, rounds=2)
    assert "repair_crashed" not in caplog.text
    shows(foreign, record, (ACCEPT, FOREIGN, by(foreign.pair, record)))
    async with repairing(hosted.peer):
        hosted.peer.clock.advance(90)  # type: ignore[attr-defined]
        await eventually(lambda: state(hosted, record) is ContractState.VALID)


async def test_a_list_without_an_end_is_left(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    """A cursor that never ends: each page is another one."""
    record = await shared(hosted, foreign)
    foreign.status = 200
    foreign.pages[LIST] = b'{"contracts": [{}], "pagination": {"next_cursor": "same"}}'
    async with repairing(hosted.peer):
        hosted.peer.clock.advance(10)  # type: ignore[attr-defined]
        await eventually(lambda: asked(foreign) == 2)
        await asyncio.sleep(0.1)
        assert asked(foreign) == 2
    assert state(hosted, record) is ContractState.PROPOSED


async def test_what_a_list_does_not_come_to_is_not_brought_again(
    hosted: HostedPeer, foreign: ForeignPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages that go on beyond what we read do not tell that a Contract is not there."""
    monkeypatch.setattr("gateway.manager.repair._MAX_PAGES", 1)
    record = await shared(hosted, foreign)
    foreign.status = 200
    foreign.pages[LIST] = b'{"contracts": [{}], "pagination": {"next_cursor": "more"}}'
    async with repairing(hosted.peer) as repairer:
        repairer.hasten(FOREIGN)
        await answered(repairer, foreign, 1)
        assert (await present(hosted, record)).deliveries == ()
        foreign.pages[LIST] = b'{"contracts": [{}], "pagination": {"next_cursor": ""}}'
        hosted.peer.clock.advance(60)  # type: ignore[attr-defined]
        repairer.hasten(FOREIGN)
        await answered(repairer, foreign, 2)
    assert [one.action for one in (await present(hosted, record)).deliveries] == [DeliveryAction.SUBMIT]


async def test_what_has_ended_is_not_asked_about(group: Federation, hosted: HostedPeer, foreign: ForeignPeer) -> None:
    record = await shared(hosted, foreign)
    group.clock.at = record.content.not_after
    async with repairing(hosted.peer) as repairer:
        for _ in range(3):
            group.clock.advance(60)
            repairer.hasten(FOREIGN)
            await asyncio.sleep(0.05)
    assert asked(foreign) == 0


async def test_an_answer_full_of_forgeries_is_given_up(
    group: Federation, hosted: HostedPeer, foreign: ForeignPeer, caplog: pytest.LogCaptureFixture
) -> None:
    records = [await shared(hosted, foreign) for _ in range(30)]
    unknown = key_pair(FOREIGN)
    listed = [
        {
            "content": {},
            "signatures": {"accept": {FOREIGN: by(unknown, one)}, "revoke": {FOREIGN: by(unknown, one, REVOKE)}},
        }
        for one in records
    ]
    foreign.status, foreign.pages[LIST] = 200, json.dumps({"contracts": listed}).encode()
    async with repairing(hosted.peer):
        group.clock.advance(10)
        await eventually(lambda: asked(foreign) == 1)
        await asyncio.sleep(0.3)
    keys = sum(one.path.endswith("jwks.json") for one in foreign.received)
    assert refusals(caplog) == keys == 20


async def test_a_store_that_is_away_for_a_while_ends_nothing(
    group: Federation, hosted: HostedPeer, foreign: ForeignPeer
) -> None:
    record = await shared(hosted, foreign)
    shows(foreign, record, (ACCEPT, FOREIGN, by(foreign.pair, record)))
    documents = group.stores.documents
    assert isinstance(documents, MemoryDocuments)
    async with repairing(hosted.peer):
        documents.available = False
        group.clock.advance(10)
        await asyncio.sleep(0.1)
        documents.available = True
        group.clock.advance(10)
        await eventually(lambda: state(hosted, record) is ContractState.VALID)


async def test_two_managers_of_ours_agree_when_every_delivery_was_lost(group: Federation, hosted: HostedPeer) -> None:
    """The provider accepted and its answer never left it: the consumer asks, and both hold the same."""
    provider = await group.host(PROVIDER)
    for one, other in ((hosted, provider), (provider, hosted)):
        tenant = other.peer.tenant
        await one.peer.peers.remember(tenant.peer_id, tenant.name, tenant.manager_address, now=1)
    now = group.clock.now()
    grant = connection(hosted.peer.signing_pair(), CONSUMER, PROVIDER)
    record = await offer(hosted.peer, (grant,), not_before=now, not_after=now + DAY_S, created_at=now, remark="")
    await provider.peer.contracts.create(_without_debts(record))
    await delivered(hosted.peer, record)
    accepted = await add_our_signature(provider.peer, record.content_hash, ACCEPT, remark="")
    await delivered(provider.peer, accepted)
    async with repairing(hosted.peer):
        group.clock.advance(10)
        await eventually(lambda: state(hosted, record) is ContractState.VALID)
    assert (await present(hosted, record)).signatures == (await present(provider, record)).signatures
