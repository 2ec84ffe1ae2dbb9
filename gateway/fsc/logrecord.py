"""Transaction log records.

Standard: FSC Logging, Log record; schema `logRecord` of `logging.yaml`; FSC External contract for `additional_data`.

A record is made only from claims that have been checked: what an Inway authorized, or what an Outway inspected. It
names Peers, grant and Service; never a path, a query or a body, which may hold personal data.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from certs.identity import PeerId, parse_peer_id
from gateway.errors import InvalidRequest
from gateway.fsc.claims import Claims
from gateway.fsc.external_contract import logged_reference
from gateway.fsc.jcs import JsonObject
from gateway.fsc.members import (
    instant_member,
    object_member,
    optional_object_member,
    optional_text_member,
    text_member,
)
from gateway.fsc.names import (
    GrantHash,
    ServiceName,
    TransactionId,
    TransactionIdForm,
    parse_grant_hash,
    parse_service_name,
    parse_transaction_id,
)
from gateway.fsc.token import Authorization, InspectedClaims


class Direction(StrEnum):
    """Whether the request came in through our Inway or went out through our Outway."""

    INCOMING = "DIRECTION_INCOMING"
    OUTGOING = "DIRECTION_OUTGOING"


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One request, as one of its two sides saw it. `created_at` is Unix seconds."""

    transaction_id: TransactionId
    direction: Direction
    grant_hash: GrantHash
    outway_peer_id: PeerId
    service_peer_id: PeerId
    service_name: ServiceName
    created_at: int
    delegator_peer_id: PeerId | None = None
    service_delegator_peer_id: PeerId | None = None
    additional_data: JsonObject = field(default_factory=dict)

    def is_visible_to(self, peer_id: PeerId) -> bool:
        """Whether a Peer may read the record: only the Peers that it names."""
        return peer_id in (
            self.outway_peer_id,
            self.service_peer_id,
            self.delegator_peer_id,
            self.service_delegator_peer_id,
        )

    def to_json(self) -> JsonObject:
        """The record in the form of `GET /logs`."""
        source: JsonObject = {"type": "SOURCE_TYPE_SOURCE", "outway_peer_id": self.outway_peer_id}
        if self.delegator_peer_id is not None:
            source |= {"type": "SOURCE_TYPE_DELEGATED_SOURCE", "delegator_peer_id": self.delegator_peer_id}
        destination: JsonObject = {"type": "DESTINATION_TYPE_DESTINATION", "service_peer_id": self.service_peer_id}
        if self.service_delegator_peer_id is not None:
            destination |= {
                "type": "DESTINATION_TYPE_DELEGATED_DESTINATION",
                "delegator_peer_id": self.service_delegator_peer_id,
            }
        record: JsonObject = {
            "transaction_id": self.transaction_id,
            "direction": self.direction.value,
            "grant_hash": self.grant_hash,
            "source": source,
            "destination": destination,
            "service_name": self.service_name,
            "created_at": self.created_at,
        }
        if self.additional_data:
            record["additional_data"] = self.additional_data
        return record


def incoming_record(authorization: Authorization, transaction_id: TransactionId, *, now: int) -> LogRecord:
    """The record that an Inway writes before it sends a request on."""
    return _record(authorization, transaction_id, Direction.INCOMING, now)


def outgoing_record(claims: InspectedClaims, transaction_id: TransactionId, *, now: int) -> LogRecord:
    """The record that an Outway writes before it sends a request out."""
    return _record(claims, transaction_id, Direction.OUTGOING, now)


def parse_log_record(value: object) -> LogRecord:
    """Read a record in the form of `GET /logs`, from the store or from another Peer.

    Shape: a transaction id of any form, because another Peer logs what it was sent.
    Raises: InvalidRequest.
    """
    if not isinstance(value, dict):
        raise InvalidRequest("the log record is not a JSON object")
    try:
        source, destination = object_member(value, "source"), object_member(value, "destination")
        return LogRecord(
            transaction_id=text_member(value, "transaction_id", _parse_any_transaction_id),
            direction=text_member(value, "direction", _parse_direction),
            grant_hash=text_member(value, "grant_hash", parse_grant_hash),
            outway_peer_id=text_member(source, "outway_peer_id", parse_peer_id),
            service_peer_id=text_member(destination, "service_peer_id", parse_peer_id),
            service_name=text_member(value, "service_name", parse_service_name),
            created_at=instant_member(value, "created_at"),
            delegator_peer_id=optional_text_member(source, "delegator_peer_id", parse_peer_id),
            service_delegator_peer_id=optional_text_member(destination, "delegator_peer_id", parse_peer_id),
            additional_data=optional_object_member(value, "additional_data") or {},
        )
    except ValueError as error:
        raise InvalidRequest(f"the log record {error}") from error


def _record(claims: Claims, transaction_id: TransactionId, direction: Direction, now: int) -> LogRecord:
    return LogRecord(
        transaction_id=transaction_id,
        direction=direction,
        grant_hash=claims.grant_hash,
        outway_peer_id=claims.outway_peer_id,
        service_peer_id=claims.service_peer_id,
        service_name=claims.service_name,
        created_at=now,
        delegator_peer_id=claims.delegator_peer_id,
        service_delegator_peer_id=claims.service_delegator_peer_id,
        additional_data=logged_reference(claims.properties),
    )


def _parse_any_transaction_id(text: str) -> TransactionId:
    return parse_transaction_id(text, TransactionIdForm.ANY)


def _parse_direction(text: str) -> Direction:
    if text not in tuple(Direction):
        raise ValueError(f"must be {' or '.join(Direction)}")
    return Direction(text)
