"""What every operation of the administration API reads from a request: the tenant, the body."""

from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias

from aiohttp import web

from gateway.admin.problems import Problem
from gateway.fsc.jcs import parse_json
from gateway.manager.handlers import HostedManager
from storage.documents import JsonObject

TENANT_PATH = "/admin/v1/tenants/{slug}"

ManagersBySlug: TypeAlias = Callable[[], Mapping[str, HostedManager]]


class Hosted:
    """The Managers of all tenants, read anew at each request: a reload may change them."""

    def __init__(self, managers: ManagersBySlug) -> None:
        self._managers = managers

    def all(self) -> Collection[HostedManager]:
        """Every Manager."""
        return self._managers().values()

    def manager(self, request: web.Request) -> HostedManager:
        """The Manager of the tenant in the path. Raises: Problem."""
        slug = request.match_info["slug"]
        managers = self._managers()
        if slug not in managers:
            known = ", ".join(sorted(managers)) or "none"
            raise Problem(404, "Not Found", f"there is no tenant {slug}; there are: {known}")
        return managers[slug]


async def json_body(request: web.Request) -> JsonObject:
    """The body. Raises: Problem, InvalidRequest."""
    if request.content_type != "application/json":
        raise Problem(415, "Unsupported Media Type", "the body must be application/json")
    return parse_json(await request.read())


def no_contract() -> Problem:
    """There is no such Contract."""
    return Problem(404, "Not Found", "this tenant has no contract with that hash")
