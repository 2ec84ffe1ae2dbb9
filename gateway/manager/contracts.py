"""Receiving and making Contracts: the checks in order, then one put of content, signature and owed deliveries.

Theory of operation. Whatever call brings a signature (POST of a Contract, PUT accept, reject or revoke), the same
procedure runs: parse, rules, hashes, signature, store. A receiver that missed the POST makes the Contract from the PUT
(FSC.md 3). Nothing leaves this Peer before the put: the delivery worker sends what the document says is owed.
"""

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from certs.identity import PeerId, PeerName
from gateway.errors import InvalidContract, TooManyProposals
from gateway.fsc.build import build_content
from gateway.fsc.contract import ParsedContract, parse_contract_content
from gateway.fsc.grants import Grant
from gateway.fsc.hashes import ContractHashes, check_path_hash, compute_all, signed_under
from gateway.fsc.names import ContentHash, ManagerAddress
from gateway.fsc.rules import RuleContext, check_contract
from gateway.fsc.signature import (
    SignatureType,
    UnverifiedSignature,
    check_payload,
    parse_signature,
    verify_signature,
)
from gateway.fsc.state import ContractState
from gateway.fsc.uuid7 import RANDOM_BYTES, make_uuid7
from gateway.manager.acceptance import Decision, decide
from gateway.manager.keys import signing_certificate
from gateway.manager.versions import differences_told, profile_for
from gateway.state.changes import Change, Topic
from gateway.state.contract_store import IvInUse
from gateway.state.contracts import ContractRecord, DeliveryAction
from gateway.state.local_peer import LocalPeer
from gateway.state.proposal_index import size_of_content
from gateway.state.tenant import NoValidCertificate
from storage.errors import Conflict

_log = logging.getLogger(__name__)

ACTIONS = {
    SignatureType.ACCEPT: DeliveryAction.ACCEPT,
    SignatureType.REJECT: DeliveryAction.REJECT,
    SignatureType.REVOKE: DeliveryAction.REVOKE,
}


_OVER = frozenset({ContractState.REJECTED, ContractState.REVOKED, ContractState.EXPIRED})


MAX_PROPOSALS = 1_000
"""Contracts of one Peer that wait for others at a time: they are kept in memory, and people have to look at them."""
MAX_PROPOSED_BYTES = 64 * 2**20


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

    What we hold already is confirmed again, whatever became of it meanwhile: a sender that did not hear our answer is
    told the same. A Contract that we hold passed the rules when it came, so the clock does not refuse it any more;
    another signature under it is verified as any other.

    Standard: FSC Core, Contract validation and Signatures; order of FSC.md 3. Raises: any Manager error of the table.
    Durability: on return the signature (and ours, and what we owe for it) survives a power cut.
    """
    parsed = parse_contract_content(content)
    now = peer.clock.now()
    async with differences_told(peer, caller.peer_id, parsed):
        hashes, held = await _judged(peer, caller.peer_id, parsed)
        if url_hash is not None:
            check_path_hash(hashes, url_hash)
        if held is not None and held.signatures.get(kind, {}).get(caller.peer_id) == jws:
            await peer.peers.remember(caller.peer_id, caller.name, caller.address, now=now)
            return
        unverified = parse_signature(jws)
        matched, signature = await verified(peer, caller.peer_id, caller.address, hashes, unverified, kind)
    # Whoever rejects or revokes need not want another contract of that generation.
    profile = matched.profile if kind is SignatureType.ACCEPT else None
    await peer.peers.remember(caller.peer_id, caller.name, caller.address, now=now, hash_profile=profile)
    await _store(peer, ContractRecord(parsed, signed_under(hashes, matched.profile)), held, signature)
    await consider(peer, matched.content_hash)


async def consider(peer: LocalPeer, content_hash: ContentHash) -> Decision:
    """Let the accept rules decide on a Contract that waits for our signature; sign when they say so and we can.

    What a rule has to ask of a policy decision point is put down for the `pdp` worker: nobody waits for it here.
    """
    record = await peer.contracts.get(content_hash)
    if record is None:
        return Decision.none("no such contract")
    decision = decide(record, peer.tenant, now=peer.clock.now(), answer_to=peer.policy.to)
    if decision.question is not None and peer.is_looked_after:
        peer.policy.ask(decision.question)
    elif decision.question is not None:
        peer.tell(Change(Topic.UNDECIDED, content_hash))
    if decision.kind is not None:
        _tell(peer, content_hash, decision)
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


async def _answered(peer: LocalPeer, fresh: ContractRecord) -> ContractRecord:
    """A Contract that is not stored yet, with our signature when a rule decides it now: one write then stores both."""
    now = peer.clock.now()
    decision = decide(fresh, peer.tenant, now=now, answer_to=peer.policy.to)
    if decision.kind is None:
        return fresh
    try:
        jws = await peer.sign(fresh.parsed, fresh.hashes[0], decision.kind)
    except NoValidCertificate:  # `consider` tells
        return fresh
    _tell(peer, fresh.content_hash, decision)
    action = ACTIONS[decision.kind]
    return replace(fresh.signed_by_us(decision.kind, peer.peer_id, jws, action=action, now=now), remark=decision.reason)


def _tell(peer: LocalPeer, content_hash: ContentHash, decision: Decision) -> None:
    said = {"peer_id": peer.peer_id, "contract": content_hash, "decision": decision.kind, "rule": decision.reason}
    _log.info("contract_decided", extra=said)


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
    peer: LocalPeer,
    grants: tuple[Grant, ...],
    *,
    not_before: int,
    not_after: int,
    created_at: int,
    remark: str,
    made_for: str = "",
) -> ContractRecord:
    """Make a Contract, accept it ourselves and owe it to every other Peer in it. `made_for`: the declaration's label.

    Raises: InvalidContract and the other Manager errors when the content breaks a rule; NoValidCertificate.
    """
    group = peer.tenant.group
    now = peer.clock.now()
    profile = await profile_for(peer, grants)
    content = build_content(
        iv=make_uuid7(peer.clock.now_ms(), os.urandom(RANDOM_BYTES)),
        group_id=group.id,
        not_before=not_before,
        not_after=not_after,
        grants=grants,
        created_at=created_at,
        profile=profile,
    )
    parsed = parse_contract_content(content)
    check_contract(parsed, _rules(peer, peer.peer_id))
    hashes = signed_under(compute_all(parsed, group.hash_profiles), profile)
    jws = await peer.sign(parsed, hashes[0], SignatureType.ACCEPT)
    record = ContractRecord(parsed, hashes, remark=remark, made_for=made_for).signed_by_us(
        SignatureType.ACCEPT, peer.peer_id, jws, action=DeliveryAction.SUBMIT, now=now
    )
    await peer.contracts.create(record)
    return record


async def verified(
    peer: LocalPeer,
    signer: PeerId,
    address: ManagerAddress | None,
    hashes: Sequence[ContractHashes],
    unverified: UnverifiedSignature,
    kind: SignatureType,
) -> tuple[ContractHashes, VerifiedSignature]:
    """Verify the signature of `signer` under a Contract with these hashes; tell under which profile it was made.

    `address` is where the Manager of the signer says it is, None when it is to be found. That the signer is a party is
    for the caller to check. Raises: the errors of FSC.md 3 about signatures.
    """
    certificate = await signing_certificate(peer, signer, unverified.thumbprint, address)
    payload = verify_signature(unverified, certificate)
    matched = check_payload(payload, hashes, kind)
    return matched, VerifiedSignature(signer, kind, unverified.text, payload.signed_at)


def merged(record: ContractRecord, signatures: Iterable[VerifiedSignature]) -> ContractRecord:
    """The record with each signature that is newer than what it holds of that Peer."""
    for one in signatures:
        record = record.with_newer_signature(one.kind, one.peer_id, one.jws, one.signed_at)
    return record


def _rules(peer: LocalPeer, caller: PeerId) -> RuleContext:
    group = peer.tenant.group
    return RuleContext(
        group_id=group.id,
        self_peer_id=peer.peer_id,
        caller_peer_id=caller,
        now=peer.clock.now(),
        profiles=group.hash_profiles,
    )


async def _judged(
    peer: LocalPeer, caller: PeerId, parsed: ParsedContract
) -> tuple[tuple[ContractHashes, ...], ContractRecord | None]:
    """The hashes of a Contract that breaks no rule, or that we hold already, and what we hold."""
    fault: InvalidContract | None = None
    try:
        check_contract(parsed, _rules(peer, caller))
    except InvalidContract as error:
        fault = error
    hashes = compute_all(parsed, peer.tenant.group.hash_profiles)
    held = await peer.contracts.get_any([one.content_hash for one in hashes])
    if fault is not None and held is None:
        raise fault
    return hashes, held


def _check_room(peer: LocalPeer, proposed: ContractRecord, proposer: PeerId) -> None:
    """Decide whether a new Contract may wait for others beside what its proposer has proposed already.

    Raises: TooManyProposals.
    """
    if proposed.state(peer.clock.now()) is not ContractState.PROPOSED or not proposed.awaited():
        return
    known = peer.contracts.view.proposals.of(proposer)
    if known.number >= MAX_PROPOSALS or known.size_bytes + size_of_content(proposed) > MAX_PROPOSED_BYTES:
        raise TooManyProposals(
            f"peer {proposer} has {known.number} contracts ({known.size_bytes} bytes) here that others have not "
            f"accepted; at most {MAX_PROPOSALS} ({MAX_PROPOSED_BYTES} bytes) are kept: revoke some, or try again when "
            "some of them have been decided on"
        )


async def _store(
    peer: LocalPeer, fresh: ContractRecord, held: ContractRecord | None, signature: VerifiedSignature
) -> None:
    """Add the signature to the Contract we have, or make it; whoever else does the same at this moment."""
    if held is None:
        try:
            proposed = await _answered(peer, merged(fresh, [signature]))
            _check_room(peer, proposed, signature.peer_id)
            await peer.contracts.create(proposed)
        except (Conflict, IvInUse):
            pass  # somebody else made it just now, perhaps under another profile; or its iv is not its own
        else:
            return
    try:
        await peer.contracts.update(fresh.content_hash, lambda current: merged(current, [signature]))
    except KeyError as error:
        raise InvalidContract("/contract_content/iv: another contract has this iv already: make a new one") from error
