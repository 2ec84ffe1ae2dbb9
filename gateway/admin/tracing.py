"""`GET /transactions/{id}`: one transaction as all its parties logged it."""

from aiohttp import web

from gateway.admin.openapi import Operation
from gateway.admin.problems import Problem
from gateway.admin.requests import TENANT_PATH, Hosted
from gateway.fsc.names import TransactionIdForm, parse_transaction_id
from gateway.http.query import QueryParameters
from gateway.manager.hops import Trace
from gateway.manager.tracing import trace
from storage.documents import JsonObject


def tracing_operations(hosted: Hosted) -> tuple[Operation, ...]:
    """The operations on transactions."""

    async def trace_transaction(request: web.Request) -> web.Response:
        """GET /tenants/{slug}/transactions/{id}."""
        peer = hosted.manager(request).peer
        QueryParameters(request.query, known=())
        text = request.match_info["id"]
        try:
            transaction_id = parse_transaction_id(text, TransactionIdForm.ANY)
        except ValueError as error:
            raise Problem(400, "Bad Request", f"the transaction id {error}") from error
        if "," in text:
            raise Problem(400, "Bad Request", "the transaction id has a comma: trace one transaction at a time")
        return web.json_response({"transaction_id": text, **trace_view(await trace(peer, transaction_id))})

    return (
        Operation(
            "GET",
            f"{TENANT_PATH}/transactions/{{id}}",
            "One transaction as all its parties logged it, and which hops are missing",
            trace_transaction,
        ),
    )


def trace_view(found: Trace) -> JsonObject:
    """A transaction as the administration API shows it."""
    return {
        "complete": found.is_complete,
        "records": [{**one.record.to_json(), "told_by": one.by} for one in found.records],
        "missing": list(found.missing),
        "contradictions": list(found.contradictions),
        "unanswered": [{"peer_id": peer_id, "reason": why} for peer_id, why in sorted(found.unanswered.items())],
    }
