"""The administration API, `/admin/v1`: everything an operator can see or do, for console and command line alike."""

from aiohttp import web
from aiohttp.typedefs import Middleware

from clock import Clock
from gateway.admin.accounts import Accounts, Role
from gateway.admin.deliveries import delivery_operations
from gateway.admin.desired import desired_operations
from gateway.admin.diagnosis import diagnosis_operations
from gateway.admin.explain import explain_operations
from gateway.admin.offers import offer_operations, peer_names
from gateway.admin.openapi import Operation, openapi
from gateway.admin.peers import peer_operations
from gateway.admin.problems import Problem, render_problems
from gateway.admin.requests import TENANT_PATH, Hosted, ManagersBySlug, json_body, no_contract
from gateway.admin.review import Terms, review
from gateway.admin.signin import sign_in_middleware
from gateway.admin.tracing import tracing_operations
from gateway.admin.views import contract_view, tenant_view
from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.http.errors import name_server
from gateway.http.query import QueryParameters
from gateway.manager.contracts import add_our_signature
from gateway.state.transactions import RecordFilter
from storage.documents import JsonObject, Query, Sort

_PAGING = (("limit", "How many, 1..1000"), ("cursor", "Where the previous page ended"))
_DEFAULT_LIMIT = 100
_BY_OPERATOR = "by an operator"


class AdminApi:
    """The operations, over the Managers of all tenants. `managers` is read anew at each request: it may change.

    `more` are operations of one listener alone.
    """

    def __init__(
        self,
        managers: ManagersBySlug,
        accounts: Accounts,
        clock: Clock,
        version: str,
        *,
        more: tuple[Operation, ...] = (),
    ) -> None:
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
            *offer_operations(self._hosted),
            *desired_operations(self._hosted),
            Operation("GET", f"{tenant}/contracts/{{hash}}", "One Contract", self.show_contract),
            Operation(
                "POST",
                f"{tenant}/contracts/{{hash}}/{{kind:accept|reject|revoke}}",
                "Accept, reject or revoke a Contract in the name of the tenant",
                self.sign_contract,
            ),
            *explain_operations(self._hosted),
            *delivery_operations(self._hosted),
            *peer_operations(self._hosted),
            *tracing_operations(self._hosted),
            *diagnosis_operations(self._hosted),
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
            *more,
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
        content = record.content
        names = await peer_names(peer, content.peer_ids())
        return web.json_response(
            {
                **contract_view(record, now=peer.clock.now()),
                "peer_names": names,
                "content": record.parsed.raw,
                **review(
                    Terms(content.grants, content.not_before, content.not_after),
                    peer.tenant,
                    names,
                ),
            }
        )

    async def sign_contract(self, request: web.Request) -> web.Response:
        """POST /tenants/{slug}/contracts/{hash}/{kind}."""
        peer = self._hosted.manager(request).peer
        kind = SignatureType(request.match_info["kind"])
        try:
            record = await add_our_signature(peer, request.match_info["hash"], kind, remark=f"{kind} {_BY_OPERATOR}")
        except KeyError as error:
            raise no_contract() from error
        return web.json_response(contract_view(record, now=peer.clock.now()))

    async def list_logs(self, request: web.Request) -> web.Response:
        """GET /tenants/{slug}/logs."""
        peer = self._hosted.manager(request).peer
        names = ("transaction_ids", "grant_hash", "service_name", "after", "before", "limit", "cursor")
        query = QueryParameters(request.query, known=names)
        records, cursor = await peer.log.find(
            RecordFilter(
                transaction_ids=query.csv("transaction_ids"),
                grant_hashes=await peer.contracts.aliases_of(query.csv("grant_hash")),
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


_ACCOUNT_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "password": {"type": "string", "format": "password"},
        "role": {"enum": [role.value for role in Role]},
    },
    "required": ["name", "password"],
}
