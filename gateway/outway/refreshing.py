"""When a token is fetched anew, ahead of its end. Pure.

No request should wait for a token that could have been there: so one in use is replaced while it still has a quarter of
its life, and what fails is tried again until it ends. Units: whole seconds; `jitter` is in 0..1 and spreads the work.
"""

from typing import Final

from gateway.fsc.token import OUTWAY_MARGIN_S

FIRST_DELAY_S: Final = 1
MAX_DELAY_S: Final = 30
_TIME_TO_RETRY_S = 30
"""How long before a token can no longer be used there is another one, when tokens live long enough."""


def refresh_after_s(life_s: int, *, jitter: float) -> int:
    """How long after it was obtained a token that lives `life_s` is replaced.

    With a quarter of its life left, and time to try again before OUTWAY_MARGIN_S; a token too short-lived for that is
    replaced half-way through the time it can be used.
    """
    usable_s = max(0, life_s - OUTWAY_MARGIN_S)
    ahead_s = max(life_s / 4, OUTWAY_MARGIN_S + min(_TIME_TO_RETRY_S, usable_s / 2))
    return max(0, int((life_s - ahead_s) * (1 - 0.1 * jitter)))


def retry_after_s(failures: int, *, jitter: float) -> int:
    """How long to wait after this many failures in a row: 1 s, doubling to 30 s, up to half of it less by `jitter`."""
    exact = min(MAX_DELAY_S, FIRST_DELAY_S << min(failures - 1, 16))
    return max(1, round(exact * (1 - 0.5 * jitter)))
