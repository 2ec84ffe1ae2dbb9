"""`GET /revocation`: whether it is known which certificates were revoked, by issuer and by source."""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from certs.revocation import RevocationMode, RevocationStatus
from gateway.admin.openapi import Operation
from gateway.http.query import QueryParameters
from storage.documents import JsonObject


@dataclass(frozen=True, slots=True)
class SourceReport:
    """A file or URL of CRLs. `read_at`: when it last gave what is good, Unix seconds; `problem` is empty when well."""

    source: str
    lists: int
    read_at: int | None
    problem: str


@dataclass(frozen=True, slots=True)
class RevocationReport:
    """What is known now."""

    mode: RevocationMode
    issuers: tuple[RevocationStatus, ...]
    sources: tuple[SourceReport, ...]


def revocation_operations(report: Callable[[], RevocationReport]) -> tuple[Operation, ...]:
    """The operations about revocation; `report` is asked at each request."""

    async def show_revocation(request: web.Request) -> web.Response:
        """GET /revocation."""
        QueryParameters(request.query, known=())
        return web.json_response(revocation_view(report()))

    path = "/admin/v1/revocation"
    return (Operation("GET", path, "The CRLs: their state by issuer, and what each source gave", show_revocation),)


def revocation_view(report: RevocationReport) -> JsonObject:
    """The report as the administration API and health show it. Instants are Unix seconds."""
    return {
        "mode": report.mode,
        "issuers": [
            {"issuer": one.issuer, "state": one.state, "next_update": one.next_update} for one in report.issuers
        ],
        "sources": [
            {"source": one.source, "lists": one.lists, "read_at": one.read_at, "problem": one.problem or None}
            for one in report.sources
        ],
    }
