"""Who uses the administration API: whoever can open the socket, or an account that signs in on the console listener."""

import base64

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.admin.accounts import Account, Accounts, Role
from gateway.admin.problems import Problem

_READING = frozenset({"GET", "HEAD"})
_OWN_PAGES = frozenset({"same-origin", "none"})
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="klantenregister", charset="UTF-8"'}


def sign_in_middleware(accounts: Accounts) -> Middleware:
    """Demand an account (HTTP Basic, RFC 7617), and the role `admin` for whatever changes something."""

    @web.middleware
    async def sign_in(request: web.Request, handler: Handler) -> web.StreamResponse:
        account = await _account(request, accounts)
        if request.method not in _READING:
            _check_own_page(request)
        if request.method not in _READING and account.role is not Role.ADMIN:
            raise Problem(403, "Forbidden", f"account {account.name} may look, not change: it has role {account.role}")
        return await handler(request)

    return sign_in


def _check_own_page(request: web.Request) -> None:
    """Refuse what a page of another site makes a browser send: the browser adds the credentials by itself.

    Standard: Fetch Metadata (Sec-Fetch-Site), RFC 6454 (Origin) for browsers without it. Programs send neither.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    foreign = site not in _OWN_PAGES if site is not None else origin is not None and not _is_of(origin, request.host)
    if foreign:
        raise Problem(403, "Forbidden", "the request comes from a page of another site: use the console or a program")


def _is_of(origin: str, host: str) -> bool:
    return origin.partition("://")[2].lower() == host.lower()


async def _account(request: web.Request, accounts: Accounts) -> Account:
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        raise Problem(
            401,
            "Unauthorized",
            "sign in with an account; the first is made with `klantenregister accounts add`",
            headers=_CHALLENGE,
        )
    try:
        name, colon, password = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
    except ValueError as error:
        raise Problem(401, "Unauthorized", "the credentials cannot be read", headers=_CHALLENGE) from error
    account = await accounts.sign_in(name, password) if colon else None
    if account is None:
        raise Problem(401, "Unauthorized", "the account or the password is wrong", headers=_CHALLENGE)
    return account
