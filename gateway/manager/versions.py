"""Which version of FSC other Peers speak: asked in the background, used for what we offer, said aloud when it differs.

Standard: FSC Core, Peer information (GET /peer); FSC.md 5.2.

Theory of operation. Two sources are kept in the PeerBook: the hash profile of the newest signature of a Peer (`receive`
learns it) and the version that its Manager tells. The Manager is asked when the Peer is new, announces itself or sends
what we cannot read, and else once a day: a few at a time, never while anybody waits for an answer of ours. When the
Group allows another profile from some moment on, Contracts that live get their hashes under it too.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from certs.identity import PeerId
from gateway.errors import ContentHashMismatch, FscError, InvalidRequest, UnknownFscVersion
from gateway.fsc.build import has_form
from gateway.fsc.contract import ParsedContract
from gateway.fsc.grants import Grant
from gateway.fsc.hashes import compute_all, explain_mismatch
from gateway.fsc.jcs import parse_json
from gateway.fsc.members import text_member
from gateway.fsc.profile import HashProfile
from gateway.fsc.versions import PeerVersion, choose_profile, parse_fsc_version, version_problem
from gateway.http.client import PeerAnswer, PeerUnreachable
from gateway.state.contracts import ContractRecord
from gateway.state.local_peer import LocalPeer
from gateway.state.locate import call_manager
from gateway.state.peers import KnownPeer
from storage.errors import StoreError

_log = logging.getLogger(__name__)

ASK_EVERY_S = 86_400
RETRY_S = 3_600
_IN_ONE_ROUND = 50
_AT_ONCE = 4


async def profile_for(peer: LocalPeer, grants: Sequence[Grant]) -> HashProfile:
    """The hash profile of a Contract with these Grants that `peer` offers: one that every other party speaks."""
    allowed = peer.tenant.group.hash_profiles
    usable = [profile for profile in allowed if all(has_form(grant, profile) for grant in grants)] or allowed
    parties = frozenset[PeerId]().union(*(grant.peer_ids() for grant in grants)) - {peer.peer_id}
    known = await peer.peers.get_many(parties)
    return choose_profile(usable, [one.version for one in known.values()])


@asynccontextmanager
async def differences_told(peer: LocalPeer, other: PeerId, parsed: ParsedContract) -> AsyncIterator[None]:
    """Within, a Contract of `other` is judged: a refusal for its version is said aloud, and tells the remedy.

    Raises: ContentHashMismatch and UnknownFscVersion, as they come from within.
    """
    try:
        yield
    except ContentHashMismatch as refused:
        remedy = explain_mismatch(parsed, refused.given, peer.tenant.group.hash_profiles)
        explained = type(refused)(f"{refused.message}; {remedy}", given=refused.given)
        await _note_unreadable(peer, other, explained)
        raise explained from refused
    except UnknownFscVersion as refused:
        await _note_unreadable(peer, other, refused)
        raise


async def _note_unreadable(peer: LocalPeer, other: PeerId, refused: FscError) -> None:
    """Warn once, and let `other`, when we know it, be asked which version it speaks."""
    if peer.notices.is_new("unreadable", other, refused.code):
        _log.warning("peer_version_differs", extra={"peer_id": peer.peer_id, "other": other, "reason": refused.message})
        await peer.peers.ask_version(other)


def with_aliases(record: ContractRecord, allowed: Sequence[HashProfile]) -> ContractRecord:
    """The record with its hashes under every allowed profile; what it is signed under stays first."""
    known = {one.profile for one in record.hashes}
    missing = [profile for profile in allowed if profile not in known]
    return replace(record, hashes=(*record.hashes, *compute_all(record.parsed, missing)))


class VersionKeeper:
    """Keeps what one hosted Peer knows of the versions of others."""

    def __init__(self, peer: LocalPeer) -> None:
        self._peer = peer
        self._hashed_for: tuple[HashProfile, ...] = ()

    async def look(self) -> bool:
        """Ask whoever is to be asked, and hash again what lives when the Group allows more; always true.

        Raises: StoreError.
        """
        await self._hash_again()
        slots = asyncio.Semaphore(_AT_ONCE)
        due = await self._peer.peers.to_be_asked(self._peer.clock.now(), limit=_IN_ONE_ROUND)
        async with asyncio.TaskGroup() as tasks:
            for other in due:
                tasks.create_task(self._ask_in_turn(other, slots))
        return True

    async def _hash_again(self) -> None:
        allowed = self._peer.tenant.group.hash_profiles
        if allowed == self._hashed_for:
            return
        contracts = self._peer.contracts
        for record in contracts.view.alive():
            if with_aliases(record, allowed) != record:
                await contracts.update(record.content_hash, lambda current: with_aliases(current, allowed))
        self._hashed_for = allowed

    async def _ask_in_turn(self, other: KnownPeer, slots: asyncio.Semaphore) -> None:
        async with slots:
            try:
                await self._ask(other)
            except StoreError as error:  # it is asked again in the next round
                said = {"peer_id": self._peer.peer_id, "other": other.peer_id, "reason": str(error)}
                _log.warning("peer_version_not_kept", extra=said)

    async def _ask(self, other: KnownPeer) -> None:
        peer = self._peer
        try:
            told = told_version(await call_manager(peer, other.peer_id, "GET", "/v1/peer"))
        except (PeerUnreachable, InvalidRequest) as error:
            told = None
            said = {"peer_id": peer.peer_id, "other": other.peer_id, "reason": str(error)}
            _log.info("peer_version_unknown", extra=said)
        now = peer.clock.now()
        pause_s = ASK_EVERY_S if told is not None else RETRY_S
        spread_s = round(pause_s * 0.1 * random.random())  # noqa: S311 - spreads load, guards nothing
        await peer.peers.told_version(other.peer_id, told, now=now, ask_at=now + pause_s + spread_s)
        self._compare(other.peer_id, other.version if told is None else replace(other.version, fsc_version=told))

    def _compare(self, other: PeerId, version: PeerVersion) -> None:
        """Warn when what is known of a Peer came to differ from what the Group allows, or differs otherwise."""
        problem = version_problem(version, self._peer.tenant.group.hash_profiles)
        if not self._peer.notices.is_new("version", other, problem):
            return
        extra = {"peer_id": self._peer.peer_id, "other": other, "reason": problem}
        if problem:
            _log.warning("peer_version_differs", extra=extra)
        else:
            _log.info("peer_version_fits", extra=extra)


def told_version(answer: PeerAnswer) -> str:
    """The version in an answer to GET /peer. Raises: InvalidRequest."""
    if answer.status != 200:
        raise InvalidRequest(f"GET /peer was answered {answer.status}")
    try:
        return text_member(parse_json(answer.body), "fsc_version", parse_fsc_version)
    except ValueError as error:
        raise InvalidRequest(f"the answer to GET /peer {error}") from error
