"""The main job on real processes: negotiate, look a person up by BSN, log on both sides; and how it is refused."""

import asyncio
import socket
import ssl
import threading
import time

import pytest
from aiohttp import ClientError

from certs.authority import DevelopmentAuthority
from clock import SystemClock
from tests.e2e.calls import Answer, as_peer, at_register, key_pair, person, plain, search
from tests.e2e.federation import CONSUMER, DIRECTORY, PROVIDER, SERVICE, Federation, eventually, free_port
from tests.e2e.processes import fill_disk, make_room

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

BSN = "999990019"


@pytest.fixture(scope="session")
def registered(federation: Federation) -> str:
    """A person in the register of the provider; the BSN."""
    assert at_register(federation.provider, "POST", "/partijen", body=person(BSN)).status == 201
    return BSN


def _token(federation: Federation, grant_hash: str) -> str:
    answer = as_peer(
        federation,
        key_pair(federation, CONSUMER),
        "POST",
        f"{federation.provider.manager}/v1/token",
        form={"grant_type": "client_credentials", "scope": grant_hash, "client_id": CONSUMER.peer_id},
    )
    assert answer.status == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


def _through_inway(federation: Federation, token: str, *, by: object = CONSUMER) -> Answer:
    pair = key_pair(federation, DIRECTORY if by is DIRECTORY else CONSUMER)
    headers = {
        "Fsc-Authorization": f"Bearer {token}",
        "Fsc-Transaction-Id": "01890a5d-ac96-774b-bcce-b302099a8057",
    }
    return as_peer(federation, pair, "GET", f"{federation.provider.inway}/{SERVICE}/api/v1/partijen", headers=headers)


@pytest.mark.fsc("Integration-ConsumeService-1")
@pytest.mark.fsc("Integration-TransactionLog-1")
def test_a_person_is_found_by_bsn_and_both_sides_log_one_transaction(federation: Federation, registered: str) -> None:
    answer = search(federation.consumer, registered)

    assert answer.status == 200
    [partij] = answer.json()["results"]
    assert partij["url"].startswith(f"{federation.provider.inway}/{SERVICE}/api/v1/partijen/")
    transaction = answer.headers["Fsc-Transaction-Id"]
    [outgoing] = federation.consumer.ask("logs", "--transaction", transaction)
    [incoming] = federation.provider.ask("logs", "--transaction", transaction)
    assert (outgoing["direction"], incoming["direction"]) == ("DIRECTION_OUTGOING", "DIRECTION_INCOMING")
    for record in (outgoing, incoming):
        assert record["transaction_id"] == transaction
        assert record["grant_hash"] == federation.connection()
        assert record["source"] == {"type": "SOURCE_TYPE_SOURCE", "outway_peer_id": CONSUMER.peer_id}
        assert record["destination"] == {"type": "DESTINATION_TYPE_DESTINATION", "service_peer_id": PROVIDER.peer_id}
        assert record["service_name"] == SERVICE


def test_a_person_who_is_not_there_is_not_found(federation: Federation, registered: str) -> None:
    answer = search(federation.consumer, "111222333")

    assert (answer.status, answer.json()["count"]) == (200, 0)


def test_the_bsn_is_nowhere_in_files_and_logs(federation: Federation, registered: str) -> None:
    search(federation.consumer, registered)

    held = [
        path for path in federation.directory.rglob("*") if path.is_file() and registered.encode() in path.read_bytes()
    ]
    assert held == []


@pytest.mark.fsc("Integration-ConsumeService-2")
def test_without_a_contract_the_outway_refuses(federation: Federation) -> None:
    answer = search(federation.consumer, BSN, host="something-else.localhost")

    assert (answer.status, answer.code) == (400, "ERROR_CODE_NO_VALID_GRANT")
    assert answer.json()["domain"] == "ERROR_DOMAIN_OUTWAY"
    assert f"{PROVIDER.peer_id}/{SERVICE}" in answer.json()["message"]


def test_the_federated_caller_may_do_no_more_than_its_policy_says(federation: Federation) -> None:
    answer = plain(
        "POST",
        federation.consumer.ports["outway"],
        f"/{SERVICE}/api/v1/partijen",
        headers={"Host": f"{SERVICE}.localhost"},
        body=person("123456782"),
    )

    assert (answer.status, answer.json()["code"]) == (403, "permission_denied")


def test_an_untrusted_certificate_does_not_get_through_the_handshake(federation: Federation) -> None:
    stranger = DevelopmentAuthority.create("another group", now=SystemClock().now()).issue(
        peer_id=CONSUMER.peer_id, name=CONSUMER.name, dns_names=["outway.example.test"]
    )

    for url in (f"{federation.provider.manager}/v1/peer", f"{federation.provider.inway}/"):
        with pytest.raises((ClientError, OSError)):
            as_peer(federation, stranger, "GET", url)


def test_without_a_certificate_or_a_known_name_there_is_no_handshake(federation: Federation) -> None:
    anonymous = ssl.create_default_context(cafile=str(federation.directory / "pki" / "root.pem"))
    for name in (PROVIDER.manager_host, "nobody.localhost", None):
        anonymous.check_hostname = name is not None
        assert _answer_to_anonymous(federation.provider.ports["manager"], anonymous, name) == b""


def _answer_to_anonymous(port: int, context: ssl.SSLContext, name: str | None) -> bytes:
    """What a client without a certificate gets to read; nothing when it is refused, in whichever way."""
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as raw,
            context.wrap_socket(raw, server_hostname=name) as connection,
        ):
            connection.sendall(b"GET /v1/peer HTTP/1.1\r\nHost: x\r\n\r\n")
            return connection.recv(1)
    except OSError:
        return b""


@pytest.mark.fsc("Inway-Incoming-Request-3")
def test_a_token_bound_to_another_certificate_is_refused(federation: Federation) -> None:
    token = _token(federation, federation.connection())

    stolen = _through_inway(federation, token, by=DIRECTORY)

    assert (stolen.status, stolen.code) == (401, "ERROR_CODE_ACCESS_TOKEN_INVALID")
    assert stolen.headers["WWW-Authenticate"] == "Bearer"
    assert _through_inway(federation, token).status == 200


@pytest.mark.fsc("Inway-Incoming-Request-2")
def test_no_token_is_refused(federation: Federation) -> None:
    answer = as_peer(federation, key_pair(federation, CONSUMER), "GET", f"{federation.provider.inway}/")

    assert (answer.status, answer.code) == (401, "ERROR_CODE_ACCESS_TOKEN_MISSING")


def test_a_revoked_contract_is_refused_at_once_though_the_token_lives(own_federation: Federation) -> None:
    federation = own_federation
    federation.start()
    token = _token(federation, federation.connection())
    assert _through_inway(federation, token).status == 200
    [contract] = [one for one in federation.provider.contracts(state="valid") if "outway" in one["grants"][0]["data"]]

    federation.provider.ask("contracts", "revoke", contract["content_hash"])

    refused = _through_inway(federation, token)
    assert (refused.status, refused.code) == (401, "ERROR_CODE_ACCESS_TOKEN_INVALID")
    at_outway = eventually(
        "the revocation to reach the consumer",
        lambda: answer if (answer := search(federation.consumer, BSN)).status == 400 else None,
    )
    assert at_outway.code == "ERROR_CODE_NO_VALID_GRANT"
    [known] = [one for one in federation.consumer.contracts() if one["content_hash"] == contract["content_hash"]]
    assert known["state"] == "REVOKED"


def test_what_cannot_be_logged_does_not_take_place(own_federation: Federation) -> None:
    federation = own_federation
    with socket.create_server(("127.0.0.1", 0)) as service:
        service.setblocking(False)
        _offer_http_service(federation, service.getsockname()[1])
        federation.start()
        federation.connection()
        process = federation.provider.process
        assert process is not None
        fill_disk(process.pid)

        answer = search(federation.consumer, BSN)

        assert (answer.status, answer.code) == (500, "TRANSACTION_LOG_WRITE_ERROR")
        assert answer.json()["domain"] == "ERROR_DOMAIN_INWAY"
        with pytest.raises(BlockingIOError):
            service.accept()
        make_room(process.pid)
        service.settimeout(5)
        asyncio.run(asyncio.to_thread(_connects, federation, service))


def _connects(federation: Federation, service: socket.socket) -> None:
    """Once the disk has room again, a request reaches the Service: it was the log that stopped it."""
    asking = threading.Thread(target=search, args=(federation.consumer, BSN), daemon=True)
    asking.start()
    connection, _ = service.accept()
    connection.close()
    asking.join()


def test_a_service_that_is_down_is_told_as_such(own_federation: Federation) -> None:
    federation = own_federation
    _offer_http_service(federation, free_port())
    federation.start()
    federation.connection()

    answer = search(federation.consumer, BSN)

    assert (answer.status, answer.code) == (502, "ERROR_CODE_SERVICE_UNREACHABLE")
    assert answer.json()["domain"] == "ERROR_DOMAIN_INWAY"
    transaction = answer.headers["Fsc-Transaction-Id"]
    assert len(federation.provider.ask("logs", "--transaction", transaction)) == 1


def _offer_http_service(federation: Federation, port: int) -> None:
    [service] = federation.provider.settings["tenants"][0]["services"]
    service["upstream"] = f"http://127.0.0.1:{port}"
    del service["peers"]


def test_what_was_confirmed_survives_a_kill(own_federation: Federation) -> None:
    federation = own_federation
    provider = federation.provider
    federation.start()
    federation.connection()
    made = at_register(provider, "POST", "/partijen", body=person(BSN))
    assert made.status == 201

    provider.kill()
    provider.start()

    kept = at_register(provider, "GET", f"/partijen/{made.json()['uuid']}")
    assert (kept.status, kept.json()["uuid"]) == (200, made.json()["uuid"])
    found = eventually(
        "the person to be found over the federation again",
        lambda: answer if (answer := search(federation.consumer, BSN)).status == 200 else None,
    )
    assert found.json()["count"] == 1


def test_a_signature_that_was_not_delivered_is_delivered_after_a_kill(own_federation: Federation) -> None:
    federation = own_federation
    for slug in (DIRECTORY.slug, PROVIDER.slug):
        federation.programs[slug].start()
    eventually("the provider to be known", lambda: federation.programs[DIRECTORY.slug].ask("peers") or None)
    federation.provider.stop()
    federation.consumer.start()
    [contract] = eventually("the contract to be made", lambda: federation.consumer.contracts() or None)
    assert [(one["peer_id"], one["action"]) for one in contract["deliveries"]] == [(PROVIDER.peer_id, "submit")]

    federation.consumer.kill()
    federation.provider.start()
    federation.consumer.start()

    federation.connection()
    [after] = federation.consumer.contracts()
    assert (after["content_hash"], after["deliveries"]) == (contract["content_hash"], [])


def test_a_contract_that_was_confirmed_to_another_peer_survives_a_kill(own_federation: Federation) -> None:
    federation = own_federation
    federation.start()
    federation.provider.settings["tenants"][0]["accept"] = []  # from the restart on a person decides
    federation.provider.restart()
    offered = federation.consumer.ask("contracts", "request", "--service", f"{PROVIDER.peer_id}/{SERVICE}")
    wanted = offered["content_hash"]

    def delivered() -> bool | None:
        [one] = [one for one in federation.consumer.contracts() if one["content_hash"] == wanted]
        return True if not one["deliveries"] else None

    eventually("the provider to answer 201", delivered)
    federation.provider.kill()
    federation.provider.start()

    [kept] = [one for one in federation.provider.contracts() if one["content_hash"] == wanted]
    assert (kept["state"], kept["signatures"]["accept"]) == ("PROPOSED", [CONSUMER.peer_id])
    federation.provider.ask("contracts", "accept", wanted)
    assert federation.provider.ask("contracts", "show", wanted)["state"] == "VALID"


def test_a_restart_makes_no_second_contract(own_federation: Federation) -> None:
    federation = own_federation
    federation.start()
    federation.connection()
    before = [one["content_hash"] for one in federation.consumer.contracts()]

    federation.consumer.restart()
    time.sleep(1.5)

    assert [one["content_hash"] for one in federation.consumer.contracts()] == before


def test_a_stop_lets_a_request_under_way_end(own_federation: Federation) -> None:
    federation = own_federation

    async def scenario() -> bytes:
        release = asyncio.Event()
        arrived = asyncio.Event()

        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            arrived.set()
            await release.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
            await writer.drain()
            writer.close()

        service = await asyncio.start_server(slow, "127.0.0.1", 0)
        _offer_http_service(federation, service.sockets[0].getsockname()[1])
        await asyncio.to_thread(federation.start)
        await asyncio.to_thread(federation.connection)
        reader, writer = await asyncio.open_connection("127.0.0.1", federation.consumer.ports["outway"])
        writer.write(f"GET /x HTTP/1.1\r\nHost: {SERVICE}.localhost\r\nConnection: close\r\n\r\n".encode())
        await arrived.wait()
        stopping = asyncio.create_task(asyncio.to_thread(federation.provider.stop))
        await asyncio.sleep(0.5)
        release.set()
        answer = await reader.read()
        assert await stopping == 0
        writer.close()
        service.close()
        return answer

    assert asyncio.run(scenario()).endswith(b"done")
