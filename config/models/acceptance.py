"""Accept rules, and the policy decision point that a rule may ask. DESIGN section 3."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, SecretStr, StringConstraints, model_validator

from certs.identity import PeerId
from config.models.fields import (
    Days,
    OptionalToken,
    PeerIdOrAny,
    Properties,
    Seconds,
    ServiceName,
    ServiceUrl,
)
from config.models.section import Section
from config.names import is_listed

GrantName: TypeAlias = Literal[
    "service_connection", "delegated_service_connection", "service_publication", "delegated_service_publication"
]
IdentificationName: TypeAlias = Literal["public_key_thumbprint", "domain_name"]
Reason: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class PdpSettings(Section):
    """A policy decision point that decides along with the rule. Standard: AuthZEN Authorization API 1.0, evaluation."""

    url: ServiceUrl = Field(description="The whole URL to post to, for example `https://pdp.example.test/evaluation`.")
    timeout_seconds: Seconds = Field(default=5, description="For one whole answer, in seconds.")
    token: OptionalToken = Field(
        default=SecretStr(""),
        json_schema_extra={"default": ""},
        description="Sent as `Authorization: Bearer <token>`; empty: no such header.",
    )


class AcceptRule(Section):
    """A rule for contracts that Peers offer; the first that matches decides. Every key that is given must hold."""

    grants: tuple[GrantName, ...] = Field(
        min_length=1, description="Types of grant; a contract with any other type does not match."
    )
    services: tuple[ServiceName, ...] | None = Field(
        default=None, min_length=1, description="Names of Services; absent: any."
    )
    peers: tuple[PeerIdOrAny, ...] = Field(
        min_length=1, description='Peer IDs in quotes: every other party must be among them; `"*"` is every Peer.'
    )
    delegators: tuple[PeerIdOrAny, ...] | None = Field(
        default=None,
        description="Peer IDs in quotes: every Delegator, of a connection, a publication or a Service, must be among "
        'them, the tenant itself included; `"*"` is every Peer, `[]` allows no delegation; absent: not looked at.',
    )
    identification: tuple[IdentificationName, ...] | None = Field(
        default=None,
        min_length=1,
        description="How every Outway in the contract is identified; absent: not looked at. (An Outway identified by "
        "domain name is never accepted by a rule, but may be rejected by one.)",
    )
    properties: Properties = Field(
        default={}, description="Properties that every grant must have, with exactly these values."
    )
    other_properties: bool = Field(
        default=True, description="Whether a grant may have properties beside those in `properties`."
    )
    max_days: Days | None = Field(
        default=None, description="Longest validity of the contract, in days; absent: no limit."
    )
    pdp: PdpSettings | None = Field(
        default=None,
        description="A policy decision point, asked when everything else matches. Its yes makes the rule match, its no "
        "makes it not match; without an answer nothing is decided and it is asked again.",
    )
    action: Literal["accept", "reject"] = Field(default="accept", description="What to do with the contract.")
    reason: Reason | None = Field(
        default=None, description="Why, for people: kept with our signature and shown with the contract."
    )

    @model_validator(mode="before")
    @classmethod
    def _settle_empty(cls, data: Any) -> Any:
        """Refuse a key without a value: taken as absent it would widen the rule to any Service or any validity."""
        empty = [key for key in cls.model_fields if key in data and data[key] is None] if isinstance(data, dict) else []
        if empty:
            raise ValueError(f"has no value for {', '.join(empty)}: write one, or leave the key out")
        return data

    def names_peer(self, peer_id: PeerId) -> bool:
        """Decide whether `peers` allows `peer_id` as a party."""
        return is_listed(peer_id, self.peers)

    def names_delegator(self, peer_id: PeerId) -> bool:
        """Decide whether `delegators` allows `peer_id` as a Delegator."""
        return self.delegators is None or is_listed(peer_id, self.delegators)
