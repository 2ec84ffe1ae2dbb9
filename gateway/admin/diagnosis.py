"""`POST /diagnosis`: the doctor looks at a tenant, and at what is between it and another Peer."""

import re
from typing import Final

from aiohttp import web

from certs.identity import PeerId, parse_peer_id
from gateway.admin.openapi import Operation
from gateway.admin.problems import Problem
from gateway.admin.requests import TENANT_PATH, Hosted, json_body
from gateway.http.query import QueryParameters
from gateway.manager.diagnosis import Outcome, Step, diagnose
from storage.documents import JsonObject

_PATH: Final = re.compile(r"/[!\"$-~]*")
"""Without a fragment, which is not sent."""

_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "peer_id": {"type": "string", "description": "The other Peer; absent: ourselves and the Directories"},
        "call": {"type": "string", "description": "Also GET this path of each Service that the other Peer offers us"},
    },
}


def diagnosis_operations(hosted: Hosted) -> tuple[Operation, ...]:
    """The operations of the doctor."""

    async def diagnose_tenant(request: web.Request) -> web.Response:
        """POST /tenants/{slug}/diagnosis."""
        peer = hosted.manager(request).peer
        QueryParameters(request.query, known=())
        other, call = _asked(await json_body(request))
        if other == peer.peer_id:
            raise Problem(400, "Bad Request", "peer_id: names the tenant itself; leave it out to examine the tenant")
        steps = await diagnose(peer, other, call=call)
        return web.json_response(diagnosis_view(steps))

    return (
        Operation(
            "POST",
            f"{TENANT_PATH}/diagnosis",
            "Examine a tenant, and everything between it and another Peer, step by step",
            diagnose_tenant,
            body=_SCHEMA,
        ),
    )


def diagnosis_view(steps: tuple[Step, ...]) -> JsonObject:
    """The steps as the administration API shows them."""
    return {
        "ok": all(step.outcome is not Outcome.FAILED for step in steps),
        "steps": [
            {
                "name": step.name,
                "subject": step.subject,
                "outcome": step.outcome,
                "seen": step.seen,
                "remedy": step.remedy,
                "took_ms": step.took_ms,
            }
            for step in steps
        ],
    }


def _asked(body: JsonObject) -> tuple[PeerId | None, str | None]:
    unknown = sorted(body.keys() - _SCHEMA["properties"].keys())
    if unknown:
        raise Problem(400, "Bad Request", f"the body has members that mean nothing here: it may have {_KNOWN}")
    other, call = body.get("peer_id"), body.get("call")
    return (None if other is None else _peer_id(other)), (None if call is None else _path(call))


_KNOWN = " and ".join(_SCHEMA["properties"])


def _peer_id(value: object) -> PeerId:
    try:
        return parse_peer_id(value if isinstance(value, str) else "")
    except ValueError as error:
        raise Problem(400, "Bad Request", f"peer_id: {error}") from error


def _path(value: object) -> str:
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        raise Problem(400, "Bad Request", "call: must be a path, /<path>?<query>, percent-encoded")
    return value
