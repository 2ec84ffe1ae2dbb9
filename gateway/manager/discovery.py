"""Which Services the Directories of the Group list: what one may ask a Contract for."""

from urllib.parse import quote

from gateway.errors import InvalidRequest
from gateway.fsc.jcs import parse_json
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
        cursor = ""
        try:
            for _ in range(_MAX_PAGES):
                url = f"{address}/v1/services?limit={_PAGE}&cursor={quote(cursor)}"
                answer = await peer.client.call(directory, "GET", url)
                page = parse_json(answer.body)
                listed += [{"directory": directory, **one["data"]} for one in page["services"]]
                following = page["pagination"]["next_cursor"]
                # Some Managers give a cursor on the last page, or the same one again: stop at either (FSC.md 3).
                if not following or following == cursor or not page["services"]:
                    break
                cursor = following
        except PeerUnreachable as error:
            problems.append(str(error))
        except (InvalidRequest, KeyError, TypeError):
            problems.append(f"Directory {directory} answered /services with something unreadable")
    return listed, problems
