"""Which Services the Directories of the Group list: what one may ask a Contract for."""

from collections.abc import AsyncIterator
from urllib.parse import quote

from certs.identity import PeerId
from gateway.errors import InvalidRequest
from gateway.fsc.jcs import parse_json
from gateway.fsc.names import ManagerAddress
from gateway.http.client import PeerUnreachable
from gateway.state.local_peer import LocalPeer
from storage.documents import JsonObject

_MAX_PAGES = 100
_PAGE = 1000


async def services_at_directories(peer: LocalPeer) -> tuple[list[JsonObject], list[str]]:
    """Every listed Service with the Directory that lists it, and why a Directory could not be read."""
    listed: list[JsonObject] = []
    problems: list[str] = []
    for directory, address in peer.tenant.group.directories.items():
        try:
            services = [one async for one in _services_at(peer, directory, address)]
        except PeerUnreachable as error:
            problems.append(str(error))
            continue
        listed += [{**service, "directory": directory} for service in services]
    return listed, problems


async def _services_at(peer: LocalPeer, directory: PeerId, address: ManagerAddress) -> AsyncIterator[JsonObject]:
    """Every Service on every page of one Directory. Raises: PeerUnreachable."""
    cursor = ""
    for _ in range(_MAX_PAGES):
        url = f"{address}/v1/services?limit={_PAGE}&cursor={quote(cursor, safe='')}"
        answer = await peer.client.call(directory, "GET", url)
        if answer.status != 200:
            raise PeerUnreachable(f"Directory {directory} answered {answer.status} to /services")
        try:
            page = parse_json(answer.body)
            services = [_service(one) for one in page["services"]]
            following = page["pagination"]["next_cursor"] or ""
        except (InvalidRequest, KeyError, TypeError) as error:
            raise PeerUnreachable(f"Directory {directory} answered /services with something unreadable") from error
        for service in services:
            yield service
        # Some Managers give a cursor on the last page, or the same one again: stop at either (FSC.md 3).
        if not isinstance(following, str) or following in ("", cursor) or not services:
            return
        cursor = following


def _service(listed: JsonObject) -> JsonObject:
    """One entry of the list. Some Managers have `type` beside `data`, some within it, as the standard has both."""
    beside = {"type": listed["type"]} if "type" in listed else {}
    return {**beside, **listed["data"]}
