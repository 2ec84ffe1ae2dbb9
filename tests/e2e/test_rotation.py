"""Certificates are replaced under a running federation, and no request of its applications fails."""

import contextlib
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from certs.authority import load_group
from certs.custody import KeyPair, key_pem
from certs.thumbprint import certificate_thumbprint
from clock import SystemClock
from tests.e2e.calls import as_peer, key_pair, search
from tests.e2e.federation import CONSUMER, PROVIDER, Federation, Member, Program, eventually, http_get

BSN = "999990019"
ROTATED_WITHIN_S = 25.0
"""Five times what the program promises: the machine may be busy."""


@pytest.fixture
def running(own_federation: Federation) -> Federation:
    own_federation.start()
    own_federation.connection()
    return own_federation


class Stream:
    """An application that asks steadily through the Outway, and keeps what it was answered."""

    def __init__(self, consumer: Program) -> None:
        self._consumer = consumer
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.statuses: list[int] = []
        self.failures: list[str] = []

    def _run(self) -> None:
        while not self._ends.is_set():
            answer = search(self._consumer, BSN)
            self.statuses.append(answer.status)
            if answer.status != 200:
                self.failures.append(answer.text[:300])
            time.sleep(0.02)

    def settle(self, more: int = 20) -> None:
        """Wait until it was answered some times more."""
        wanted = len(self.statuses) + more
        eventually("more answers", lambda: True if len(self.statuses) >= wanted else None)

    @contextlib.contextmanager
    def flowing(self) -> Iterator[None]:
        self._thread.start()
        try:
            self.settle(5)
            yield
            self.settle()
        finally:
            self._ends.set()
            self._thread.join(60)
        assert self.failures == []


def renewed(federation: Federation, member: Member, *, same_key: bool = False, **changes: Any) -> KeyPair:
    """A certificate for `member` that begins after the present one."""
    now = SystemClock().now()
    authority = load_group(federation.directory / "pki", now=now)
    present = key_pair(federation, member)
    return authority.issue(
        **{
            "peer_id": member.peer_id,
            "name": member.name,
            "dns_names": [member.manager_host, member.inway_host],
            "not_before": present.not_before + 1,
            "private_key": present.private_key if same_key else None,
            **changes,
        }
    )


def files_of(federation: Federation, member: Member) -> tuple[Path, Path]:
    pki = federation.directory / "pki"
    return pki / f"{member.slug}.pem", pki / f"{member.slug}.key"


def overwrite(federation: Federation, member: Member, pair: KeyPair) -> None:
    """Write in place, certificate first: for a moment the two do not fit."""
    certificate, key = files_of(federation, member)
    certificate.write_bytes(pair.pem_chain())
    key.write_bytes(key_pem(pair.private_key))


def rename_over(federation: Federation, member: Member, pair: KeyPair) -> None:
    """As a careful tool does: written beside, renamed over."""
    for path, content in zip(files_of(federation, member), (pair.pem_chain(), key_pem(pair.private_key)), strict=True):
        beside = path.with_name(f"{path.name}.new")
        beside.write_bytes(content)
        beside.rename(path)


def presented(program: Program) -> str:
    """The thumbprint of the certificate that the Manager answers a new handshake with."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", program.ports["manager"]), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=program.member.manager_host) as wrapped,
    ):
        der = wrapped.getpeercert(binary_form=True)
    assert der is not None
    return certificate_thumbprint(x509.load_der_x509_certificate(der))


def await_presented(program: Program, pair: KeyPair) -> None:
    eventually(
        "the new certificate",
        lambda: True if presented(program) == pair.thumbprint else None,
        patience_s=ROTATED_WITHIN_S,
    )


def published(federation: Federation, program: Program, caller: KeyPair) -> set[str]:
    answer = as_peer(federation, caller, "GET", f"{program.manager}/v1/.well-known/jwks.json")
    assert answer.status == 200, answer.text
    return {key["x5t#S256"] for key in answer.json()["keys"]}


@pytest.mark.parametrize("write", [overwrite, rename_over])
def test_a_provider_rotates_while_it_is_called(running: Federation, write: Any) -> None:
    old, stream = key_pair(running, PROVIDER), Stream(running.consumer)
    with stream.flowing():
        new = renewed(running, PROVIDER)
        write(running, PROVIDER, new)
        await_presented(running.provider, new)
        stream.settle()

    # What the old one signed still verifies: Contract and tokens live on.
    assert published(running, running.provider, key_pair(running, CONSUMER)) >= {old.thumbprint, new.thumbprint}
    assert search(running.consumer, BSN).status == 200


def test_a_consumer_gets_a_new_key_while_it_calls(running: Federation) -> None:
    stream = Stream(running.consumer)
    with stream.flowing():
        new = renewed(running, CONSUMER)
        overwrite(running, CONSUMER, new)
        await_presented(running.consumer, new)
        eventually(
            "the successor to be the only one",
            lambda: True if keys_of_connections(running.consumer) == [new.public_key_thumbprint] else None,
        )
        stream.settle()


def keys_of_connections(program: Program) -> list[str]:
    """The public key thumbprints of the Outways in its valid Contracts."""
    return [
        grant["data"]["outway"]["identification"]["public_key_thumbprint"]
        for one in program.contracts(state="valid")
        for grant in one["grants"]
        if "outway" in grant["data"]
    ]


def test_a_new_key_waits_for_a_provider_that_does_not_sign(running: Federation) -> None:
    running.provider.settings["tenants"][0]["accept"] = []
    running.provider.write()
    eventually(
        "the rule to be gone",
        lambda: True if running.provider.log.read_text().count("configuration_applied") else None,
    )
    stream = Stream(running.consumer)
    with stream.flowing():
        new = renewed(running, CONSUMER)
        overwrite(running, CONSUMER, new)
        await_presented(running.consumer, new)
        eventually(
            "the successor to be offered",
            lambda: running.provider.contracts(state="proposed") or None,
        )
        stream.settle(100)


def test_a_bad_pair_is_refused_aloud_and_a_good_one_is_taken_afterwards(running: Federation) -> None:
    provider, old = running.provider, key_pair(running, PROVIDER)
    stream = Stream(running.consumer)
    with stream.flowing():
        overwrite(running, PROVIDER, renewed(running, PROVIDER, peer_id=CONSUMER.peer_id))
        eventually(
            "the refusal",
            lambda: True if "certificate_refused" in provider.log.read_text() else None,
            patience_s=ROTATED_WITHIN_S,
        )
        assert presented(provider) == old.thumbprint
        # What serves is not what the files hold: the new one begins after what did.
        good = load_group(running.directory / "pki", now=SystemClock().now()).issue(
            peer_id=PROVIDER.peer_id,
            name=PROVIDER.name,
            dns_names=[PROVIDER.manager_host, PROVIDER.inway_host],
            not_before=old.not_before + 2,
        )
        overwrite(running, PROVIDER, good)
        await_presented(provider, good)


def test_a_directory_that_is_switched_as_a_whole(running: Federation) -> None:
    """As Kubernetes replaces a mounted secret: `tls.crt` leads through `..data` to a directory with a date."""
    volume, provider = running.directory / "secret", running.provider

    def place(name: str, pair: KeyPair) -> None:
        target = volume / name
        target.mkdir(parents=True)
        (target / "tls.crt").write_bytes(pair.pem_chain())
        (target / "tls.key").write_bytes(key_pem(pair.private_key))
        switch = volume / "..data_tmp"
        switch.symlink_to(name)
        os.replace(switch, volume / "..data")

    place("..2026_11_23", key_pair(running, PROVIDER))
    for name in ("tls.crt", "tls.key"):
        (volume / name).symlink_to(f"..data/{name}")
    provider.settings["tenants"][0]["certificates"] = [{"cert": "secret/tls.crt", "key": "secret/tls.key"}]
    provider.write()
    eventually("the entry to be read", lambda: True if "configuration_applied" in provider.log.read_text() else None)

    stream = Stream(running.consumer)
    with stream.flowing():
        new = renewed(running, PROVIDER)
        place("..2026_11_24", new)
        await_presented(provider, new)


def test_what_ends_is_measured_and_warned_of(running: Federation) -> None:
    provider = running.provider
    short = renewed(running, PROVIDER, days=20, same_key=True)
    overwrite(running, PROVIDER, short)
    await_presented(provider, short)

    status, text = http_get(provider.ports["metrics"], "/metrics")
    line = next(one for one in text.splitlines() if one.startswith("certificate_expiry") and short.thumbprint in one)
    assert status == 200
    assert 19 * 86_400 < float(line.rpartition(" ")[2]) <= 20 * 86_400
    assert 'role="leaf"' in line
    _, health = http_get(provider.ports["metrics"], "/health/ready")
    assert ["expires on" in one for one in json.loads(health)["warnings"]] == [True]
