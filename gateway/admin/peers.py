"""The Peers that a tenant knows, what they speak, and the Services that are listed; versions that differ said aloud."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from aiohttp import web

from certs.identity import PeerId, parse_peer_id
from gateway.admin.openapi import Operation
from gateway.admin.requests import TENANT_PATH, Hosted
from gateway.fsc.members import object_member, text_member
from gateway.fsc.profile import HashProfile
from gateway.fsc.versions import version_problem
from gateway.http.query import QueryParameters
from gateway.manager.discovery import services_at_directories
from gateway.state.local_peer import LocalPeer
from gateway.state.peers import KnownPeer
from storage.documents import JsonObject, Query, Sort

_PAGING = (("limit", "How many, 1..1000"), ("cursor", "Where the previous page ended"))
_DEFAULT_LIMIT = 100


def peer_operations(hosted: Hosted) -> tuple[Operation, ...]:
    """The operations about other Peers and their Services."""

    async def list_peers(request: web.Request) -> web.Response:
        """GET /tenants/{slug}/peers."""
        peer = hosted.manager(request).peer
        query = QueryParameters(request.query, known=("limit", "cursor"))
        found, cursor = await peer.peers.page(
            Query(sort=Sort("name"), limit=query.limit(_DEFAULT_LIMIT), cursor=query.text("cursor") or "")
        )
        allowed = peer.tenant.group.hash_profiles
        return web.json_response({"peers": [peer_view(one, allowed) for one in found], "next_cursor": cursor})

    async def list_services(request: web.Request) -> web.Response:
        """GET /tenants/{slug}/services."""
        peer = hosted.manager(request).peer
        QueryParameters(request.query, known=())
        offered = [
            {"name": one.name, "upstream": str(one.upstream), "publish": one.publish}
            for one in peer.tenant.services.values()
        ]
        listed, problems = await services_at_directories(peer)
        differing = await _differing(peer, _providers(listed))
        return web.json_response(
            {"offered": offered, "listed": listed, "problems": problems, "version_problems": differing}
        )

    return (
        Operation("GET", f"{TENANT_PATH}/peers", "The Peers that a tenant knows", list_peers, query=_PAGING),
        Operation(
            "GET",
            f"{TENANT_PATH}/services",
            "What a tenant offers, and what the Directories of the Group list",
            list_services,
        ),
    )


def peer_view(peer: KnownPeer, allowed: Sequence[HashProfile]) -> JsonObject:
    """A Peer that we know. Instants are Unix seconds.

    `hash_profile` is that of its newest accept, `fsc_version` what it told and `told_at` when, each null while unknown;
    `version_problem` says why contracts with it will fail, "" when nothing known says so.
    """
    return {
        "peer_id": peer.peer_id,
        "name": peer.name,
        "manager_address": peer.manager_address,
        "first_seen_at": peer.first_seen_at,
        "hash_profile": peer.version.hash_profile,
        "fsc_version": peer.version.fsc_version or None,
        "told_at": peer.told_at,
        "version_problem": version_problem(peer.version, allowed),
    }


async def _differing(peer: LocalPeer, peer_ids: Iterable[PeerId]) -> list[JsonObject]:
    """Those of the Peers with which contracts will fail, and why."""
    shown = [peer_view(one, peer.tenant.group.hash_profiles) for one in await peer.peers.by_ids(sorted(peer_ids))]
    return [
        {name: one[name] for name in ("peer_id", "name", "version_problem")} for one in shown if one["version_problem"]
    ]


def _providers(listed: Iterable[JsonObject]) -> set[PeerId]:
    """Who offers the listed Services, as far as the Directories say so in a form that can be."""
    found = set()
    for service in listed:
        with suppress(ValueError):
            found.add(text_member(object_member(service, "peer"), "id", parse_peer_id))
    return found
