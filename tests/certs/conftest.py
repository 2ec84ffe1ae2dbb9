"""One development CA for all tests of certs: making keys is the slow part."""

import pytest

from certs.authority import DevelopmentAuthority
from certs.custody import KeyPair
from clock import FixedClock, SystemClock

CONSUMER_ID = "00000001823288444000"
PROVIDER_ID = "00000001950428139000"


@pytest.fixture(scope="session")
def now() -> int:
    """The real time, because OpenSSL's own checks in a handshake use it."""
    return SystemClock().now()


@pytest.fixture
def clock(now: int) -> FixedClock:
    return FixedClock(now)


@pytest.fixture(scope="session")
def authority(now: int) -> DevelopmentAuthority:
    return DevelopmentAuthority.create("fsc.example.test", now=now)


@pytest.fixture(scope="session")
def stranger(now: int) -> DevelopmentAuthority:
    """Another Group's CA, under the same name."""
    return DevelopmentAuthority.create("fsc.example.test", now=now)


@pytest.fixture(scope="session")
def consumer(authority: DevelopmentAuthority) -> KeyPair:
    return authority.issue(peer_id=CONSUMER_ID, name="Gemeente Voorbeeld", dns_names=["outway.voorbeeld.localhost"])


@pytest.fixture(scope="session")
def provider(authority: DevelopmentAuthority) -> KeyPair:
    return authority.issue(
        peer_id=PROVIDER_ID,
        name="Gemeente Elders",
        dns_names=["inway.elders.localhost", "manager.elders.localhost"],
    )
