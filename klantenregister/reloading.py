"""Reloading while the program runs: on SIGHUP, and when the configuration or a file that it names has changed.

A configuration that is not right is refused aloud, and the one that runs stays (DESIGN section 3).
"""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from config.settings import Settings
from klantenregister.errors import CommandError
from klantenregister.installation import Installation
from klantenregister.preflight import check_files
from klantenregister.settings_file import read_settings, secret_files

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0

Fingerprint: TypeAlias = dict[Path, tuple[int, int, int] | None]
"""What tells a file from its earlier self: instant of writing, size, inode; None when it cannot be read."""


def files_of(config: Path, settings: Settings) -> Iterator[Path]:
    """The configuration and the secret, certificate, key, anchor and CRL files that it names."""
    yield config
    yield from secret_files(config)
    yield from settings.group.trust_anchors
    yield from (source for source in settings.group.revocation.crl if isinstance(source, Path))
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
    while True:
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await asked.wait()
        except TimeoutError:
            if _now(seen) == seen:
                continue
        asked.clear()
        seen = await reload(installation, config)


async def reload(installation: Installation, config: Path) -> Fingerprint:
    """Apply what `config` says now; returns the fingerprint of when it was read. Never raises."""
    # What is written while we read is noticed in the next round: each file counts as it was before it was read.
    seen = await asyncio.to_thread(fingerprint, config, installation.settings)
    try:
        settings = await asyncio.to_thread(read_settings, config)
        named = await asyncio.to_thread(fingerprint, config, settings)
        seen = {path: seen.get(path, named[path]) for path in named}
        findings = await asyncio.to_thread(check_files, settings, now=installation.clock.now())
        for warning in findings.warnings:
            _log.warning("configuration_warning", extra={"problem": str(warning)})
        for error in findings.errors:
            _log.error("configuration_refused", extra={"problem": str(error)})
        if not findings.errors:
            await installation.apply(settings)
            _log.info("configuration_applied", extra={"tenants": [tenant.slug for tenant in settings.tenants]})
    except CommandError as refusal:
        _log.error("configuration_refused", extra={"problem": str(refusal)})
    except Exception:  # a fault of ours in reading must not end the serving
        _log.exception("reload_crashed")
    return seen


def _now(seen: Fingerprint) -> Fingerprint:
    return {path: _fingerprint_of(path) for path in seen}


def _fingerprint_of(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
