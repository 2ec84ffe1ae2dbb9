"""Operations: draft a Contract to look at, and offer it. For a declared connection, a Service, a publication, or any
Grants in which the tenant takes part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from certs.identity import PeerId
from config.models.fields import Days, PeerIdField, Properties, ServiceName
from config.settings import ConnectionSettings, ServiceReference, ServiceSettings
from gateway.admin.openapi import Operation
from gateway.admin.problems import Problem
from gateway.admin.requests import TENANT_PATH, Hosted, json_body
from gateway.admin.review import Terms, review
from gateway.admin.views import contract_view
from gateway.fsc.build import grant_data
from gateway.fsc.contract import GrantItem
from gateway.fsc.grants import Grant
from gateway.fsc.jcs import MAX_NUMBER
from gateway.manager.contracts import offer
from gateway.manager.convergence import BACKDATE_S
from gateway.state.declared import (
    DAY_S,
    PUBLICATION_DAYS,
    connection_grant,
    publication_grant,
    wanted_connection,
)
from gateway.state.local_peer import LocalPeer
from storage.documents import JsonObject

_KINDS = ("connection", "service", "publish", "grants")
_DEFAULT_DAYS = 365
_DIRECTORY = "a Directory of the Group"
_MAX_GRANTS = 100
"""More than a person can look at; other Managers refuse contracts with very many."""


class OfferRequest(BaseModel):
    """What somebody asks us to offer: exactly one of connection, service, publish and grants."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    connection: str | None = Field(default=None, description="Name of a declared connection.")
    service: ServiceReference | None = Field(default=None, description="A Service of another Peer, to connect to.")
    publish: ServiceName | None = Field(default=None, description="A Service of ours, to publish.")
    directory: PeerIdField | None = Field(default=None, description="With publish: the Directory to publish it at.")
    grants: tuple[Any, ...] | None = Field(
        default=None, min_length=1, max_length=_MAX_GRANTS, description="Grants as the standard writes their data."
    )
    delegator: PeerIdField | None = Field(
        default=None, description="With service or publish: the Peer on whose behalf we connect or publish."
    )
    properties: Properties | None = Field(default=None, description="With service or publish: properties of the grant.")
    valid_days: Days | None = Field(default=None, description="Validity in days; default: as declared, else 365.")
    not_before: int | None = Field(
        default=None, ge=0, le=MAX_NUMBER, strict=True, description="Unix seconds; default: a minute ago."
    )


def _schema() -> JsonObject:
    """The JSON Schema of OfferRequest as one piece, because references mean something else in OpenAPI."""
    schema = OfferRequest.model_json_schema()
    del schema["$defs"]
    schema["properties"]["service"] = ServiceReference.model_json_schema()
    return schema


_SCHEMA = _schema()


@dataclass(frozen=True, slots=True)
class Draft:
    """A Contract that is not made yet. `label` is that of the declaration it is for, empty for none."""

    terms: Terms
    created_at: int
    label: str = ""


def offer_operations(hosted: Hosted) -> tuple[Operation, ...]:
    """The operations by which a tenant offers a Contract."""
    offers = _Offers(hosted)
    return (
        Operation(
            "POST",
            f"{TENANT_PATH}/contracts",
            "Offer a Contract: for a declared connection, a Service, a publication, or any Grants",
            offers.request_contract,
            success=201,
            body=_SCHEMA,
        ),
        Operation(
            "POST",
            f"{TENANT_PATH}/contracts/draft",
            "What such an offer would say, with what to look at twice; nothing is made",
            offers.draft_contract,
            body=_SCHEMA,
        ),
    )


async def peer_names(peer: LocalPeer, peer_ids: frozenset[PeerId]) -> Mapping[PeerId, str]:
    """Names of those of the Peers that are ourselves, that we know, or that the Group names as its Directories."""
    known = await peer.peers.get_many(peer_ids)
    directories = dict.fromkeys(peer_ids & peer.tenant.group.directories.keys(), _DIRECTORY)
    names = {peer_id: one.name for peer_id, one in known.items()}
    return {**directories, **names, peer.peer_id: peer.tenant.name}


class _Offers:
    def __init__(self, hosted: Hosted) -> None:
        self._hosted = hosted

    async def request_contract(self, request: web.Request) -> web.Response:
        """POST /tenants/{slug}/contracts."""
        peer = self._hosted.manager(request).peer
        draft = draft_of(_offer_request(await json_body(request)), peer)
        record = await offer(
            peer,
            tuple(draft.terms.grants),
            not_before=draft.terms.not_before,
            not_after=draft.terms.not_after,
            created_at=draft.created_at,
            remark=draft.label or "requested by an operator",
            made_for=draft.label,
        )
        return web.json_response(contract_view(record, now=peer.clock.now()), status=201)

    async def draft_contract(self, request: web.Request) -> web.Response:
        """POST /tenants/{slug}/contracts/draft."""
        peer = self._hosted.manager(request).peer
        draft = draft_of(_offer_request(await json_body(request)), peer)
        peer_ids = draft.terms.peer_ids()
        names = await peer_names(peer, peer_ids)
        profile = peer.tenant.group.hash_profiles[0]
        return web.json_response(
            {
                "hash_profile": profile,
                "group_id": peer.tenant.group.id,
                "created_at": draft.created_at,
                "not_before": draft.terms.not_before,
                "not_after": draft.terms.not_after,
                "peer_ids": sorted(peer_ids),
                "peer_names": names,
                "grants": [{"data": grant_data(grant, profile)} for grant in draft.terms.grants],
                "made_for": draft.label,
                **review(draft.terms, peer.tenant, names),
            }
        )


def draft_of(asked: OfferRequest, peer: LocalPeer) -> Draft:
    """The Contract that `asked` means, from the clock of `peer` on. Raises: Problem, NoValidCertificate."""
    grants, days, label = _asked_for(asked, peer)
    created_at = peer.clock.now() - BACKDATE_S
    not_before = created_at if asked.not_before is None else asked.not_before
    valid_days = asked.valid_days or days
    return Draft(Terms(grants, not_before, not_before + valid_days * DAY_S), created_at, label)


def _asked_for(asked: OfferRequest, peer: LocalPeer) -> tuple[tuple[Grant, ...], int, str]:
    """The Grants, for how many days unless said otherwise, and the label of the declaration."""
    if asked.connection is not None:
        declared = _declared_connection(asked.connection, peer.tenant.connections)
        thumbprint = peer.signing_pair().public_key_thumbprint
        wanted = wanted_connection(peer.peer_id, thumbprint, declared)
        return (wanted.grant,), declared.valid_days, wanted.label
    if asked.service is not None:
        return (_connection(asked, asked.service, peer),), _DEFAULT_DAYS, ""
    if asked.publish is not None:
        return (_publication(asked, asked.publish, peer),), PUBLICATION_DAYS, ""
    return _grants(asked.grants or ()), _DEFAULT_DAYS, ""


def _declared_connection(name: str, declared: Sequence[ConnectionSettings]) -> ConnectionSettings:
    for connection in declared:
        if connection.name == name:
            return connection
    known = ", ".join(one.name for one in declared) or "none"
    raise Problem(404, "Not Found", f"no connection of that name is declared; there are: {known}")


def _connection(asked: OfferRequest, service: ServiceReference, peer: LocalPeer) -> Grant:
    if service.peer_id == peer.peer_id:
        raise _bad("service/peer_id: names the tenant itself; name another Peer")
    connection = ConnectionSettings(
        name="request", service=service, delegator=asked.delegator, properties=asked.properties or {}
    )
    return connection_grant(peer.peer_id, peer.signing_pair().public_key_thumbprint, connection)


def _publication(asked: OfferRequest, name: str, peer: LocalPeer) -> Grant:
    if asked.directory is None:
        raise _bad("directory: is needed with publish")
    offered = next((one for one in peer.tenant.services.values() if one.name == name), None)
    if offered is None:
        known = ", ".join(peer.tenant.services) or "none"
        raise Problem(404, "Not Found", f"no service of that name is offered; there are: {known}")
    changes = {
        "delegator": asked.delegator or offered.delegator,
        "properties": offered.properties if asked.properties is None else asked.properties,
    }
    published: ServiceSettings = offered.model_copy(update=changes)
    return publication_grant(peer.peer_id, asked.directory, published)


def _grants(given: tuple[Any, ...]) -> tuple[Grant, ...]:
    grants: list[Grant] = []
    for index, data in enumerate(given):
        try:
            grants.append(GrantItem.model_validate({"data": data}).data)
        except ValidationError as error:
            raise _invalid(error, "grants", str(index)) from error
    return tuple(grants)


def _offer_request(body: JsonObject) -> OfferRequest:
    try:
        asked = OfferRequest.model_validate(body)
    except ValidationError as error:
        raise _invalid(error) from error
    if sum(getattr(asked, kind) is not None for kind in _KINDS) != 1:
        raise _bad(f"give exactly one of {', '.join(_KINDS)}")
    if asked.directory is not None and asked.publish is None:
        raise _bad("directory: goes with publish")
    details = (asked.delegator, asked.properties)
    if asked.connection is not None and any(one is not None for one in (*details, asked.valid_days)):
        raise _bad("connection: has its delegator, properties and validity in the configuration")
    if asked.grants is not None and any(one is not None for one in details):
        raise _bad("grants: have their delegator and properties in themselves")
    return asked


def _invalid(error: ValidationError, *above: str) -> Problem:
    first = error.errors(include_url=False, include_input=False)[0]
    path = "/".join((*above, *(str(step) for step in first["loc"])))
    return _bad(f"{path}: {first['msg']}")


def _bad(detail: str) -> Problem:
    return Problem(400, "Bad Request", detail)
