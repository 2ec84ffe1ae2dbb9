"""What bounds a relay, and what it counts."""

from dataclasses import dataclass, field

from gateway.relay.ticker import Ticker


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """Of one request head, in bytes. `token_bytes` is for `Fsc-Authorization` alone, on top of the rest."""

    request_line_bytes: int = 16_384
    header_bytes: int = 32_768
    headers: int = 128
    token_bytes: int = 0


@dataclass(frozen=True, slots=True)
class RelayTimeouts:
    """In seconds, as `timeouts` of the configuration."""

    connect_s: float = 5
    read_s: float = 60
    header_s: float = 10
    idle_s: float = 75


@dataclass(slots=True)
class RelayCounters:
    """What a component has done since it started."""

    connections: int = 0
    open_connections: int = 0
    answers: list[int] = field(default_factory=lambda: [0] * 6)
    """By the first digit of the status."""
    refused: int = 0
    """Answers of our own that tell an error."""
    cut: int = 0
    """Exchanges that ended without a whole answer."""


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """What every component's relay in a process shares."""

    limits: RelayLimits
    timeouts: RelayTimeouts
    ticker: Ticker
