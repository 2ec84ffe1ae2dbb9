"""The other Manager fails while a Contract is signed: once it is back, both sides agree without a human."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.background import Background, background
from tests.e2e.federation import CONSUMER, PROVIDER, Member, eventually, free_port
from tests.faults.door import Door, Fault, doors
from tests.faults.pair import MEMBERS, Pair, Side

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

FAULTS = [fault for fault in Fault if fault is not Fault.NONE]


@dataclass(frozen=True, slots=True)
class Scene:
    """Both programs, and the doors through which they reach each other."""

    pair: Pair
    doors: dict[str, Door]
    loop: Background

    def set(self, member: Member, fault: Fault) -> None:
        """Let `fault` befall the way to `member` from here on."""
        self.loop.run(self.doors[member.slug].set(fault))


@pytest.fixture(scope="module", name="running")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    ports = {member.slug: free_port() for member in MEMBERS}
    pair = Pair.prepare(tmp_path_factory.mktemp("faults"), doors=ports)
    with background() as loop:
        opened = loop.enter(doors(ports, pair.consumer, pair.provider))
        try:
            pair.start()
            yield Scene(pair, opened, loop)
        finally:
            pair.stop()
    for side in pair.both:
        assert side.tracebacks() == []
        side.check_database()


@pytest.fixture
def scene(running: Scene) -> Iterator[Scene]:
    """Both programs, with a Contract between them already: each has the other's keys."""
    if not running.pair.consumer.contracts():
        running.pair.agree_on(running.pair.consumer.request())
    yield running
    for member in MEMBERS:
        running.set(member, Fault.NONE)


def _failed_at_least_once(side: Side, content_hash: str) -> bool | None:
    """Whether `side` has tried to bring a signature of this Contract, in vain."""
    contract = side.contract(content_hash)
    failed = contract is not None and any(one["attempts"] and one["last_error"] for one in contract["deliveries"])
    return True if failed else None


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.lower())
def test_a_contract_that_cannot_be_brought_arrives_once_it_can(scene: Scene, fault: Fault) -> None:
    consumer = scene.pair.consumer
    scene.set(PROVIDER, fault)
    content_hash = consumer.request()
    eventually("a failure to deliver", lambda: _failed_at_least_once(consumer, content_hash))
    assert fault is Fault.DOWN or scene.doors[PROVIDER.slug].met
    scene.set(PROVIDER, Fault.NONE)
    scene.pair.agree_on(content_hash)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.lower())
def test_an_accept_that_cannot_be_brought_arrives_once_it_can(scene: Scene, fault: Fault) -> None:
    scene.set(CONSUMER, fault)
    content_hash = scene.pair.consumer.request()
    eventually("a failure to deliver", lambda: _failed_at_least_once(scene.pair.provider, content_hash))
    assert fault is Fault.DOWN or scene.doors[CONSUMER.slug].met
    scene.set(CONSUMER, Fault.NONE)
    scene.pair.agree_on(content_hash)


@pytest.mark.parametrize("fault", [Fault.DOWN, Fault.CUT_AFTER], ids=lambda fault: fault.name.lower())
def test_a_revocation_that_cannot_be_brought_arrives_once_it_can(scene: Scene, fault: Fault) -> None:
    consumer = scene.pair.consumer
    content_hash = consumer.request()
    scene.pair.agree_on(content_hash)
    scene.set(PROVIDER, fault)
    consumer.revoke(content_hash)
    eventually("a failure to deliver", lambda: _failed_at_least_once(consumer, content_hash))
    scene.set(PROVIDER, Fault.NONE)
    scene.pair.agree_on(content_hash, "REVOKED")
