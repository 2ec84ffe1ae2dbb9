"""The four Grants: what one part of a contract permits, to whom, and who must agree.

Standard: FSC Core, Contracts and Type mappings; the `grant*` schemas of `manager.yaml`.

Members that the schema does not know are ignored here and kept in the JSON as received, which is what is hashed.
The flat Outway of 1.1 and develop is read into the identification union of 2.0, so one form is left to reason about.
"""

from abc import abstractmethod
from enum import Enum
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from certs.identity import PeerId, parse_peer_id
from gateway.fsc.jcs import JsonObject
from gateway.fsc.names import ServiceName

Protocol: TypeAlias = Literal["PROTOCOL_TCP_HTTP_1.1", "PROTOCOL_TCP_HTTP_2"]

_PeerId: TypeAlias = Annotated[PeerId, AfterValidator(parse_peer_id)]
_ServiceName: TypeAlias = Annotated[ServiceName, StringConstraints(min_length=1, max_length=255)]


class GrantKind(Enum):
    """The four kinds, with the names and numbers by which the standard knows them."""

    SERVICE_PUBLICATION = ("GRANT_TYPE_SERVICE_PUBLICATION", 1, 2)
    SERVICE_CONNECTION = ("GRANT_TYPE_SERVICE_CONNECTION", 2, 3)
    DELEGATED_SERVICE_CONNECTION = ("GRANT_TYPE_DELEGATED_SERVICE_CONNECTION", 3, 4)
    DELEGATED_SERVICE_PUBLICATION = ("GRANT_TYPE_DELEGATED_SERVICE_PUBLICATION", 4, 5)

    def __init__(self, type_name: str, type_number: int, hash_type: int) -> None:
        self.type_name = type_name
        self.type_number = type_number
        self.hash_type = hash_type


class WireModel(BaseModel):
    """Something that a Peer sent: exact types, unknown members ignored, never changed afterwards."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)


class NamedPeer(WireModel):
    """A Peer in a role that has no further details: Directory or Delegator."""

    peer_id: _PeerId


class PublicKeyIdentification(WireModel):
    """The Outway is whoever holds this key. The thumbprint is kept as sent; `rules` judges its form."""

    type: Literal["OUTWAY_IDENTIFICATION_TYPE_PUBLIC_KEY_THUMBPRINT"] = (
        "OUTWAY_IDENTIFICATION_TYPE_PUBLIC_KEY_THUMBPRINT"
    )
    public_key_thumbprint: str


class DomainNameIdentification(WireModel):
    """The Outway is whoever holds a certificate of the Peer for this name: the weaker binding."""

    type: Literal["OUTWAY_IDENTIFICATION_TYPE_DOMAIN_NAME"] = "OUTWAY_IDENTIFICATION_TYPE_DOMAIN_NAME"
    domain_name: str


OutwayIdentification: TypeAlias = PublicKeyIdentification | DomainNameIdentification


class Outway(WireModel):
    """Which Outway of which Peer may connect."""

    peer_id: _PeerId
    identification: OutwayIdentification = Field(discriminator="type")

    @model_validator(mode="before")
    @classmethod
    def _read_flat_form(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "public_key_thumbprint" not in value:
            return value
        if "identification" in value:
            raise ValueError("must have either identification (2.0) or public_key_thumbprint (1.1), not both")
        thumbprint = value["public_key_thumbprint"]
        if not isinstance(thumbprint, str):
            raise ValueError("must have a public_key_thumbprint that is a string")
        return {**value, "identification": PublicKeyIdentification(public_key_thumbprint=thumbprint)}


class OfferedService(WireModel):
    """What names a Service: the Peer that offers it, and a name that is unique within that Peer."""

    peer_id: _PeerId
    name: _ServiceName


class Service(OfferedService):
    """A Service that its Peer offers for itself."""

    type: Literal["SERVICE_TYPE_SERVICE"] = "SERVICE_TYPE_SERVICE"


class DelegatedService(OfferedService):
    """A Service that its Peer offers on behalf of the Delegator."""

    type: Literal["SERVICE_TYPE_DELEGATED_SERVICE"] = "SERVICE_TYPE_DELEGATED_SERVICE"
    delegator: NamedPeer


class PublishedService(OfferedService):
    """A Service as it is listed in a Directory."""

    protocol: Protocol


class Grant(WireModel):
    """What every Grant has. `properties` is unsanitised and empty when the grant has none."""

    kind: ClassVar[GrantKind]

    service: OfferedService
    properties: JsonObject = Field(default_factory=dict)

    @property
    def has_properties(self) -> bool:
        """Whether the grant carries a `properties` object, empty or not."""
        return "properties" in self.model_fields_set

    @property
    def service_peer_id(self) -> PeerId:
        """The Peer that offers the Service."""
        return self.service.peer_id

    @property
    def service_name(self) -> ServiceName:
        """The name of the Service, unique within its Peer."""
        return self.service.name

    @property
    def delegator_peer_id(self) -> PeerId | None:
        """The Peer on whose behalf is published or connected."""
        return None

    @abstractmethod
    def peer_ids(self) -> frozenset[PeerId]:
        """Every Peer that the grant names."""

    def required_accepts(self) -> frozenset[PeerId]:
        """The Peers whose accept signature makes the grant valid: in all four kinds, everyone it names.

        Standard: FSC Core, Contract Validation, Signature requirements of each grant.
        """
        return self.peer_ids()


class OnBehalf(Grant):
    """A Grant that is given on behalf of the Delegator. Comes last among bases: the `service` of the first counts."""

    delegator: NamedPeer

    @property
    def delegator_peer_id(self) -> PeerId:
        """The Peer on whose behalf is published or connected."""
        return self.delegator.peer_id


class PublicationGrant(Grant):
    """A Service may be listed in a Directory."""

    directory: NamedPeer
    service: PublishedService

    @property
    def directory_peer_id(self) -> PeerId:
        """The Peer that keeps the Directory."""
        return self.directory.peer_id

    def peer_ids(self) -> frozenset[PeerId]:
        """Directory, Service, and the Delegator if there is one."""
        return _present(self.directory_peer_id, self.service_peer_id, self.delegator_peer_id)


class ServicePublicationGrant(PublicationGrant):
    """A Peer lists its own Service."""

    kind = GrantKind.SERVICE_PUBLICATION

    type: Literal["GRANT_TYPE_SERVICE_PUBLICATION"] = "GRANT_TYPE_SERVICE_PUBLICATION"


class DelegatedServicePublicationGrant(PublicationGrant, OnBehalf):
    """A Peer lists a Service on behalf of the Delegator."""

    kind = GrantKind.DELEGATED_SERVICE_PUBLICATION

    type: Literal["GRANT_TYPE_DELEGATED_SERVICE_PUBLICATION"] = "GRANT_TYPE_DELEGATED_SERVICE_PUBLICATION"


class ConnectionGrant(Grant):
    """An Outway may connect to a Service."""

    outway: Outway
    service: Service | DelegatedService = Field(discriminator="type")

    @property
    def outway_peer_id(self) -> PeerId:
        """The Peer that connects."""
        return self.outway.peer_id

    @property
    def outway_identification(self) -> OutwayIdentification:
        """How the Outway is recognised."""
        return self.outway.identification

    @property
    def service_delegator_peer_id(self) -> PeerId | None:
        """The Peer on whose behalf the Service is offered."""
        return self.service.delegator.peer_id if isinstance(self.service, DelegatedService) else None

    def peer_ids(self) -> frozenset[PeerId]:
        """Outway, Service, and the Delegator of either if there is one."""
        return _present(
            self.outway_peer_id, self.service_peer_id, self.service_delegator_peer_id, self.delegator_peer_id
        )


class ServiceConnectionGrant(ConnectionGrant):
    """A Peer connects for itself."""

    kind = GrantKind.SERVICE_CONNECTION

    type: Literal["GRANT_TYPE_SERVICE_CONNECTION"] = "GRANT_TYPE_SERVICE_CONNECTION"


class DelegatedServiceConnectionGrant(ConnectionGrant, OnBehalf):
    """A Peer connects on behalf of the Delegator."""

    kind = GrantKind.DELEGATED_SERVICE_CONNECTION

    type: Literal["GRANT_TYPE_DELEGATED_SERVICE_CONNECTION"] = "GRANT_TYPE_DELEGATED_SERVICE_CONNECTION"


AnyGrant: TypeAlias = (
    ServicePublicationGrant
    | ServiceConnectionGrant
    | DelegatedServiceConnectionGrant
    | DelegatedServicePublicationGrant
)
"""The four kinds as a closed set, told apart by `type`."""


def _present(*peer_ids: PeerId | None) -> frozenset[PeerId]:
    return frozenset(peer_id for peer_id in peer_ids if peer_id is not None)
