"""Where a Peer's Manager is: what the Group says, what we were told, else what the Directory answers."""

from functools import partial
from urllib.parse import quote

from certs.identity import PeerId, PeerName
from gateway.errors import InvalidRequest
from gateway.fsc.jcs import parse_json
from gateway.fsc.members import text_member
from gateway.fsc.names import ManagerAddress, parse_manager_address
from gateway.http.client import PeerUnreachable
from gateway.state.local_peer import LocalPeer


async def manager_address_of(peer: LocalPeer, other: PeerId) -> ManagerAddress:
    """The address at which to call the Manager of `other`. Raises: PeerUnreachable when nobody can tell."""
    directories = peer.tenant.group.directories
    if other in directories:
        return directories[other]
    known = await peer.peers.get(other)
    if known is not None:
        return known.manager_address
    reasons = []
    for directory, address in directories.items():
        try:
            found = await _ask_directory(peer, directory, address, other)
        except PeerUnreachable as error:
            reasons.append(str(error))
            continue
        if found is not None:
            name, manager_address = found
            await peer.peers.remember(other, name, manager_address, now=peer.clock.now())
            return manager_address
        reasons.append(f"Directory {directory} does not know it (has it announced itself?)")
    detail = "; ".join(reasons) or "the Group has no Directory to ask"
    raise PeerUnreachable(f"the Manager address of Peer {other} is unknown: {detail}")


async def _ask_directory(
    peer: LocalPeer, directory: PeerId, address: ManagerAddress, other: PeerId
) -> tuple[PeerName, ManagerAddress] | None:
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
