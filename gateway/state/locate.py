"""Where a Peer's Manager is: what the Group says, what the Peer told us, else what the Directory answers.

What a Peer told us itself goes before the Directory, which may be behind. Only when nobody answers there, the Directory
is asked whether the Peer moved, and its word is kept only after that very Peer answered at the new place: the handshake
names the Peer, so a Directory cannot lead us to another.
"""

from collections.abc import Mapping
from functools import partial
from urllib.parse import quote

from certs.custody import KeyPair
from certs.identity import PeerId, PeerName
from gateway.errors import InvalidRequest
from gateway.fsc.jcs import parse_json
from gateway.fsc.members import text_member
from gateway.fsc.names import ManagerAddress, parse_manager_address
from gateway.http.client import PeerAnswer, PeerUnreachable
from gateway.state.local_peer import LocalPeer


class PeerUnknown(PeerUnreachable):
    """Nobody can tell where the Manager of that Peer is: most often it has not announced itself yet."""


async def call_manager(
    peer: LocalPeer,
    other: PeerId,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    pair: KeyPair | None = None,
) -> PeerAnswer:
    """One request to the Manager of `other`, also when it moved; it may be made twice, so it must bear that.

    It is made with `pair`; None: the one that signs now.

    Raises: PeerUnknown; PeerUnreachable, with the reason at the address we knew; StoreUnavailable.
    """
    address = await manager_address_of(peer, other)
    try:
        return await peer.client.call(other, method, f"{address}{path}", headers=headers, body=body, pair=pair)
    except PeerUnreachable as unreachable:
        moved = await _moved_from(peer, other, address)
        if moved is None:
            raise
        name, elsewhere = moved
        try:
            answer = await peer.client.call(other, method, f"{elsewhere}{path}", headers=headers, body=body, pair=pair)
        except PeerUnreachable:
            raise unreachable from None
        known = await peer.peers.get(other)
        if known is None or known.manager_address == address:  # else the Peer itself told us something newer
            await peer.peers.remember(other, name, elsewhere, now=peer.clock.now())
        return answer


async def manager_address_of(peer: LocalPeer, other: PeerId) -> ManagerAddress:
    """The address at which to call the Manager of `other`. Raises: PeerUnknown when nobody can tell."""
    if other in peer.tenant.group.directories:
        return peer.tenant.group.directories[other]
    known = await peer.peers.get(other)
    if known is not None:
        return known.manager_address
    found, reasons = await _ask_directories(peer, other)
    if found is None:
        detail = "; ".join(reasons) or "the Group has no Directory to ask"
        raise PeerUnknown(f"the Manager address of Peer {other} is unknown: {detail}")
    name, address = found
    await peer.peers.remember(other, name, address, now=peer.clock.now())
    return address


async def _moved_from(
    peer: LocalPeer, other: PeerId, address: ManagerAddress
) -> tuple[PeerName, ManagerAddress] | None:
    if other in peer.tenant.group.directories:
        return None
    found, _ = await _ask_directories(peer, other)
    return None if found is None or found[1] == address else found


async def _ask_directories(peer: LocalPeer, other: PeerId) -> tuple[tuple[PeerName, ManagerAddress] | None, list[str]]:
    """What the first Directory that knows `other` says, and why those before it said nothing."""
    reasons: list[str] = []
    for directory, address in peer.tenant.group.directories.items():
        try:
            found = await ask_directory(peer, directory, address, other)
        except PeerUnreachable as error:
            reasons.append(str(error))
            continue
        if found is not None:
            return found, reasons
        reasons.append(f"Directory {directory} does not know it (has it announced itself?)")
    return None, reasons


async def ask_directory(
    peer: LocalPeer, directory: PeerId, address: ManagerAddress, other: PeerId
) -> tuple[PeerName, ManagerAddress] | None:
    """Name and Manager address of `other` as one Directory lists it; None when it does not. Raises: PeerUnreachable."""
    parse_address = partial(parse_manager_address, allow_any_port=peer.tenant.group.allow_any_port)
    answer = await peer.client.call(directory, "GET", f"{address}/v1/peers?peer_id={quote(other)}")
    if answer.status != 200:
        raise PeerUnreachable(f"Directory {directory} answered {answer.status} to /peers")
    try:
        for one in parse_json(answer.body)["peers"]:
            if one["id"] == other:
                return text_member(one, "name", PeerName), text_member(one, "manager_address", parse_address)
    except (InvalidRequest, ValueError, KeyError, TypeError) as error:
        raise PeerUnreachable(f"Directory {directory} answered /peers with something unreadable") from error
    return None
