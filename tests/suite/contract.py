"""Contracts: their content as JSON, and the hashes that signatures, requests and tokens name.

Standard: FSC Core 2.0, Contracts, The content hash and Grant hash; RFC 8785.
"""

import hashlib
import time
import uuid
from typing import Protocol

import rfc8785

from tests.suite.credential import JsonObject, base64url

GROUP = "suite.klantenregister.test"
SERVICE = "echo"
PUBLISHED = "published"
FSC_VERSION = "2.0.0"
DAY_S = 86_400
KINDS = ("accept", "reject", "revoke")

_HASH_TYPES = {
    "GRANT_TYPE_SERVICE_PUBLICATION": 2,
    "GRANT_TYPE_SERVICE_CONNECTION": 3,
    "GRANT_TYPE_DELEGATED_SERVICE_CONNECTION": 4,
    "GRANT_TYPE_DELEGATED_SERVICE_PUBLICATION": 5,
}


class Party(Protocol):
    """Whoever a Contract can name."""

    @property
    def peer_id(self) -> str:
        """The Peer ID."""

    @property
    def key_thumbprint(self) -> str:
        """The thumbprint of the key with which its Outway connects."""


def connection(
    outway: Party,
    service: Party,
    *,
    name: str = SERVICE,
    on_behalf_of: Party | None = None,
    offered_for: Party | None = None,
    properties: JsonObject | None = None,
) -> JsonObject:
    """A ServiceConnectionGrant, or a DelegatedServiceConnectionGrant when it is on behalf of a Delegator.

    `offered_for` is the Delegator of the Service: on whose behalf `service` offers it.
    """
    target: JsonObject = {"type": "SERVICE_TYPE_SERVICE", "peer_id": service.peer_id, "name": name}
    if offered_for is not None:
        target |= {"type": "SERVICE_TYPE_DELEGATED_SERVICE", "delegator": {"peer_id": offered_for.peer_id}}
    grant: JsonObject = {
        "type": "GRANT_TYPE_SERVICE_CONNECTION",
        "outway": {
            "peer_id": outway.peer_id,
            "identification": {
                "type": "OUTWAY_IDENTIFICATION_TYPE_PUBLIC_KEY_THUMBPRINT",
                "public_key_thumbprint": outway.key_thumbprint,
            },
        },
        "service": target,
    }
    return _finished(grant, on_behalf_of, properties)


def publication(
    directory: Party,
    service: Party,
    *,
    name: str = SERVICE,
    on_behalf_of: Party | None = None,
    properties: JsonObject | None = None,
) -> JsonObject:
    """A ServicePublicationGrant, or a DelegatedServicePublicationGrant when it is on behalf of a Delegator."""
    grant: JsonObject = {
        "type": "GRANT_TYPE_SERVICE_PUBLICATION",
        "directory": {"peer_id": directory.peer_id},
        "service": {"peer_id": service.peer_id, "name": name, "protocol": "PROTOCOL_TCP_HTTP_1.1"},
    }
    return _finished(grant, on_behalf_of, properties)


def contract(*grants: JsonObject, **changes: object) -> JsonObject:
    """The content of a new Contract with these grants, valid for a month; `changes` replace members."""
    now = int(time.time())
    return {
        "fsc_version": FSC_VERSION,
        "iv": str(uuid.uuid4()),
        "group_id": GROUP,
        "validity": {"not_before": now - 60, "not_after": now + 30 * DAY_S},
        "grants": [{"data": grant} for grant in grants],
        "hash_algorithm": "HASH_ALGORITHM_SHA3_512",
        "created_at": now - 60,
        **changes,
    }


def content_hash(content: JsonObject) -> str:
    """The hash that signatures are over."""
    return _hash(1, rfc8785.dumps(content))


def grant_hash(content: JsonObject, index: int = 0) -> str:
    """The hash by which a Grant is asked for."""
    grant = content["grants"][index]["data"]
    return _hash(_HASH_TYPES[grant["type"]], content_hash(content).encode() + rfc8785.dumps(grant))


def parties(content: JsonObject) -> set[str]:
    """Every Peer ID in the grants."""
    return set(_peer_ids(content["grants"]))


def _finished(grant: JsonObject, on_behalf_of: Party | None, properties: JsonObject | None) -> JsonObject:
    if on_behalf_of is not None:
        kind = grant["type"].replace("GRANT_TYPE_", "GRANT_TYPE_DELEGATED_")
        grant = {**grant, "type": kind, "delegator": {"peer_id": on_behalf_of.peer_id}}
    return grant if properties is None else {**grant, "properties": properties}


def _peer_ids(value: object) -> list[str]:
    if isinstance(value, list):
        return [found for item in value for found in _peer_ids(item)]
    if not isinstance(value, dict):
        return []
    own = [value["peer_id"]] if "peer_id" in value else []
    return own + [found for name, item in value.items() if name != "properties" for found in _peer_ids(item)]


def _hash(kind: int, data: bytes) -> str:
    return f"$1${kind}${base64url(hashlib.sha3_512(data).digest())}"
