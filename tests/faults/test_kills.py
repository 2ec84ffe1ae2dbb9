"""SIGKILL at random moments while two programs negotiate: nothing that was promised is lost, nothing is there twice.

A short run by default; `HYPOTHESIS_PROFILE=soak` (which `make soak` sets) plays 200 negotiations. The seed is printed
when it fails, and `KILLS_SEED` plays with the same choices again (the moments are the machine's).
"""

import contextlib
import os
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from klantenregister.errors import Failed
from tests.e2e.federation import PROVIDER, SERVICE, eventually
from tests.faults.pair import Pair, Side

IS_SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
NEGOTIATIONS = 200 if IS_SOAK else 24
MIN_KILLS = 60 if IS_SOAK else 6
SETTLED_WITHIN_S = 150.0
MAX_PAUSE_S = 1.0
"""Between two requests of one caller: slow enough that every phase of a negotiation meets a kill."""

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1_800)]


@dataclass
class Caller:
    """Asks for Contracts, and now and then for the end of one, and keeps what it was promised."""

    pair: Pair
    number: int
    choices: random.Random
    begun: int = 0
    promised: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    """Those of which a revocation was promised."""
    perhaps_ended: set[str] = field(default_factory=set)
    """Those of which one was asked for: whoever did not answer may have done it."""

    def run(self) -> None:
        """Ask until `number` Contracts were promised."""
        while len(self.promised) < self.number:
            self._request()
            if self.promised and self.choices.random() < 0.3:
                self._revoke(self.choices.choice(sorted(self.promised)))
            time.sleep(self.choices.uniform(0.0, MAX_PAUSE_S))

    def _request(self) -> None:
        self.begun += 1
        # Failed: it is not there, or went away before it answered. Then the Contract may exist or not.
        with contextlib.suppress(Failed):
            self.promised.add(self.pair.consumer.request())

    def _revoke(self, content_hash: str) -> None:
        self.perhaps_ended.add(content_hash)
        # Failed: not there, or it has not accepted the Contract yet.
        with contextlib.suppress(Failed):
            self.choices.choice(self.pair.both).revoke(content_hash)
            self.ended.add(content_hash)


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both programs, and one declared connection between them."""
    made = Pair.prepare(tmp_path_factory.mktemp("kills"))
    made.consumer.program.settings["tenants"][0]["connections"] = [
        {"name": SERVICE, "service": {"peer_id": PROVIDER.peer_id, "name": SERVICE}}
    ]
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_kills_lose_nothing_and_double_nothing(pair: Pair) -> None:
    seed = int(os.environ.get("KILLS_SEED") or random.SystemRandom().getrandbits(32))
    print(f"KILLS_SEED={seed}")  # which pytest shows when the test fails
    choices = random.Random(seed)
    callers = [Caller(pair, NEGOTIATIONS // 2, random.Random(seed + 1 + one)) for one in range(2)]
    began_at, kills = time.monotonic(), 0
    with ThreadPoolExecutor(max_workers=len(callers)) as threads:
        calling = [threads.submit(caller.run) for caller in callers]
        while kills < MIN_KILLS or not all(one.done() for one in calling):
            time.sleep(choices.uniform(0.0, 0.6))
            kills += _kill(choices.choice(pair.both), choices)
        for one in calling:
            one.result()
    quiet_at = time.monotonic()
    eventually("both sides to agree", lambda: _agree(pair, callers), patience_s=SETTLED_WITHIN_S)
    print(f"{kills} kills in {quiet_at - began_at:.0f} s, agreed {time.monotonic() - quiet_at:.0f} s later")

    contracts = pair.consumer.contracts()
    promised = set[str]().union(*(caller.promised for caller in callers))
    declared = [one for one in contracts.values() if one["remark"] == f"connection {SERVICE}"]
    # What was not promised may be there too, but no more often than it was asked for.
    assert NEGOTIATIONS <= len(promised) < len(contracts) <= sum(caller.begun for caller in callers) + 1
    assert [one["state"] for one in declared] == ["VALID"]
    pair.stop()
    for side in pair.both:
        side.check_database()
        assert side.tracebacks() == []


def _kill(side: Side, choices: random.Random) -> int:
    """Kill one, sometimes once more while it starts, and start it again; returns how often it was killed."""
    side.program.kill()
    again = choices.random() < 0.2
    if again:
        killer = threading.Timer(choices.uniform(0.1, 1.0), _kill_process, (side,))
        killer.start()
        with contextlib.suppress(AssertionError):  # how `start` tells that it ended
            side.program.start()
        killer.join()
        side.program.kill()
    elif choices.random() < 0.3:
        time.sleep(choices.uniform(0.0, 1.0))
    side.program.start()
    return 1 + again


def _kill_process(side: Side) -> None:
    if side.program.process is not None:
        side.program.process.kill()


def _agree(pair: Pair, callers: list[Caller]) -> bool | None:
    """Whether both hold the same, all that was promised is in it, and they owe each other nothing."""
    consumer, provider = (side.contracts() for side in pair.both)
    if set(consumer) != set(provider):
        return None
    for key, one in consumer.items():
        if one["state"] != provider[key]["state"] or one["deliveries"] or provider[key]["deliveries"]:
            return None
    for caller in callers:
        for key in caller.promised:
            if key not in consumer or consumer[key]["state"] not in _allowed(caller, key):
                return None
    return True if pair.signatures_agree() else None


def _allowed(caller: Caller, content_hash: str) -> tuple[str, ...]:
    if content_hash in caller.ended:
        return ("REVOKED",)
    return ("VALID", "REVOKED") if content_hash in caller.perhaps_ended else ("VALID",)
