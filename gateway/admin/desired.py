"""Operations about what the configuration declares: how far it is realised, and applying another configuration.

Applying names a file that this process reads, so it is for the admin socket only: whoever may open that administers
the installation anyhow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aiohttp import web

from gateway.admin.openapi import Operation
from gateway.admin.problems import Problem
from gateway.admin.requests import TENANT_PATH, Hosted, json_body
from gateway.admin.views import decision_view
from gateway.http.query import QueryParameters
from gateway.manager.desired import Decision
from gateway.manager.handlers import HostedManager
from storage.documents import JsonObject

_APPLY_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "file": {"type": "string", "description": "Absolute path of a whole configuration"},
        "plan": {"type": "boolean", "description": "Only tell the difference, change nothing"},
        "tenant": {"type": "string", "description": "Apply only the tenant with this slug"},
    },
    "required": ["file"],
}


@dataclass(frozen=True, slots=True)
class TenantPlan:
    """What a configuration means for one tenant; `problem` tells why that cannot be said."""

    slug: str
    decisions: Sequence[Decision]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The difference between a configuration and what there is.

    `unhosted` are the slugs of tenants that are no longer hosted, `needs_restart` the keys that keep their value until
    a restart. `serves_by` is the file that a reload or restart goes by; None when it is not known.
    """

    tenants: Sequence[TenantPlan]
    unhosted: Sequence[str]
    needs_restart: Sequence[str]
    warnings: Sequence[str]
    serves_by: Path | None
    now: int


class ConfigurationRefused(Exception):
    """A configuration cannot be applied; its text says why, a line for each reason."""


class Applies(Protocol):
    """What takes another configuration into use."""

    async def apply(self, file: Path, *, slug: str | None, plan_only: bool) -> Plan:
        """Compare `file` with what there is, then, unless `plan_only`, go by it. Raises: ConfigurationRefused."""


def desired_operations(hosted: Hosted) -> tuple[Operation, ...]:
    """How far what a tenant declares is realised."""
    declared = _Declared(hosted)
    return (
        Operation(
            "GET",
            f"{TENANT_PATH}/desired",
            "Every declared connection and publication, what serves it, and what is to be done",
            declared.show_desired,
        ),
        Operation(
            "POST",
            f"{TENANT_PATH}/desired",
            "Do now what is to be done for them, and tell how they are afterwards",
            declared.converge,
        ),
    )


def apply_operations(applies: Applies) -> tuple[Operation, ...]:
    """Taking another configuration into use: for the socket only."""

    async def apply_configuration(request: web.Request) -> web.Response:
        """POST /apply."""
        body = await json_body(request)
        file, slug, plan_only = body.get("file"), body.get("tenant"), body.get("plan", False)
        if not isinstance(file, str) or not Path(file).is_absolute() or "\0" in file:
            raise Problem(400, "Bad Request", "file: must be an absolute path")
        if not isinstance(slug, str | None) or not isinstance(plan_only, bool):
            raise Problem(400, "Bad Request", "tenant must be text, and plan true or false")
        try:
            plan = await applies.apply(Path(file), slug=slug, plan_only=plan_only)
        except ConfigurationRefused as error:
            raise Problem(422, "Unprocessable Content", str(error)) from error
        return web.json_response(_plan_view(plan))

    return (
        Operation(
            "POST",
            "/admin/v1/apply",
            "Go by another configuration, or tell what that would change",
            apply_configuration,
            body=_APPLY_SCHEMA,
        ),
    )


class _Declared:
    def __init__(self, hosted: Hosted) -> None:
        self._hosted = hosted

    async def show_desired(self, request: web.Request) -> web.Response:
        """GET /tenants/{slug}/desired."""
        QueryParameters(request.query, known=())
        return await _answer(self._hosted.manager(request))

    async def converge(self, request: web.Request) -> web.Response:
        """POST /tenants/{slug}/desired."""
        QueryParameters(request.query, known=())
        manager = self._hosted.manager(request)
        await manager.upkeep.convergence.converge()
        return await _answer(manager)


async def _answer(manager: HostedManager) -> web.Response:
    decisions = await manager.upkeep.convergence.decisions()
    now = manager.peer.clock.now()
    return web.json_response({"declarations": [decision_view(one, now=now) for one in decisions]})


def _plan_view(plan: Plan) -> JsonObject:
    return {
        "tenants": [
            {
                "slug": one.slug,
                "problem": one.problem,
                "declarations": [decision_view(decision, now=plan.now) for decision in one.decisions],
            }
            for one in plan.tenants
        ],
        "unhosted": list(plan.unhosted),
        "needs_restart": list(plan.needs_restart),
        "warnings": list(plan.warnings),
        "serves_by": None if plan.serves_by is None else str(plan.serves_by),
    }
