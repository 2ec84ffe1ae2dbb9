"""Which living Contracts may concern a declaration: those made for one, and those about the same Service."""

from collections.abc import Iterable
from typing import TypeAlias

from certs.identity import PeerId
from gateway.fsc.grants import Grant, GrantKind
from gateway.fsc.names import ContentHash
from gateway.state.contracts import ContractRecord

Subject: TypeAlias = tuple[GrantKind, PeerId, str]
"""The kind of a Grant, whose Service it is about, and its name."""


class SubjectIndex:
    """Living Contracts by what their Grants are about, and those that carry the label of a declaration."""

    def __init__(self) -> None:
        self._by_subject: dict[Subject, dict[ContentHash, None]] = {}
        self._made: dict[ContentHash, None] = {}

    def add(self, record: ContractRecord) -> None:
        """Know a Contract that is not known yet."""
        for subject in _subjects(record):
            self._by_subject.setdefault(subject, {})[record.content_hash] = None
        if record.made_for:
            self._made[record.content_hash] = None

    def remove(self, record: ContractRecord) -> None:
        """Forget what `add` was told of this Contract."""
        self._made.pop(record.content_hash, None)
        for subject in _subjects(record):
            about = self._by_subject[subject]
            del about[record.content_hash]
            if not about:
                del self._by_subject[subject]

    def concerning(self, grants: Iterable[Grant]) -> list[ContentHash]:
        """Those made for a declaration, whichever, and those with a Grant about the same as one of these."""
        found = dict(self._made)
        for subject in frozenset(map(subject_of, grants)):
            found |= self._by_subject.get(subject, {})
        return list(found)


def subject_of(grant: Grant) -> Subject:
    """What a Grant is about, roughly: enough to leave most Contracts aside."""
    return grant.kind, grant.service_peer_id, grant.service_name


def _subjects(record: ContractRecord) -> frozenset[Subject]:
    return frozenset(map(subject_of, record.content.grants))
