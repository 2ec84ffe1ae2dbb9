"""Keeping what this process holds in memory abreast of what the other processes of the installation write.

Theory of operation. Every write is published, and who hears of it reads that document afresh: a matter of milliseconds.
Messages may be lost (a worker dies between writing and telling, one lags too far behind, a process of other roles has
no line to us), so besides the store itself is asked every so often whether anything was written
(`DocumentStore.version`), and if so for what was written since the last look. When the store cannot be read and that
lasts, no Contract counts as valid: another process may have revoked it (docs/adr/0009-workers.md).
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable

from certs.identity import PeerId
from clock import Clock
from gateway.fsc.names import ContentHash
from gateway.manager.contracts import consider
from gateway.state.changes import Change, Tell, Topic
from klantenregister.hosting import HostedPeer, Hosts
from storage.cache import Channels
from storage.documents import DocumentStore
from storage.errors import StoreError, StoreUnavailable

_log = logging.getLogger(__name__)

CHANNEL = "changes"
LOOK_EVERY_S = 0.5
"""Without a message, what another process wrote is noticed within this time."""
FOLLOWED_AFTER_S = 2 * LOOK_EVERY_S
"""By then the others know what this process wrote, whether they heard of it or had to look."""
STALE_AFTER_S = 1.0
"""For so long may the store be unreadable before what is in memory is no longer believed."""
_RETRY_S = 0.1
_OVERLAP_S = 10
"""A document is written a while after the instant in it was taken: looks overlap by this much."""
_REST = 20
"""A look takes at most one part in so many of the time."""


def render_change(peer_id: PeerId, change: Change) -> bytes:
    """A message of the channel."""
    return json.dumps([peer_id, change.topic, change.id, change.revision]).encode()


def parse_change(message: bytes) -> tuple[PeerId, Change]:
    """Read `render_change`. Raises: ValueError."""
    peer_id, topic, about, revision = json.loads(message)
    if not all(isinstance(one, str) for one in (peer_id, about, revision)):
        raise ValueError("a change that names nothing")
    return PeerId(peer_id), Change(Topic(topic), about, revision)


class Following:
    """Tells the others of our writes, and follows theirs, for every hosted Peer."""

    def __init__(self, channels: Channels, documents: DocumentStore, hosts: Hosts, clock: Clock) -> None:
        self._channels = channels
        self._documents = documents
        self._hosts = hosts
        self._clock = clock
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self._look = asyncio.Event()
        self._listens = asyncio.Event()
        self._has_lost = False
        self._version = ""
        self._looked_at = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._behind_since: float | None = None

    def teller(self, peer_id: PeerId) -> Tell:
        """What tells the others about this Peer."""
        return lambda change: self._outgoing.put_nowait(render_change(peer_id, change))

    async def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Tell and follow until stopped; returns once nothing is missed that is written from here on.

        Raises: StoreUnavailable.
        """
        self._version, self._looked_at = await self._documents.version(), self._clock.now()
        self._tasks = [tasks.create_task(_kept_going(work)) for work in (self._tell, self._listen, self._look_on)]
        await self._listens.wait()

    async def stop(self) -> None:
        """Tell what is left to tell, and end."""
        await self._outgoing.join()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def look_again(self) -> None:
        """Look at once: Peers were taken in, and what was published meanwhile was for nobody here."""
        self._version = ""
        self._look.set()

    async def _tell(self) -> None:
        while True:
            message = await self._outgoing.get()
            try:
                await self._channels.publish(CHANNEL, message)
            except StoreUnavailable as error:
                _log.warning("change_not_told", extra={"reason": str(error)})
            finally:
                self._outgoing.task_done()

    async def _listen(self) -> None:
        while True:
            try:
                async with self._channels.subscribe(CHANNEL) as messages:
                    self._listens.set()
                    async for message in messages:
                        await self._heard(message)
                    return  # closed
            except StoreUnavailable:
                self._lost()
            await asyncio.sleep(_RETRY_S)

    def _lost(self) -> None:
        self._has_lost = True
        self._look.set()

    async def _heard(self, message: bytes) -> None:
        try:
            peer_id, change = parse_change(message)
        except ValueError:
            _log.warning("change_not_understood")
            self._lost()
            return
        hosted = self._hosts.get(peer_id)
        if hosted is None:
            return
        try:
            await follow(hosted, change)
        except StoreError as error:
            _log.warning("change_not_followed", extra={"peer_id": peer_id, "reason": str(error)})
            self._lost()

    async def _look_on(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = LOOK_EVERY_S
        while True:
            await self._pause(pause_s)
            began = loop.time()
            try:
                await self._look_now()
            except StoreError as error:
                self._fell_behind(began, error)
                pause_s = _RETRY_S
                continue
            self._is_abreast()
            pause_s = max(LOOK_EVERY_S, _REST * (loop.time() - began))

    async def _look_now(self) -> None:
        """Read what was written since the last look, or everything when messages were lost. Raises: StoreError."""
        self._look.clear()
        version, now = await self._documents.version(), self._clock.now()
        if version == self._version and not self._has_lost:
            return
        since = None if self._has_lost else min(now, self._looked_at) - _OVERLAP_S  # a clock may go back
        has_lost, self._has_lost = self._has_lost, False
        try:
            for hosted in self._hosts.all():
                await catch_up(hosted, since, now=now)
        except StoreError:
            self._has_lost = has_lost or self._has_lost
            raise
        self._version, self._looked_at = version, now

    def _fell_behind(self, began: float, error: StoreError) -> None:
        if self._behind_since is None:
            self._behind_since = began
        elif began - self._behind_since >= STALE_AFTER_S and self._vouch(is_current=False):
            _log.error("contracts_not_current", extra={"reason": str(error)})

    def _is_abreast(self) -> None:
        self._behind_since = None
        if self._vouch(is_current=True):
            _log.info("contracts_current_again")

    def _vouch(self, *, is_current: bool) -> bool:
        """Let every view vouch for its Contracts or not; whether that is a change."""
        changed = [one for one in self._hosts.all() if one.peer.contracts.is_current != is_current]
        for one in changed:
            one.peer.contracts.is_current = is_current
        return bool(changed)

    async def _pause(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._look.wait()
        except TimeoutError:
            return


async def follow(hosted: HostedPeer, change: Change) -> None:
    """Take over what another process wrote, or do what it asks of the one that does the work. Raises: StoreError."""
    peer = hosted.peer
    match change.topic:
        case Topic.CONTRACT:
            await peer.contracts.refresh(ContentHash(change.id), change.revision)
        case Topic.PEER:
            peer.peers.refresh(change.id, change.revision)
        case Topic.CERTIFICATE:
            await peer.certificates.refresh(change.id)
        case Topic.ANNOUNCED if peer.is_looked_after:
            await hosted.manager.upkeep.heard_from(PeerId(change.id))
        case Topic.UNDECIDED if peer.is_looked_after:
            await consider(peer, ContentHash(change.id))


async def catch_up(hosted: HostedPeer, since: int | None, *, now: int) -> None:
    """Take over whatever other processes wrote since an instant; None: ever. Raises: StoreError."""
    hosted.peer.peers.catch_up()
    await hosted.peer.contracts.catch_up(since)
    await hosted.peer.certificates.catch_up(now=now)


async def _kept_going(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            return await work()
        except Exception:
            _log.exception("following_crashed")
            await asyncio.sleep(_RETRY_S)
