"""Calls from outside: an application at the Outway, a Peer at a Manager or an Inway, an application at the register."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession, ClientTimeout
from multidict import CIMultiDictProxy

from certs.custody import KeyPair, load_key_pair, load_trust_file
from certs.identity import PeerId, SubjectRule
from certs.tls import client_context
from certs.trust import TrustStore
from clock import SystemClock
from gateway.http.client import new_session
from tests.e2e.federation import PROVIDER, SERVICE, TOKEN, Federation, Member, Program

BASE = f"/{SERVICE}/api/v1"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer with its whole body."""

    status: int
    headers: CIMultiDictProxy[str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The FSC error code, which the header and the body must agree on."""
        code = self.headers["Fsc-Error-Code"]
        assert self.json()["code"] == code
        return code


def plain(method: str, port: int, path: str, *, headers: Mapping[str, str] | None = None, body: Any = None) -> Answer:
    """A call without TLS on loopback."""

    async def call() -> Answer:
        async with (
            ClientSession(timeout=ClientTimeout(total=30)) as session,
            session.request(method, f"http://127.0.0.1:{port}{path}", headers=headers, json=body) as answer,
        ):
            return Answer(answer.status, answer.headers, await answer.text())

    return asyncio.run(call())


def key_pair(federation: Federation, member: Member) -> KeyPair:
    """The certificate of a member, as an attacker who stole it would have it."""
    pki = federation.directory / "pki"
    return load_key_pair(pki / f"{member.slug}.pem", pki / f"{member.slug}.key")


def as_peer(
    federation: Federation,
    pair: KeyPair,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> Answer:
    """A call over mutual TLS with this certificate, to the provider."""
    sent = dict(headers or {})
    if form is not None:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    trust = TrustStore.from_pem([load_trust_file(federation.directory / "pki" / "root.pem")])
    context = client_context(pair, trust, SubjectRule(), expected_peer=PeerId(PROVIDER.peer_id), clock=SystemClock())

    async def call() -> Answer:
        async with (
            new_session(connect_timeout_s=5, read_timeout_s=10) as session,
            session.request(method, url, headers=sent, data=form, ssl=context) as answer,
        ):
            return Answer(answer.status, answer.headers, await answer.text())

    return asyncio.run(call())


def search(consumer: Program, bsn: str, *, host: str = f"{SERVICE}.outway.localhost") -> Answer:
    """An application of the consumer looks a person up through its Outway."""
    return plain(
        "POST",
        consumer.ports["outway"],
        f"{BASE}/partijen/_zoek",
        headers={"Host": host},
        body={"partijIdentificator__codeSoortObjectId": "bsn", "partijIdentificator__objectId": bsn},
    )


def at_register(provider: Program, method: str, path: str, *, body: Any = None, token: str = TOKEN) -> Answer:
    """An application of the provider calls its own register on the internal listener."""
    headers = {"Authorization": f"Token {token}"}
    target = f"/t/{provider.member.slug}{BASE}{path}"
    return plain(method, provider.ports["register"], target, headers=headers, body=body)


def person(bsn: str) -> dict[str, Any]:
    """A partij with this BSN."""
    return {
        "soortPartij": "persoon",
        "indicatieActief": True,
        "partijIdentificatie": {"contactnaam": {"voornaam": "Test", "achternaam": "Persoon"}},
        "partijIdentificatoren": [
            {
                "partijIdentificator": {
                    "codeObjecttype": "natuurlijk_persoon",
                    "codeSoortObjectId": "bsn",
                    "objectId": bsn,
                    "codeRegister": "brp",
                }
            }
        ],
    }
