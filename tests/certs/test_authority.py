"""The development CA in memory and in a directory."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from certs.authority import DevelopmentAuthority, create_group, issue, load_group, write_csr
from certs.custody import load_key_pair
from certs.errors import CertificateExpired, CertificateNotYetValid, CustodyError, InvalidSubject, IssueRefused
from certs.identity import SubjectRule, identity_of
from certs.issuing import DAY_S
from certs.revocation import RevocationMode
from certs.trust import TrustStore
from tests.certs.conftest import CONSUMER_ID

NAME = "Gemeente Voorbeeld"


@pytest.mark.parametrize("name", ["", "x" * 51, "a\nb"])
def test_a_group_needs_a_short_plain_name(name: str, now: int) -> None:
    with pytest.raises(IssueRefused, match="1 to 50 printable"):
        DevelopmentAuthority.create(name, now=now)


@pytest.mark.parametrize("days", [-1, 0, 36_501, 10**12])
def test_days_have_bounds(authority: DevelopmentAuthority, now: int, days: int) -> None:
    with pytest.raises(IssueRefused, match="1 to 36500 days"):
        DevelopmentAuthority.create("g", now=now, days=days)
    with pytest.raises(IssueRefused, match="1 to 36500 days"):
        authority.issue(peer_id=CONSUMER_ID, name=NAME, dns_names=["a.test"], days=days)


def test_a_certificate_does_not_outlive_its_ca(authority: DevelopmentAuthority) -> None:
    with pytest.raises(IssueRefused, match="at most 3650 days"):
        authority.issue(peer_id=CONSUMER_ID, name=NAME, dns_names=["a.test"], days=3651)
    authority.issue(peer_id=CONSUMER_ID, name=NAME, dns_names=["a.test"], days=3650)


def test_an_unknown_kind_of_key_is_refused(authority: DevelopmentAuthority) -> None:
    with pytest.raises(IssueRefused, match="choose ec or rsa"):
        authority.issue(peer_id=CONSUMER_ID, name=NAME, dns_names=["a.test"], algorithm="dsa")


def test_it_makes_what_tests_need(authority: DevelopmentAuthority, now: int) -> None:
    trust = TrustStore.from_pem([authority.anchors_pem()])
    pair = authority.issue(peer_id=CONSUMER_ID, name=NAME, dns_names=["a.test"])
    trust.verify_chain(pair.certificate, pair.chain[1:], now=now)

    expired = authority.issue(peer_id=CONSUMER_ID, name=NAME, dns_names=["a.test"], not_before=now - 2 * DAY_S, days=1)
    with pytest.raises(CertificateExpired):
        trust.verify_chain(expired.certificate, expired.chain[1:], now=now)
    future = authority.issue(peer_id=CONSUMER_ID, name=NAME, dns_names=["a.test"], not_before=now + DAY_S, days=1)
    with pytest.raises(CertificateNotYetValid):
        trust.verify_chain(future.certificate, future.chain[1:], now=now)

    renewed = authority.issue(peer_id=CONSUMER_ID, name=NAME, dns_names=["a.test"], private_key=pair.private_key)
    assert renewed.public_key_thumbprint == pair.public_key_thumbprint
    assert renewed.thumbprint != pair.thumbprint

    twice = x509.NameAttribute(NameOID.SERIAL_NUMBER, "00000001950428139000")
    ambiguous = authority.issue(peer_id=CONSUMER_ID, name=NAME, dns_names=["a.test"], extra_subject=[twice])
    with pytest.raises(InvalidSubject, match="2 times"):
        identity_of(ambiguous.certificate, SubjectRule())


def test_crls_tell_what_was_revoked_until_then(now: int) -> None:
    authority = DevelopmentAuthority.create("g", now=now)
    pair = authority.issue(peer_id=CONSUMER_ID, name=NAME, dns_names=["a.test"])
    before = x509.load_pem_x509_crl(authority.crl_pem())
    authority.revoke(pair.certificate)
    authority.revoke(pair.certificate)
    authority.revoke(authority.intermediate.certificate)
    after = x509.load_pem_x509_crl(authority.crl_pem())
    root = x509.load_pem_x509_crl(authority.root_crl_pem())
    assert list(before) == []
    assert [entry.serial_number for entry in after] == [pair.certificate.serial_number]
    assert [entry.serial_number for entry in root] == [authority.intermediate.certificate.serial_number]


def test_a_group_in_a_directory(tmp_path: Path, now: int) -> None:
    made = create_group(tmp_path / "pki", "g", now=now)
    assert {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "pki").iterdir()} == {
        "root.pem": 0o644,
        "root.key": 0o600,
        "ca.pem": 0o644,
        "ca.key": 0o600,
        "root.crl": 0o644,
        "ca.crl": 0o644,
    }
    read = load_group(tmp_path / "pki", now=now)
    assert (read.root, read.intermediate) == (made.root, made.intermediate)
    cert_file, key_file = issue(
        tmp_path / "pki", peer_id=CONSUMER_ID, name=NAME, dns_names=["*.voorbeeld.test"], now=now
    )
    assert (cert_file, key_file) == (
        tmp_path / "pki" / "_.voorbeeld.test.pem",
        tmp_path / "pki" / "_.voorbeeld.test.key",
    )
    pair = load_key_pair(cert_file, key_file)
    crls = [(tmp_path / "pki" / name).read_bytes() for name in ("root.crl", "ca.crl")]
    trust = TrustStore.from_pem([made.anchors_pem()], crls=crls, mode=RevocationMode.HARD)
    assert trust.verify_chain(pair.certificate, pair.chain[1:], now=now)[-1] == made.root.certificate


@pytest.mark.parametrize("file", ["root.pem", "root.key", "ca.pem", "ca.key", "root.crl", "ca.crl"])
def test_one_existing_file_stops_all(tmp_path: Path, now: int, file: str) -> None:
    (tmp_path / file).write_text("mine")
    with pytest.raises(CustodyError, match="exists already"):
        create_group(tmp_path, "g", now=now)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(file, "mine")]


def test_a_certificate_without_its_key_is_not_left_behind(tmp_path: Path, now: int) -> None:
    create_group(tmp_path, "g", now=now)
    (tmp_path / "peer.pem").write_text("mine")
    with pytest.raises(CustodyError, match=r"peer\.pem: exists already"):
        issue(tmp_path, peer_id=CONSUMER_ID, name=NAME, dns_names=["a.test"], now=now, stem=Path("peer"))
    assert not (tmp_path / "peer.key").exists()


def test_a_request_for_a_key_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CustodyError, match=r"none\.key: does not exist"):
        write_csr(
            tmp_path / "peer", peer_id=CONSUMER_ID, name=NAME, dns_names=["a.test"], key_file=tmp_path / "none.key"
        )
    assert list(tmp_path.iterdir()) == []
