"""How often another Peer may make us do work for it at once: a few times in a row, and then at a steady pace. Pure.

An announcement costs its sender one small request, and us a look at everything that we share with it. What is not done
at once is done in its turn.
"""

from dataclasses import dataclass

from certs.identity import PeerId

IN_A_ROW = 5
PACE_S = 10.0


@dataclass(frozen=True, slots=True)
class _Spent:
    times: float
    at: float


class Allowance:
    """What each Peer has used of it. Units: `at` is in seconds of any clock that does not go back."""

    def __init__(self) -> None:
        self._spent: dict[PeerId, _Spent] = {}

    def take(self, peer_id: PeerId, *, at: float) -> bool:
        """Whether that Peer may have it once more at this moment."""
        self._forget_rested(at)
        before = self._still_spent(peer_id, at)
        if before > IN_A_ROW - 1:
            return False
        self._spent.pop(peer_id, None)
        self._spent[peer_id] = _Spent(before + 1, at)
        return True

    def _still_spent(self, peer_id: PeerId, at: float) -> float:
        spent = self._spent.get(peer_id)
        return 0.0 if spent is None else max(0.0, spent.times - (at - spent.at) / PACE_S)

    def _forget_rested(self, at: float) -> None:
        """Those that spent longest ago are first, and have rested when even the largest sum is worn off."""
        while self._spent:
            first = next(iter(self._spent))
            if at - self._spent[first].at < IN_A_ROW * PACE_S:
                return
            del self._spent[first]
