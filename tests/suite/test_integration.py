"""The official scenarios of the whole: an application, an Outway, an Inway and a Service.

Directory, provider and consumer are each a program of their own, the provider with an RSA key. The Delegators are
played; they announce themselves to the Directory only, and agree on Contracts with both programs at once.
"""

from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.e2e.federation import eventually
from tests.suite.contract import (
    PUBLISHED,
    SERVICE,
    connection,
    content_hash,
    contract,
    grant_hash,
    parties,
    publication,
)
from tests.suite.credential import Credential, JsonObject
from tests.suite.group import ACCEPT_ALL, Group, agree, check_spread, directories, offering
from tests.suite.peer import PlayedPeer
from tests.suite.program import Program
from tests.suite.wire import Answer, Listener, call

DELEGATED = "delegated"

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@dataclass(frozen=True)
class Federation:
    """Three programs, and the Peers on whose behalf they act."""

    directory: Program
    provider: Program
    consumer: Program
    delegator: PlayedPeer
    owner: PlayedPeer


@pytest.fixture(scope="module")
def federation(group: Group, upstream: Listener) -> Federation:
    """The federation; the consumer declares a connection of its own, and one that is delegated on both sides."""
    delegator, owner = group.play("delegator"), group.play("owner")
    directory = group.prepare("directory", tenant={"directory": True, "accept": ACCEPT_ALL})
    known = directories(directory)
    directory.process.settings["group"]["directories"] = known
    services = offering(upstream.port)
    on_behalf = {**services[0], "name": DELEGATED, "publish": True, "delegator": owner.peer_id}
    provider = group.prepare(
        "provider",
        tenant={"services": [*services, on_behalf], "accept": ACCEPT_ALL},
        key=rsa.generate_private_key(public_exponent=65_537, key_size=3072),
        directories=known,
    )
    own: JsonObject = {"name": "own", "service": {"peer_id": provider.peer_id, "name": PUBLISHED}}
    target = {"peer_id": provider.peer_id, "name": DELEGATED, "delegator": owner.peer_id}
    delegated = {"name": "delegated", "service": target, "delegator": delegator.peer_id}
    consumer = group.prepare(
        "consumer", tenant={"accept": ACCEPT_ALL, "connections": [own, delegated]}, directories=known
    )
    directory.process.start()
    for peer in (delegator, owner):
        peer.announce(directory)
    for program in (provider, consumer):
        program.process.start()
    return Federation(directory, provider, consumer, delegator, owner)


def _records(asks: Credential, at: Program, transaction_id: str) -> list[JsonObject]:
    """What the transaction log of one program shows to the Peer with this certificate."""
    answer = call(asks, "GET", f"{at.manager_url}/v1/logs?transaction_ids={transaction_id}")
    assert answer.status == 200, answer.body
    records: list[JsonObject] = answer.json()["records"]
    return records


def _check_consumed(federation: Federation, answer: Answer, service: Listener, *readers: PlayedPeer) -> JsonObject:
    """The Service answered, and each program logged it for every party to see; returns what both records say."""
    assert answer.status == 200, answer.body
    transaction_id = answer.headers["Fsc-Transaction-Id"]
    [request] = service.received
    assert answer.json() == {"path": request.path, "transaction_id": transaction_id}
    outgoing: JsonObject = {}
    parties_to_it: tuple[Program | PlayedPeer, ...] = (federation.consumer, federation.provider, *readers)
    for party in parties_to_it:
        [outgoing] = _records(party.credential, federation.consumer, transaction_id)
        [incoming] = _records(party.credential, federation.provider, transaction_id)
        assert outgoing["transaction_id"] == transaction_id
        assert outgoing["direction"] == "DIRECTION_OUTGOING"
        assert incoming["created_at"] >= outgoing["created_at"]
        said = {"direction": "DIRECTION_INCOMING", "created_at": incoming["created_at"]}
        assert incoming == {**outgoing, **said}
    assert _records(federation.directory.credential, federation.provider, transaction_id) == []
    return outgoing


def _check_consumes(federation: Federation, service: Listener, content: JsonObject, *played: PlayedPeer) -> None:
    """All parties agree on a Contract, an application uses it, and every party sees on whose behalf that was."""
    agree(content, *played, programs=[federation.consumer, federation.provider])
    grant = content["grants"][0]["data"]

    answer = federation.consumer.application("/some/path", Fsc_Grant_Hash=grant_hash(content))

    record = _check_consumed(federation, answer, service, *played)
    assert record["grant_hash"] == grant_hash(content)
    assert record["service_name"] == grant["service"]["name"]
    assert record["source"].get("delegator_peer_id") == grant.get("delegator", {}).get("peer_id")
    assert record["destination"].get("delegator_peer_id") == grant["service"].get("delegator", {}).get("peer_id")
    assert parties(content) == {
        *(one for end in ("source", "destination") for name, one in record[end].items() if name != "type")
    }


def _through_declared(connection_name: str, federation: Federation) -> Answer:
    """What an application gets that knows the name of the connection and nothing of FSC."""

    def answered() -> Answer | None:
        answer = federation.consumer.application("/some/path", Host=f"{connection_name}.outway.localhost")
        return None if answer.status == 400 else answer

    return eventually("the declared connection to be agreed on", answered)


def _listed(federation: Federation, name: str) -> list[JsonObject]:
    """What the Directory tells anybody of a Service."""
    services = federation.delegator.get(federation.directory, "/services", service_name=name)["services"]
    return [one["data"] for one in services]


@pytest.fixture(scope="module")
def delegated(federation: Federation) -> str:
    """The name of the Service that the provider offers on behalf of the owner, once the Directory lists it as such."""
    content = contract(publication(federation.directory, federation.provider, on_behalf_of=federation.owner))
    agree(content, federation.owner, programs=[federation.directory, federation.provider])
    [service] = _listed(federation, SERVICE)
    assert service["type"] == "SERVICE_TYPE_DELEGATED_SERVICE"
    assert service["delegator"] == {"peer_id": federation.owner.peer_id, "peer_name": "Gemeente owner"}
    assert service["peer"]["id"] == federation.provider.peer_id
    name: str = service["name"]
    return name


@pytest.mark.fsc("Integration-ConsumeService-1")
def test_integration_consume_service_1(federation: Federation, service: Listener) -> None:
    [listed] = eventually("the Service to be listed", lambda: _listed(federation, PUBLISHED) or None)
    assert listed["type"] == "SERVICE_TYPE_SERVICE"
    assert listed["peer"] == {
        "id": federation.provider.peer_id,
        "name": "Gemeente provider",
        "manager_address": federation.provider.manager_url,
    }

    answer = _through_declared("own", federation)

    assert answer.status == 200, answer.body
    assert answer.json()["path"] == "/some/path"
    [request] = service.received
    assert request.headers["Fsc-Transaction-Id"] == answer.headers["Fsc-Transaction-Id"]


@pytest.mark.fsc("Integration-ConsumeService-2")
def test_integration_consume_service_2_without_contract(federation: Federation, service: Listener) -> None:
    nobody_signed = contract(connection(federation.consumer, federation.provider, name=SERVICE))
    provider = federation.provider.peer_id

    by_hash = federation.consumer.application(Fsc_Grant_Hash=grant_hash(nobody_signed))
    by_name = federation.consumer.application(Fsc_Service=f"{provider}/{SERVICE}")
    by_host = federation.consumer.application(Host="unknown.outway.localhost")

    assert by_hash.refusal == (400, "UNKNOWN_GRANT_HASH_IN_HEADER")
    assert by_name.refusal == by_host.refusal == (400, "ERROR_CODE_NO_VALID_GRANT")
    assert service.received == []


@pytest.mark.fsc("Integration-ConsumeServiceAsDelegatee-1")
def test_integration_consume_service_as_delegatee_1(federation: Federation, service: Listener) -> None:
    grant = connection(federation.consumer, federation.provider, on_behalf_of=federation.delegator)

    _check_consumes(federation, service, contract(grant), federation.delegator)


@pytest.mark.fsc("Integration-ConsumeDelegatedService-1")
def test_integration_consume_delegated_service_1(federation: Federation, service: Listener, delegated: str) -> None:
    grant = connection(federation.consumer, federation.provider, name=delegated, offered_for=federation.owner)

    _check_consumes(federation, service, contract(grant), federation.owner)


@pytest.mark.fsc("Integration-ConsumeDelegatedService-2")
def test_integration_consume_delegated_service_2_as_delegatee(
    federation: Federation, service: Listener, delegated: str
) -> None:
    grant = connection(
        federation.consumer,
        federation.provider,
        name=delegated,
        on_behalf_of=federation.delegator,
        offered_for=federation.owner,
    )

    _check_consumes(federation, service, contract(grant), federation.delegator, federation.owner)


@pytest.mark.fsc("Integration-TransactionLog-1")
def test_integration_transaction_log_1(federation: Federation, service: Listener) -> None:
    answer = _through_declared("own", federation)

    record = _check_consumed(federation, answer, service)

    consumer, provider = federation.consumer.peer_id, federation.provider.peer_id
    assert record["source"] == {"type": "SOURCE_TYPE_SOURCE", "outway_peer_id": consumer}
    assert record["destination"] == {"type": "DESTINATION_TYPE_DESTINATION", "service_peer_id": provider}
    assert record["service_name"] == PUBLISHED


# -- What follows from the standard, and the official suite does not ask


def test_several_grants_of_all_kinds_in_one_contract(federation: Federation, service: Listener, delegated: str) -> None:
    """Every Grant of a Contract works under its own hash, and every party of any Grant is party to the whole."""
    consumer, provider = federation.consumer, federation.provider
    delegator, owner = federation.delegator, federation.owner
    content = contract(
        connection(consumer, provider),
        connection(consumer, provider, on_behalf_of=delegator),
        connection(consumer, provider, name=delegated, offered_for=owner),
        connection(consumer, provider, name=delegated, on_behalf_of=delegator, offered_for=owner),
    )

    agree(content, delegator, owner, programs=[consumer, provider])

    for index in range(4):
        service.received.clear()
        answer = consumer.application("/some/path", Fsc_Grant_Hash=grant_hash(content, index))
        assert _check_consumed(federation, answer, service)["grant_hash"] == grant_hash(content, index)


@pytest.mark.parametrize("revoker", ["delegator", "owner", "provider", "consumer"])
def test_whoever_revokes_ends_it_for_all(
    revoker: str, federation: Federation, service: Listener, delegated: str
) -> None:
    consumer, provider = federation.consumer, federation.provider
    delegator, owner = federation.delegator, federation.owner
    content = contract(connection(consumer, provider, name=delegated, on_behalf_of=delegator, offered_for=owner))
    agree(content, delegator, owner, programs=[consumer, provider])
    everybody: dict[str, Program | PlayedPeer] = {
        "delegator": delegator,
        "owner": owner,
        "provider": provider,
        "consumer": consumer,
    }
    by = everybody[revoker]

    if isinstance(by, Program):
        by.process.ask("contracts", "revoke", content_hash(content))
    else:
        for program in (consumer, provider):
            assert by.put("revoke", content, program).status == 201

    check_spread(content, delegator, owner, programs=[consumer, provider], kind="revoke", signers={by.peer_id})
    answer = consumer.application(Fsc_Grant_Hash=grant_hash(content))
    assert answer.refusal == (400, "UNKNOWN_GRANT_HASH_IN_HEADER")
    assert service.received == []


def _offered_to(peer: PlayedPeer, grant: JsonObject) -> JsonObject:
    """The Contract with just this Grant that a program offered to a played Peer of its own accord."""

    def offered() -> JsonObject | None:
        known = list(peer.contracts.values())
        return next((one.content for one in known if one.content["grants"] == [{"data": grant}]), None)

    return eventually("a Contract to be offered", offered)


def test_declared_delegation_needs_only_the_signatures_of_the_delegators(
    federation: Federation, service: Listener
) -> None:
    """Provider and consumer declare on whose behalf they act, and offer the Contracts; every party receives all."""
    directory, consumer, provider = federation.directory, federation.consumer, federation.provider
    delegator, owner = federation.delegator, federation.owner
    publishes = _offered_to(owner, publication(directory, provider, name=DELEGATED, on_behalf_of=owner))
    grant = connection(consumer, provider, name=DELEGATED, on_behalf_of=delegator, offered_for=owner)
    connects = _offered_to(delegator, grant)
    assert connects == _offered_to(owner, grant)
    assert _listed(federation, DELEGATED) == []

    for program in (directory, provider):
        assert owner.put("accept", publishes, program).status == 201
    for program in (consumer, provider):
        for peer in (delegator, owner):
            assert peer.put("accept", connects, program).status == 201

    check_spread(publishes, owner, programs=[directory, provider], kind="accept", signers=parties(publishes))
    check_spread(connects, delegator, owner, programs=[consumer, provider], kind="accept", signers=parties(connects))
    [listed] = _listed(federation, DELEGATED)
    assert listed["delegator"]["peer_id"] == owner.peer_id
    answer = _through_declared("delegated", federation)
    assert _check_consumed(federation, answer, service, delegator, owner)["grant_hash"] == grant_hash(connects)
