"""Reloading while the program runs: on SIGHUP, and when the configuration or a file that it names has changed.

A configuration that is not right is refused aloud, and the one that runs stays (DESIGN section 3). A certificate that
is no good is refused for its tenant alone: that one goes on with what it has, the others get what is theirs. What was
refused is tried again when a file changes, and now and then, because time and the network mend things too.
"""

import asyncio
import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from config.settings import Settings
from klantenregister.errors import CommandError
from klantenregister.installation import Installation
from klantenregister.preflight import Findings, check_files
from klantenregister.settings_file import read_settings, secret_files

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
RETRY_EVERY_S = 60.0
"""How often what was refused is tried again though no file changed."""

Fingerprint: TypeAlias = dict[Path, tuple[int, int, int, int] | None]
"""What tells a file from its earlier self: instants of writing and of change, size, inode; None when it is not there.

A symbolic link counts as the file that it leads to, so a directory that is switched as a whole is noticed.
"""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The fingerprint of when it was read, and what of it was refused."""

    seen: Fingerprint
    refused: tuple[str, ...] = ()


def files_of(config: Path, settings: Settings) -> Iterator[Path]:
    """The configuration and the secret, certificate, key and anchor files that it names.

    CRLs are watched by `klantenregister.live_trust`: they count whatever is wrong elsewhere.
    """
    yield config
    yield from secret_files(config)
    yield from settings.group.trust_anchors
    for tenant in settings.tenants:
        for pair in tenant.certificates:
            yield pair.cert
            yield pair.key


def fingerprint(config: Path, settings: Settings) -> Fingerprint:
    """Something that differs when one of the files was written, replaced or removed."""
    return {path: _fingerprint_of(path) for path in files_of(config, settings)}


async def reload_when_changed(
    installation: Installation, config: Path, asked: asyncio.Event, seen: Fingerprint
) -> None:
    """Keep `installation` at what `config` says, until cancelled.

    `asked` set means: look now, changed or not. `seen` is the fingerprint of when what runs was read.
    """
    last, loop = Reloaded(seen), asyncio.get_running_loop()
    tried_at = loop.time()
    while True:
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await asked.wait()
        except TimeoutError:
            changed = await asyncio.to_thread(_now, last.seen) != last.seen
            retries = bool(last.refused) and loop.time() - tried_at >= RETRY_EVERY_S
            if not changed and not retries:
                continue
            last = await reload(installation, config, told=() if changed else last.refused)
        else:
            asked.clear()
            last = await reload(installation, config)
        tried_at = loop.time()


async def reload(installation: Installation, config: Path, *, told: Collection[str] = ()) -> Reloaded:
    """Apply what `config` says now. `told`: the refusals that need not be told again. Never raises."""
    # What is written while we read is noticed in the next round: each file counts as it was before it was read.
    seen = await asyncio.to_thread(fingerprint, config, installation.settings)
    refused: tuple[str, ...] = ()
    try:
        settings = await asyncio.to_thread(read_settings, config)
        named = await asyncio.to_thread(fingerprint, config, settings)
        seen = {path: seen.get(path, named[path]) for path in named}
        now, served = installation.clock.now(), installation.served
        findings = await asyncio.to_thread(check_files, settings, now=now, served=served)
        refused = tuple(map(str, (*findings.errors, *findings.refused)))
        _tell(findings, told)
        if not findings.errors:
            await installation.apply(settings)
            if not told or not refused:
                _log.info("configuration_applied", extra={"tenants": [tenant.slug for tenant in settings.tenants]})
    except CommandError as refusal:
        refused = (str(refusal),)
        if str(refusal) not in told:
            _log.error("configuration_refused", extra={"problem": str(refusal)})
    except Exception as fault:  # a fault of ours in reading must not end the serving
        refused = (repr(fault),)
        if repr(fault) not in told:
            _log.exception("reload_crashed")
    return Reloaded(seen, refused)


def _tell(findings: Findings, told: Collection[str]) -> None:
    for warning in () if told else findings.warnings:
        _log.warning("configuration_warning", extra={"problem": str(warning)})
    for error in findings.errors:
        if str(error) not in told:
            _log.error("configuration_refused", extra={"problem": str(error)})
    for refusal in findings.refused:
        if str(refusal) not in told:
            _log.error("certificate_refused", extra={"problem": str(refusal), "serves": "what was there before"})


def _now(seen: Fingerprint) -> Fingerprint:
    return {path: _fingerprint_of(path) for path in seen}


def _fingerprint_of(path: Path) -> tuple[int, int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
