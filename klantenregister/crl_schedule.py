"""When a CRL is fetched again. Pure.

Units: seconds; `now` and `next_update` are whole Unix seconds; `jitter` is from 0 to 1, so that many installations do
not ask at one moment.
"""

import math
from typing import Final

_FIRST_RETRY_S: Final = 1.0
_LAST_RETRY_S: Final = 300.0
_STALE_RETRY_S: Final = 60.0


def seconds_to_next(*, failures: int, next_update: int | None, refresh_s: int, now: int, jitter: float) -> float:
    """Wait this long: never longer than `refresh_s`, until just after `next_update`, and briefly after a failure.

    `failures` is how many attempts in a row failed; `next_update` the first of the lists that the source gave.
    """
    wait_s: float
    if failures:
        wait_s = min(_LAST_RETRY_S, math.ldexp(_FIRST_RETRY_S, min(failures - 1, 16)))
    elif next_update is None:
        wait_s = refresh_s
    elif next_update < now:
        wait_s = _STALE_RETRY_S
    else:
        wait_s = next_update - now + 1
    return min(wait_s, refresh_s) * (1 - jitter / 4)
