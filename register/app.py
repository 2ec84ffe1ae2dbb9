"""The register: one request in, one response out, whatever carried it.

The steps of a request, in order; a step that refuses ends it with a problem:
(1) tenant and family, from how it arrived and from the path   (2) place and operation   (3) caller and scope
(4) acceptable format   (5) the operation itself   (6) the headers every answer has.
Nothing that a request can hold leads to a traceback for the caller; what goes wrong inside is logged without the data.
"""

import logging
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

from clock import Clock
from register.access import (
    Caller,
    FederatedCallerVerifier,
    authenticate_federated,
    authenticate_internal,
    check_scope,
)
from register.errors import PROBLEM_JSON, ContentTooLarge, Fout, InternalError, NotFound, ServiceUnavailable, problem
from register.families.contactgegevens.family import CONTACTGEGEVENS
from register.families.klantinteracties.family import KLANTINTERACTIES
from register.http import operations
from register.http.conditional import check_acceptable
from register.http.family import Family
from register.http.links import Links
from register.http.messages import RegisterRequest, RegisterResponse, json_response
from register.http.operations import Context
from register.http.routing import ACTIONS, PUBLIC, Operation, Place, find_place
from register.openapi import OpenApi
from register.privacy import Keyring
from register.records.kinds import COLLECTIONS
from register.tenancy import Arrival, Federated, Internal, RegisterTenant, Tenants
from storage.documents import DocumentStore
from storage.errors import StoreUnavailable

__all__ = ["COLLECTIONS", "FAMILIES", "Register", "RegisterRequest", "RegisterResponse"]

FAMILIES: tuple[Family, ...] = (KLANTINTERACTIES, CONTACTGEGEVENS)
DEFAULT_MAX_BODY_BYTES = 10 * 1024 * 1024
_TRANSACTION = "fsc-transaction-id"
_RETRY_AFTER = {"Retry-After": "5"}
_SECURITY_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_log = logging.getLogger("register")


@dataclass(slots=True)
class _Trail:
    """What is known of a request as it walks, for the answer's headers and for the log."""

    family: Family | None = None
    place: Place | None = None
    caller: Caller | None = None
    fout: Fout | None = None
    instance: UUID = field(default_factory=uuid4)


class Register:
    """All API families of all tenants on one store."""

    def __init__(
        self,
        store: DocumentStore,
        keyring: Keyring,
        tenants: Tenants,
        verifier: FederatedCallerVerifier,
        clock: Clock,
        *,
        max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
        families: Iterable[Family] = FAMILIES,
    ) -> None:
        self.tenants = tenants
        self.max_body_bytes = max_body_bytes
        self._store = store
        self._keyring = keyring
        self._verifier = verifier
        self._clock = clock
        self._families = tuple(families)
        self._openapi = {family.name: OpenApi(family) for family in self._families}

    def use(self, tenants: Tenants) -> None:
        """Serve these tenants from the next request on."""
        self.tenants = tenants

    def federated(self, peer_id: str, service_name: str) -> Federated | None:
        """How a request arrives for a service of a hosted tenant; None when it is not offered."""
        tenant = self.tenants.get(peer_id)
        service = None if tenant is None else tenant.service(service_name)
        return None if tenant is None or service is None else Federated(tenant, service)

    def federated_by_path(self, tenant: RegisterTenant, path: str) -> Federated | None:
        """The same when only the path is known: the first service of the family that the path belongs to."""
        for service in tenant.services:
            for family in self._families:
                if service.family == family.name and path.startswith(f"{family.base_path}/"):
                    return Federated(tenant, service)
        return None

    def refuse(self, fout: Fout) -> RegisterResponse:
        """The answer to a request that is for no tenant, or cannot be read."""
        instance = uuid4()
        _log.info(
            "register_refused", extra={"status": fout.status, "reason": fout.code, "instance": f"urn:uuid:{instance}"}
        )
        response = _problem_response(fout, instance)
        return replace(response, headers={**_SECURITY_HEADERS, **response.headers})

    async def handle(self, request: RegisterRequest) -> RegisterResponse:
        """The answer to `request`; never raises for anything that the request or the store does."""
        trail = _Trail()
        try:
            response = await self._answer(request, trail)
        except Fout as fout:
            response = self._problem(fout, trail)
        except StoreUnavailable as error:
            response = self._problem(ServiceUnavailable(headers=_RETRY_AFTER), trail)
            _log_cause("register_store_unavailable", error, trail.instance)
        except Exception as error:  # the last resort: nothing inside may reach the caller
            response = self._problem(InternalError(), trail)
            _log_cause("register_unexpected_error", error, trail.instance)
        _log_request(request, trail, response.status)
        return _finished(request, trail, response)

    def _problem(self, fout: Fout, trail: _Trail) -> RegisterResponse:
        trail.fout = fout
        return _problem_response(fout, trail.instance)

    async def _answer(self, request: RegisterRequest, trail: _Trail) -> RegisterResponse:
        if len(request.body) > self.max_body_bytes:
            raise ContentTooLarge
        family = trail.family = self._family(request.arrival, request.path)
        place = trail.place = find_place(family, request.path.removeprefix(family.base_path))
        if any(operation in PUBLIC for operation in place.methods.values()):
            return self._document(family, place.operation(request.method), request)
        trail.caller = await self._authenticate(request)
        operation = place.operation(request.method)
        check_scope(trail.caller.scopes, f"{family.name}.{ACTIONS[operation]}")
        check_acceptable(request.headers)
        return await self._operate(operation, place, await self._context(request, family, trail.caller), request)

    def _family(self, arrival: Arrival, path: str) -> Family:
        """The family whose base path this is; through the Inway only that of the service."""
        for family in self._families:
            offered = isinstance(arrival, Internal) or arrival.service.family == family.name
            if offered and path.startswith(f"{family.base_path}/"):
                return family
        raise NotFound

    async def _authenticate(self, request: RegisterRequest) -> Caller:
        if isinstance(request.arrival, Internal):
            return authenticate_internal(request.headers, request.arrival, self.tenants, now=self._clock.now())
        return await authenticate_federated(
            request.headers, request.arrival, self.tenants, self._verifier, now=self._clock.now()
        )

    async def _context(self, request: RegisterRequest, family: Family, caller: Caller) -> Context:
        tenant = request.arrival.tenant.peer_id
        return Context(
            documents=self._store.for_tenant(tenant),
            keys=await self._keyring.keys(tenant),
            links=_links(request.arrival, family),
            scopes=caller.scopes,
            now_ms=self._clock.now_ms(),
            family=family,
            bsn_in_urls=request.arrival.tenant.bsn_in_urls,
        )

    def _document(self, family: Family, operation: Operation, request: RegisterRequest) -> RegisterResponse:
        """The index and the OpenAPI documents, which anybody may read."""
        links = _links(request.arrival, family)
        if operation is Operation.OPENAPI_YAML:
            text = self._openapi[family.name].as_yaml(links.root)
            return RegisterResponse(200, {"Content-Type": "application/yaml; charset=utf-8"}, text.encode())
        check_acceptable(request.headers)
        if operation is Operation.OPENAPI_JSON:
            return json_response(200, self._openapi[family.name].as_json(links.root))
        return json_response(200, {each.name: links.collection(each.name) for each in family.resources})

    async def _operate(
        self, operation: Operation, place: Place, context: Context, request: RegisterRequest
    ) -> RegisterResponse:
        resource: Any = place.resource
        match operation:
            case Operation.LIST:
                return await operations.list_records(resource, context, request)
            case Operation.SEARCH:
                return await operations.search_records(resource, context, request)
            case Operation.CREATE:
                return await operations.create(resource, context, request)
            case Operation.RETRIEVE:
                return await operations.retrieve(resource, context, request, place.uuid)
            case Operation.REMOVE:
                return await operations.remove(resource, context, request, place.uuid)
            case _:
                partial = operation is Operation.PATCH
                return await operations.update(resource, context, request, place.uuid, partial=partial)


def _problem_response(fout: Fout, instance: UUID) -> RegisterResponse:
    """A problem as a response. Standard: RFC 9457."""
    return json_response(fout.status, problem(fout, instance), headers=fout.headers, media_type=PROBLEM_JSON)


def _links(arrival: Arrival, family: Family) -> Links:
    return Links(f"{arrival.base_url}{family.base_path}")


def _finished(request: RegisterRequest, trail: _Trail, response: RegisterResponse) -> RegisterResponse:
    """The answer with the headers that all answers have; without a body for HEAD."""
    headers = {**_SECURITY_HEADERS, **response.headers}
    if trail.family is not None:
        headers["API-version"] = trail.family.version
    if transaction := _transaction_id(request):
        headers["Fsc-Transaction-Id"] = transaction
    if request.method == "HEAD":
        headers["Content-Length"] = str(len(response.body))
        return RegisterResponse(response.status, headers)
    return replace(response, headers=headers)


def _log_request(request: RegisterRequest, trail: _Trail, status: int) -> None:
    """One line for every request: who did what with which outcome, and nothing of the content."""
    fields: dict[str, Any] = {
        "tenant": request.arrival.tenant.slug,
        "method": request.method,
        "family": trail.family.name if trail.family else None,
        "resource": trail.place.template if trail.place else None,
        "status": status,
        "transaction_id": _transaction_id(request),
        "application": trail.caller.application if trail.caller else None,
        "peer_id": trail.caller.peer_id if trail.caller else None,
    }
    if trail.fout is not None:
        fields.update(reason=trail.fout.code, instance=f"urn:uuid:{trail.instance}")
    _log.info("register_request", extra=fields)


def _transaction_id(request: RegisterRequest) -> str | None:
    """The transaction that the Inway names, when it has the form of one."""
    try:
        return str(UUID(request.headers.get(_TRANSACTION, "")))
    except ValueError:
        return None


def _log_cause(event: str, error: Exception, instance: UUID) -> None:
    """Log where it went wrong; not the text of the error, which may hold what was being stored."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    cause = type(error.__cause__).__name__ if error.__cause__ else None
    extra = {"instance": f"urn:uuid:{instance}", "error": type(error).__name__, "cause": cause, "frames": frames}
    _log.error(event, extra=extra)
