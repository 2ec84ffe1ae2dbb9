"""The claims of an access token: read from JSON and written to it.

Standard: FSC Core, Access token / JWT Payload; RFC 8705 section 3.1 (`cnf`); FSC Logging (`cdi`).

Wire names stay on the wire: `gth`, `gid`, `sub`, `iss`, `svc`, `aud`, `exp`, `nbf`, `cnf.x5t#S256`, `act.sub`, `pdi`,
`prp` and `add` get the names of what they mean. `sub` is the Peer that connects and `act.sub` the Delegator, which
older tokens call `cdi`.
"""

from dataclasses import dataclass, field

from certs.identity import PeerId, parse_peer_id
from certs.thumbprint import CertificateThumbprint, normalise_certificate_thumbprint
from gateway.fsc.jcs import JsonObject
from gateway.fsc.members import (
    instant_member,
    object_member,
    optional_object_member,
    optional_text_member,
    text_member,
)
from gateway.fsc.names import (
    MAX_ADDRESS_LENGTH,
    GrantHash,
    GroupId,
    ServiceName,
    parse_grant_hash,
    parse_group_id,
    parse_service_name,
)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says. How far to believe it is told by the types of `token`.

    `expires_at` and `not_before` are Unix seconds; `audience` is the address of the Inway, as written.
    `properties` is None when the grant has none; `additional` is the claim `add`.
    """

    grant_hash: GrantHash
    group_id: GroupId
    outway_peer_id: PeerId
    service_peer_id: PeerId
    service_name: ServiceName
    audience: str
    expires_at: int
    not_before: int
    certificate_thumbprint: CertificateThumbprint
    delegator_peer_id: PeerId | None = None
    service_delegator_peer_id: PeerId | None = None
    properties: JsonObject | None = None
    additional: JsonObject = field(default_factory=dict)

    def to_json(self) -> JsonObject:
        """The payload of the JWT."""
        payload: JsonObject = {
            "gth": self.grant_hash,
            "gid": self.group_id,
            "sub": self.outway_peer_id,
            "iss": self.service_peer_id,
            "svc": self.service_name,
            "aud": self.audience,
            "exp": self.expires_at,
            "nbf": self.not_before,
            "cnf": {"x5t#S256": self.certificate_thumbprint},
            "add": self.additional,
        }
        if self.delegator_peer_id is not None:
            payload["act"] = {"sub": self.delegator_peer_id}
        if self.service_delegator_peer_id is not None:
            payload["pdi"] = self.service_delegator_peer_id
        if self.properties is not None:
            payload["prp"] = self.properties
        return payload


def parse_claims(payload: JsonObject) -> Claims:
    """Read the payload of a JWT. Does **not** verify the claims.

    Raises: ValueError, with a text that reads after "the access token".
    """
    act = optional_object_member(payload, "act") or {}
    return Claims(
        grant_hash=text_member(payload, "gth", parse_grant_hash),
        group_id=text_member(payload, "gid", parse_group_id),
        outway_peer_id=text_member(payload, "sub", parse_peer_id),
        service_peer_id=text_member(payload, "iss", parse_peer_id),
        service_name=text_member(payload, "svc", parse_service_name),
        audience=text_member(payload, "aud", _parse_audience),
        expires_at=instant_member(payload, "exp"),
        not_before=instant_member(payload, "nbf"),
        certificate_thumbprint=text_member(object_member(payload, "cnf"), "x5t#S256", normalise_certificate_thumbprint),
        delegator_peer_id=(
            optional_text_member(act, "sub", parse_peer_id) or optional_text_member(payload, "cdi", parse_peer_id)
        ),
        service_delegator_peer_id=optional_text_member(payload, "pdi", parse_peer_id),
        properties=optional_object_member(payload, "prp"),
        additional=optional_object_member(payload, "add") or {},
    )


def _parse_audience(text: str) -> str:
    if not 0 < len(text) <= MAX_ADDRESS_LENGTH:
        raise ValueError(f"must be 1 to {MAX_ADDRESS_LENGTH} characters")
    return text
