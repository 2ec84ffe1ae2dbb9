"""Receiving and making Contracts: the checks in order, then one put of content, signature and owed deliveries.

Theory of operation. Whatever call brings a signature (POST of a Contract, PUT accept, reject or revoke), the same
procedure runs: parse, rules, hashes, signature, store. A receiver that missed the POST makes the Contract from the PUT
(FSC.md 3). Nothing leaves this Peer before the put: the delivery worker sends what the document says is owed.
"""

import logging
import os
from dataclasses import dataclass, replace

from certs.identity import PeerId, PeerName
from gateway.errors import InvalidContract
from gateway.fsc.build import build_content
from gateway.fsc.contract import ParsedContract, parse_contract_content
from gateway.fsc.grants import Grant
from gateway.fsc.hashes import ContractHashes, check_path_hash, compute_all
from gateway.fsc.names import ContentHash, ManagerAddress
from gateway.fsc.rules import RuleContext, check_contract
from gateway.fsc.signature import SignatureType, check_payload, parse_signature, verify_signature
from gateway.fsc.state import ContractState
from gateway.fsc.uuid7 import RANDOM_BYTES, make_uuid7
from gateway.manager.acceptance import Decision, decide
from gateway.manager.keys import signing_certificate
from gateway.state.contract_store import IvInUse
from gateway.state.contracts import ContractRecord, DeliveryAction
from gateway.state.local_peer import LocalPeer
from gateway.state.tenant import NoValidCertificate
from storage.errors import Conflict

_log = logging.getLogger(__name__)

ACTIONS = {
    SignatureType.ACCEPT: DeliveryAction.ACCEPT,
    SignatureType.REJECT: DeliveryAction.REJECT,
    SignatureType.REVOKE: DeliveryAction.REVOKE,
}


_OVER = frozenset({ContractState.REJECTED, ContractState.REVOKED, ContractState.EXPIRED})


class WrongState(Exception):
    """What the operator asked does not fit the state of the Contract."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The Peer at the other end of the connection, and where it says its Manager is."""

    peer_id: PeerId
    name: PeerName
    address: ManagerAddress


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """A signature whose certificate, Peer, hash and type were all checked."""

    peer_id: PeerId
    kind: SignatureType
    jws: str
    signed_at: int


async def receive(
    peer: LocalPeer, caller: Caller, content: object, jws: str, *, kind: SignatureType, url_hash: str | None
) -> None:
    """Check and store what `caller` sent; sign it too where an accept rule says so.

    Standard: FSC Core, Contract validation and Signatures; order of FSC.md 3. Raises: any Manager error of the table.
    Durability: on return the signature (and ours, and what we owe for it) survives a power cut.
    """
    parsed, hashes = _checked(peer, caller.peer_id, content)
    if url_hash is not None:
        check_path_hash(hashes, url_hash)
    matched, signature = await _verified(peer, caller, hashes, jws, kind)
    ordered = (matched, *(one for one in hashes if one is not matched))
    await peer.peers.remember(caller.peer_id, caller.name, caller.address, now=peer.clock.now())
    await _store(peer, ContractRecord(parsed, ordered), signature)
    await consider(peer, matched.content_hash)


async def consider(peer: LocalPeer, content_hash: ContentHash) -> Decision:
    """Let the accept rules decide on a Contract that waits for our signature; sign when they say so and we can."""
    record = await peer.contracts.get(content_hash)
    if record is None:
        return Decision.none("no such contract")
    decision = decide(record, peer.tenant, now=peer.clock.now())
    if decision.kind is not None:
        _log.info(
            "contract_decided",
            extra={
                "peer_id": peer.peer_id,
                "contract": content_hash,
                "decision": decision.kind,
                "rule": decision.reason,
            },
        )
        try:
            await add_our_signature(peer, content_hash, decision.kind, remark=decision.reason)
        except (WrongState, NoValidCertificate) as error:
            _log.warning("cannot_sign", extra={"peer_id": peer.peer_id, "contract": content_hash, "reason": str(error)})
            return Decision.none(str(error))
    return decision


async def add_our_signature(peer: LocalPeer, content_hash: str, kind: SignatureType, *, remark: str) -> ContractRecord:
    """Accept, reject or revoke a Contract in our name and owe it to every other Peer; twice changes nothing.

    Raises: KeyError when it is unknown; WrongState when it is over, or when it is too late or too early for `kind`.
    """
    record = await peer.contracts.get(content_hash)
    if record is None:
        raise KeyError(content_hash)
    now = peer.clock.now()
    if _stands(record, peer.peer_id, kind, now=now):
        return record
    jws = await peer.sign(record.parsed, record.hashes[0], kind)

    def sign(current: ContractRecord) -> ContractRecord:
        if _stands(current, peer.peer_id, kind, now=now):
            return current
        check_may_sign(current, peer.peer_id, kind, now=now)
        signed = current.signed_by_us(kind, peer.peer_id, jws, action=ACTIONS[kind], now=now)
        return replace(signed, remark=remark)

    return await peer.contracts.update(record.content_hash, sign)


def _stands(record: ContractRecord, us: PeerId, kind: SignatureType, *, now: int) -> bool:
    """Whether we signed so before and it still holds: an accept does not, once the contract is over."""
    return us in record.signers(kind) and not (kind is SignatureType.ACCEPT and record.state(now) in _OVER)


def check_may_sign(record: ContractRecord, us: PeerId, kind: SignatureType, *, now: int) -> None:
    """Decide whether our signature of this kind makes sense now. Raises: WrongState.

    Standard leaves the moment of reject and revoke open (FSC.md 12 #16): reject while we have not accepted, revoke
    once we have.
    """
    state = record.state(now)
    if state in _OVER:
        raise WrongState(f"the contract is {state.name.lower()}: nothing can be signed any more")
    accepted = us in record.signers(SignatureType.ACCEPT)
    if kind is SignatureType.REJECT and accepted:
        raise WrongState("we accepted this contract already: revoke it instead")
    if kind is SignatureType.REVOKE and not accepted:
        raise WrongState("we have not accepted this contract: reject it instead")


async def offer(
    peer: LocalPeer, grants: tuple[Grant, ...], *, not_before: int, not_after: int, created_at: int, remark: str
) -> ContractRecord:
    """Make a Contract, accept it ourselves and owe it to every other Peer in it.

    Raises: InvalidContract and the other Manager errors when the content breaks a rule; NoValidCertificate.
    """
    group = peer.tenant.group
    now = peer.clock.now()
    content = build_content(
        iv=make_uuid7(peer.clock.now_ms(), os.urandom(RANDOM_BYTES)),
        group_id=group.id,
        not_before=not_before,
        not_after=not_after,
        grants=grants,
        created_at=created_at,
        profile=group.hash_profiles[0],
    )
    parsed, hashes = _checked(peer, peer.peer_id, content)
    jws = await peer.sign(parsed, hashes[0], SignatureType.ACCEPT)
    record = ContractRecord(parsed, hashes, remark=remark).signed_by_us(
        SignatureType.ACCEPT, peer.peer_id, jws, action=DeliveryAction.SUBMIT, now=now
    )
    await peer.contracts.create(record)
    return record


def _checked(peer: LocalPeer, caller: PeerId, content: object) -> tuple[ParsedContract, tuple[ContractHashes, ...]]:
    group = peer.tenant.group
    parsed = parse_contract_content(content)
    context = RuleContext(
        group_id=group.id,
        self_peer_id=peer.peer_id,
        caller_peer_id=caller,
        now=peer.clock.now(),
        profiles=group.hash_profiles,
    )
    check_contract(parsed, context)
    return parsed, compute_all(parsed, group.hash_profiles)


async def _verified(
    peer: LocalPeer, caller: Caller, hashes: tuple[ContractHashes, ...], jws: str, kind: SignatureType
) -> tuple[ContractHashes, VerifiedSignature]:
    unverified = parse_signature(jws)
    signer = await signing_certificate(peer, caller.peer_id, unverified.thumbprint, caller.address)
    payload = verify_signature(unverified, signer)
    matched = check_payload(payload, hashes, kind)
    return matched, VerifiedSignature(caller.peer_id, kind, jws, payload.signed_at)


async def _store(peer: LocalPeer, fresh: ContractRecord, signature: VerifiedSignature) -> None:
    """Add the signature to the Contract we have, or make it; whoever else does the same at this moment."""

    def add(current: ContractRecord) -> ContractRecord:
        return current.with_newer_signature(signature.kind, signature.peer_id, signature.jws, signature.signed_at)

    try:
        await peer.contracts.update(fresh.content_hash, add)
    except KeyError:
        try:
            await peer.contracts.create(add(fresh))
        except Conflict:
            await peer.contracts.update(fresh.content_hash, add)
        except IvInUse as error:
            raise InvalidContract(
                "/contract_content/iv: another contract has this iv already: make a new one"
            ) from error
