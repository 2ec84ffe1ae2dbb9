"""Connections that are open when trust changes: who is cut, who is not, and what a cut connection can still do."""

import gc
import ssl

import pytest

from certs.authority import DevelopmentAuthority
from certs.crl import parse_crls
from certs.custody import KeyPair
from certs.errors import CertificateRevoked, PeerNotVerified
from certs.handshake import PeerContext
from certs.identity import SubjectRule
from certs.open_connections import OpenConnections
from certs.revocation import RevocationMode
from certs.tls import client_context, load_pair, peer_of, server_context
from certs.trust import TrustStore, parse_anchors
from clock import FixedClock
from tests.certs.conftest import CONSUMER_ID, PROVIDER_ID
from tests.certs.wire import VERSIONS, Ends, plain_client, shake

NAME = "inway.elders.localhost"


class Group:
    """A Group of two Peers whose trust a test may change."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.authority = DevelopmentAuthority.create("own", now=clock.at)
        self.pair = self.issue(CONSUMER_ID)
        self.ours = self.issue(PROVIDER_ID)
        self.trust = TrustStore.from_pem([self.authority.anchors_pem()], mode=RevocationMode.SOFT)
        self.server: PeerContext = server_context(self.ours, self.trust, SubjectRule(), clock=clock)

    def issue(self, peer_id: str, *, days: int = 365) -> KeyPair:
        return self.authority.issue(peer_id=peer_id, name="Peer", dns_names=[NAME], days=days)

    def connect(self, pair: KeyPair | None = None, version: ssl.TLSVersion | None = None) -> Ends:
        return shake(self.server, plain_client(pair or self.pair, self.trust.anchors_pem(), version), NAME)

    def revoke(self, pair: KeyPair) -> int:
        self.authority.revoke(pair.certificate)
        self.trust.use_lists(parse_crls(self.authority.crl_pem()))
        return self.trust.recheck_connections(self.clock.at)


@pytest.fixture
def group(clock: FixedClock) -> Group:
    return Group(clock)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_revoked_peer_is_cut_and_no_byte_passes_any_more(group: Group, version: ssl.TLSVersion) -> None:
    ends = group.connect(version=version)
    told: list[str] = []
    ends.server.on_cut = lambda: told.append("cut")
    # What a loop keeps of the connection, as uvloop does.
    read, write = ends.server.read, ends.server.write
    ends.client.write(b"under way")

    assert group.revoke(group.pair) == 1

    for step in (lambda: read(100), lambda: write(b"answer"), ends.server.unwrap, ends.server.do_handshake):
        with pytest.raises(ssl.SSLCertVerificationError, match="revoked by own development CA"):
            step()
    assert (told, ends.server.pending()) == (["cut"], 0)


def test_the_others_go_on(group: Group) -> None:
    other = group.issue("00000001999999999000")
    revoked, good = [group.connect() for _ in range(2)], group.connect(other)

    assert group.revoke(group.pair) == len(revoked)

    good.client.write(b"hello")
    assert good.server.read() == b"hello"
    assert group.trust.recheck_connections(group.clock.at) == 0


def test_a_connection_of_ours_to_a_revoked_peer_is_cut_too(group: Group) -> None:
    client = client_context(group.pair, group.trust, SubjectRule(), expected_peer=None, clock=group.clock)
    other_side = TrustStore.from_pem([group.authority.anchors_pem()])
    server = server_context(group.ours, other_side, SubjectRule(), clock=group.clock)
    ends = shake(server, client, NAME)

    assert group.revoke(group.ours) == 1
    with pytest.raises(ssl.SSLCertVerificationError, match="revoked"):
        ends.client.write(b"a request")


def test_a_certificate_that_expires_while_the_connection_is_open(group: Group) -> None:
    pair = group.issue(CONSUMER_ID, days=1)
    ending = group.connect(pair)
    kept = group.connect()

    assert group.trust.recheck_connections(pair.not_after + 1) == 1
    assert peer_of(kept.server).peer_id == peer_of(ending.server).peer_id == CONSUMER_ID


def test_an_anchor_that_leaves_the_group_takes_its_connections_along(
    group: Group, stranger: DevelopmentAuthority
) -> None:
    ends = group.connect()
    both = group.authority.anchors_pem() + stranger.anchors_pem()
    wider = TrustStore(parse_anchors(both), (), RevocationMode.SOFT, group.trust.connections)
    assert wider.recheck_connections(group.clock.at) == 0

    other = TrustStore(parse_anchors(stranger.anchors_pem()), (), RevocationMode.SOFT, group.trust.connections)
    assert other.recheck_connections(group.clock.at) == 1
    with pytest.raises(ssl.SSLCertVerificationError):
        ends.server.read()


def test_who_names_no_peer_is_looked_after_as_well(group: Group, clock: FixedClock) -> None:
    nameless = SubjectRule(peer_id="subject.userId")
    server = server_context_of(group, nameless)
    ends = Ends(server, plain_client(group.pair, group.trust.anchors_pem()), NAME)
    ends.shake()
    assert ends.server.misnamed is not None

    assert group.revoke(group.pair) == 1


def server_context_of(group: Group, rule: SubjectRule) -> PeerContext:
    """The server by a rule that its own certificate follows and that of the Peer does not."""
    context = PeerContext(ssl.PROTOCOL_TLS_SERVER, group.server.owner, group.server.policy)
    context.policy = type(group.server.policy)(group.trust, rule, group.clock)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=group.trust.anchors_pem())
    load_pair(context, group.ours)
    return context


def test_a_connection_that_is_gone_is_forgotten(group: Group) -> None:
    group.connect()
    gc.collect()
    assert group.revoke(group.pair) == 0


def test_each_certificate_is_verified_once(group: Group) -> None:
    ends = [group.connect() for _ in range(3)]
    asked: list[int] = []

    class Verifier:
        def verify_chain(self, leaf: object, intermediates: object, *, now: int) -> tuple[()]:
            asked.append(now)
            return ()

    assert group.trust.connections.recheck(Verifier(), 7) == 0
    assert asked == [7]
    assert all(one.server.peer is not None for one in ends)


def test_a_cut_connection_stays_what_it_was_for_who_asks_whose_it_is(group: Group) -> None:
    ends = group.connect()
    ends.server.cut(CertificateRevoked("gone"))
    assert peer_of(ends.server).peer_id == CONSUMER_ID
    with pytest.raises(PeerNotVerified):
        peer_of(object())


def test_nothing_open_is_nothing_cut(group: Group) -> None:
    assert OpenConnections().recheck(group.trust, 0) == 0
