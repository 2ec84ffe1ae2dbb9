"""The trust of the Group while the program runs: its anchors as configured, its CRLs as files and URLs have them now.

Theory of operation. One trust store serves every listener, every outgoing connection and every signature, and its CRLs
are replaced in it; so a CRL that comes in counts from the next handshake on, resumed sessions included, and open
connections are checked again at once. They are also checked every `refresh_seconds`, because certificates expire and,
in `hard`, lists go stale by themselves. Other Trust Anchors or another mode make another store, which takes the open
connections over. Nothing waits for a URL: until its list is there, `soft` tolerates and `hard` refuses.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cryptography import x509

from certs.custody import load_trust_file
from certs.errors import CertsError
from certs.revocation import CrlState, RevocationMode
from certs.trust import TrustStore, parse_anchors
from clock import Clock
from config.addresses import CrlSource as CrlAddress
from config.settings import GroupSettings
from gateway.admin.revocation import RevocationReport, SourceReport
from klantenregister.crl_cache import CrlCache
from klantenregister.crl_fetching import CrlFetcher
from klantenregister.crl_schedule import seconds_to_next
from klantenregister.crl_sources import CrlAtUrl, CrlFile, CrlSource, read_crl_file, stamp_of
from klantenregister.errors import WrongUsage

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
"""How often the CRL files are looked at."""


@dataclass(frozen=True, slots=True)
class PreparedTrust:
    """What a configuration asks for, read and ready to be used."""

    settings: GroupSettings
    store: TrustStore
    sources: dict[CrlAddress, CrlSource]


class LiveTrust:
    """The trust store that counts now, and the work that keeps it up to date."""

    def __init__(self, cache: CrlCache, fetcher: CrlFetcher, clock: Clock, tasks: asyncio.TaskGroup) -> None:
        self._cache = cache
        self._fetcher = fetcher
        self._clock = clock
        self._tasks = tasks
        self._used: PreparedTrust | None = None
        self._work: list[asyncio.Task[None]] = []
        self._states: dict[str, CrlState] = {}

    @property
    def store(self) -> TrustStore:
        """What counts now; there is one once `use` was called."""
        assert self._used is not None
        return self._used.store

    async def prepare(self, group: GroupSettings) -> PreparedTrust:
        """Read what `group` names, without using it yet. Raises: WrongUsage when a file cannot be used."""
        revocation = group.revocation
        try:
            anchors = await asyncio.to_thread(_read_anchors, group.trust_anchors)
            sources: dict[CrlAddress, CrlSource] = {}
            if revocation.mode is not RevocationMode.OFF:
                sources = {one: await self._source(one) for one in dict.fromkeys(revocation.crl)}
        except CertsError as error:
            raise WrongUsage(f"group: {error}") from error
        return PreparedTrust(group, self._store_for(anchors, revocation.mode, sources.values()), sources)

    def use(self, prepared: PreparedTrust, own_issuers: Iterable[x509.Certificate] = ()) -> None:
        """Go by `prepared` from here on: files were read, URLs are asked at once.

        `own_issuers` issued certificates of ours: their lists count before any Peer has brought them.
        """
        self._used = prepared
        urls = [one for one in prepared.sources.values() if isinstance(one, CrlAtUrl)]
        for issuers in (dict.fromkeys(own_issuers), *(one.issuers for one in urls)):
            prepared.store.meet(tuple(issuers), self._clock.now())
        self._publish()
        for task in self._work:
            task.cancel()
        work = [partial(self._look_after, prepared), *(partial(self._follow, one, prepared) for one in urls)]
        self._work = [self._tasks.create_task(_supervised(one)) for one in work]

    async def stop(self) -> None:
        """End the work; it uses nothing any more when this returns."""
        work, self._work = self._work, []
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    def report(self) -> RevocationReport:
        """What is known of revocation now."""
        if self._used is None:
            return RevocationReport(RevocationMode.OFF, (), ())
        return RevocationReport(
            self._used.settings.revocation.mode,
            self.store.revocation_status(self._clock.now()),
            tuple(
                SourceReport(one.name, len(one.lists), one.read_at, one.problem) for one in self._used.sources.values()
            ),
        )

    def _store_for(
        self, anchors: tuple[x509.Certificate, ...], mode: RevocationMode, sources: Iterable[CrlSource]
    ) -> TrustStore:
        """The store that is in use where it will do, else another one that looks after the same connections."""
        present = None if self._used is None else self._used.store
        if present is not None and (present.anchors, present.revocation.mode) == (anchors, mode):
            return present
        lists = [crl for source in sources for crl in source.lists]
        return TrustStore(anchors, lists, mode, None if present is None else present.connections)

    async def _source(self, address: CrlAddress) -> CrlSource:
        """The source that is in use already, else a new one with what it can give at once. Raises: CertsError."""
        present = None if self._used is None else self._used.sources.get(address)
        if present is not None:
            return present
        if isinstance(address, Path):
            stamp = stamp_of(address)  # before it is read: what is written meanwhile is another file
            lists = await asyncio.to_thread(read_crl_file, address)
            return CrlFile(str(address), lists, self._clock.now(), path=address, stamp=stamp)
        url = CrlAtUrl(str(address))
        await url.restore(self._cache)
        return url

    def _publish(self) -> None:
        """Let what the sources hold now count, everywhere and at once."""
        assert self._used is not None
        self.store.use_lists(crl for source in self._used.sources.values() for crl in source.lists)
        self._recheck()

    def _recheck(self) -> None:
        now = self._clock.now()
        cut = self.store.recheck_connections(now)
        if cut:
            _log.warning("connections_cut", extra={"connections": cut})
        states = {one.issuer: one.state for one in self.store.revocation_status(now)}
        for issuer, state in states.items():
            if state is not self._states.get(issuer, CrlState.CURRENT):
                _log.warning("crl_state", extra={"issuer": issuer, "state": state})
        self._states = states

    async def _look_after(self, prepared: PreparedTrust) -> None:
        """Read files that changed, and check open connections again, until cancelled."""
        loop = asyncio.get_running_loop()
        files = [one for one in prepared.sources.values() if isinstance(one, CrlFile)]
        refresh_s = prepared.settings.revocation.refresh_seconds
        due_at = loop.time() + refresh_s
        while True:
            await asyncio.sleep(min(LOOK_EVERY_S, refresh_s))
            before = [one.lists for one in files]
            for one in files:
                await one.look(prepared.store.revocation, self._clock.now())
            if [one.lists for one in files] != before:
                self._publish()
            elif loop.time() >= due_at:
                self._recheck()
            else:
                continue
            due_at = loop.time() + refresh_s

    async def _follow(self, source: CrlAtUrl, prepared: PreparedTrust) -> None:
        """Ask for a list again and again, until cancelled."""
        revocation = prepared.store.revocation
        while True:
            before = source.lists
            await source.look(self._fetcher, revocation, self._clock.now())
            if source.lists != before:
                _log.info("crl_taken", extra={"source": source.name, "next_update": source.next_update()})
                self._publish()
            await source.save(self._cache, revocation)
            wait_s = seconds_to_next(
                failures=source.failures,
                next_update=source.next_update(),
                refresh_s=prepared.settings.revocation.refresh_seconds,
                now=self._clock.now(),
                jitter=random.random(),  # noqa: S311 - spreads load, guards nothing
            )
            await asyncio.sleep(wait_s)


async def _supervised(work: Callable[[], Awaitable[None]]) -> None:
    """Keep it going: a fault of ours with one source ends neither the others nor the serving."""
    while True:
        try:
            await work()
        except Exception:
            _log.exception("crl_source_crashed")
            await asyncio.sleep(LOOK_EVERY_S)


def _read_anchors(paths: Iterable[Path]) -> tuple[x509.Certificate, ...]:
    """The Trust Anchors in these files, each once. Raises: CertsError."""
    return tuple(dict.fromkeys(one for path in paths for one in parse_anchors(load_trust_file(path))))
