"""Telling in time that certificates end: at the start and every day in the log, and to whoever asks for health."""

import asyncio
import logging
from collections.abc import Callable

from certs.expiry import Ending, ending_anchors, ending_pairs
from certs.trust import TrustStore
from clock import Clock
from klantenregister.hosting import Hosts

_log = logging.getLogger(__name__)

TELL_EVERY_S = 86_400.0
_RETRY_S = 60.0


def endings(hosts: Hosts, trust: TrustStore, now: int) -> list[tuple[str, Ending]]:
    """What ends soon or has ended, each with the slug of the tenant whose it is, "" for the Group's."""
    own = ((one.slug, ending_pairs(one.peer.tenant.key_pairs, now)) for one in hosts.all())
    anchors = [("", ending) for ending in ending_anchors(trust.anchors, now)]
    return [(slug, ending) for slug, ending in own if ending is not None] + anchors


def texts(found: list[tuple[str, Ending]]) -> list[str]:
    """Each on a line for a person."""
    return [f"{slug}: {ending.text}" if slug else ending.text for slug, ending in found]


async def watch_expiry(hosts: Hosts, trust: Callable[[], TrustStore], clock: Clock) -> None:
    """Log what ends, now and every day, until cancelled: as an error once it has ended."""
    while True:
        pause_s = TELL_EVERY_S
        try:
            for slug, ending in endings(hosts, trust(), clock.now()):
                level = logging.ERROR if ending.is_over else logging.WARNING
                said = {"tenant": slug, "problem": ending.text, "not_after": ending.not_after}
                _log.log(level, "certificate_expires", extra=said)
        except Exception:  # a fault of ours here must not end the serving
            _log.exception("expiry_watch_crashed")
            pause_s = _RETRY_S
        await asyncio.sleep(pause_s)
