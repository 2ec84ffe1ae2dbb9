"""A delegated connection to a delegated Service, by configuration alone: four parties, two of them in one program."""

from collections.abc import Iterator

import pytest

from tests.e2e.federation import CONSUMER, DIRECTORY, PROVIDER, Member, eventually
from tests.e2e.neighbours import EchoServer, Neighbours, ask, contracts, running, tenant, through

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

OWNER = Member("eigenaar", "00000002000000000001", "Gemeente Eigenaar")
PRINCIPAL = Member("opdracht", "00000002000000000002", "Gemeente Opdracht")
PARTIES = (CONSUMER, PROVIDER, OWNER, PRINCIPAL)


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbours]:
    """The provider offers brp on behalf of its owner; the consumer connects to it on behalf of its principal."""
    prepared = Neighbours.prepare(tmp_path_factory.mktemp("delegated"), DIRECTORY, PROVIDER, CONSUMER)
    echo = EchoServer("brp")
    others = [member.peer_id for member in PARTIES]
    by_connection = {"grants": ["delegated_service_connection"], "peers": others}
    by_publication = {"grants": ["delegated_service_publication"], "peers": [PROVIDER.peer_id, DIRECTORY.peer_id]}
    for member in (OWNER, PRINCIPAL):
        prepared.host(prepared.of(DIRECTORY), member, accept=[by_connection, by_publication])
    tenant(prepared.of(PROVIDER)).update(
        services=[{"name": "brp", "upstream": echo.url, "publish": True, "delegator": OWNER.peer_id}],
        accept=[by_connection],
    )
    consumer = prepared.of(CONSUMER)
    service = {"peer_id": PROVIDER.peer_id, "name": "brp", "delegator": OWNER.peer_id}
    tenant(consumer).update(
        outway={"listen": f"127.0.0.1:{consumer.ports['outway']}"},
        connections=[{"name": "people", "service": service, "delegator": PRINCIPAL.peer_id}],
    )
    try:
        with running(prepared):
            yield prepared
    finally:
        echo.close()


def test_four_parties_hold_every_signature_and_the_outway_uses_it_by_name(neighbours: Neighbours) -> None:
    places = {
        CONSUMER: (neighbours.of(CONSUMER), None),
        PROVIDER: (neighbours.of(PROVIDER), None),
        OWNER: (neighbours.of(DIRECTORY), OWNER),
        PRINCIPAL: (neighbours.of(DIRECTORY), PRINCIPAL),
    }
    everybody = sorted(member.peer_id for member in PARTIES)

    def agreed() -> list[str] | None:
        held = [
            one["content_hash"]
            for program, of in places.values()
            for one in contracts(program, of=of)
            if one["state"] == "VALID" and one["peer_ids"] == everybody and one["signatures"]["accept"] == everybody
        ]
        return held if len(held) == len(PARTIES) else None

    assert len(set(eventually("all four to hold four accepts", agreed))) == 1

    reply = through(neighbours.of(CONSUMER), "people")

    assert reply.status == 200, reply.text
    claims = reply.json()["claims"]
    assert claims["sub"] == CONSUMER.peer_id
    assert claims["act"] == {"sub": PRINCIPAL.peer_id}
    assert claims["pdi"] == OWNER.peer_id
    source = {
        "type": "SOURCE_TYPE_DELEGATED_SOURCE",
        "outway_peer_id": CONSUMER.peer_id,
        "delegator_peer_id": PRINCIPAL.peer_id,
    }
    destination = {
        "type": "DESTINATION_TYPE_DELEGATED_DESTINATION",
        "service_peer_id": PROVIDER.peer_id,
        "delegator_peer_id": OWNER.peer_id,
    }
    transaction = reply.headers["Fsc-Transaction-Id"]
    for member, direction in ((CONSUMER, "DIRECTION_OUTGOING"), (PROVIDER, "DIRECTION_INCOMING")):
        [record] = ask(neighbours.of(member), "logs", "--transaction", transaction)
        assert (record["direction"], record["source"], record["destination"]) == (direction, source, destination)


def test_a_service_published_on_behalf_of_its_owner_is_listed_so(neighbours: Neighbours) -> None:
    def listed() -> dict[str, object] | None:
        found = ask(neighbours.of(CONSUMER), "services")["listed"]
        return found[0] if found else None

    service = eventually("the service to be listed", listed)
    assert (service["name"], service["peer"]["id"]) == ("brp", PROVIDER.peer_id)  # type: ignore[index]
    assert OWNER.name in str(service)
