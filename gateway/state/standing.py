"""Where a Contract stands, told to a person: why it is not valid, and who could change that. Pure."""

from datetime import UTC, datetime

from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.state.contracts import ContractRecord

_MAX_NAMED = 5
_MAX_REASON = 200


def standing(record: ContractRecord, *, now: int) -> str:
    """What the Contract is at `now` and why, to be read after "the contract".

    Units: `now` is whole Unix seconds.
    """
    match record.state(now):
        case ContractState.VALID:
            return f"is valid until {instant_text(record.content.not_after)}"
        case ContractState.EXPIRED:
            return f"expired at {instant_text(record.content.not_after)}"
        case ContractState.REJECTED:
            return f"was rejected by {_named(record.signers(SignatureType.REJECT))}"
        case ContractState.REVOKED:
            return f"was revoked by {_named(record.signers(SignatureType.REVOKE))}"
        case ContractState.PROPOSED:
            return _what_it_waits_for(record)


def undelivered(record: ContractRecord) -> str:
    """What we have not been able to bring to another Peer, with the last reason; empty when there is nothing."""
    failed = [one for one in record.deliveries if one.attempts]
    told = [f"our {one.action} has not reached {one.peer_id}: {one.last_error[:_MAX_REASON]}" for one in failed]
    return "; ".join(told[:_MAX_NAMED])


def instant_text(at: int) -> str:
    """A Unix instant as a person reads it, in UTC; the bare number beyond what a calendar holds."""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return str(at)


def _what_it_waits_for(record: ContractRecord) -> str:
    missing = record.content.required_accepts() - record.signers(SignatureType.ACCEPT)
    if not missing:
        return f"is valid only from {instant_text(record.content.not_before)}"
    waits = f"waits for the accept of {_named(missing)}"
    reason = undelivered(record)
    return f"{waits} ({reason})" if reason else waits


def _named(peer_ids: frozenset[str]) -> str:
    shown = sorted(peer_ids)
    more = f" and {len(shown) - _MAX_NAMED} more" if len(shown) > _MAX_NAMED else ""
    return ", ".join(shown[:_MAX_NAMED]) + more
