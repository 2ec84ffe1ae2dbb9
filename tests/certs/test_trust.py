"""Chains, time, strength and revocation: every way to be refused, then every way to be believed."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from certs.authority import DevelopmentAuthority
from certs.crl import parse_crls
from certs.custody import KeyPair
from certs.errors import (
    CertificateExpired,
    CertificateNotYetValid,
    CertificateRevoked,
    InvalidTrustMaterial,
    RevocationUnknown,
    UntrustedCertificate,
)
from certs.issuing import DAY_S
from certs.revocation import CrlState, RevocationMode, RevocationStatus
from certs.trust import MAX_INTERMEDIATES, TrustStore, parse_anchors
from tests.certs.conftest import CONSUMER_ID
from tests.certs.material import crl_with, peer_subject, scope, self_signed, signed

# A leaf that openssl signed with SHA-1, and its root; both valid for a hundred years.
SHA1_CHAIN = x509.load_pem_x509_certificates(
    b"""\
-----BEGIN CERTIFICATE-----
MIIBRTCB7gIBBzAJBgcqhkjOPQQBMCMxITAfBgNVBAMMGHJvb3Qgb2YgdGhlIFNI
QS0xIHZlY3RvcjAgFw0yNjExMjMxNjQ3MTRaGA8yMTI2MTAzMDE2NDcxNFowPDEd
MBsGA1UEBRMUMDAwMDAwMDE4MjMyODg0NDQwMDAxGzAZBgNVBAoMEkdlbWVlbnRl
IFZvb3JiZWVsZDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNf3a6CfXcxmNrGV
kKwUiXj8IfQsBgrfKOnCIEICr2pI8QkluoBbOvuRiYidQSBkMC1VQYfe6T9h2i80
pHAHYrQwCQYHKoZIzj0EAQNHADBEAiAzYqxjm8WotuZSflJbqRRxhWsBg2wBvWQS
u48wh5ZTfgIgLcOSiIZbjKI9QDgys7Zi6ju/Q9I9yzdnFdQRvZPV9Yk=
-----END CERTIFICATE-----
-----BEGIN CERTIFICATE-----
MIIBnTCCAUOgAwIBAgIUE0P2ZBfo1EzrSZlOJ64T7cuwAPswCgYIKoZIzj0EAwIw
IzEhMB8GA1UEAwwYcm9vdCBvZiB0aGUgU0hBLTEgdmVjdG9yMCAXDTI2MTEyMzE2
NDcxNFoYDzIxMjYxMDMwMTY0NzE0WjAjMSEwHwYDVQQDDBhyb290IG9mIHRoZSBT
SEEtMSB2ZWN0b3IwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATEgI+X2d2+aihd
5n/9w5WkK7Y2LuNuywzEE3//XU5BNmekac68mQfmY4cNN9G2Q43xyiFm0tMon2YA
yROrG9/fo1MwUTAdBgNVHQ4EFgQU10Ju4bSiXq/5MRsSUawA9vmy89owHwYDVR0j
BBgwFoAU10Ju4bSiXq/5MRsSUawA9vmy89owDwYDVR0TAQH/BAUwAwEB/zAKBggq
hkjOPQQDAgNIADBFAiEA3mH/pd2Zi6zSEq7/CAy5BKp3zLPcXPE6opNBmnCrm0cC
IHkEoFaqaCDYEoiUouWno47WhgQgICZDq6gQsah6ww2j
-----END CERTIFICATE-----"""
)
# The other way round: a leaf signed with SHA-256 by a root that signed itself with SHA-1.
SHA1_ROOT_CHAIN = x509.load_pem_x509_certificates(
    b"""\
-----BEGIN CERTIFICATE-----
MIIBODCB3wIBCDAKBggqhkjOPQQDAjATMREwDwYDVQQDDAhvbGQgcm9vdDAgFw0y
NjExMjMxNzA2NTlaGA8yMTI2MTAzMDE3MDY1OVowPDEdMBsGA1UEBRMUMDAwMDAw
MDE4MjMyODg0NDQwMDAxGzAZBgNVBAoMEkdlbWVlbnRlIFZvb3JiZWVsZDBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABHd5YnAy4iFxigdd3YQWsyIpIrF/v9k1j5SL
2oa0LQ7hR3cA9UYud62xxJanC+CRiGFAqkrcT9Uuzm6WxcZe7CowCgYIKoZIzj0E
AwIDSAAwRQIhAOzUzqTJeZid/YbrML+pVf3j3xbb+CxDVr8lJ5GEYog4AiAOUKo/
iCtr7zNMALmYNCR9N7YWd57QS05Yk5F3gzxjrw==
-----END CERTIFICATE-----
-----BEGIN CERTIFICATE-----
MIIBfDCCASKgAwIBAgIUNjoRiKV6oCL5xt1wVzRmsNbZqkcwCQYHKoZIzj0EATAT
MREwDwYDVQQDDAhvbGQgcm9vdDAgFw0yNjExMjMxNzA2NTlaGA8yMTI2MTAzMDE3
MDY1OVowEzERMA8GA1UEAwwIb2xkIHJvb3QwWTATBgcqhkjOPQIBBggqhkjOPQMB
BwNCAATmAGQtzVo6E3qtoE+rc4ImM5IQTlG3Zts1Y6n6RtCaQqcPPARKKuZW9Sa7
Na53HOQkfWO3lRG/I/3vLXN6pj0Jo1MwUTAdBgNVHQ4EFgQULoZ/QfBOgeJvNBeS
39DRDEQWYekwHwYDVR0jBBgwFoAULoZ/QfBOgeJvNBeS39DRDEQWYekwDwYDVR0T
AQH/BAUwAwEB/zAJBgcqhkjOPQQBA0kAMEYCIQDTpSdlq6viVLwm2tFjeXk0FYIK
7aMq5vEcl1ij/e9q2QIhAPIEtCf6jSSHFKrHHhLRn1vzs+c1giRbOd3C3aVkqTAC
-----END CERTIFICATE-----
"""
)
CA = x509.BasicConstraints(ca=True, path_length=None)


@pytest.fixture
def own(now: int) -> DevelopmentAuthority:
    """A CA that a test may change."""
    return DevelopmentAuthority.create("own", now=now)


def issue(authority: DevelopmentAuthority, *, days: int = 365, not_before: int | None = None) -> KeyPair:
    return authority.issue(
        peer_id=CONSUMER_ID, name="Gemeente Voorbeeld", dns_names=["a.test"], days=days, not_before=not_before
    )


def trust_in(authority: DevelopmentAuthority, mode: RevocationMode = RevocationMode.OFF, *crls: bytes) -> TrustStore:
    return TrustStore.from_pem([authority.anchors_pem()], crls=crls, mode=mode)


class TestMaterial:
    def test_a_group_without_anchor_is_refused(self) -> None:
        with pytest.raises(InvalidTrustMaterial, match="at least one"):
            TrustStore.from_pem([])

    @pytest.mark.parametrize("data", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
    def test_an_unreadable_bundle_is_refused(self, data: bytes) -> None:
        with pytest.raises(InvalidTrustMaterial, match="BEGIN CERTIFICATE"):
            TrustStore.from_pem([data])

    def test_a_leaf_is_no_anchor(self, provider: KeyPair) -> None:
        with pytest.raises(InvalidTrustMaterial, match=r"Gemeente Elders.*no CA"):
            parse_anchors(provider.pem_chain())

    def test_an_unreadable_crl_is_refused(self, authority: DevelopmentAuthority) -> None:
        with pytest.raises(InvalidTrustMaterial, match="CRL"):
            trust_in(authority, RevocationMode.SOFT, b"junk")

    def test_bundles_are_joined_and_an_anchor_counts_once(
        self, authority: DevelopmentAuthority, stranger: DevelopmentAuthority
    ) -> None:
        both = authority.anchors_pem() + stranger.anchors_pem()
        store = TrustStore.from_pem([both, authority.anchors_pem()])
        assert store.anchors == (authority.root.certificate, stranger.root.certificate)
        assert parse_anchors(store.anchors_pem().encode()) == store.anchors


class TestChain:
    def test_another_groups_certificate_is_refused(
        self, authority: DevelopmentAuthority, stranger: DevelopmentAuthority, now: int
    ) -> None:
        pair = issue(stranger)
        with pytest.raises(UntrustedCertificate, match=r"fsc\.example\.test development CA"):
            trust_in(authority).verify_chain(pair.certificate, pair.chain[1:], now=now)
        with pytest.raises(UntrustedCertificate, match="Gemeente Voorbeeld"):
            trust_in(authority).verify_chain(pair.certificate, authority.intermediate.chain, now=now)

    def test_the_root_that_a_peer_brings_is_not_believed(
        self, authority: DevelopmentAuthority, stranger: DevelopmentAuthority, now: int
    ) -> None:
        pair = issue(stranger)
        brought = (*pair.chain[1:], stranger.root.certificate)
        with pytest.raises(UntrustedCertificate):
            trust_in(authority).verify_chain(pair.certificate, brought, now=now)

    def test_a_missing_intermediate_is_refused(self, authority: DevelopmentAuthority, now: int) -> None:
        with pytest.raises(UntrustedCertificate):
            trust_in(authority).verify_chain(issue(authority).certificate, now=now)

    def test_self_signed_is_refused(self, authority: DevelopmentAuthority, now: int) -> None:
        with pytest.raises(UntrustedCertificate):
            trust_in(authority).verify_chain(self_signed(peer_subject()).certificate, now=now)

    def test_a_leaf_issues_nothing(self, authority: DevelopmentAuthority, now: int) -> None:
        leaf = issue(authority)
        forged = signed(peer_subject("00000001950428139000", "Gemeente Elders"), leaf)
        with pytest.raises(UntrustedCertificate):
            trust_in(authority).verify_chain(forged.certificate, forged.chain[1:], now=now)

    def test_the_path_length_of_an_issuer_holds(self, authority: DevelopmentAuthority, now: int) -> None:
        below = signed(peer_subject("111", "CA below the issuing CA"), authority.intermediate, extensions=[CA])
        leaf = signed(peer_subject(), below)
        with pytest.raises(UntrustedCertificate, match="path length"):
            trust_in(authority).verify_chain(leaf.certificate, leaf.chain[1:], now=now)

    def test_time_is_an_argument(self, authority: DevelopmentAuthority, now: int) -> None:
        pair = issue(authority, days=10)
        store = trust_in(authority)
        with pytest.raises(CertificateNotYetValid):
            store.verify_chain(pair.certificate, pair.chain[1:], now=pair.not_before - 1)
        with pytest.raises(CertificateExpired):
            store.verify_chain(pair.certificate, pair.chain[1:], now=pair.not_after + 1)
        for moment in (pair.not_before, now, pair.not_after):
            chain = store.verify_chain(pair.certificate, pair.chain[1:], now=moment)
            store.check_validity(chain, moment)
            with pytest.raises(CertificateNotYetValid):
                store.check_validity(chain, pair.not_before - 1)
            with pytest.raises(CertificateExpired):
                store.check_validity(chain, pair.not_after + 1)

    def test_an_expired_issuer_is_named(self, now: int) -> None:
        authority = DevelopmentAuthority.create("short", now=now, days=20)
        pair = issue(authority, days=10)
        later = now + 21 * DAY_S
        with pytest.raises(CertificateExpired):
            trust_in(authority).verify_chain(pair.certificate, pair.chain[1:], now=later)

    def test_weak_keys_and_digests_are_refused(self, authority: DevelopmentAuthority, now: int) -> None:
        weak = signed(peer_subject(), authority.root, private_key=rsa.generate_private_key(65537, 1024))
        with pytest.raises(UntrustedCertificate, match="too weak"):
            trust_in(authority).verify_chain(weak.certificate, now=now)
        leaf, root = SHA1_CHAIN
        assert isinstance(leaf.signature_hash_algorithm, hashes.SHA1)
        with pytest.raises(UntrustedCertificate, match="too weak"):
            TrustStore.from_pem([root.public_bytes(Encoding.PEM)]).verify_chain(leaf, now=now)

    def test_the_signature_of_an_anchor_does_not_matter(self, now: int) -> None:
        leaf, root = SHA1_ROOT_CHAIN
        assert isinstance(root.signature_hash_algorithm, hashes.SHA1)
        store = TrustStore.from_pem([root.public_bytes(Encoding.PEM)])
        assert store.verify_chain(leaf, now=now) == (leaf, root)

    def test_a_peer_does_not_set_the_amount_of_work(self, authority: DevelopmentAuthority, now: int) -> None:
        pair = issue(authority)
        many = [authority.intermediate.certificate] * (MAX_INTERMEDIATES + 1)
        with pytest.raises(UntrustedCertificate, match="more than"):
            trust_in(authority).verify_chain(pair.certificate, many, now=now)

    def test_the_chain_runs_from_leaf_to_anchor(
        self, authority: DevelopmentAuthority, stranger: DevelopmentAuthority, now: int
    ) -> None:
        pair = issue(authority)
        noise = (stranger.root.certificate, stranger.intermediate.certificate)
        chain = trust_in(authority).verify_chain(pair.certificate, (*noise, *pair.chain[1:]), now=now)
        assert chain == (*pair.chain, authority.root.certificate)

    def test_an_intermediate_can_be_the_anchor(self, authority: DevelopmentAuthority, now: int) -> None:
        store = TrustStore.from_pem([authority.intermediate.pem_chain()])
        pair = issue(authority)
        assert store.verify_chain(pair.certificate, now=now) == pair.chain


class TestRevocation:
    def test_a_revoked_certificate_is_refused_in_soft_and_hard(self, own: DevelopmentAuthority, now: int) -> None:
        pair = issue(own)
        own.revoke(pair.certificate)
        crls = (own.crl_pem(), own.root_crl_pem())
        for mode in (RevocationMode.SOFT, RevocationMode.HARD):
            with pytest.raises(CertificateRevoked, match=r"Gemeente Voorbeeld.*revoked by own development CA"):
                trust_in(own, mode, *crls).verify_chain(pair.certificate, pair.chain[1:], now=now)
        trust_in(own, RevocationMode.OFF, *crls).verify_chain(pair.certificate, pair.chain[1:], now=now)

    def test_a_revoked_intermediate_takes_its_leaves_along(self, own: DevelopmentAuthority, now: int) -> None:
        pair = issue(own)
        own.revoke(own.intermediate.certificate)
        store = trust_in(own, RevocationMode.SOFT, own.root_crl_pem())
        with pytest.raises(CertificateRevoked, match="own development CA"):
            store.verify_chain(pair.certificate, pair.chain[1:], now=now)

    def test_a_stale_list_still_revokes(self, own: DevelopmentAuthority, now: int) -> None:
        pair = issue(own)
        own.revoke(pair.certificate)
        store = trust_in(own, RevocationMode.SOFT, own.crl_pem(next_update=now - 1))
        with pytest.raises(CertificateRevoked):
            store.verify_chain(pair.certificate, pair.chain[1:], now=now)

    @pytest.mark.parametrize(
        ("case", "says"),
        [
            ("no list", "own development CA is missing"),
            ("no list of the root", "own development root is missing"),
            ("stale", "own development CA is stale"),
            ("forged", "own development CA is missing"),
            ("for CAs only", "own development CA does not cover it"),
        ],
    )
    def test_unknown_is_tolerated_in_soft_and_refused_in_hard(
        self, own: DevelopmentAuthority, now: int, case: str, says: str
    ) -> None:
        forger = DevelopmentAuthority.create("own", now=now)
        crls = {
            "no list": (),
            "no list of the root": (own.crl_pem(),),
            "stale": (own.crl_pem(next_update=now - 1), own.root_crl_pem()),
            "for CAs only": (crl_with(own.intermediate, scope(authorities=True)), own.root_crl_pem()),
            "forged": (forger.crl_pem(), own.root_crl_pem()),
        }[case]
        pair = issue(own)
        trust_in(own, RevocationMode.SOFT, *crls).verify_chain(pair.certificate, pair.chain[1:], now=now)
        with pytest.raises(RevocationUnknown, match=says):
            trust_in(own, RevocationMode.HARD, *crls).verify_chain(pair.certificate, pair.chain[1:], now=now)

    def test_a_list_that_another_ca_forged_revokes_nobody(
        self, authority: DevelopmentAuthority, stranger: DevelopmentAuthority, now: int
    ) -> None:
        pair = issue(authority)
        forger = DevelopmentAuthority(stranger.root, stranger.intermediate, now=now)
        forger.revoke(pair.certificate)
        assert stranger.intermediate.certificate.subject == authority.intermediate.certificate.subject
        store = trust_in(authority, RevocationMode.SOFT, forger.crl_pem())
        store.verify_chain(pair.certificate, pair.chain[1:], now=now)

    def test_hard_is_content_with_current_lists_of_all_issuers(self, own: DevelopmentAuthority, now: int) -> None:
        other = issue(own)
        own.revoke(other.certificate)
        pair = issue(own)
        store = trust_in(own, RevocationMode.HARD, own.crl_pem(), own.root_crl_pem())
        for _ in range(2):
            assert store.verify_chain(pair.certificate, pair.chain[1:], now=now)[0] == pair.certificate

    def test_of_two_lists_one_current_suffices(self, own: DevelopmentAuthority, now: int) -> None:
        pair = issue(own)
        store = trust_in(own, RevocationMode.HARD, own.crl_pem(next_update=now - 1), own.crl_pem(), own.root_crl_pem())
        store.verify_chain(pair.certificate, pair.chain[1:], now=now)


class TestStatus:
    def test_nothing_is_shown_when_nothing_is_looked_at(self, own: DevelopmentAuthority, now: int) -> None:
        assert trust_in(own, RevocationMode.OFF, own.crl_pem()).revocation_status(now) == ()

    def test_issuers_are_shown_as_they_are_met(self, own: DevelopmentAuthority, now: int) -> None:
        store = trust_in(own, RevocationMode.SOFT, own.crl_pem(next_update=now - 5))
        root, ca = "own development root", "own development CA"
        missing = RevocationStatus(root, CrlState.MISSING, None)
        assert store.revocation_status(now) == (missing, RevocationStatus(ca, CrlState.UNVERIFIED, now - 5))
        pair = issue(own)
        store.verify_chain(pair.certificate, pair.chain[1:], now=now)
        assert store.revocation_status(now) == (missing, RevocationStatus(ca, CrlState.STALE, now - 5))
        assert store.revocation_status(now - 5) == (missing, RevocationStatus(ca, CrlState.CURRENT, now - 5))


class TestChainsSeenBefore:
    def test_a_chain_is_refused_again_once_it_has_expired(self, own: DevelopmentAuthority, now: int) -> None:
        pair, trust = issue(own, days=1), trust_in(own)
        chain = trust.verify_chain(pair.chain[0], pair.chain[1:], now=now)
        assert trust.verify_chain(pair.chain[0], pair.chain[1:], now=now) == chain
        with pytest.raises(CertificateExpired):
            trust.verify_chain(pair.chain[0], pair.chain[1:], now=now + 2 * DAY_S)

    def test_revocation_is_looked_at_every_time(self, own: DevelopmentAuthority, now: int) -> None:
        pair = issue(own)
        own.revoke(pair.certificate)
        trust = trust_in(own, RevocationMode.SOFT, own.crl_pem())
        for _ in range(2):
            with pytest.raises(CertificateRevoked):
                trust.verify_chain(pair.chain[0], pair.chain[1:], now=now)

    def test_a_chain_counts_with_the_issuers_it_was_verified_with(self, own: DevelopmentAuthority, now: int) -> None:
        pair, trust = issue(own), trust_in(own)
        trust.verify_chain(pair.chain[0], pair.chain[1:], now=now)
        with pytest.raises(UntrustedCertificate):
            trust.verify_chain(pair.chain[0], (), now=now)


class TestConnectionsAcceptedBefore:
    """What TLS verified once need not be looked at again, as long as nothing that counts has changed."""

    def accepted(self, own: DevelopmentAuthority, trust: TrustStore, pair: KeyPair, now: int) -> bytes:
        leaf = pair.certificate.public_bytes(Encoding.DER)
        assert trust.standing_chain(leaf, now) is None
        trust.verify_presented(leaf, (*pair.chain, own.root.certificate), now)
        return leaf

    def test_it_stands_as_long_as_the_certificate_is_valid(self, own: DevelopmentAuthority, now: int) -> None:
        pair, trust = issue(own, days=1), trust_in(own, RevocationMode.SOFT, own.crl_pem())
        leaf = self.accepted(own, trust, pair, now)
        for moment in (pair.not_before, now, pair.not_after):
            assert trust.standing_chain(leaf, moment) == (*pair.chain, own.root.certificate)
        assert trust.standing_chain(leaf, pair.not_before - 1) is None
        assert trust.standing_chain(leaf, pair.not_after + 1) is None

    def test_other_lists_make_it_be_looked_at_again(self, own: DevelopmentAuthority, now: int) -> None:
        pair, trust = issue(own), trust_in(own, RevocationMode.SOFT, own.crl_pem())
        leaf = self.accepted(own, trust, pair, now)
        own.revoke(pair.certificate)
        trust.use_lists(parse_crls(own.crl_pem()))
        assert trust.standing_chain(leaf, now) is None
        with pytest.raises(CertificateRevoked):
            trust.verify_presented(leaf, (*pair.chain, own.root.certificate), now)
        assert trust.standing_chain(leaf, now) is None

    def test_in_hard_mode_it_stands_until_a_list_is_stale(self, own: DevelopmentAuthority, now: int) -> None:
        trust = trust_in(own, RevocationMode.HARD, own.crl_pem(next_update=now + 9), own.root_crl_pem())
        leaf = self.accepted(own, trust, issue(own), now)
        assert trust.standing_chain(leaf, now + 9) is not None
        assert trust.standing_chain(leaf, now + 10) is None

    def test_they_are_bounded(self, own: DevelopmentAuthority, now: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("certs.trust.MAX_CHAINS", 2)
        trust = trust_in(own)
        leaves = [self.accepted(own, trust, issue(own), now) for _ in range(3)]
        assert [trust.standing_chain(leaf, now) is not None for leaf in leaves] == [False, True, True]


class TestIssuersMetBeforehand:
    def test_only_authorities_under_an_anchor_are_known(
        self, own: DevelopmentAuthority, stranger: DevelopmentAuthority, now: int
    ) -> None:
        trust = trust_in(own, RevocationMode.SOFT, own.crl_pem(), stranger.crl_pem())
        trust.meet((issue(own).certificate, stranger.intermediate.certificate, own.intermediate.certificate), now)
        assert [(one.issuer, one.state) for one in trust.revocation_status(now)] == [
            ("own development root", CrlState.MISSING),
            ("own development CA", CrlState.CURRENT),
            ("fsc.example.test development CA", CrlState.UNVERIFIED),
        ]
