"""Where the CRLs of a Group come from: files that are read when they change, URLs that are asked again and again.

A source never loses what it held: whatever is wrong with what comes next is said, and the last good lists stay.
"""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from cryptography import x509

from certs.crl import RevocationList, parse_crls
from certs.crl_succession import succeed
from certs.custody import load_crl_file
from certs.errors import CertsError, InvalidTrustMaterial
from certs.revocation import Revocation
from klantenregister.crl_cache import CachedCrls, CrlCache
from klantenregister.crl_fetching import NO_VALIDATORS, CrlFetcher, CrlUnavailable, Fetched, Validators

_log = logging.getLogger(__name__)

Stamp: TypeAlias = tuple[int, int, int] | None


@dataclass(slots=True)
class CrlSource:
    """What one source gave, and what went wrong with it last; `name` is the path or the URL."""

    name: str
    lists: tuple[RevocationList, ...] = ()
    read_at: int | None = None
    problem: str = ""

    def take(self, offered: tuple[RevocationList, ...], revocation: Revocation, now: int) -> bool:
        """Hold what `offered` has to add; returns whether all of it was good."""
        succession = succeed(self.lists, offered, is_genuine=lambda one: bool(revocation.issuers_of(one)))
        self.lists = succession.lists
        self.note("; ".join(succession.refusals), now)
        return not succession.refusals

    def note(self, problem: str, now: int) -> None:
        """Remember, and say once, what is wrong; an empty text says that nothing is."""
        if problem and problem != self.problem:
            _log.warning("crl_not_taken", extra={"source": self.name, "problem": problem})
        self.problem = problem
        if not problem:
            self.read_at = now


@dataclass(slots=True)
class CrlFile(CrlSource):
    """A file of the operator's."""

    path: Path = Path()
    stamp: Stamp = None

    async def look(self, revocation: Revocation, now: int) -> None:
        """Read the file when it is another than before."""
        stamp = stamp_of(self.path)
        if stamp == self.stamp:
            return
        self.stamp = stamp
        try:
            offered = await asyncio.to_thread(read_crl_file, self.path)
        except CertsError as error:
            self.note(str(error), now)
            return
        self.take(offered, revocation, now)


@dataclass(slots=True)
class CrlAtUrl(CrlSource):
    """What an issuer publishes."""

    validators: Validators = NO_VALIDATORS
    issuers: tuple[x509.Certificate, ...] = ()
    failures: int = 0
    is_saved: bool = True

    async def restore(self, cache: CrlCache) -> None:
        """Hold what was good before the program started."""
        cached = await cache.load(self.name)
        self.lists, self.issuers, self.validators = cached.lists, cached.issuers, cached.validators

    async def look(self, fetcher: CrlFetcher, revocation: Revocation, now: int) -> None:
        """Ask for a newer edition."""
        try:
            fetched = await fetcher.fetch(self.name, self.validators)
            offered = None if fetched is None else await asyncio.to_thread(_parsed, fetched)
        except CrlUnavailable as error:
            self.failures += 1
            self.note(str(error), now)
            return
        self.failures = 0
        if fetched is None or offered is None:
            self.note("", now)
            return
        is_good = self.take(offered, revocation, now)
        # What does not count yet is asked for in full again: its edition may be a forged one.
        counts = is_good and all(map(revocation.issuers_of, offered))
        self.validators = fetched.validators if counts else NO_VALIDATORS
        self.is_saved = False

    async def save(self, cache: CrlCache, revocation: Revocation) -> None:
        """Keep what counts for the next start, unless it is kept already."""
        if self.is_saved:
            return
        genuine = tuple(one for one in self.lists if revocation.issuers_of(one))
        issuers = tuple(dict.fromkeys(issuer for one in genuine for issuer in revocation.issuers_of(one)))
        self.is_saved = not genuine or await cache.save(self.name, CachedCrls(genuine, issuers, self.validators))

    def next_update(self) -> int | None:
        """When the first of its lists is due to be replaced; None when none of them says."""
        return min((one.next_update for one in self.lists if one.next_update is not None), default=None)


def read_crl_file(path: Path) -> tuple[RevocationList, ...]:
    """The CRLs in a file. Raises: CustodyError."""
    return parse_crls(load_crl_file(path))


def stamp_of(path: Path) -> Stamp:
    """What tells a file from its earlier self; None when it cannot be read."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _parsed(fetched: Fetched) -> tuple[RevocationList, ...]:
    try:
        return parse_crls(fetched.data)
    except InvalidTrustMaterial as error:
        raise CrlUnavailable(str(error)) from error
