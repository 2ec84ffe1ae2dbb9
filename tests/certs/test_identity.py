"""Subject to Peer, by the Group's rule; unhappy paths first."""

import string

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.authority import DevelopmentAuthority
from certs.custody import KeyPair
from certs.errors import InvalidSubject, MalformedCertificate
from certs.identity import (
    SUBJECT_FIELDS,
    SubjectRule,
    describe,
    dns_names_of,
    identity_of,
    parse_peer_id,
    parse_peer_name,
    readable_name,
    readable_subject,
)
from certs.thumbprint import certificate_thumbprint, public_key_thumbprint
from tests.certs.conftest import PROVIDER_ID
from tests.certs.material import self_signed

PEER_ID = x509.NameAttribute(NameOID.SERIAL_NUMBER, "00000001823288444000")
NAME = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Gemeente Voorbeeld")
RULE = SubjectRule()


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ([NAME], "serialNumber exactly once and has it 0 times"),
        ([PEER_ID], "organizationName exactly once and has it 0 times"),
        ([PEER_ID, NAME, x509.NameAttribute(NameOID.SERIAL_NUMBER, "00000001950428139000")], "has it 2 times"),
        ([PEER_ID, NAME, NAME], "has it 2 times"),
        ([x509.NameAttribute(NameOID.SERIAL_NUMBER, "12"), NAME], "3 to 255 characters, this one 2"),
        ([x509.NameAttribute(NameOID.SERIAL_NUMBER, "1" * 256), NAME], "3 to 255 characters, this one 256"),
        ([PEER_ID, x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Gemeente\nVoorbeeld")], "control"),
        ([x509.NameAttribute(NameOID.SERIAL_NUMBER, "123 "), NAME], "space"),
        ([PEER_ID, x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Gemeente\u202e V")], "invisible"),
        ([PEER_ID, x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Geme\u200bente")], "invisible"),
        ([PEER_ID, x509.NameAttribute(NameOID.ORGANIZATION_NAME, "VG")], "this one 2"),
    ],
)
def test_a_subject_that_names_no_peer_is_refused(attributes: list[x509.NameAttribute[str]], says: str) -> None:
    certificate = self_signed(x509.Name(attributes)).certificate
    with pytest.raises(InvalidSubject, match=says):
        identity_of(certificate, RULE)
    with pytest.raises(InvalidSubject, match=says):
        describe(certificate, RULE)


def test_a_repeated_field_inside_one_rdn_is_refused_too() -> None:
    other = x509.NameAttribute(NameOID.SERIAL_NUMBER, "00000001950428139000")
    subject = x509.Name([x509.RelativeDistinguishedName([PEER_ID, other]), x509.RelativeDistinguishedName([NAME])])
    with pytest.raises(InvalidSubject, match="2 times"):
        identity_of(self_signed(subject).certificate, RULE)


@pytest.mark.parametrize("field", ["serialNumber", "subject.serialnumber", "subject.organization", ""])
def test_a_rule_names_known_fields_only(field: str) -> None:
    with pytest.raises(ValueError, match=r"choose from subject\.serialNumber"):
        SubjectRule(peer_id=field)
    with pytest.raises(ValueError, match="choose from"):
        SubjectRule(peer_name=field)


def test_a_group_may_choose_other_fields() -> None:
    subject = x509.Name(
        [x509.NameAttribute(oid, f"value of {field}") for field, oid in SUBJECT_FIELDS.items()],
    )
    certificate = self_signed(subject).certificate
    for field in SUBJECT_FIELDS:
        identity = identity_of(certificate, SubjectRule(peer_id=field, peer_name=field))
        assert (identity.peer_id, identity.name) == (f"value of {field}", f"value of {field}")


def test_describe_tells_all_that_the_certificate_states(provider: KeyPair) -> None:
    peer = describe(provider.certificate, RULE)
    assert (peer.peer_id, peer.name) == (PROVIDER_ID, "Gemeente Elders")
    assert peer.dns_names == ("inway.elders.localhost", "manager.elders.localhost")
    assert peer.thumbprint == certificate_thumbprint(provider.certificate)
    assert peer.public_key_thumbprint == public_key_thumbprint(provider.private_key.public_key())
    assert (peer.not_before, peer.not_after) == (provider.not_before, provider.not_after)


def test_dns_names_are_lower_case_and_optional() -> None:
    names = x509.SubjectAlternativeName(
        [x509.DNSName("Inway.Example.TEST"), x509.RFC822Name("no@dns.test"), x509.DNSName("b.test")]
    )
    subject = x509.Name([PEER_ID, NAME])
    assert dns_names_of(self_signed(subject, extensions=[names]).certificate) == ("inway.example.test", "b.test")
    assert dns_names_of(self_signed(subject).certificate) == ()


def test_an_unreadable_extension_is_a_refusal_and_no_traceback() -> None:
    junk = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x30\x03\x02")
    certificate = self_signed(x509.Name([PEER_ID, NAME]), extensions=[junk]).certificate
    with pytest.raises(MalformedCertificate):
        describe(certificate, RULE)


def test_a_name_for_people_is_short_and_printable() -> None:
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "a\r\nlevel=ERROR \u202e" + "x" * 500)])
    text = readable_subject(subject)
    assert len(text) <= 255
    assert text.startswith("a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}level=ERROR \N{REPLACEMENT CHARACTER}x")
    assert readable_subject(x509.Name([])) == "an empty subject"
    assert readable_name(self_signed(subject).certificate) == text


@given(st.text(string.ascii_letters + string.digits + "-_.:", min_size=3, max_size=255))
@settings(max_examples=50)
def test_every_plain_text_of_the_right_length_is_a_peer_id(text: str) -> None:
    assert parse_peer_id(text) == text


@given(st.text(max_size=300))
@settings(max_examples=100)
def test_a_parsed_name_never_breaks_a_line(text: str) -> None:
    try:
        name = parse_peer_name(text)
    except ValueError:
        return
    assert name == text
    assert len(name.splitlines()) == 1


def test_whoever_signed_it_makes_no_difference_to_the_description(
    authority: DevelopmentAuthority, stranger: DevelopmentAuthority
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    ours, theirs = (
        describe(ca.issue(peer_id="123", name="Peer", dns_names=["p.test"], private_key=key).certificate, RULE)
        for ca in (authority, stranger)
    )
    assert (ours.peer_id, ours.public_key_thumbprint) == (theirs.peer_id, theirs.public_key_thumbprint)
    assert ours.thumbprint != theirs.thumbprint
    assert isinstance(ours.certificate.signature_hash_algorithm, hashes.SHA256)
