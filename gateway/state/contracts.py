"""A Contract as this Peer holds it: one document with content, signatures, hashes and the deliveries still owed.

Theory of operation. Content is kept as received and never re-written. Every signature in a record was verified before
it came in. Whatever we sign, we owe to every other Peer of the Contract; the debt is written in the same document and
the same put as the signature, so that neither can exist without the other, whatever is killed when (DESIGN section 7).
The state is derived from these facts at a given instant and never stored.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from certs.identity import PeerId
from gateway.fsc.contract import ContractContent, ParsedContract, parse_contract_content
from gateway.fsc.grants import Grant
from gateway.fsc.hashes import ContractHashes
from gateway.fsc.names import ContentHash, GrantHash
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignatureType, parse_signature
from gateway.fsc.state import ContractState, contract_state
from storage.documents import JsonObject

_NONE: Mapping[PeerId, str] = MappingProxyType({})


class DeliveryAction(StrEnum):
    """Which call of the Manager API brings a signature to another Peer."""

    SUBMIT = "submit"
    ACCEPT = "accept"
    REJECT = "reject"
    REVOKE = "revoke"


DELIVERS: Mapping[DeliveryAction, SignatureType] = {
    DeliveryAction.SUBMIT: SignatureType.ACCEPT,
    DeliveryAction.ACCEPT: SignatureType.ACCEPT,
    DeliveryAction.REJECT: SignatureType.REJECT,
    DeliveryAction.REVOKE: SignatureType.REVOKE,
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """A signature of ours that `peer_id` has not confirmed yet. `next_at` is when to try (again)."""

    peer_id: PeerId
    action: DeliveryAction
    next_at: int
    attempts: int = 0
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class ContractRecord:
    """What we know of one Contract. `hashes[0]` is the profile it is signed under; the others are aliases.

    `made_for` is the label of the declared connection or publication that it serves, "" for any other. `withdrawn`
    tells that we ended it ourselves because the declaration changed: then its end says nothing about a new one.
    """

    parsed: ParsedContract
    hashes: tuple[ContractHashes, ...]
    signatures: Mapping[SignatureType, Mapping[PeerId, str]] = field(default_factory=dict)
    deliveries: tuple[Delivery, ...] = ()
    remark: str = ""
    made_for: str = ""
    withdrawn: bool = False

    @property
    def content(self) -> ContractContent:
        """The content, typed."""
        return self.parsed.content

    @property
    def content_hash(self) -> ContentHash:
        """The hash that its signatures name."""
        return self.hashes[0].content_hash

    @property
    def grant_hashes(self) -> tuple[GrantHash, ...]:
        """In the order of the Grants, under the profile the Contract is signed under."""
        return self.hashes[0].grant_hashes

    @property
    def all_grant_hashes(self) -> tuple[GrantHash, ...]:
        """Under every profile the Group allows."""
        return tuple(dict.fromkeys(one for hashes in self.hashes for one in hashes.grant_hashes))

    @property
    def all_content_hashes(self) -> tuple[ContentHash, ...]:
        """Under every profile the Group allows."""
        return tuple(dict.fromkeys(hashes.content_hash for hashes in self.hashes))

    def grant(self, grant_hash: str) -> Grant | None:
        """The Grant that any allowed profile gives this hash."""
        for hashes in self.hashes:
            for known, grant in zip(hashes.grant_hashes, self.content.grants, strict=True):
                if known == grant_hash:
                    return grant
        return None

    def signers(self, kind: SignatureType) -> frozenset[PeerId]:
        """The Peers whose signature of this kind we hold."""
        return frozenset(self._signed(kind))

    def state(self, now: int) -> ContractState:
        """What the Contract is at `now` (FSC Core, Contract states)."""
        return contract_state(
            self.content,
            accepted=self._signed(SignatureType.ACCEPT).keys(),
            rejected=self._signed(SignatureType.REJECT).keys(),
            revoked=self._signed(SignatureType.REVOKE).keys(),
            now=now,
        )

    def with_signature(self, kind: SignatureType, peer_id: PeerId, jws: str) -> "ContractRecord":
        """The same record with this (verified) signature in it."""
        of_kind = {**self.signatures.get(kind, {}), peer_id: jws}
        return replace(self, signatures={**self.signatures, kind: of_kind})

    def with_newer_signature(self, kind: SignatureType, peer_id: PeerId, jws: str, signed_at: int) -> "ContractRecord":
        """The same record, with this signature unless we hold a newer one of that Peer.

        Of two that were made in the same second the text decides: whatever the order in which they came, everybody who
        saw both keeps the same one.
        """
        held = self.signatures.get(kind, {}).get(peer_id)
        if held is not None and (signed_at, jws) <= (parse_signature(held).payload.signed_at, held):
            return self
        return self.with_signature(kind, peer_id, jws)

    def signed_by_us(
        self, kind: SignatureType, us: PeerId, jws: str, *, action: DeliveryAction, now: int
    ) -> "ContractRecord":
        """The record with our own signature, owed from `now` on to every other Peer of the Contract.

        What is owed already and brings a signature of this kind will bring this one: it is not owed twice.
        """
        signed = self.with_signature(kind, us, jws)
        return signed.owed_to(self.content.peer_ids() - {us}, action, now=now)

    def owed_to(self, peer_ids: Iterable[PeerId], action: DeliveryAction, *, now: int) -> "ContractRecord":
        """The record with our signature owed to these Peers from `now` on, to none of them twice."""
        kind = DELIVERS[action]
        bringing = {one.peer_id for one in self.deliveries if DELIVERS[one.action] is kind}
        owed = tuple(Delivery(peer_id, action, now) for peer_id in sorted(set(peer_ids) - bringing))
        return replace(self, deliveries=(*self.deliveries, *owed))

    def signed_again(self, us: PeerId, before: str, jws: str, *, now: int) -> "ContractRecord":
        """The record with our accept `jws` in the place of `before`, owed to every other Peer; unless that is gone."""
        if self.signatures.get(SignatureType.ACCEPT, {}).get(us) != before:
            return self
        return self.signed_by_us(SignatureType.ACCEPT, us, jws, action=DeliveryAction.ACCEPT, now=now)

    def hastened(self, peer_id: PeerId | None, *, now: int) -> "ContractRecord":
        """The record with what is owed to this Peer (None: to anybody) due at `now`, unless it is due already."""
        sooner = (
            replace(one, next_at=now) if one.next_at > now and peer_id in (None, one.peer_id) else one
            for one in self.deliveries
        )
        return replace(self, deliveries=tuple(sooner))

    def awaited(self) -> frozenset[PeerId]:
        """Whose accept is still missing."""
        return self.content.required_accepts() - self.signers(SignatureType.ACCEPT)

    def may_be_unknown_to(self, peer_id: PeerId) -> bool:
        """Whether that Peer has not confirmed yet that it received this Contract from us."""
        return any(one.peer_id == peer_id and one.action is DeliveryAction.SUBMIT for one in self.deliveries)

    def _signed(self, kind: SignatureType) -> Mapping[PeerId, str]:
        return self.signatures.get(kind, _NONE)

    def to_body(self) -> JsonObject:
        """The stored form; the members beside `content` repeat what a query searches by."""
        content = self.content
        return {
            "content": self.parsed.raw,
            "hashes": [
                {"profile": one.profile, "content_hash": one.content_hash, "grant_hashes": list(one.grant_hashes)}
                for one in self.hashes
            ],
            "signatures": {kind: dict(by_peer) for kind, by_peer in self.signatures.items()},
            "deliveries": [_delivery_body(one) for one in self.deliveries],
            "remark": self.remark,
            "made_for": self.made_for,
            "withdrawn": self.withdrawn,
            "content_hashes": list(self.all_content_hashes),
            "grant_hashes": list(self.all_grant_hashes),
            "grant_types": sorted({grant.kind.type_name for grant in content.grants}),
            "peer_ids": sorted(content.peer_ids()),
            "created_at": content.created_at,
            "not_after": content.not_after,
            "owed_at": min((one.next_at for one in self.deliveries), default=None),
        }

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> "ContractRecord":
        """The record that `to_body` wrote."""
        return cls(
            parsed=parse_contract_content(body["content"]),
            hashes=tuple(
                ContractHashes(
                    HashProfile(one["profile"]),
                    ContentHash(one["content_hash"]),
                    tuple(GrantHash(grant_hash) for grant_hash in one["grant_hashes"]),
                )
                for one in body["hashes"]
            ),
            signatures={
                SignatureType(kind): {PeerId(peer_id): jws for peer_id, jws in by_peer.items()}
                for kind, by_peer in body["signatures"].items()
            },
            deliveries=tuple(
                Delivery(
                    PeerId(one["peer_id"]),
                    DeliveryAction(one["action"]),
                    one["next_at"],
                    one["attempts"],
                    one["last_error"],
                )
                for one in body["deliveries"]
            ),
            remark=body["remark"],
            made_for=body.get("made_for", ""),
            withdrawn=body.get("withdrawn", False),
        )


def _delivery_body(delivery: Delivery) -> JsonObject:
    return {
        "peer_id": delivery.peer_id,
        "action": delivery.action,
        "next_at": delivery.next_at,
        "attempts": delivery.attempts,
        "last_error": delivery.last_error,
    }
