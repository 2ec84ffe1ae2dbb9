"""What a tenant still owes to other Peers: listed, and brought at once when an operator says so."""

from functools import partial

from aiohttp import web

from certs.identity import PeerId
from gateway.admin.openapi import Operation
from gateway.admin.requests import TENANT_PATH, Hosted, no_contract
from gateway.admin.views import contract_view, delivery_view
from gateway.http.query import QueryParameters
from gateway.state.contracts import ContractRecord
from gateway.state.local_peer import LocalPeer

_DEFAULT_LIMIT = 100


def delivery_operations(hosted: Hosted) -> tuple[Operation, ...]:
    """The operations about deliveries."""

    async def list_deliveries(request: web.Request) -> web.Response:
        """GET /tenants/{slug}/deliveries. `limit` counts Contracts, each of which may owe several signatures."""
        query = QueryParameters(request.query, known=("limit", "cursor"))
        peer = hosted.manager(request).peer
        records, cursor = await peer.contracts.owing_page(
            limit=query.limit(_DEFAULT_LIMIT), cursor=query.text("cursor") or ""
        )
        now = peer.clock.now()
        owed = [
            {"content_hash": record.content_hash, "state": record.state(now), **delivery_view(one)}
            for record in records
            for one in record.deliveries
        ]
        return web.json_response({"deliveries": owed, "next_cursor": cursor})

    async def retry_contract(request: web.Request) -> web.Response:
        """POST /tenants/{slug}/contracts/{hash}/retry."""
        query = QueryParameters(request.query, known=("peer_id",))
        peer = hosted.manager(request).peer
        try:
            record = await peer.contracts.update(
                request.match_info["hash"], partial(_hastened, peer=peer, peer_id=query.text("peer_id"))
            )
        except KeyError as error:
            raise no_contract() from error
        peer.contracts.owed.set()
        return web.json_response(contract_view(record, now=peer.clock.now()))

    async def retry_all(request: web.Request) -> web.Response:
        """POST /tenants/{slug}/deliveries/retry."""
        query = QueryParameters(request.query, known=("peer_id",))
        peer = hosted.manager(request).peer
        hastened = 0
        async for record in peer.contracts.owing_anything():
            change = partial(_hastened, peer=peer, peer_id=query.text("peer_id"))
            if change(record) != record:
                await peer.contracts.update(record.content_hash, change)
                hastened += 1
        peer.contracts.owed.set()
        return web.json_response({"contracts": hastened})

    peer_id = (("peer_id", "Only what is owed to this Peer"),)
    return (
        Operation(
            "GET",
            f"{TENANT_PATH}/deliveries",
            "The signatures that a tenant has not brought to another Peer yet, the next to be tried first",
            list_deliveries,
            query=(("limit", "How many Contracts, 1..1000"), ("cursor", "Where the previous page ended")),
        ),
        Operation(
            "POST",
            f"{TENANT_PATH}/deliveries/retry",
            "Try at once whatever a tenant owes",
            retry_all,
            query=peer_id,
        ),
        Operation(
            "POST",
            f"{TENANT_PATH}/contracts/{{hash}}/retry",
            "Try at once what a tenant owes of one Contract",
            retry_contract,
            query=peer_id,
        ),
    )


def _hastened(record: ContractRecord, *, peer: LocalPeer, peer_id: str | None) -> ContractRecord:
    return record.hastened(None if peer_id is None else PeerId(peer_id), now=peer.clock.now())
