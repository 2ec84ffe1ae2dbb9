"""Asking the Manager of a Service's Peer for an access token, and judging what it gives.

Standard: FSC Core, Outway / Obtaining access tokens and Routing; RFC 6749 sections 4.4 and 5.
"""

import ipaddress
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlencode

from certs.custody import KeyPair
from gateway.errors import InvalidRequest, TokenRequestFailed, quoted
from gateway.fsc.grants import ConnectionGrant
from gateway.fsc.hashes import grant_aliases
from gateway.fsc.jcs import JsonObject, parse_json
from gateway.fsc.names import GrantHash, InwayAddress, host_and_port
from gateway.fsc.oauth import OAuthErrorCode
from gateway.fsc.token import ExpectedToken, InspectedClaims, inspect_token
from gateway.http.client import PeerAnswer, PeerUnreachable
from gateway.http.resolver import is_localhost
from gateway.state.local_peer import LocalPeer
from gateway.state.locate import call_manager

_MAX_REASON = 300


@dataclass(frozen=True, slots=True)
class OutwayToken:
    """A token with what an Outway read in it: where to go, and what to log."""

    text: str = field(repr=False)
    claims: InspectedClaims
    inway: InwayAddress


class TokenRefused(TokenRequestFailed):
    """The Manager answered, and gave no token. `error` is its OAuth error (RFC 6749 section 5.2), where it told one."""

    def __init__(self, message: str, error: str) -> None:
        super().__init__(message)
        self.error = error


async def obtain_token(peer: LocalPeer, grant: ConnectionGrant, grant_hash: GrantHash, pair: KeyPair) -> OutwayToken:
    """A token for our Outway with the certificate of `pair`, asked for with it. Raises: TokenRequestFailed, StoreError.

    A Manager that does not know the hash is asked by the other hashes of the Grant: it may know another profile only.
    Of what the Manager says, `error` and `error_description` are repeated, as printable text of limited length.
    """
    try:
        return await _obtain(peer, grant, grant_hash, pair)
    except TokenRefused as refused:
        if refused.error != OAuthErrorCode.INVALID_SCOPE:
            raise
        for alias in _aliases(peer, grant_hash):
            with suppress(TokenRefused):
                return await _obtain(peer, grant, alias, pair)
        raise


def _aliases(peer: LocalPeer, grant_hash: GrantHash) -> list[GrantHash]:
    """The other hashes by which the allowed profiles name the Grant."""
    record = peer.contracts.view.by_grant(grant_hash)
    every = () if record is None else grant_aliases(record.hashes)
    return sorted(alias for one in every if grant_hash in one for alias in one - {grant_hash})


async def _obtain(peer: LocalPeer, grant: ConnectionGrant, grant_hash: GrantHash, pair: KeyPair) -> OutwayToken:
    provider, group = grant.service_peer_id, peer.tenant.group
    form = {"grant_type": "client_credentials", "scope": grant_hash, "client_id": peer.peer_id}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        answer = await call_manager(
            peer, provider, "POST", "/v1/token", headers=headers, body=urlencode(form).encode(), pair=pair
        )
    except PeerUnreachable as error:
        raise TokenRequestFailed(f"the Manager of peer {provider} gave no access token: {error}") from error
    text = _access_token(answer, provider)
    expected = ExpectedToken(grant, grant_hash, group.id, pair.thumbprint)
    claims, inway = inspect_token(text, expected, now=peer.clock.now(), allow_any_port=group.allow_any_port)
    check_inway_address(inway, local_allowed=group.allow_any_port or is_on_this_machine(peer.tenant.inway_address))
    return OutwayToken(text, claims, inway)


def check_inway_address(address: InwayAddress, *, local_allowed: bool) -> None:
    """Refuse to be sent to this very machine, where no other Peer can be, unless the Group is a test on one machine.

    Raises: TokenRequestFailed.
    """
    if not local_allowed and is_on_this_machine(address):
        raise TokenRequestFailed(
            f"the access token that the Manager gave names an Inway (aud) at {address}, which is this machine; "
            "its Peer must give its Inway an address that others can reach"
        )


def is_on_this_machine(address: InwayAddress) -> bool:
    """Whether an address names the machine that it is used on, or one that no route leads to."""
    host = host_and_port(address)[0]
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return is_localhost(host)
    if isinstance(number, ipaddress.IPv6Address) and number.ipv4_mapped is not None:
        number = number.ipv4_mapped
    return number.is_loopback or number.is_link_local or number.is_unspecified or number.is_multicast


def _access_token(answer: PeerAnswer, provider: str) -> str:
    try:
        body = parse_json(answer.body)
    except InvalidRequest:
        body = {}
    token = body.get("access_token") if answer.status == 200 else None
    if isinstance(token, str):
        return token
    raise TokenRefused(
        f"the Manager of peer {provider} gave no access token: {answer.status} {quoted(_reason(body), _MAX_REASON)}",
        str(body.get("error", "")),
    )


def _reason(body: JsonObject) -> str:
    """What the Manager says: as OAuth has it, else in the error shape of FSC."""
    for names in (("error", "error_description"), ("code", "message")):
        said = [text for name in names if isinstance(text := body.get(name), str)]
        if said:
            return ": ".join(said)
    return "no readable reason"
