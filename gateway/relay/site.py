"""A component on the relay: what its connections share, how they begin and how they are drained."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.errors import ErrorDomain
from gateway.relay.fields import Fates
from gateway.relay.inbound import Handler, Inbound
from gateway.relay.settings import RelayCounters, RelayLimits, RelaySettings, RelayTimeouts
from gateway.relay.ticker import Ticker

_QUIET_S: Final = 0.5
"""How long a connection without a request stays open while the site drains."""


@dataclass(slots=True)
class Site:
    """What the connections of one component share. `new_handler` is asked once for each connection."""

    component: ErrorDomain
    fates: Fates
    new_handler: Callable[[Inbound], Handler]
    limits: RelayLimits
    timeouts: RelayTimeouts
    ticker: Ticker
    loop: asyncio.AbstractEventLoop
    counters: RelayCounters = field(default_factory=RelayCounters)
    open: set[Inbound] = field(default_factory=set)
    is_draining: bool = False

    def protocol(self) -> Inbound:
        """The protocol of a new connection."""
        return Inbound(self)

    async def drain(self, within_s: float) -> None:
        """Let the requests under way end, tell their clients that the connection closes, and cut what is left.

        A connection without a request is closed after a moment: a request that is on its way to us is still served.
        """
        self.is_draining = True
        end = self.loop.time() + within_s
        quiet = min(_QUIET_S, within_s / 2)
        while self.open and self.loop.time() < end:
            for one in tuple(self.open):
                one.close_when_quiet(quiet)
            await asyncio.sleep(0.02)
        for one in tuple(self.open):
            one.cut()


def new_site(
    component: ErrorDomain,
    fates: Fates,
    new_handler: Callable[[Inbound], Handler],
    settings: RelaySettings,
    *,
    token_bytes: int = 0,
) -> Site:
    """A component on the relay. `token_bytes` is the room for `Fsc-Authorization` besides the other headers."""
    limits = replace(settings.limits, token_bytes=token_bytes)
    loop = asyncio.get_running_loop()
    return Site(component, fates, new_handler, limits, settings.timeouts, settings.ticker, loop)
