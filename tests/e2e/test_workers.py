"""`serve --workers 2`: what one worker learns all know, and none of them is missed.

Which worker takes a connection the system decides, so what is asked of all is asked over so many new connections that
one of the workers being left out cannot be chance.
"""

import asyncio
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from certs.custody import load_trust_file
from certs.identity import PeerId, SubjectRule
from certs.tls import client_context
from certs.trust import TrustStore
from clock import SystemClock
from gateway.http.client import new_session
from tests.e2e.calls import BASE, as_peer, at_register, key_pair, search
from tests.e2e.federation import (
    CONSUMER,
    PROVIDER,
    SERVICE,
    Federation,
    Program,
    eventually,
    http_get,
    run_command,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

CONNECTIONS = 20


@pytest.fixture
def pair(own_federation: Federation) -> Federation:
    """A federation whose provider and consumer have two workers each; not started."""
    own_federation.provider.options = own_federation.consumer.options = ("--workers", "2")
    return own_federation


def workers_of(program: Program) -> list[int]:
    """The processes of the workers."""
    assert program.process is not None
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(program.process.pid)], capture_output=True, text=True, check=False
    )
    return sorted(map(int, listed.stdout.split()))


def token_of(federation: Federation, grant_hash: str) -> str:
    form = {"grant_type": "client_credentials", "scope": grant_hash, "client_id": CONSUMER.peer_id}
    answer = as_peer(
        federation, key_pair(federation, CONSUMER), "POST", f"{federation.provider.manager}/v1/token", form=form
    )
    assert answer.status == 200, answer.text
    text: str = answer.json()["access_token"]
    return text


def inway_statuses(federation: Federation, token: str, path: str = f"{BASE}/partijen") -> list[int]:
    """What the Inway answers over so many connections of their own, one after the other."""
    headers = {"Fsc-Authorization": f"Bearer {token}", "Fsc-Transaction-Id": "01930000-0000-7000-8000-000000000001"}
    trust = TrustStore.from_pem([load_trust_file(federation.directory / "pki" / "root.pem")])
    pair = key_pair(federation, CONSUMER)
    context = client_context(pair, trust, SubjectRule(), expected_peer=PeerId(PROVIDER.peer_id), clock=SystemClock())

    async def call() -> list[int]:
        statuses = []
        for _ in range(CONNECTIONS):
            async with (
                new_session(connect_timeout_s=5, read_timeout_s=10) as session,
                session.get(f"{federation.provider.inway}{path}", headers=headers, ssl=context) as answer,
            ):
                statuses.append(answer.status)
        await asyncio.sleep(0.05)  # closed connections need a few rounds to take leave
        return statuses

    return asyncio.run(call())


def revoked_everywhere(federation: Federation, token: str) -> None:
    """Every worker's Inway refuses the token, from a second after now on."""
    time.sleep(1)
    assert inway_statuses(federation, token) == [401] * CONNECTIONS


def connection_of(program: Program, grant_hash: str) -> str:
    """The content hash of the Contract with this Grant."""
    [found] = [
        one["content_hash"]
        for one in program.contracts(state="valid")
        if grant_hash in {grant["grant_hash"] for grant in one["grants"]}
    ]
    text: str = found
    return text


def events(program: Program, event: str) -> int:
    return program.log.read_text().count(f'"event": "{event}"')


def test_a_contract_revoked_by_an_operator_is_refused_by_every_worker(pair: Federation) -> None:
    pair.start()
    grant_hash = pair.connection()
    token = token_of(pair, grant_hash)
    assert inway_statuses(pair, token) == [200] * CONNECTIONS

    done = pair.provider.run("contracts", "revoke", connection_of(pair.provider, grant_hash))
    assert done.returncode == 0, done.stderr
    revoked_everywhere(pair, token)


def test_a_contract_revoked_by_the_other_side_is_refused_by_every_worker(pair: Federation) -> None:
    pair.start()
    grant_hash = pair.connection()
    token = token_of(pair, grant_hash)
    content_hash = connection_of(pair.consumer, grant_hash)
    assert inway_statuses(pair, token) == [200] * CONNECTIONS

    assert pair.consumer.run("contracts", "revoke", content_hash).returncode == 0
    eventually(
        "the revocation at the provider",
        lambda: (
            True if content_hash in {one["content_hash"] for one in pair.provider.contracts(state="revoked")} else None
        ),
    )
    revoked_everywhere(pair, token)


@pytest.mark.parametrize("number", [0, 1])
def test_a_worker_that_is_killed_is_replaced_and_the_others_serve_on(pair: Federation, number: int) -> None:
    pair.start()
    token = token_of(pair, pair.connection())
    provider = pair.provider
    before = workers_of(provider)
    os.kill(before[number], signal.SIGKILL)

    eventually("another worker", lambda: True if events(provider, "serving") == 3 else None)
    eventually("health", lambda: True if http_get(provider.ports["metrics"], "/health/ready")[0] == 200 else None)
    after = workers_of(provider)
    assert len(after) == 2
    assert len(set(before) & set(after)) == 1
    assert inway_statuses(pair, token) == [200] * CONNECTIONS
    assert search(pair.consumer, "999990019").status == 200
    assert provider.contracts(state="valid")


def test_a_new_configuration_reaches_every_worker_and_a_bad_one_none(pair: Federation) -> None:
    pair.start()
    token = token_of(pair, pair.connection())
    provider = pair.provider
    assert provider.process is not None
    right = provider.settings["tenants"][0]

    # Bad: told once, and everybody goes on.
    provider.settings["tenants"] = [{**right, "peer_id": "another"}]
    provider.write()
    provider.process.send_signal(signal.SIGHUP)
    eventually("the refusal", lambda: True if events(provider, "configuration_refused") else None)
    assert inway_statuses(pair, token) == [200] * CONNECTIONS

    # Right: the consumer may nothing any more, whichever worker it meets.
    provider.settings["tenants"] = [{**right, "services": [{**right["services"][0], "peers": []}]}]
    provider.write()
    provider.process.send_signal(signal.SIGHUP)
    eventually("both to apply it", lambda: True if events(provider, "configuration_applied") >= 2 else None)
    assert inway_statuses(pair, token) == [403] * CONNECTIONS

    # And so does one that starts now, though the file is bad again.
    provider.config.write_text("tenants: nonsense")
    os.kill(workers_of(provider)[1], signal.SIGKILL)
    eventually("another worker", lambda: True if events(provider, "serving") == 3 else None)
    assert inway_statuses(pair, token) == [403] * CONNECTIONS


def test_stopping_fails_no_request_of_one_who_keeps_its_connection(pair: Federation) -> None:
    provider = pair.provider
    provider.start()
    assert provider.process is not None
    at_register(provider, "GET", "/partijen")
    stopped = False

    async def steady() -> tuple[int, int]:
        nonlocal stopped
        served = refused = 0
        url = f"http://127.0.0.1:{provider.ports['register']}/t/{PROVIDER.slug}{BASE}/partijen"
        from aiohttp import ClientConnectorError, ClientSession

        from tests.e2e.federation import TOKEN

        async with ClientSession(headers={"Authorization": f"Token {TOKEN}"}) as session:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                try:
                    async with session.get(url) as answer:
                        assert answer.status == 200
                        await answer.read()
                        served += 1
                except ClientConnectorError:  # nobody listens any more
                    refused += 1
                    break
                if served == 50:
                    stopped = True
                    assert provider.process is not None
                    provider.process.send_signal(signal.SIGTERM)
        return served, refused

    served, refused = asyncio.run(steady())
    assert stopped
    assert served >= 50
    assert refused == 1
    assert provider.process.wait(timeout=30) == 0
    provider.process = None


def test_without_their_supervisor_the_workers_end(pair: Federation) -> None:
    provider = pair.provider
    provider.start()
    workers = workers_of(provider)
    assert len(workers) == 2
    provider.kill()

    def gone() -> bool | None:
        return None if any(Path(f"/proc/{pid}").exists() for pid in workers) else True

    eventually("both workers to end", gone)
    provider.start()  # nothing is left that is in the way


@pytest.mark.parametrize("listener", ["manager", "inway", "register", "console", "metrics"])
def test_a_port_in_use_is_told_once_also_when_it_could_be_shared(pair: Federation, listener: str) -> None:
    provider = pair.provider
    provider.write()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", provider.ports[listener]))
        taken.listen()
        done = run_command("serve", "--config", str(provider.config), "--workers", "2")

    assert done.returncode == 1, done.stderr
    assert done.stderr.count(f"listen.{listener}: cannot listen on") == 1
    assert "Traceback" not in done.stderr


def test_a_wrong_configuration_is_told_once(pair: Federation) -> None:
    provider = pair.provider
    provider.settings["tenants"][0]["servises"] = []
    provider.write()
    done = run_command("serve", "--config", str(provider.config), "--workers", "2")

    assert done.returncode == 2
    assert done.stderr.count("tenants[0].servises") == 1
    assert "Traceback" not in done.stderr


def test_several_workers_need_a_store_that_they_share(pair: Federation) -> None:
    provider = pair.provider
    provider.settings["storage"] = "memory:"
    provider.write()
    done = run_command("serve", "--config", str(provider.config), "--workers", "2")

    assert done.returncode == 2
    assert "storage" in done.stderr


def test_a_second_installation_cannot_share_the_addresses_of_the_first(pair: Federation) -> None:
    pair.provider.start()
    done = run_command("serve", "--config", str(pair.provider.config), "--workers", "2")

    assert done.returncode == 1
    assert "in use" in done.stderr
    assert http_get(pair.provider.ports["metrics"], "/health/ready")[0] == 200
    assert SERVICE in pair.provider.config.read_text()


def counted(program: Program, name: str) -> int:
    """A figure of the Inway, of all workers together."""
    status, text = http_get(program.ports["metrics"], "/metrics")
    assert status == 200
    [value] = re.findall(rf'^klantenregister_{name}{{component="inway"[^}}]*}} ([0-9.e+]+)$', text, re.MULTILINE)
    return int(float(value))


def test_the_figures_are_those_of_all_workers_together(pair: Federation) -> None:
    pair.start()
    token = token_of(pair, pair.connection())
    provider = pair.provider
    before = counted(provider, "connections_total")
    assert inway_statuses(pair, token) == [200] * CONNECTIONS

    def all_counted() -> bool | None:
        # Whichever worker is asked, and it is not always the same one.
        return all(counted(provider, "connections_total") == before + CONNECTIONS for _ in range(10)) or None

    eventually("every worker to tell the same", all_counted)
