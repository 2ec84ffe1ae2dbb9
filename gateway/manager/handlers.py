"""The Manager's external API, `/v1`: parse, call, render. What to decide is decided elsewhere.

Standard: FSC Core, Manager (manager.yaml) and FSC Logging (logging.yaml); identity comes only from the connection.
"""

import asyncio
import base64
from dataclasses import dataclass
from itertools import islice
from typing import Any

from aiohttp import web

from certs.identity import PeerCertificate
from config.settings import LimitsSettings, TimeoutSettings
from gateway.errors import InvalidRequest, RequestTimeout, SignatureVerificationFailed, UnsupportedMediaType
from gateway.fsc.grants import GrantKind
from gateway.fsc.jcs import parse_json
from gateway.fsc.jwks import build_jwks
from gateway.fsc.names import parse_manager_address
from gateway.fsc.oauth import OAuthError, OAuthErrorCode
from gateway.fsc.signature import SignatureType
from gateway.http.answers import json_answer
from gateway.http.query import MAX_LIMIT, QueryParameters
from gateway.manager.contracts import Caller, receive
from gateway.manager.directory import listing, publications
from gateway.manager.pages import contract_page, fitting, size_of
from gateway.manager.tokens import answer_token_request
from gateway.manager.upkeep import Upkeep
from gateway.state.contracts import ContractRecord
from gateway.state.local_peer import LocalPeer
from gateway.state.publication_index import Place
from gateway.state.transactions import RecordFilter
from storage.documents import AnyElement, Condition, Contains, JsonObject, Query, Sort

PAGE = ("cursor", "limit", "sort_order")
DEFAULT_LIMIT = 100
DEFAULT_LOG_LIMIT = 25
_SERVICES = "services"
STANDARD_DEPTH = 16
"""What is read whatever the limit says: what the standard itself defines is seven deep."""
_ALL = 10_000
"""How many log records one list of transaction ids gives: it has no pages, and an id has a record on either side."""


@dataclass(frozen=True, slots=True)
class HostedManager:
    """What the handlers need of the tenant that a connection is for."""

    peer: LocalPeer
    upkeep: Upkeep


MANAGER = web.RequestKey("manager", HostedManager)
CALLER = web.RequestKey("caller", PeerCertificate)
LIMITS = web.AppKey("limits", LimitsSettings)
TIMEOUTS = web.AppKey("timeouts", TimeoutSettings)


async def announce(request: web.Request) -> web.Response:
    """PUT /announce: remember where the caller's Manager is, and bring what we still owe it."""
    QueryParameters(request.query, known=())
    manager, caller = request[MANAGER], _calling_manager(request)
    peer = manager.peer
    await peer.peers.remember(caller.peer_id, caller.name, caller.address, now=peer.clock.now())
    await peer.peers.ask_version(caller.peer_id)
    await manager.upkeep.heard_from(caller.peer_id)
    return web.Response()


async def submit_contract(request: web.Request) -> web.Response:
    """POST /contracts: a new Contract with the caller's accept signature."""
    caller = _calling_manager(request)
    content, jws = await _contract_and_signature(request)
    await receive(request[MANAGER].peer, caller, content, jws, kind=SignatureType.ACCEPT, url_hash=None)
    return web.Response(status=201)


async def put_signature(request: web.Request) -> web.Response:
    """PUT /contracts/{hash}/accept, /reject or /revoke."""
    caller = _calling_manager(request)
    kind = SignatureType(request.match_info["kind"])
    content, jws = await _contract_and_signature(request)
    url_hash = request.match_info["hash"]
    await receive(request[MANAGER].peer, caller, content, jws, kind=kind, url_hash=url_hash)
    return web.Response(status=201)


async def list_contracts(request: web.Request) -> web.Response:
    """GET /contracts: those that name the caller, by their creation; `grant_hash` overrules everything else.

    Also what `grant_hash` names comes in pages when it is more than one answer should hold.
    """
    contracts, caller = request[MANAGER].peer.contracts, request[CALLER]
    query = QueryParameters(request.query, known=(*PAGE, "grant_type", "grant_hash"))
    where: list[Condition] = [AnyElement("peer_ids", (caller.peer_id,))]
    grant_hashes = query.csv("grant_hash")
    if grant_hashes:
        named = Query(
            where=(*where, AnyElement("grant_hashes", grant_hashes)),
            sort=Sort("created_at", descending=True),
            limit=MAX_LIMIT,
            cursor=query.text("cursor") or "",
        )
        return _page("contracts", *await contract_page(contracts, named, _contract))
    grant_type = query.text("grant_type")
    if grant_type is not None:
        known = [kind.type_name for kind in GrantKind]
        if grant_type not in known:
            raise InvalidRequest(f"grant_type: one of {', '.join(known)}")
        where.append(AnyElement("grant_types", (grant_type,)))
    wanted = Query(
        where=tuple(where),
        sort=Sort("created_at", descending=query.descending()),
        limit=query.limit(DEFAULT_LIMIT),
        cursor=query.text("cursor") or "",
    )
    return _page("contracts", *await contract_page(contracts, wanted, _contract))


async def token(request: web.Request) -> web.Response:
    """POST /token: an access token bound to the caller's certificate; errors as RFC 6749 section 5.2 has them."""
    try:
        answer = await answer_token_request(request[MANAGER].peer, await _form(request), request[CALLER])
    except OAuthError as error:
        return web.json_response(error.body(), status=error.status, headers=error.headers)
    return json_answer(answer, {"Cache-Control": "no-store"})


async def peer_info(request: web.Request) -> web.Response:
    """GET /peer: who we are and what we speak."""
    QueryParameters(request.query, known=())
    tenant = request[MANAGER].peer.tenant
    return json_answer(
        {
            "peer_id": tenant.peer_id,
            "peer_name": tenant.name,
            "fsc_version": tenant.group.fsc_version,
            "enabled_extensions": {"EXTENSION_DELEGATION": "1.0.0", "EXTENSION_TRANSACTION_LOGGING": "1.0.0"},
        }
    )


async def list_peers(request: web.Request) -> web.Response:
    """GET /peers: those that announced themselves or share a Contract with us; `peer_id` overrules everything else."""
    peers = request[MANAGER].peer.peers
    query = QueryParameters(request.query, known=(*PAGE, "peer_id", "peer_name"))
    ids = query.csv("peer_id")
    if ids:
        found, cursor = await peers.by_ids(ids), ""
    else:
        name = query.text("peer_name")
        found, cursor = await peers.page(
            Query(
                where=() if name is None else (Contains("name", name),),
                sort=Sort("first_seen_at", descending=query.descending()),
                limit=query.limit(DEFAULT_LIMIT),
                cursor=query.text("cursor") or "",
            )
        )
    listed = [{"id": one.peer_id, "name": one.name, "manager_address": one.manager_address} for one in found]
    return _page("peers", listed, cursor)


async def list_services(request: web.Request) -> web.Response:
    """GET /services: every Service with a valid publication Contract."""
    peer = request[MANAGER].peer
    query = QueryParameters(request.query, known=(*PAGE, "peer_id", "service_name"))
    descending, limit = query.descending(), query.limit(DEFAULT_LIMIT)
    cursor = query.text("cursor")
    found = publications(
        peer,
        peer_id=query.text("peer_id"),
        service_name=query.text("service_name"),
        descending=descending,
        after=None if cursor is None else _decode_cursor(cursor, descending=descending),
    )
    page = fitting(islice(found, limit), lambda one: size_of(one.grant.properties))
    rest = next(found, None)
    following = _encode_cursor(page[-1].place, descending=descending) if rest is not None else ""
    return _page("services", await listing(peer, [one.grant for one in page]), following)


async def jwks(request: web.Request) -> web.Response:
    """GET /.well-known/jwks.json: every certificate whose signatures may still be met."""
    QueryParameters(request.query, known=())
    peer = request[MANAGER].peer
    return json_answer(build_jwks(peer.certificates.published(peer.clock.now())))


async def list_logs(request: web.Request) -> web.Response:
    """GET /logs: the records that name the caller; `transaction_ids` overrules everything else."""
    query = QueryParameters(
        request.query, known=(*PAGE, "before", "after", "grant_hash", "service_name", "transaction_ids")
    )
    transaction_ids = query.csv("transaction_ids")
    if transaction_ids:
        wanted = RecordFilter(visible_to=request[CALLER].peer_id, transaction_ids=transaction_ids, limit=_ALL)
    else:
        wanted = RecordFilter(
            visible_to=request[CALLER].peer_id,
            grant_hashes=await request[MANAGER].peer.contracts.aliases_of(query.csv("grant_hash")),
            service_names=query.csv("service_name"),
            after=query.instant("after"),
            before=query.instant("before"),
            ascending=not query.descending(),
            limit=query.limit(DEFAULT_LOG_LIMIT),
            cursor=query.text("cursor") or "",
        )
    records, cursor = await request[MANAGER].peer.log.find(wanted)
    return _page("records", [record.to_json() for record in records], "" if transaction_ids else cursor)


def _calling_manager(request: web.Request) -> Caller:
    certificate = request[CALLER]
    header = request.headers.getall("Fsc-Manager-Address", [])
    if len(header) != 1:
        raise InvalidRequest("header Fsc-Manager-Address: needed once, with the https address and port of your Manager")
    allow_any_port = request[MANAGER].peer.tenant.group.allow_any_port
    try:
        address = parse_manager_address(header[0], allow_any_port=allow_any_port)
    except ValueError as error:
        raise InvalidRequest(f"header Fsc-Manager-Address: {error}") from error
    return Caller(certificate.peer_id, certificate.name, address)


async def _body(request: web.Request) -> bytes:
    """The whole body, which is kept in memory until it is there: so not for ever. Raises: RequestTimeout."""
    if request.content.is_eof():  # here already, as a rule: nothing is waited for
        return await request.read()
    allowed_s = request.app[TIMEOUTS].body_seconds
    try:
        async with asyncio.timeout(allowed_s):
            return await request.read()
    except TimeoutError as error:
        raise RequestTimeout(f"the body did not come within {allowed_s} s") from error


async def _form(request: web.Request) -> bytes:
    """The body of a token request. Raises: OAuthError, also for what other paths refuse in their own way."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise OAuthError(OAuthErrorCode.INVALID_REQUEST, "the body must be application/x-www-form-urlencoded")
    try:
        QueryParameters(request.query, known=())
        return await _body(request)
    except (InvalidRequest, RequestTimeout) as error:
        raise OAuthError(OAuthErrorCode.INVALID_REQUEST, error.message) from error
    except (web.HTTPRequestEntityTooLarge, web.RequestPayloadError) as error:
        raise OAuthError(OAuthErrorCode.INVALID_REQUEST, "the form is too large or cannot be read") from error


async def _contract_and_signature(request: web.Request) -> tuple[object, str]:
    QueryParameters(request.query, known=())
    if request.content_type != "application/json":
        raise UnsupportedMediaType("the body must be application/json")
    limits = request.app[LIMITS]
    depth = max(STANDARD_DEPTH, limits.max_json_depth)
    body: Any = parse_json(await _body(request), max_depth=depth, max_items=limits.max_list_items)
    if "contract_content" not in body or "signature" not in body:
        raise InvalidRequest("the body must be an object with contract_content and signature")
    if not isinstance(body["signature"], str):
        raise SignatureVerificationFailed("/signature: not a JWS in compact form")
    return body["contract_content"], body["signature"]


def _contract(record: ContractRecord) -> JsonObject:
    signatures = {kind.value: dict(record.signatures.get(kind, {})) for kind in SignatureType}
    return {"content": record.parsed.raw, "signatures": signatures}


def _page(name: str, items: list[JsonObject], cursor: str) -> web.Response:
    return json_answer({name: items, "pagination": {"next_cursor": cursor}})


def _encode_cursor(place: Place, *, descending: bool) -> str:
    text = f"{_SERVICES}:{descending:d}:{place[0]}:{place[1]}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode_cursor(cursor: str, *, descending: bool) -> Place:
    """The place in the list of Services; a cursor of another list or order has none. Raises: InvalidRequest."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        kind, order, created_at, grant_hash = text.split(":", 3)
        if (kind, order) != (_SERVICES, f"{descending:d}"):
            raise ValueError("of another list or order")
        return int(created_at), grant_hash
    except ValueError as error:
        raise InvalidRequest("cursor: not one that this list gave for this order; start again without one") from error
