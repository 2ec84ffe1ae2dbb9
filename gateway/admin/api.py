"""The administration API, `/admin/v1`: everything an operator can see or do, for console and command line alike."""

from aiohttp import web
from aiohttp.typedefs import Middleware
from pydantic import ValidationError

from clock import Clock
from config.settings import ConnectionSettings
from gateway.admin.accounts import Accounts, Role
from gateway.admin.openapi import Operation, openapi
from gateway.admin.problems import Problem, render_problems
from gateway.admin.requests import TENANT_PATH, Hosted, ManagersBySlug, json_body, no_contract
from gateway.admin.signin import sign_in_middleware
from gateway.admin.views import contract_view, peer_view, tenant_view
from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.http.errors import name_server
from gateway.http.query import QueryParameters
from gateway.manager.connections import request as request_contract
from gateway.manager.connections import wanted_connection
from gateway.manager.contracts import add_our_signature
from gateway.manager.discovery import services_at_directories
from gateway.state.transactions import RecordFilter
from storage.documents import JsonObject, Query, Sort

_PAGING = (("limit", "How many, 1..1000"), ("cursor", "Where the previous page ended"))
_DEFAULT_LIMIT = 100
_BY_OPERATOR = "by an operator"


class AdminApi:
    """The operations, over the Managers of all tenants. `managers` is read anew at each request: it may change."""

    def __init__(self, managers: ManagersBySlug, accounts: Accounts, clock: Clock, version: str) -> None:
        self._hosted = Hosted(managers)
        self._accounts = accounts
        self._clock = clock
        tenant = TENANT_PATH
        self.operations = (
            Operation("GET", "/admin/v1/tenants", "The tenants of this installation", self.list_tenants),
            Operation(
                "GET",
                f"{tenant}/contracts",
                "The Contracts of a tenant, newest first",
                self.list_contracts,
                query=(("state", "Only those in this state"), *_PAGING),
            ),
            Operation(
                "POST",
                f"{tenant}/contracts",
                "Offer a Contract for a declared connection, or for a Service named here",
                self.request_contract,
                success=201,
                body=_REQUEST_SCHEMA,
            ),
            Operation("GET", f"{tenant}/contracts/{{hash}}", "One Contract", self.show_contract),
            Operation(
                "POST",
                f"{tenant}/contracts/{{hash}}/{{kind:accept|reject|revoke}}",
                "Accept, reject or revoke a Contract in the name of the tenant",
                self.sign_contract,
            ),
            Operation("GET", f"{tenant}/peers", "The Peers that a tenant knows", self.list_peers, query=_PAGING),
            Operation(
                "GET",
                f"{tenant}/services",
                "What a tenant offers, and what the Directories of the Group list",
                self.list_services,
            ),
            Operation(
                "GET",
                f"{tenant}/logs",
                "The transaction log of a tenant, newest first",
                self.list_logs,
                query=(
                    ("transaction_ids", "Comma separated"),
                    ("grant_hash", "Comma separated"),
                    ("service_name", "Comma separated"),
                    ("after", "Unix seconds"),
                    ("before", "Unix seconds"),
                    *_PAGING,
                ),
            ),
            Operation("GET", "/admin/v1/accounts", "The accounts for the console", self.list_accounts),
            Operation(
                "POST", "/admin/v1/accounts", "Make an account", self.add_account, success=201, body=_ACCOUNT_SCHEMA
            ),
            Operation("DELETE", "/admin/v1/accounts/{name}", "Remove an account", self.remove_account, success=204),
            Operation("GET", "/admin/v1/openapi.json", "This description", self.describe),
        )
        self._description = openapi(self.operations, version=version)

    def app(self, *, sign_in: bool) -> web.Application:
        """The API as an application; with `sign_in` only for accounts, else for whoever reaches it (the socket)."""
        middlewares: list[Middleware] = [render_problems]
        if sign_in:
            middlewares.append(sign_in_middleware(self._accounts))
        app = web.Application(middlewares=middlewares, client_max_size=1_048_576)
        app.on_response_prepare.append(name_server)
        app.add_routes([one.route for one in self.operations])
        return app

    async def list_tenants(self, request: web.Request) -> web.Response:
        """GET /tenants."""
        QueryParameters(request.query, known=())
        return web.json_response({"tenants": [tenant_view(one.peer.tenant) for one in self._hosted.all()]})

    async def list_contracts(self, request: web.Request) -> web.Response:
        """GET /tenants/{slug}/contracts. A page may hold fewer than `limit`: `state` is derived, filtered after."""
        peer = self._hosted.manager(request).peer
        query = QueryParameters(request.query, known=("state", "limit", "cursor"))
        records, cursor = await peer.contracts.page(
            Query(
                sort=Sort("created_at", descending=True),
                limit=query.limit(_DEFAULT_LIMIT),
                cursor=query.text("cursor") or "",
            )
        )
        state = query.text("state")
        if state is not None and state.upper() not in ContractState.__members__:
            raise Problem(400, "Bad Request", f"state: one of {', '.join(one.lower() for one in ContractState)}")
        now = peer.clock.now()
        shown = [contract_view(one, now=now) for one in records if state is None or one.state(now) == state.upper()]
        return web.json_response({"contracts": shown, "next_cursor": cursor})

    async def show_contract(self, request: web.Request) -> web.Response:
        """GET /tenants/{slug}/contracts/{hash}."""
        peer = self._hosted.manager(request).peer
        record = await peer.contracts.get(request.match_info["hash"])
        if record is None:
            raise no_contract()
        shown = contract_view(record, now=peer.clock.now())
        return web.json_response({**shown, "content": record.parsed.raw})

    async def request_contract(self, request: web.Request) -> web.Response:
        """POST /tenants/{slug}/contracts."""
        manager = self._hosted.manager(request)
        connection = _wanted(await json_body(request), manager.peer.tenant.connections)
        if connection.service.peer_id == manager.peer.peer_id:
            raise Problem(400, "Bad Request", "service/peer_id: names the tenant itself; name another Peer")
        record = await request_contract(manager.peer, wanted_connection(manager.peer, connection))
        return web.json_response(contract_view(record, now=manager.peer.clock.now()), status=201)

    async def sign_contract(self, request: web.Request) -> web.Response:
        """POST /tenants/{slug}/contracts/{hash}/{kind}."""
        peer = self._hosted.manager(request).peer
        kind = SignatureType(request.match_info["kind"])
        try:
            record = await add_our_signature(peer, request.match_info["hash"], kind, remark=f"{kind} {_BY_OPERATOR}")
        except KeyError as error:
            raise no_contract() from error
        return web.json_response(contract_view(record, now=peer.clock.now()))

    async def list_peers(self, request: web.Request) -> web.Response:
        """GET /tenants/{slug}/peers."""
        peers = self._hosted.manager(request).peer.peers
        query = QueryParameters(request.query, known=("limit", "cursor"))
        found, cursor = await peers.page(
            Query(sort=Sort("name"), limit=query.limit(_DEFAULT_LIMIT), cursor=query.text("cursor") or "")
        )
        return web.json_response({"peers": [peer_view(one) for one in found], "next_cursor": cursor})

    async def list_services(self, request: web.Request) -> web.Response:
        """GET /tenants/{slug}/services."""
        peer = self._hosted.manager(request).peer
        QueryParameters(request.query, known=())
        offered = [
            {"name": one.name, "upstream": str(one.upstream), "publish": one.publish}
            for one in peer.tenant.services.values()
        ]
        listed, problems = await services_at_directories(peer)
        return web.json_response({"offered": offered, "listed": listed, "problems": problems})

    async def list_logs(self, request: web.Request) -> web.Response:
        """GET /tenants/{slug}/logs."""
        log = self._hosted.manager(request).peer.log
        names = ("transaction_ids", "grant_hash", "service_name", "after", "before", "limit", "cursor")
        query = QueryParameters(request.query, known=names)
        records, cursor = await log.find(
            RecordFilter(
                transaction_ids=query.csv("transaction_ids"),
                grant_hashes=query.csv("grant_hash"),
                service_names=query.csv("service_name"),
                after=query.instant("after"),
                before=query.instant("before"),
                limit=query.limit(_DEFAULT_LIMIT),
                cursor=query.text("cursor") or "",
            )
        )
        return web.json_response({"records": [one.to_json() for one in records], "next_cursor": cursor})

    async def list_accounts(self, request: web.Request) -> web.Response:
        """GET /accounts."""
        QueryParameters(request.query, known=())
        accounts = await self._accounts.all()
        shown = [{"name": one.name, "role": one.role, "created_at": one.created_at} for one in accounts]
        return web.json_response({"accounts": shown})

    async def add_account(self, request: web.Request) -> web.Response:
        """POST /accounts."""
        body = await json_body(request)
        name, password, role = body.get("name"), body.get("password"), body.get("role", Role.VIEWER)
        if not isinstance(name, str) or not isinstance(password, str) or role not in list(Role):
            raise Problem(400, "Bad Request", f"needs name, password and role ({', '.join(Role)})")
        account = await self._accounts.add(name, password, Role(role), now=self._clock.now())
        return web.json_response(
            {"name": account.name, "role": account.role, "created_at": account.created_at}, status=201
        )

    async def remove_account(self, request: web.Request) -> web.Response:
        """DELETE /accounts/{name}."""
        await self._accounts.remove(request.match_info["name"])
        return web.Response(status=204)

    async def describe(self, _: web.Request) -> web.Response:
        """GET /openapi.json."""
        return web.json_response(self._description)


_REQUEST_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "connection": {"type": "string", "description": "Name of a declared connection"},
        "service": {
            "type": "object",
            "properties": {"peer_id": {"type": "string"}, "name": {"type": "string"}},
            "required": ["peer_id", "name"],
        },
        "valid_days": {"type": "integer", "minimum": 1},
        "properties": {"type": "object"},
    },
}

_ACCOUNT_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "password": {"type": "string", "format": "password"},
        "role": {"enum": [role.value for role in Role]},
    },
    "required": ["name", "password"],
}


def _wanted(body: JsonObject, declared: tuple[ConnectionSettings, ...]) -> ConnectionSettings:
    name = body.get("connection")
    if name is not None:
        for connection in declared:
            if connection.name == name:
                return connection
        known = ", ".join(one.name for one in declared) or "none"
        raise Problem(404, "Not Found", f"no connection of that name is declared; there are: {known}")
    try:
        return ConnectionSettings.model_validate({"name": "request", **body})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = "/".join(str(step) for step in first["loc"])
        raise Problem(400, "Bad Request", f"{path}: {first['msg']}") from error
