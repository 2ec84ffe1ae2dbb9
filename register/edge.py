"""The internal listener: an aiohttp application that hands every request to the register.

It decides only for which tenant a request is, by host name or by `/t/<slug>` (REGISTER.md section 3.3), and how much it
reads. A request that carries `Fsc-Authorization` came through an Inway in another process and is treated as such: the
register verifies the token itself, and internal URLs do not apply to it.
"""

from aiohttp import web

from register.access import FSC_AUTHORIZATION
from register.app import Register
from register.errors import ContentTooLarge, Fout, NotFound, ParseError
from register.http.messages import RegisterRequest, RegisterResponse
from register.tenancy import Arrival, Internal, RegisterTenant


def make_application(register: Register) -> web.Application:
    """The application of the internal listener; its limit on a body is that of the register."""
    application = web.Application(client_max_size=register.max_body_bytes)
    application.router.add_route("*", "/{path:.*}", _Edge(register).handle)
    return application


class _Edge:
    def __init__(self, register: Register) -> None:
        self._register = register

    async def handle(self, request: web.Request) -> web.Response:
        try:
            response = await self._register.handle(await self._read(request))
        except Fout as fout:
            response = self._register.refuse(fout)
        return _sent(response)

    async def _read(self, request: web.Request) -> RegisterRequest:
        raw_path, _, query = request.raw_path.partition("?")
        tenant, path = self._register.tenants.resolve(request.headers.get("Host", ""), raw_path)
        headers: dict[str, str] = {}
        for name, value in request.headers.items():
            key = name.lower()
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        arrival = self._arrival(tenant, path, headers)
        return RegisterRequest(request.method, path, arrival, query, headers, await _body(request))

    def _arrival(self, tenant: RegisterTenant, path: str, headers: dict[str, str]) -> Arrival:
        if FSC_AUTHORIZATION not in headers:
            return Internal(tenant)
        arrival = self._register.federated_by_path(tenant, path)
        if arrival is None:
            raise NotFound
        return arrival


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise ContentTooLarge from error
    except web.RequestPayloadError as error:
        raise ParseError from error


def _sent(response: RegisterResponse) -> web.Response:
    headers = {"Server": "klantenregister", **response.headers}
    return web.Response(status=response.status, headers=headers, body=response.body)
