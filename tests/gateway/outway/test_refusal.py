"""What an application is told when it selects nothing."""

from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certs.identity import PeerId
from config.settings import ConnectionSettings
from gateway.errors import InvalidRequest, NoValidGrant, OutwayError, UnknownGrantHashInHeader
from gateway.fsc.grants import (
    DomainNameIdentification,
    Grant,
    NamedPeer,
    Outway,
    OutwayIdentification,
    PublicKeyIdentification,
    PublishedService,
    Service,
    ServiceConnectionGrant,
    ServicePublicationGrant,
)
from gateway.fsc.names import ServiceName
from gateway.fsc.signature import SignatureType
from gateway.outway.refusal import explain
from gateway.outway.selection import Choices, OutwayIdentity, Selector, select_grant
from gateway.state.contract_store import COLLECTIONS, ContractStore
from gateway.state.contracts import ContractRecord
from storage.memory import MemoryDocuments
from tests.gateway.material import (
    CONSUMER,
    DAY_S,
    DELEGATOR,
    ECHO,
    PROVIDER,
    SERVICE_DELEGATOR,
    STRANGER,
    connection_grant,
    doubly_delegated_grant,
    key_pair,
    signed_contract,
    with_signature,
)

NOW = 1_800_000_000
THUMBPRINT = key_pair(CONSUMER).public_key_thumbprint
ECHO_CONTRACT = signed_contract(connection_grant(), now=NOW)
(ECHO_HASH,) = ECHO_CONTRACT.grant_hashes


async def store_of(*records: ContractRecord) -> ContractStore:
    documents = MemoryDocuments()
    await documents.open(COLLECTIONS)
    store = ContractStore(documents.for_tenant(CONSUMER), lambda: NOW)
    for record in records:
        await store.create(record)
    return store


def declared(name: str) -> ConnectionSettings:
    return ConnectionSettings.model_validate({"name": name, "service": {"peer_id": PROVIDER, "name": ECHO}})


async def refused(selector: Selector, *records: ContractRecord, connections: tuple[str, ...] = ()) -> OutwayError:
    store = await store_of(*records)
    outway = OutwayIdentity(CONSUMER, key_pair(CONSUMER), ("outway.test",))
    choices = Choices(store.view, [declared(name) for name in connections], (outway,), NOW)
    assert select_grant(selector, choices) is None
    error = await explain(selector, choices, store)
    assert error.status == 400
    return error


async def told_of_hash(text: str, *records: ContractRecord) -> str:
    error = await refused(Selector(text, None, None), *records)
    assert isinstance(error, UnknownGrantHashInHeader)
    return error.message


def grant_for(identification: OutwayIdentification, peer_id: PeerId = CONSUMER) -> ServiceConnectionGrant:
    outway = Outway(peer_id=peer_id, identification=identification)
    return ServiceConnectionGrant(outway=outway, service=Service(peer_id=PROVIDER, name=ECHO))


def over(kind: SignatureType) -> ContractRecord:
    return with_signature(ECHO_CONTRACT, PROVIDER, kind, NOW)


def proposed(*grants: Grant) -> ContractRecord:
    record = signed_contract(*(grants or (connection_grant(),)), now=NOW)
    accepts = record.signatures[SignatureType.ACCEPT]
    return replace(record, signatures={SignatureType.ACCEPT: {CONSUMER: accepts[CONSUMER]}})


# -- by hash


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (over(SignatureType.REVOKE), f"the contract of the grant in Fsc-Grant-Hash was revoked by {PROVIDER}"),
        (over(SignatureType.REJECT), f"the contract of the grant in Fsc-Grant-Hash was rejected by {PROVIDER}"),
        (proposed(), f"waits for the accept of {PROVIDER}"),
        (
            signed_contract(connection_grant(), now=NOW - DAY_S),
            "the contract of the grant in Fsc-Grant-Hash expired at",
        ),
        (signed_contract(connection_grant(), now=NOW + 2 * DAY_S), "is valid only from"),
    ],
    ids=["revoked", "rejected", "proposed", "expired", "not yet"],
)
async def test_a_grant_of_a_contract_that_is_not_valid_says_why(record: ContractRecord, told: str) -> None:
    for grant_hash in record.all_grant_hashes:
        assert told in await told_of_hash(grant_hash, record)


async def test_a_grant_for_another_key_says_which() -> None:
    earlier = key_pair(CONSUMER, 7).public_key_thumbprint
    record = signed_contract(grant_for(PublicKeyIdentification(public_key_thumbprint=earlier)), now=NOW)
    said = await told_of_hash(record.grant_hashes[0], record)
    assert f"public key thumbprint '{earlier}', ours is {THUMBPRINT}" in said


async def test_a_grant_for_another_name_says_which() -> None:
    record = signed_contract(grant_for(DomainNameIdentification(domain_name="elsewhere.test")), now=NOW)
    assert "certificate for 'elsewhere.test', ours is for outway.test" in await told_of_hash(
        record.grant_hashes[0], record
    )


async def test_a_grant_for_another_peer_and_a_publication_are_told_apart() -> None:
    strange = key_pair(STRANGER).public_key_thumbprint
    theirs = signed_contract(grant_for(PublicKeyIdentification(public_key_thumbprint=strange), STRANGER), now=NOW)
    assert f"for the Outway of peer {STRANGER}" in await told_of_hash(theirs.grant_hashes[0], theirs)
    service = PublishedService(peer_id=CONSUMER, name=ECHO, protocol="PROTOCOL_TCP_HTTP_1.1")
    published = ServicePublicationGrant(directory=NamedPeer(peer_id=PROVIDER), service=service)
    record = signed_contract(published, now=NOW)
    assert "names a publication grant" in await told_of_hash(record.grant_hashes[0], record)
    assert "no connection grant for our Outway" in await told_of_hash(record.content_hash, record)


async def test_the_hash_of_a_contract_is_answered_with_its_grants() -> None:
    record = signed_contract(connection_grant(), connection_grant(name=ServiceName("other")), now=NOW)
    for content_hash in record.all_content_hashes:
        said = await told_of_hash(content_hash, record)
        assert "has the hash of a contract" in said
        for grant_hash, name in zip(record.grant_hashes, (ECHO, "other"), strict=True):
            assert f"{grant_hash} ({PROVIDER}/{name})" in said
    said = await told_of_hash(ECHO_CONTRACT.content_hash, over(SignatureType.REVOKE))
    assert f"{ECHO_HASH} ({PROVIDER}/{ECHO}). The contract was revoked by {PROVIDER}." in said


@pytest.mark.parametrize(
    "text",
    [f"'{ECHO_HASH}'", quote(ECHO_HASH), f"{ECHO_HASH}==", ECHO_HASH[:40], ECHO_HASH[30:], ECHO_HASH[5:17]],
    ids=["quoted", "percent-encoded", "padded", "beginning", "end", "part"],
)
async def test_a_damaged_hash_is_recognised(text: str) -> None:
    other = signed_contract(connection_grant(), now=NOW)
    assert f"was meant to be {ECHO_HASH}; " in await told_of_hash(text, ECHO_CONTRACT, other)


async def test_a_damaged_hash_of_what_is_over_is_recognised_when_all_of_it_is_there() -> None:
    assert f"was meant to be {ECHO_HASH}; " in await told_of_hash(f'"{ECHO_HASH}"', over(SignatureType.REVOKE))


async def test_an_empty_hash_names_the_shell() -> None:
    assert "between single quotes" in await told_of_hash("", ECHO_CONTRACT)


async def test_an_unknown_hash_is_repeated_shortened_and_cleaned() -> None:
    said = await told_of_hash("\x1b[31m" + "x" * 5000, ECHO_CONTRACT)
    assert "\x1b" not in said
    assert len(said) < 500


async def test_candidates_for_a_hash_come_with_theirs() -> None:
    delegated = signed_contract(doubly_delegated_grant(), now=NOW)
    said = await told_of_hash("unknown", ECHO_CONTRACT, delegated, proposed(connection_grant(name=ServiceName("x"))))
    assert f"{PROVIDER}/{ECHO} = {ECHO_HASH}" in said
    on_behalf = f"{PROVIDER}/{ECHO} offered on behalf of {SERVICE_DELEGATOR} on behalf of {DELEGATOR}"
    assert f"{on_behalf} = {delegated.grant_hashes[0]}" in said
    assert f"{PROVIDER}/x" not in said


# -- by Service and by Host name


async def test_a_service_without_a_valid_contract_says_what_it_waits_for() -> None:
    error = await refused(Selector(None, f"{PROVIDER}/{ECHO}", None), proposed())
    assert isinstance(error, NoValidGrant)
    assert f"the newest contract for it waits for the accept of {PROVIDER}" in error.message
    error = await refused(Selector(None, f"{PROVIDER}/unknown", None), ECHO_CONTRACT)
    assert "no valid contract lets us use the service" in error.message
    assert error.message.endswith(f"Candidates: {PROVIDER}/{ECHO}")


async def test_a_connection_without_a_valid_contract_says_what_it_waits_for() -> None:
    error = await refused(Selector(None, None, "klant.outway"), proposed(), connections=("klant",))
    assert "connection klant has no valid contract yet" in error.message
    assert f"waits for the accept of {PROVIDER}" in error.message
    earlier = PublicKeyIdentification(public_key_thumbprint=key_pair(CONSUMER, 7).public_key_thumbprint)
    other_key = signed_contract(grant_for(earlier), now=NOW)
    error = await refused(Selector(None, None, "klant.outway"), other_key, connections=("klant",))
    assert "for an Outway with another key" in error.message
    error = await refused(Selector(None, None, "klant.outway"), connections=("klant",))
    assert error.message.endswith("see `klantenregister contracts list`. Candidates: klant")


async def test_a_host_name_that_is_no_connection() -> None:
    error = await refused(Selector(None, None, "x"), ECHO_CONTRACT, connections=("klant",))
    assert error.message == f"the request selects no connection. Candidates: klant, {PROVIDER}/{ECHO}"
    assert "There are no candidates" in (await refused(Selector(None, None, None))).message


async def test_no_more_is_named_than_a_person_reads() -> None:
    names = tuple(f"c{number}" for number in range(50))
    error = await refused(Selector(None, None, "x"), connections=names)
    assert error.message.count(", ") == 19


async def test_a_malformed_service_is_told_as_such() -> None:
    store = await store_of()
    choices = Choices(store.view, (), (OutwayIdentity(CONSUMER, key_pair(CONSUMER), ()),), NOW)
    with pytest.raises(InvalidRequest):
        await explain(Selector(None, "echo", None), choices, store)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200))
async def test_whatever_is_in_the_header_there_is_an_answer(text: str) -> None:
    said = await told_of_hash(text, ECHO_CONTRACT)
    assert "Candidates: " in said
