"""Reading CRLs, and what one list may say about one certificate."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.authority import DevelopmentAuthority
from certs.crl import RevocationList, is_authority, parse_crls
from certs.custody import KeyPair
from certs.errors import InvalidTrustMaterial
from tests.certs.material import crl_with, peer_subject, scope, self_signed, signed

POINT = x509.UniformResourceIdentifier("http://crl.example.test/a.crl")
OTHER_POINT = x509.UniformResourceIdentifier("http://crl.example.test/b.crl")


def only(data: bytes) -> RevocationList:
    (crl,) = parse_crls(data)
    return crl


@given(st.binary(max_size=200))
@settings(max_examples=50)
def test_junk_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidTrustMaterial, match="CRL"):
        parse_crls(data)


def test_a_cut_off_pem_is_refused(authority: DevelopmentAuthority) -> None:
    pem = authority.crl_pem()
    for cut_off in (pem[:-40], authority.root_crl_pem() + pem[:-40]):
        with pytest.raises(InvalidTrustMaterial, match="cut off"):
            parse_crls(cut_off)
    lines = pem.splitlines(keepends=True)
    with pytest.raises(InvalidTrustMaterial, match="not a readable CRL"):
        parse_crls(b"".join([*lines[:2], *lines[3:]]))


@pytest.mark.parametrize(
    "extension",
    [
        scope(indirect=True),
        scope(attributes=True),
        scope(reasons=frozenset({x509.ReasonFlags.key_compromise})),
        x509.DeltaCRLIndicator(1),
        x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"),
    ],
)
def test_a_list_that_is_not_complete_is_refused(authority: DevelopmentAuthority, extension: x509.ExtensionType) -> None:
    with pytest.raises(InvalidTrustMaterial, match="unsupported"):
        parse_crls(crl_with(authority.intermediate, extension))


def test_pem_bundle_and_der_are_read(authority: DevelopmentAuthority) -> None:
    bundle = authority.crl_pem() + b"a remark between the lists\n" + authority.root_crl_pem()
    assert [crl.issuer for crl in parse_crls(bundle)] == [
        authority.intermediate.certificate.subject,
        authority.root.certificate.subject,
    ]
    der = x509.load_pem_x509_crl(authority.crl_pem()).public_bytes(Encoding.DER)
    assert only(der).issuer == authority.intermediate.certificate.subject


def test_the_issuer_is_known_by_name_right_and_signature(
    authority: DevelopmentAuthority, stranger: DevelopmentAuthority
) -> None:
    crl = only(authority.crl_pem())
    assert crl.is_signed_by(authority.intermediate.certificate)
    assert not crl.is_signed_by(authority.root.certificate)
    assert not crl.is_signed_by(stranger.intermediate.certificate), "the same name, another key"
    renamed = self_signed(peer_subject(), private_key=authority.intermediate.private_key)
    assert not crl.is_signed_by(renamed.certificate), "the same key, another name"
    no_lists = x509.KeyUsage(True, False, False, False, False, True, False, False, False)
    issuer = signed(peer_subject(), authority.root, extensions=[no_lists])
    assert not only(crl_with(issuer)).is_signed_by(issuer.certificate), "may sign certificates, not lists"
    silent = signed(peer_subject(), authority.root)
    assert only(crl_with(silent)).is_signed_by(silent.certificate), "no key usage forbids nothing"


def test_a_list_is_current_until_the_next_is_due(authority: DevelopmentAuthority, now: int) -> None:
    crl = only(authority.crl_pem(next_update=now))
    assert crl.is_current(now - 1000)
    assert crl.is_current(now)
    assert not crl.is_current(now + 1)


def test_what_a_list_covers_follows_its_scope(authority: DevelopmentAuthority) -> None:
    points = x509.CRLDistributionPoints([x509.DistributionPoint([POINT], None, None, None)])
    leaf = signed(peer_subject(), authority.intermediate, extensions=[points]).certificate
    ca = authority.intermediate.certificate
    issuer = authority.intermediate

    def covers(extension: x509.IssuingDistributionPoint) -> tuple[bool, bool]:
        crl = only(crl_with(issuer, extension))
        return crl.covers(leaf), crl.covers(ca)

    assert covers(scope(users=True)) == (True, False)
    assert covers(scope(authorities=True)) == (False, True)
    assert covers(scope(full_name=[OTHER_POINT, POINT])) == (True, False)
    assert covers(scope(full_name=[OTHER_POINT])) == (False, False)
    whole = only(crl_with(issuer))
    assert (whole.covers(leaf), whole.covers(ca)) == (True, True)


def test_only_basic_constraints_make_an_authority(authority: DevelopmentAuthority, provider: KeyPair) -> None:
    assert is_authority(authority.root.certificate)
    assert not is_authority(provider.certificate)
    assert not is_authority(signed(peer_subject(), authority.root).certificate)
    junk = x509.UnrecognizedExtension(x509.BasicConstraints.oid, b"\x30\x05")
    assert not is_authority(signed(peer_subject(), authority.root, extensions=[junk]).certificate)
