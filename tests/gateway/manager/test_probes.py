"""What the doctor sees, at Peers that really listen and are really wrong."""

import asyncio
import json
import re
import socket
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial

import pytest

from certs.custody import KeyPair
from certs.errors import CertsError
from certs.identity import PeerId
from certs.revocation import RevocationMode
from certs.trust import TrustStore
from gateway.fsc.jcs import JsonObject
from gateway.fsc.jwks import build_jwks
from gateway.fsc.names import InwayAddress, ManagerAddress
from gateway.http.client import PeerAnswer, PeerUnreachable
from gateway.manager import probes
from gateway.manager.probes import Place, ProbeFailed, place_of
from gateway.manager.remedies import Failure, failure_of
from gateway.state.tenant import NoValidCertificate
from tests.gateway.harness import (
    CONSUMER,
    DAY_S,
    DIRECTORY,
    FOREIGN,
    OTHER,
    PROVIDER,
    Federation,
    ForeignPeer,
    authority,
    federation,
    key_pair,
    make_group,
    strange_authority,
)
from tests.gateway.wire import Wire, listening

HOST = f"{FOREIGN}.localhost"


def place(foreign: ForeignPeer) -> Place:
    return replace(place_of(FOREIGN, ManagerAddress(foreign.address)), ip="127.0.0.1")


# -- ourselves


async def test_our_certificate_is_judged_as_others_will() -> None:
    async with federation() as group:
        peer = (await group.host()).peer
        tenant = peer.tenant
        names = [f"{part}-{PROVIDER}.localhost" for part in ("manager", "inway")]
        both = partial(_pair, names)

        def served(pair: KeyPair) -> None:
            peer.tenant = replace(tenant, key_pairs=(pair,))

        served(both())
        assert "valid until" in probes.own_certificate(peer)
        assert "renew" not in probes.own_certificate(peer)
        served(both(days=20))
        assert re.search(r"(19|20) days: renew it", probes.own_certificate(peer))
        served(_pair(names[:1]))
        with pytest.raises(ProbeFailed, match=f"does not hold the DNS name {names[1]}"):
            probes.own_certificate(peer)
        served(both(peer_id=OTHER))
        with pytest.raises(ProbeFailed, match=f"it is of Peer {OTHER}"):
            probes.own_certificate(peer)
        served(strange_authority().issue(peer_id=PROVIDER, name=f"Peer {PROVIDER}", dns_names=names))
        with pytest.raises(ProbeFailed, match="is refused"):
            probes.own_certificate(peer)
        served(both())
        group.clock.advance(400 * DAY_S)
        with pytest.raises(NoValidCertificate):
            probes.own_certificate(peer)


def _pair(names: list[str], *, peer_id: PeerId = PROVIDER, days: int = 365) -> KeyPair:
    return authority().issue(peer_id=peer_id, name=f"Peer {peer_id}", dns_names=names, days=days)


async def test_our_keys_are_published() -> None:
    async with federation() as group:
        peer = (await group.host()).peer
        assert probes.own_keys(peer) == "1 published"
        peer.tenant = replace(peer.tenant, key_pairs=(key_pair(PROVIDER),))
        with pytest.raises(ProbeFailed, match="is not published"):
            probes.own_keys(peer)


# -- the way there


async def test_names_are_resolved_as_the_program_does() -> None:
    found, seen = await probes.resolved(Place(FOREIGN, HOST, 443))
    assert (found.ip, seen) == ("127.0.0.1", f"{HOST} is 127.0.0.1")
    with pytest.raises(socket.gaierror) as error:
        await probes.resolved(Place(FOREIGN, "nowhere.invalid", 443))
    assert failure_of(error.value) in (Failure.NAME_UNKNOWN, Failure.NAME_UNRESOLVED)


async def test_what_listens_and_what_does_not() -> None:
    async with federation() as group:
        foreign = await group.foreign()
        assert "accepts connections" in await probes.connected(place(foreign))
    with pytest.raises(ConnectionRefusedError) as error:
        await probes.connected(place(foreign))
    assert failure_of(error.value) is Failure.REFUSED


async def handshake_failure(group: Federation, pair: KeyPair, host: str = HOST) -> Failure:
    """How a handshake fails at somebody who listens with `pair`, when FOREIGN is meant."""
    ours = await group.host()
    other = await group.foreign(pair=pair)
    with pytest.raises((OSError, CertsError)) as error:
        await probes.shaken_hands(ours.peer, replace(place(other), host=host))
    return failure_of(error.value)


async def test_who_answers_is_told_with_name_and_days() -> None:
    async with federation() as group:
        ours, foreign = await group.host(), await group.foreign()
        seen = await probes.shaken_hands(ours.peer, place(foreign))
    assert seen.startswith(f"TLSv1.3, Peer {FOREIGN}, 'Peer {FOREIGN}', certificate valid until ")


async def test_every_wrong_certificate_is_told_apart() -> None:
    async with federation() as group:
        assert await handshake_failure(group, key_pair(OTHER, host=HOST)) is Failure.WRONG_PEER
        assert await handshake_failure(group, key_pair(FOREIGN, host="else.localhost")) is Failure.WRONG_NAME
        assert await handshake_failure(group, key_pair(FOREIGN, issuer=strange_authority())) is Failure.UNTRUSTED
        expired = key_pair(FOREIGN, days=1, not_before=group.clock.now() - 2 * DAY_S)
        assert await handshake_failure(group, expired) is Failure.EXPIRED


async def test_a_port_that_speaks_something_else() -> None:
    async def speak(wire: Wire) -> None:
        await wire.send(b"220 mail.example.test\r\n")

    async with federation() as group, listening(speak) as port:
        ours = await group.host()
        with pytest.raises(ssl.SSLError) as error:
            await probes.shaken_hands(ours.peer, Place(FOREIGN, HOST, port, "127.0.0.1"))
    assert failure_of(error.value) is Failure.NOT_TLS


# -- the Manager


def answers(foreign: ForeignPeer, path: str, content: object) -> None:
    foreign.pages[path] = json.dumps(content).encode()


async def test_a_manager_tells_who_it_is() -> None:
    async with federation() as group:
        ours, foreign = await group.host(), await group.foreign()
        ask = partial(probes.manager_answers, ours.peer, FOREIGN, ManagerAddress(foreign.address))
        answers(foreign, "/v1/peer", {"peer_id": FOREIGN, "fsc_version": "2.0.0"})
        answer, seen = await ask()
        assert seen == "FSC version '2.0.0'"
        assert probes.clocks_agree(answer, group.clock.now()).endswith("s apart")
        answers(foreign, "/v1/peer", {"peer_id": OTHER})
        with pytest.raises(ProbeFailed, match=f"says to be Peer '{OTHER}'"):
            await ask()
        foreign.pages["/v1/peer"] = b"<html>"
        with pytest.raises(ProbeFailed, match="not readable"):
            await ask()
        foreign.pages.clear()
        for status, remedy in ((404, "no FSC Manager"), (421, "does not serve this name"), (502, "fault of its own")):
            foreign.status = status
            with pytest.raises(ProbeFailed, match=str(status)) as failed:
                await ask()
            assert remedy in failed.value.remedy


@pytest.mark.parametrize(
    ("apart", "told"), [(0, ""), (60, ""), (-60, ""), (61, "61 s ahead of ours"), (-3600, "3600 s behind ours")]
)
def test_clocks_are_compared_by_the_date_of_an_answer(apart: int, told: str) -> None:
    now = 1_800_000_000
    date = format_datetime(datetime.fromtimestamp(now + apart, UTC), usegmt=True)
    answer = PeerAnswer(200, {"Date": date}, b"")
    if not told:
        assert probes.clocks_agree(answer, now) == f"{abs(apart)} s apart"
        return
    with pytest.raises(ProbeFailed, match=told) as failed:
        probes.clocks_agree(answer, now)
    assert "NTP" in failed.value.remedy


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}, {"Date": "Mon, 99 Foo 99999 99:99:99 GMT"}])
def test_a_peer_that_tells_no_time(headers: dict[str, str]) -> None:
    assert probes.clocks_agree(PeerAnswer(200, headers, b""), 1_800_000_000) == "it tells no time"


async def test_whether_a_directory_knows_where_we_are() -> None:
    async with federation() as group:
        directory = await group.foreign(DIRECTORY)
        peer = (await group.host(group=make_group(directories={DIRECTORY: directory.address}))).peer
        ask = partial(probes.announced, peer, DIRECTORY, ManagerAddress(directory.address))
        ours = {"id": PROVIDER, "name": "Ours", "manager_address": peer.tenant.manager_address}
        answers(directory, "/v1/peers", {"peers": [ours]})
        assert "has our address" in await ask()
        answers(directory, "/v1/peers", {"peers": [{**ours, "manager_address": "https://earlier.example.test:8443"}]})
        with pytest.raises(ProbeFailed, match=r"has https://earlier\.example\.test:8443, our address is"):
            await ask()
        answers(directory, "/v1/peers", {"peers": []})
        with pytest.raises(ProbeFailed, match="does not know us"):
            await ask()
        answers(directory, "/v1/peers", {"peers": 7})
        with pytest.raises(PeerUnreachable):
            await ask()


async def test_keys_that_can_sign_and_keys_that_cannot() -> None:
    async with federation() as group:
        ours, foreign = await group.host(), await group.foreign()
        ask = partial(probes.keys_fetched, ours.peer, FOREIGN, ManagerAddress(foreign.address))
        assert await ask() == "1 certificate that can sign now"
        strange, others = key_pair(FOREIGN, issuer=strange_authority()), key_pair(OTHER)
        foreign.chains += [strange.chain, others.chain]
        seen = await ask()
        assert seen.startswith("1 certificate that can sign now; refused: ")
        assert f"a certificate is of Peer {OTHER}" in seen
        pages: list[JsonObject] = [
            build_jwks([strange.chain]),
            build_jwks([others.chain]),
            {"keys": [{"x5c": ["A"]}]},
            {},
        ]
        for page in pages:
            answers(foreign, "/v1/.well-known/jwks.json", page)
            with pytest.raises(ProbeFailed, match="no certificate that can sign now"):
                await ask()


# -- the Inway


async def test_an_inway_asks_for_a_token_and_whatever_else_is_none() -> None:
    async with federation() as group:
        ours, foreign = await group.host(CONSUMER), await group.foreign()
        ask = partial(probes.inway_answers, ours.peer, place_of(FOREIGN, InwayAddress(foreign.address)))
        for status, remedy in ((200, "no FSC Inway"), (401, "no FSC Inway"), (502, "a proxy before the Inway")):
            foreign.status = status
            with pytest.raises(ProbeFailed, match=f"answered with {status}") as failed:
                await ask()
            assert remedy in failed.value.remedy
        async with asyncio.timeout(5):
            elsewhere = place_of(OTHER, InwayAddress(foreign.address))
            with pytest.raises(PeerUnreachable) as unreachable:
                await probes.inway_answers(ours.peer, elsewhere)
        assert failure_of(unreachable.value) is Failure.WRONG_PEER


async def test_what_is_known_of_revocation_fails_in_hard_only() -> None:
    async with federation() as group:
        peer = (await group.host()).peer
        anchors = authority().anchors_pem()
        crls = (authority().crl_pem(), authority().root_crl_pem())

        def trusting(mode: RevocationMode, *lists: bytes) -> None:
            trust = TrustStore.from_pem([anchors], crls=lists, mode=mode)
            trust.meet(authority().intermediate.chain, group.clock.now())
            peer.tenant = replace(peer.tenant, group=replace(peer.tenant.group, trust=trust))

        trusting(RevocationMode.HARD, *crls)
        assert probes.revocation_known(peer) == "hard: nothing is lacking"
        trusting(RevocationMode.OFF)
        assert probes.revocation_known(peer) == "off: nothing is lacking"
        trusting(RevocationMode.SOFT, crls[1])
        assert probes.revocation_known(peer).endswith("development CA is missing")
        trusting(RevocationMode.HARD, crls[1])
        with pytest.raises(ProbeFailed, match="development CA is missing"):
            probes.revocation_known(peer)
