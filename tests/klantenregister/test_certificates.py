"""`klantenregister.certificates`: what a file that was replaced must hold before a tenant is served with it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from certs.authority import DevelopmentAuthority
from certs.custody import KeyPair, key_pem
from certs.identity import SubjectRule
from certs.trust import TrustStore
from clock import SystemClock
from config.settings import CertificateSettings, TenantSettings
from klantenregister.certificates import EntryPairs, ServedPairs, entry_of, read_entry

NOW = SystemClock().now()
DAY = 86_400
PEER_ID = "00000001823288444000"
NAME = "Gemeente Voorbeeld"
HOSTS = ["manager.voorbeeld.example.test", "inway.voorbeeld.example.test"]


class Place:
    """One entry of one tenant, its files, and what it is served with."""

    def __init__(self, folder: Path) -> None:
        self.authority = DevelopmentAuthority.create("test", now=NOW)
        self.files = CertificateSettings(cert=folder / "own.pem", key=folder / "own.key")
        self.tenant = self.named(NAME)
        self.served: ServedPairs = {}

    def named(self, name: str) -> TenantSettings:
        return TenantSettings.model_validate(
            {
                "peer_id": PEER_ID,
                "name": name,
                "slug": "voorbeeld",
                "certificates": [{"cert": str(self.files.cert), "key": str(self.files.key)}],
                "manager_address": f"https://{HOSTS[0]}:8443",
                "inway_address": f"https://{HOSTS[1]}:443",
            }
        )

    def issue(self, **changes: Any) -> KeyPair:
        return self.authority.issue(**{"peer_id": PEER_ID, "name": NAME, "dns_names": HOSTS, **changes})

    def write(self, pair: KeyPair) -> KeyPair:
        self.files.cert.write_bytes(pair.pem_chain())
        self.files.key.write_bytes(key_pem(pair.private_key))
        return pair

    def read(self, tenant: TenantSettings | None = None, *, now: int = NOW, trusts: bool = True) -> EntryPairs:
        trust = TrustStore.from_pem([self.authority.anchors_pem()]) if trusts else None
        return read_entry(tenant or self.tenant, self.files, self.served, SubjectRule(), trust, now=now)

    def serve(self, *pairs: KeyPair) -> None:
        self.served = {entry_of(self.tenant, self.files): pairs}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_good_pair_takes_over(place: Place) -> None:
    place.serve(place.issue())
    renewed = place.write(place.issue())

    assert place.read() == EntryPairs((renewed,))


def test_what_is_served_already_is_not_looked_at_as_something_new(place: Place) -> None:
    pair = place.write(place.issue(days=1))
    place.serve(pair)

    assert place.read(now=NOW + 2 * DAY) == EntryPairs((pair,), (), goes_on=True)


def no_certificate(place: Place) -> None:
    place.files.cert.unlink()


def half_a_certificate(place: Place) -> None:
    place.files.cert.write_bytes(place.issue().pem_chain()[:300])


def the_leaf_alone(place: Place) -> None:
    pair = place.issue()
    place.write(KeyPair(pair.chain[:1], pair.private_key))


def no_key(place: Place) -> None:
    place.files.key.unlink()


def half_a_key(place: Place) -> None:
    pair = place.write(place.issue())
    place.files.key.write_bytes(key_pem(pair.private_key)[:60])


def the_certificate_before_its_key(place: Place) -> None:
    place.files.cert.write_bytes(place.issue().pem_chain())


def of_another_group(place: Place) -> None:
    other = DevelopmentAuthority.create("other", now=NOW)
    place.write(other.issue(peer_id=PEER_ID, name=NAME, dns_names=HOSTS))


def of_another_peer(place: Place) -> None:
    place.write(place.issue(peer_id="00000000000000000010"))


def of_another_name(place: Place) -> None:
    place.write(place.issue(name="Gemeente Anders"))


def of_another_host(place: Place) -> None:
    place.write(place.issue(dns_names=HOSTS[:1]))


def expired(place: Place) -> None:
    place.write(place.issue(not_before=NOW - 20 * DAY, days=10))


BAD = {
    no_certificate: "does not exist",
    half_a_certificate: "holds no readable certificate",
    the_leaf_alone: "and the intermediates in the file",
    no_key: "does not exist",
    half_a_key: "is not a private key in PEM",
    the_certificate_before_its_key: "is not the private key of a certificate in",
    of_another_group: "check group.trust_anchors",
    of_another_peer: "is for Peer ID 00000000000000000010",
    of_another_name: 'is for the name "Gemeente Anders"',
    of_another_host: "does not hold the DNS name inway.voorbeeld.example.test",
    expired: "expired on ",
}


@pytest.mark.parametrize(("spoil", "problem"), BAD.items())
def test_a_bad_pair_is_refused_and_what_serves_goes_on(
    place: Place, spoil: Callable[[Place], None], problem: str
) -> None:
    present = place.write(place.issue())
    place.serve(present)
    spoil(place)

    read = place.read()

    assert (read.pairs, read.goes_on) == ((present,), True)
    assert [problem in one for one in read.problems] == [True]
    # What is made good a moment later is taken.
    renewed = place.write(place.issue())
    assert place.read() == EntryPairs((renewed,))


@pytest.mark.parametrize("spoil", [one for one in BAD if one is not expired])
def test_at_the_start_there_is_nothing_to_go_on_with(place: Place, spoil: Callable[[Place], None]) -> None:
    place.write(place.issue())
    spoil(place)

    read = place.read()

    assert read.problems
    assert not read.goes_on


def test_an_expired_pair_is_kept_for_what_it_signed_when_nothing_else_is_there(place: Place) -> None:
    pair = place.write(place.issue(not_before=NOW - 20 * DAY, days=10))
    assert place.read() == EntryPairs((pair,))


def test_a_certificate_of_later_waits_beside_what_serves_until_its_day(place: Place) -> None:
    present = place.issue()
    place.serve(present)
    coming = place.write(place.issue(not_before=NOW + DAY))

    waiting = place.read()
    assert waiting == EntryPairs((coming, present))
    # It stays so whenever the files are read again, and ends by itself.
    place.serve(*waiting.pairs)
    assert place.read().pairs == (coming, present)
    assert place.read(now=NOW + DAY).pairs == (coming,)
    # One of still later takes the place of the one that waits.
    later = place.write(place.issue(not_before=NOW + 2 * DAY))
    assert place.read().pairs == (later, present)


def test_a_configuration_that_means_another_by_the_entry_does_not_go_on_with_it(place: Place) -> None:
    pair = place.write(place.issue())
    place.serve(pair)

    read = place.read(place.named("Gemeente Anders"))

    assert not read.goes_on
    assert ["is for the name" in one for one in read.problems] == [True]


def test_a_served_pair_that_is_not_believed_any_more_is_told_and_goes_on(place: Place) -> None:
    pair = place.write(place.issue())
    place.serve(pair)
    place.authority = DevelopmentAuthority.create("other", now=NOW)  # whom the chain does not lead to

    read = place.read()

    assert (read.pairs, read.goes_on, len(read.problems)) == ((pair,), True, 1)


def test_without_trust_the_chain_is_not_looked_at(place: Place) -> None:
    of_another_group(place)
    assert place.read(trusts=False).problems == ()
