"""What goes wrong between Peers and mends itself: a lost signature, another address, a Directory that comes late."""

from collections.abc import Iterator

import pytest

from tests.e2e.federation import CONSUMER, DIRECTORY, PROVIDER, Program, eventually, free_port
from tests.e2e.neighbours import (
    EchoServer,
    Neighbours,
    ask,
    command,
    contract,
    have_one,
    lose_debts,
    reach,
    reload,
    tenant,
    through,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

RULE = {"grants": ["service_connection"], "peers": [CONSUMER.peer_id]}


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbours]:
    """A provider that leaves everything to a person, and a consumer with one connection: started without Directory."""
    prepared = Neighbours.prepare(tmp_path_factory.mktemp("healing"), DIRECTORY, PROVIDER, CONSUMER)
    echo = EchoServer("brp")
    tenant(prepared.of(PROVIDER)).update(services=[{"name": "brp", "upstream": echo.url}], accept=[RULE])
    consumer = prepared.of(CONSUMER)
    tenant(consumer).update(
        outway={"listen": f"127.0.0.1:{consumer.ports['outway']}"},
        connections=[{"name": "people", "service": {"peer_id": PROVIDER.peer_id, "name": "brp"}}],
    )
    try:
        prepared.of(CONSUMER).start()
        prepared.of(PROVIDER).start()
        yield prepared
    finally:
        prepared.stop()
        echo.close()
    assert prepared.tracebacks() == []


@pytest.fixture
def provider(neighbours: Neighbours) -> Program:
    return neighbours.of(PROVIDER)


@pytest.fixture
def consumer(neighbours: Neighbours) -> Program:
    return neighbours.of(CONSUMER)


def test_peers_that_started_before_the_directory_agree_once_it_is_there(
    neighbours: Neighbours, consumer: Program, provider: Program
) -> None:
    owed = eventually("a first attempt", lambda: [one for one in _deliveries(consumer) if one["last_error"]] or None)
    assert [one["peer_id"] for one in owed] == [PROVIDER.peer_id]

    neighbours.of(DIRECTORY).start()

    have_one("brp", consumer, provider)
    assert through(consumer, "people").status == 200


def test_a_signature_whose_delivery_was_lost_is_fetched(consumer: Program, provider: Program) -> None:
    tenant(provider)["accept"] = []
    reload(provider)
    asked = ("contracts", "request", "--service", f"{PROVIDER.peer_id}/brp", "--properties", '{"lost": true}')
    offered: str = ask(consumer, *asked)["content_hash"]
    eventually("it to arrive", lambda: contract(provider, offered))
    consumer.kill()
    assert command(provider, "contracts", "accept", offered).code == 0
    provider.kill()
    assert lose_debts(provider) == 1

    provider.start()
    assert _deliveries(provider) == []
    consumer.start()

    held = reach(consumer, offered, "VALID", patience_s=45)
    assert held["signatures"]["accept"] == sorted([CONSUMER.peer_id, PROVIDER.peer_id])


def test_a_revocation_whose_delivery_was_lost_is_fetched(consumer: Program, provider: Program) -> None:
    asked = ("contracts", "request", "--service", f"{PROVIDER.peer_id}/brp", "--properties", '{"lost": 2}')
    offered: str = ask(consumer, *asked)["content_hash"]
    eventually("it to arrive", lambda: contract(provider, offered))
    assert command(provider, "contracts", "accept", offered).code == 0
    reach(consumer, offered, "VALID")
    consumer.kill()
    assert command(provider, "contracts", "revoke", offered).code == 0
    provider.kill()
    assert lose_debts(provider) == 1

    provider.start()
    consumer.start()

    assert reach(consumer, offered, "REVOKED", patience_s=45)["signatures"]["revoke"] == [PROVIDER.peer_id]


def test_a_provider_that_moves_is_found_without_a_restart_of_the_other(consumer: Program, provider: Program) -> None:
    eventually("the connection to work", lambda: True if through(consumer, "people").status == 200 else None)
    moved = {"manager": free_port(), "inway": free_port()}
    provider.stop()
    provider.ports = {**provider.ports, **moved}
    for role, port in moved.items():
        provider.settings["listen"][role] = f"127.0.0.1:{port}"
    tenant(provider).update(manager_address=provider.manager, inway_address=provider.inway)
    provider.start()

    def works() -> bool | None:
        return True if through(consumer, "people").status == 200 else None

    eventually("the connection to work again", works)
    [known] = [one for one in ask(consumer, "peers") if one["peer_id"] == PROVIDER.peer_id]
    assert known["manager_address"] == provider.manager


def _deliveries(program: Program) -> list[dict[str, object]]:
    found: list[dict[str, object]] = ask(program, "contracts", "deliveries")
    return found
