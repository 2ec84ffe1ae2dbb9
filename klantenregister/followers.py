"""A worker that does not lead: it serves by what the leader went over to, and reads no configuration of its own.

So no worker ever serves by a configuration that another one refused. The files that the settings name it does read; one
of those may just be replaced at that moment, so what cannot be applied is tried again until it can.
"""

import asyncio
import logging

from klantenregister.errors import CommandError
from klantenregister.installation import Installation
from klantenregister.worker import Line

_log = logging.getLogger(__name__)

_RETRY_S = 1.0


async def follow_leader(installation: Installation, line: Line) -> None:
    """Keep `installation` at what the leader runs by, until cancelled."""
    settings = await line.next_settings()
    while True:
        try:
            await installation.apply(settings)
            _log.info("configuration_applied", extra={"tenants": [tenant.slug for tenant in settings.tenants]})
            settings = await line.next_settings()
            continue
        except CommandError as refusal:
            _log.error("configuration_not_applied", extra={"problem": str(refusal)})
        except Exception:  # a fault of ours in reading must not end the serving
            _log.exception("reload_crashed")
        try:
            async with asyncio.timeout(_RETRY_S):
                settings = await line.next_settings()
        except TimeoutError:
            continue
