"""What the doctor looks at, one function each: it tells what it saw, or raises what is wrong with the remedy.

Everything is done with the tenant's own keys, name resolution and network, as the program itself does it. Nothing here
changes anything at either side, but for `call_service`, which is a request as any application's and logged as one.
"""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from certs.errors import CertsError
from certs.identity import PeerCertificate, PeerId, describe
from certs.revocation import CrlState, RevocationMode
from certs.tls import peer_of
from gateway.errors import InvalidRequest, quoted
from gateway.fsc.grants import ConnectionGrant
from gateway.fsc.jcs import JsonObject, parse_json
from gateway.fsc.jwks import published_chains
from gateway.fsc.logrecord import outgoing_record
from gateway.fsc.names import GrantHash, InwayAddress, ManagerAddress, TransactionId, host_and_port
from gateway.fsc.uuid7 import RANDOM_BYTES, make_uuid7
from gateway.http.client import PeerAnswer
from gateway.http.resolver import LocalhostResolver
from gateway.manager.remedies import inway_remedy, manager_remedy, token_remedy
from gateway.state.access_tokens import OutwayToken, TokenRefused, obtain_token
from gateway.state.local_peer import LocalPeer
from gateway.state.locate import ask_directory
from gateway.state.standing import instant_text

CLOCKS_APART_S = 60
_DAY_S = 86_400
_SOON_S = 30 * _DAY_S
_MAX_DEPTH = 16


class ProbeFailed(Exception):
    """Something is wrong: its text is what was seen, `remedy` what to do about it."""

    def __init__(self, seen: str, remedy: str) -> None:
        super().__init__(seen)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Place:
    """Where a Manager or an Inway should answer, and as which Peer. `ip` is filled in once its name was resolved."""

    peer_id: PeerId
    host: str
    port: int
    ip: str = ""


_UNUSABLE = frozenset({CrlState.STALE, CrlState.MISSING})


def place_of(peer_id: PeerId, address: ManagerAddress | InwayAddress) -> Place:
    """The place that an address of a Peer names."""
    return Place(peer_id, *host_and_port(address))


def own_certificate(peer: LocalPeer) -> str:
    """That ours is valid, trusted by the rules of the Group, of this Peer, and for both of our names."""
    tenant, now = peer.tenant, peer.clock.now()
    pair = peer.signing_pair()
    held = describe(pair.certificate, tenant.group.subject_rule)
    if held.peer_id != tenant.peer_id:
        raise ProbeFailed(f"it is of Peer {held.peer_id}", "name the certificate of this tenant in the configuration")
    try:
        tenant.group.trust.verify_chain(pair.certificate, pair.chain[1:], now=now)
    except CertsError as error:
        raise ProbeFailed(
            str(error), "put our intermediate certificates in the file, check group.trust_anchors, or renew it"
        ) from error
    for address in (tenant.manager_address, tenant.inway_address):
        host = host_and_port(address)[0]
        if host not in held.dns_names and f"*.{host.partition('.')[2]}" not in held.dns_names:
            raise ProbeFailed(
                f"it does not hold the DNS name {host}", "have it issued with the names of both addresses"
            )
    return f"{_until(pair.not_after, now)}, public key thumbprint {pair.public_key_thumbprint}"


def revocation_known(peer: LocalPeer) -> str:
    """How far it is known which certificates were revoked; in hard mode no Peer gets through without."""
    trust, now = peer.tenant.group.trust, peer.clock.now()
    lacking = [one for one in trust.revocation_status(now) if one.state is not CrlState.CURRENT]
    seen = "; ".join(f"the CRL of {one.issuer} is {one.state}" for one in lacking)
    if trust.revocation.mode is RevocationMode.HARD and any(one.state in _UNUSABLE for one in lacking):
        raise ProbeFailed(seen, "see what each source of group.revocation.crl gives: GET /admin/v1/revocation")
    return f"{trust.revocation.mode}: {seen or 'nothing is lacking'}"


async def resolved(place: Place) -> tuple[Place, str]:
    """The same place with an IP address. Raises: OSError when DNS does not know the name."""
    resolver = LocalhostResolver()
    try:
        found = await resolver.resolve(place.host, place.port)
    finally:
        await resolver.close()
    ips = [one["host"] for one in found]
    if not ips:
        raise ProbeFailed("no address", "give the name an address in DNS")
    return Place(place.peer_id, place.host, place.port, ips[0]), f"{place.host} is {', '.join(ips[:5])}"


async def connected(place: Place) -> str:
    """That something listens there. Raises: OSError."""
    async with _connection(place, None):
        return f"{place.ip} port {place.port} accepts connections"


async def shaken_hands(peer: LocalPeer, place: Place) -> str:
    """That the Peer we mean answers there, with a certificate that we trust. Raises: OSError, CertsError."""
    async with _connection(place, peer.outgoing_context(place.peer_id)) as writer:
        connection = writer.get_extra_info("ssl_object")
        found: PeerCertificate = peer_of(connection)
        version = connection.version()
    until = _until(found.not_after, peer.clock.now())
    return f"{version}, Peer {found.peer_id}, {quoted(found.name)}, certificate {until}"


async def manager_answers(peer: LocalPeer, other: PeerId, address: ManagerAddress) -> tuple[PeerAnswer, str]:
    """That the Manager tells who it is. Raises: PeerUnreachable."""
    answer = await peer.client.call(other, "GET", f"{address}/v1/peer")
    if answer.status != 200:
        raise ProbeFailed(f"GET /v1/peer: {answer.status}", manager_remedy(answer.status))
    body = _read(answer, "/v1/peer")
    if body.get("peer_id") != other:
        raise ProbeFailed(
            f"it says to be Peer {quoted(str(body.get('peer_id')))}", "let that Peer correct its configuration"
        )
    return answer, f"FSC version {quoted(str(body.get('fsc_version')))}"


def clocks_agree(answer: PeerAnswer, now: int) -> str:
    """That the clock of whoever gave this answer is not far from ours."""
    header = answer.headers.get("Date", "")
    try:
        apart = round(parsedate_to_datetime(header).timestamp()) - now
    except (ValueError, OverflowError):
        return "it tells no time"
    if abs(apart) > CLOCKS_APART_S:
        ahead = "ahead of" if apart > 0 else "behind"
        raise ProbeFailed(f"its clock is {abs(apart)} s {ahead} ours", "let both sides synchronise their clocks (NTP)")
    return f"{abs(apart)} s apart"


async def announced(peer: LocalPeer, directory: PeerId, address: ManagerAddress) -> str:
    """That a Directory lists us, at our present address. Raises: PeerUnreachable."""
    found = await ask_directory(peer, directory, address, peer.peer_id)
    ours = peer.tenant.manager_address
    if found is None:
        raise ProbeFailed(
            f"Directory {directory} does not know us", "the program announces by itself: its log tells why it cannot"
        )
    if found[1] != ours:
        raise ProbeFailed(
            f"Directory {directory} has {found[1]}, our address is {ours}",
            "the program announces again within the hour, or at once after a restart",
        )
    return f"Directory {directory} has our address"


def own_keys(peer: LocalPeer) -> str:
    """That whoever verifies our signatures finds the certificate that signs now."""
    now, thumbprint = peer.clock.now(), peer.signing_pair().thumbprint
    published = peer.certificates.published(now)
    if peer.certificates.get(thumbprint) is None:
        raise ProbeFailed("the certificate that signs is not published", "restart the program; then report this")
    return f"{len(published)} published"


async def keys_fetched(peer: LocalPeer, other: PeerId, address: ManagerAddress) -> str:
    """That at least one certificate in its key set can sign now. Raises: PeerUnreachable."""
    answer = await peer.client.call(other, "GET", f"{address}/v1/.well-known/jwks.json")
    if answer.status != 200:
        raise ProbeFailed(f"jwks.json: {answer.status}", manager_remedy(answer.status))
    group, now = peer.tenant.group, peer.clock.now()
    good, reasons = 0, []
    for chain in published_chains(_read(answer, "jwks.json")):
        try:
            group.trust.verify_chain(chain[0], chain[1:], now=now)
            signer = describe(chain[0], group.subject_rule)
        except CertsError as error:
            reasons.append(str(error))
            continue
        if signer.peer_id == other:
            good += 1
        else:
            reasons.append(f"a certificate is of Peer {signer.peer_id}")
    refused = f"; refused: {quoted('; '.join(reasons), 300)}" if reasons else ""
    if not good:
        raise ProbeFailed(
            f"no certificate that can sign now{refused}",
            "let that Peer publish its present certificate with its intermediates; until then no signature verifies",
        )
    return f"{good} certificate{'' if good == 1 else 's'} that can sign now{refused}"


async def token_given(peer: LocalPeer, grant: ConnectionGrant, grant_hash: GrantHash) -> tuple[OutwayToken, str]:
    """That the Manager gives an access token for this Grant. Raises: TokenRequestFailed."""
    try:
        token = await obtain_token(peer, grant, grant_hash, peer.signing_pair())
    except TokenRefused as error:
        raise ProbeFailed(error.message, token_remedy(error.error)) from error
    return token, f"for the Inway at {token.inway}, for {token.claims.expires_at - peer.clock.now()} s"


async def inway_answers(peer: LocalPeer, place: Place) -> str:
    """That an Inway answers there, by a request without a token, which it must refuse and does not log.

    Raises: PeerUnreachable.
    """
    answer = await peer.client.call(place.peer_id, "GET", f"https://{_authority(place)}/")
    code = answer.headers.get("Fsc-Error-Code", "")
    if (answer.status, code) != (401, "ERROR_CODE_ACCESS_TOKEN_MISSING"):
        raise ProbeFailed(
            f"a request without a token is answered with {answer.status} {quoted(code)}",
            inway_remedy(answer.status, code),
        )
    return "it asks for a token, as it should"


async def call_service(peer: LocalPeer, token: OutwayToken, path: str) -> str:
    """That the Service answers a GET of `path`. Raises: PeerUnreachable, TransactionLogWriteError."""
    transaction_id = TransactionId(str(make_uuid7(peer.clock.now_ms(), os.urandom(RANDOM_BYTES))))
    await peer.log.append(outgoing_record(token.claims, transaction_id, now=peer.clock.now()))
    headers = {"Fsc-Authorization": f"Bearer {token.text}", "Fsc-Transaction-Id": transaction_id}
    answer = await peer.client.call(token.claims.service_peer_id, "GET", f"{token.inway}{path}", headers=headers)
    code = answer.headers.get("Fsc-Error-Code", "")
    seen = f"{answer.status} {code}".strip() + f", transaction {transaction_id}"
    if code or answer.status >= 500:
        raise ProbeFailed(seen, inway_remedy(answer.status, code))
    return seen


@contextlib.asynccontextmanager
async def _connection(place: Place, context: ssl.SSLContext | None) -> AsyncIterator[asyncio.StreamWriter]:
    name = None if context is None else place.host
    _, writer = await asyncio.open_connection(place.ip, place.port, ssl=context, server_hostname=name)
    try:
        yield writer
    finally:
        writer.transport.abort()


def _read(answer: PeerAnswer, what: str) -> JsonObject:
    try:
        return parse_json(answer.body, max_depth=_MAX_DEPTH)
    except InvalidRequest as error:
        raise ProbeFailed(f"{what} is not readable: {error}", manager_remedy(answer.status)) from error


def _authority(place: Place) -> str:
    return f"[{place.host}]:{place.port}" if ":" in place.host else f"{place.host}:{place.port}"


def _until(not_after: int, now: int) -> str:
    left_s = not_after - now
    renew = ": renew it, with the same key" if left_s < _SOON_S else ""
    return f"valid until {instant_text(not_after)}, {left_s // _DAY_S} days{renew}"
