"""What the certificates, requests and CRLs that we make hold."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.authority import DevelopmentAuthority
from certs.custody import KeyPair
from certs.errors import IssueRefused
from certs.identity import SubjectRule, describe, identity_of
from certs.issuing import Algorithm, Holder, generate_key, make_crl, make_csr, make_leaf

PEER_ID = "00000001823288444000"


@pytest.mark.parametrize(
    ("peer_id", "name", "dns_names", "says"),
    [
        ("12", "Gemeente Voorbeeld", ("a.test",), "Peer ID has 3 to 255"),
        ("peer_1", "Gemeente Voorbeeld", ("a.test",), "letters, digits"),
        (PEER_ID, "G\n emeente", ("a.test",), "control"),
        (PEER_ID, "Gemeente Voorbeeld", (), "at least one DNS name"),
        (PEER_ID, "Gemeente Voorbeeld", ("a.test", ""), "not a DNS name"),
        (PEER_ID, "Gemeente Voorbeeld", ("A.test",), "lower-case"),
        (PEER_ID, "Gemeente Voorbeeld", ("-a.test",), "not a DNS name"),
        (PEER_ID, "Gemeente Voorbeeld", ("a..test",), "not a DNS name"),
        (PEER_ID, "Gemeente Voorbeeld", ("a.*.test",), "not a DNS name"),
        (PEER_ID, "Gemeente Voorbeeld", ("https://a.test",), "not a DNS name"),
        (PEER_ID, "Gemeente Voorbeeld", ("gemeenté.test",), "not a DNS name"),
        (PEER_ID, "Gemeente Voorbeeld", ("a" * 64 + ".test",), "not a DNS name"),
        (PEER_ID, "Gemeente Voorbeeld", (".".join(["abcdefg"] * 40),), "not a DNS name"),
    ],
)
def test_a_holder_that_no_group_would_accept(peer_id: str, name: str, dns_names: tuple[str, ...], says: str) -> None:
    with pytest.raises(IssueRefused, match=says):
        Holder(peer_id, name, dns_names)


@given(st.text(min_size=3, max_size=60), st.from_regex(r"[a-z0-9]{1,20}(\.[a-z0-9]{1,20}){0,3}", fullmatch=True))
@settings(max_examples=40, deadline=None)
def test_every_holder_that_is_accepted_is_read_back(authority: DevelopmentAuthority, name: str, dns_name: str) -> None:
    try:
        holder = Holder(PEER_ID, name, (dns_name,))
    except IssueRefused:
        return
    key = ec.generate_private_key(ec.SECP256R1())
    pair = make_leaf(holder, key, issuer=authority.intermediate, not_before=authority.now, not_after=authority.now + 1)
    peer = describe(pair.certificate, SubjectRule())
    assert (peer.peer_id, peer.name, peer.dns_names) == (PEER_ID, name, (dns_name,))


def test_a_leaf_is_good_for_tls_both_ways_and_for_signatures(provider: KeyPair) -> None:
    extensions = provider.certificate.extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_cert_sign) == (True, False)
    assert set(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == {
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.SERVER_AUTH,
    }
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    (common_name,) = provider.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert common_name.value == "inway.elders.localhost"


def test_a_dns_name_too_long_for_a_common_name_is_in_the_san_alone() -> None:
    holder = Holder(PEER_ID, "Gemeente Voorbeeld", (".".join(["abcdefg"] * 10),))
    assert holder.subject().get_attributes_for_oid(NameOID.COMMON_NAME) == []
    assert list(holder.alternative_name()) == [x509.DNSName(".".join(["abcdefg"] * 10))]


def test_the_two_kinds_of_key() -> None:
    elliptic, classic = generate_key(Algorithm.EC), generate_key(Algorithm.RSA)
    assert isinstance(elliptic, ec.EllipticCurvePrivateKey)
    assert isinstance(classic, rsa.RSAPrivateKey)
    assert (elliptic.curve.name, classic.key_size) == ("secp256r1", 3072)


def test_a_request_is_signed_by_its_key() -> None:
    key = generate_key(Algorithm.EC)
    request = x509.load_pem_x509_csr(make_csr(Holder(PEER_ID, "Gemeente Voorbeeld", ("a.test", "*.b.test")), key))
    assert request.is_signature_valid
    assert request.public_key() == key.public_key()
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.test", "*.b.test"]


def test_a_crl_lists_exactly_what_was_revoked(authority: DevelopmentAuthority, now: int) -> None:
    issuer = authority.intermediate
    crl = x509.load_pem_x509_crl(make_crl(issuer, [5, 7], this_update=now, next_update=now + 9))
    assert [entry.serial_number for entry in crl] == [5, 7]
    assert crl.next_update_utc is not None
    assert int(crl.next_update_utc.timestamp()) == now + 9
    assert identity_of(issuer.certificate, SubjectRule("subject.commonName", "subject.commonName")).name in str(
        crl.issuer
    )
