"""The operations on a resource, the same for every family: read the request, let the action decide, render."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from register.access import BSN_ZOEKEN, check_scope
from register.actions.change import Change
from register.errors import Faults, InvalidParam, NotFound, PermissionDenied, ValidatieFout
from register.http.body import read_object
from register.http.conditional import check_if_match, etag, is_not_modified
from register.http.family import Family
from register.http.fields import snake_case
from register.http.filters import YesNo, conditions_of
from register.http.links import Links
from register.http.messages import RegisterRequest, RegisterResponse, json_response
from register.http.pages import PARAMETERS, PageRequest, check_exists, envelope, parse_page
from register.http.query import check_known, parse_query, parse_search
from register.http.relations import rendered
from register.http.resource import Maker, Resource
from register.http.routing import SEARCH_SEGMENT
from register.privacy import PrivacyError, TenantKeys
from register.records.kinds import CREATED
from register.records.unit import Unit, transact
from storage.documents import Condition, Documents, JsonObject, Query, Sort

T = TypeVar("T")

BSN_IN_URL_SINCE = "@1767225600"
"""Since when looking up a BSN by GET is discouraged, for the Deprecation header (RFC 9745): 2026-01-01."""
_SEALED = "~"
CASCADE = YesNo("cascade", "")


@dataclass(frozen=True, slots=True)
class Context:
    """What an operation works with: one tenant's records, the caller's URLs and scopes, and the time."""

    documents: Documents
    keys: TenantKeys
    links: Links
    scopes: frozenset[str]
    now_ms: int
    family: Family
    bsn_in_urls: bool = True

    def unit(self) -> Unit:
        """A reading of the records as they are from here on."""
        return Unit(self.documents, self.keys)

    async def show(
        self, resource: Maker[T], unit: Unit, records: Sequence[T], expand: Sequence[str] = ()
    ) -> list[JsonObject]:
        """The records as the caller sees them."""
        return await rendered(self.family, resource, unit, records, self.links, expand)


async def list_records(resource: Resource[Any], context: Context, request: RegisterRequest) -> RegisterResponse:
    """A page of the list, filtered by the query. Looking up a BSN this way works, and is answered with Deprecation."""
    given = _opened(resource, parse_query(request.query), context.keys)
    check_known(given, {*resource.parameters, *PARAMETERS, *_expand_parameter(resource)})
    by_bsn = _check_lookup(resource, context, given)
    if by_bsn and not context.bsn_in_urls:
        raise PermissionDenied(f"Zoek een persoon met POST {context.links.collection(resource.name)}/{SEARCH_SEGMENT}.")
    url = context.links.collection(resource.name)
    content = await _page(resource, context, given, url, _sealed(resource, given, context.keys))
    return json_response(200, content, headers={"Deprecation": BSN_IN_URL_SINCE} if by_bsn else None)


async def search_records(resource: Resource[Any], context: Context, request: RegisterRequest) -> RegisterResponse:
    """The same page, with the parameters in the body; the links are for sending the same body again."""
    body = read_object(request.method, request.headers, request.body)
    paging = parse_query(request.query)
    check_known(paging, PARAMETERS)
    check_known(body, {*resource.parameters, *PARAMETERS, *_expand_parameter(resource)})
    given = parse_search(body)
    _check_lookup(resource, context, given)
    paging = {**{name: given[name] for name in PARAMETERS if name in given}, **paging}
    url = f"{context.links.collection(resource.name)}/{SEARCH_SEGMENT}"
    return json_response(200, await _page(resource, context, {**given, **paging}, url, paging))


async def retrieve(resource: Resource[Any], context: Context, request: RegisterRequest, uuid: str) -> RegisterResponse:
    """One record, or 304 when the caller has this version."""
    given = parse_query(request.query)
    check_known(given, _expand_parameter(resource))
    expand = _expand(resource, given)
    unit = context.unit()
    record = await unit.get(resource.kind, uuid)
    if record is None:
        raise NotFound
    [content] = await context.show(resource, unit, [record], expand)
    tag = etag(content, context.keys)
    if is_not_modified(request.headers, tag):
        return RegisterResponse(304, {"ETag": tag})
    return json_response(200, content, headers={"ETag": tag})


async def create(resource: Maker[Any], context: Context, request: RegisterRequest) -> RegisterResponse:
    """A new record."""
    change = _change(resource, context, request, partial=False)

    async def decide(unit: Unit) -> Any:
        return await resource.create(unit, change)

    record = await transact(context.documents, context.keys, decide)
    [content] = await context.show(resource, context.unit(), [record])
    headers = {"Location": content["url"], "ETag": etag(content, context.keys)} if "url" in content else None
    return json_response(201, content, headers=headers)


async def update(
    resource: Resource[Any], context: Context, request: RegisterRequest, uuid: str, *, partial: bool
) -> RegisterResponse:
    """A record with new values; what is not given stays as it is, also on PUT."""
    change = _change(resource, context, request, partial=partial)

    async def decide(unit: Unit) -> Any:
        record = await _current(resource, context, request, unit, uuid)
        return await resource.update(unit, record, change)

    record = await transact(context.documents, context.keys, decide)
    [content] = await context.show(resource, context.unit(), [record])
    return json_response(200, content, headers={"ETag": etag(content, context.keys)})


async def remove(resource: Resource[Any], context: Context, request: RegisterRequest, uuid: str) -> RegisterResponse:
    """The record and what cannot be without it are gone; with `cascade`, where that is offered, more."""
    given = parse_query(request.query)
    check_known(given, () if resource.cascade is None else CASCADE.parameters)
    faults = Faults()
    cascade = resource.cascade if CASCADE.wanted(given, faults) else None
    faults.check()

    async def decide(unit: Unit) -> JsonObject | None:
        record = await _current(resource, context, request, unit, uuid)
        if cascade is not None:
            return await cascade(unit, record, context.links)
        await resource.remove(unit, record)
        return None

    told = await transact(context.documents, context.keys, decide)
    return RegisterResponse(204) if told is None else json_response(200, told)


def read_change(resource: Maker[Any], body: Mapping[str, Any], *, partial: bool, now_ms: int) -> Change:
    """What `body` asks to be stored, with everything that is wrong with its form."""
    faults = Faults()
    given = resource.shape.read_attributes(body, faults, partial=partial)
    return Change(given, faults, partial, now_ms)


def _change(resource: Maker[Any], context: Context, request: RegisterRequest, *, partial: bool) -> Change:
    body = read_object(request.method, request.headers, request.body)
    return read_change(resource, body, partial=partial, now_ms=context.now_ms)


async def _current(resource: Resource[T], context: Context, request: RegisterRequest, unit: Unit, uuid: str) -> T:
    record = await unit.get(resource.kind, uuid)
    if record is None:
        raise NotFound
    if "if-match" in request.headers:
        [content] = await context.show(resource, unit, [record])
        check_if_match(request.headers, etag(content, context.keys))
    return record


def _check_lookup(resource: Resource[Any], context: Context, given: Mapping[str, str]) -> bool:
    by_bsn = any(each.may_be_bsn(given) for each in resource.identified_by)
    if by_bsn:
        check_scope(context.scopes, BSN_ZOEKEN)
    return by_bsn


async def _page(
    resource: Resource[T], context: Context, given: Mapping[str, str], url: str, repeated: Mapping[str, str]
) -> JsonObject:
    page = parse_page(given)
    expand = _expand(resource, given)
    faults = Faults()
    where = await conditions_of(resource.filters, given, context.unit(), faults)
    faults.check()
    records, count = await _find(resource, context, where, page)
    results = await context.show(resource, context.unit(), records, expand)
    return envelope(page, count, results, url, repeated)


async def _find(
    resource: Resource[T], context: Context, where: tuple[Condition, ...], page: PageRequest
) -> tuple[list[T], int]:
    """The records of a page, newest first, and the number on all pages."""
    collection = resource.kind.collection
    query = Query(where, sort=Sort(CREATED, descending=True), limit=page.size, offset=page.offset)
    found = (await context.documents.find(collection, query)).documents
    records = [resource.kind.decode(each.body, context.keys) for each in found]
    if 0 < len(found) < page.size or (page.number == 1 and not found):
        return records, page.offset + len(found)
    count = await context.documents.count(collection, where)
    check_exists(page, count)
    return records, count


def _expand_parameter(resource: Resource[Any]) -> tuple[str, ...]:
    return ("expand",) if resource.expand else ()


def _expand(resource: Resource[Any], given: Mapping[str, str]) -> list[str]:
    """What is asked to be shown in full, in camelCase or in the snake_case of older clients."""
    offered = {name: each for each in resource.expand for name in (each, snake_case(each))}
    asked = dict.fromkeys(part.strip() for part in given.get("expand", "").split(",") if part.strip())
    if any(name not in offered for name in asked):
        reason = f"Kies uit: {', '.join(resource.expand)}."
        raise ValidatieFout([InvalidParam("expand", "invalid_choice", reason)])
    return [offered[name] for name in asked]


def _sealed(resource: Resource[Any], given: Mapping[str, str], keys: TenantKeys) -> dict[str, str]:
    """The parameters as links repeat them: what may be a BSN goes into no URL of ours in clear."""
    return {
        name: _SEALED + keys.encrypt("query", name, value) if name in resource.sensitive else value
        for name, value in given.items()
    }


def _opened(resource: Resource[Any], given: Mapping[str, str], keys: TenantKeys) -> dict[str, str]:
    """The parameters with what `_sealed` made opened; what does not open is a value that nobody has."""
    opened = dict(given)
    for name in resource.sensitive & opened.keys():
        if opened[name].startswith(_SEALED):
            with contextlib.suppress(PrivacyError):
                opened[name] = keys.decrypt("query", name, opened[name].removeprefix(_SEALED))
    return opened
