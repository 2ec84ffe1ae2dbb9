"""Reading what another Peer answers to GET /contracts when we ask for Contracts that we hold. Pure.

A signature names the content that it is over, and only a signature over a Contract that we asked for is looked at: so
the contents in the answer are not needed, and a Peer cannot make us take a Contract by answering another one.
Everything here is what a Peer says: `verify` comes after.

Standard: FSC Core, Contracts; `contracts` of manager.yaml.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from certs.identity import PeerId
from gateway.errors import FscError, InvalidRequest
from gateway.fsc.jcs import parse_json
from gateway.fsc.names import ContentHash
from gateway.fsc.signature import SignatureType, UnverifiedSignature, parse_signature
from gateway.state.contracts import ContractRecord, DeliveryAction

MAX_CONTRACTS = 1000
MAX_SIGNATURES = 1000
"""Of one Contract and one kind."""


class UnusableAnswer(Exception):
    """An answer that is not a list of Contracts."""


@dataclass(frozen=True, slots=True)
class ShownSignature:
    """A signature under a Contract that we hold, as the answer shows it; nothing in it has been verified."""

    contract: ContentHash
    kind: SignatureType
    peer_id: PeerId
    unverified: UnverifiedSignature


@dataclass(frozen=True, slots=True)
class PulledPage:
    """One page of an answer: what it shows of the Contracts that were asked for. `contracts` counts all it lists."""

    signatures: tuple[ShownSignature, ...]
    contracts: int
    next_cursor: str


def parse_page(body: bytes, asked: Iterable[ContractRecord]) -> PulledPage:
    """Read a page. What is not a signature of a party under one of the Contracts `asked` is passed over.

    Raises: UnusableAnswer.
    """
    by_hash = {content_hash: record for record in asked for content_hash in record.all_content_hashes}
    try:
        page = parse_json(body)
        listed, pagination = page["contracts"] or [], page.get("pagination") or {}
        if not isinstance(listed, list) or not isinstance(pagination, dict):
            raise UnusableAnswer("the answer to /contracts is not a list of contracts")
    except (InvalidRequest, KeyError) as error:
        raise UnusableAnswer("the answer to /contracts is not readable") from error
    shown = [signature for contract in listed[:MAX_CONTRACTS] for signature in _signatures(contract, by_hash)]
    cursor = pagination.get("next_cursor")
    return PulledPage(tuple(shown), len(listed), cursor if isinstance(cursor, str) else "")


def next_cursor(page: PulledPage, followed: Sequence[str]) -> str:
    """The cursor to follow, "" when nothing can come: some Managers give one on the last page, or the same again."""
    return "" if page.contracts == 0 or page.next_cursor in followed else page.next_cursor


def news(shown: Iterable[ShownSignature], asked: Mapping[ContentHash, ContractRecord]) -> Iterator[ShownSignature]:
    """The signatures that would change what we hold, were they genuine."""
    for one in shown:
        record = asked[one.contract]
        text, signed_at = one.unverified.text, one.unverified.payload.signed_at
        if record.with_newer_signature(one.kind, one.peer_id, text, signed_at) is not record:
            yield one


def unknown_to(shown: Sequence[ShownSignature], record: ContractRecord, us: PeerId) -> list[DeliveryAction]:
    """What must be brought (again) to a Peer that shows this of `record`, so that it holds every signature of ours.

    It may have been restored from a backup. A Contract that it does not show at all is submitted.
    """
    of_contract = [one for one in shown if one.contract == record.content_hash]
    ours = {(one.kind, one.unverified.text) for one in of_contract if one.peer_id == us}
    newest = {one.kind: one.unverified.payload.signed_at for one in of_contract if one.peer_id == us}
    actions = []
    for kind, by_peer in record.signatures.items():
        held = by_peer.get(us)
        if held is None or (kind, held) in ours:
            continue
        if kind in newest and newest[kind] >= parse_signature(held).payload.signed_at:
            continue  # it has a newer one: we are behind, not it
        submit = kind is SignatureType.ACCEPT and not of_contract
        actions.append(DeliveryAction.SUBMIT if submit else DeliveryAction(kind.value))
    return actions


def _signatures(contract: object, by_hash: Mapping[ContentHash, ContractRecord]) -> Iterator[ShownSignature]:
    signatures = contract.get("signatures") if isinstance(contract, dict) else None
    if not isinstance(signatures, dict):
        return
    for kind in SignatureType:
        by_peer = signatures.get(kind.value)
        for peer_id, text in islice(by_peer.items(), MAX_SIGNATURES) if isinstance(by_peer, dict) else ():
            if not isinstance(text, str):
                continue
            try:
                unverified = parse_signature(text)
            except FscError:
                continue
            record = by_hash.get(ContentHash(unverified.payload.contract_content_hash))
            if record is not None and unverified.payload.type is kind and peer_id in record.content.peer_ids():
                yield ShownSignature(record.content_hash, kind, PeerId(peer_id), unverified)
