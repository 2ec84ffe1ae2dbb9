"""`klantenregister pki`, driven as a user does: arguments in, files and text out."""

import argparse
import json
from pathlib import Path

import pytest
from cryptography import x509

from certs.custody import load_certificates, load_key_pair, load_trust_file
from certs.identity import SubjectRule, describe
from certs.revocation import RevocationMode
from certs.thumbprint import certificate_thumbprint, public_key_thumbprint
from certs.trust import TrustStore
from clock import SystemClock
from klantenregister.commands import pki
from klantenregister.errors import CommandError, Failed, WrongUsage

PEER_ID = "00000001823288444000"
HOLDER = ["--peer-id", PEER_ID, "--name", "Gemeente Voorbeeld", "--dns", "manager.voorbeeld.localhost"]


def run(*words: str | Path) -> int:
    parser = argparse.ArgumentParser(prog="klantenregister")
    pki.register(parser.add_subparsers(required=True))
    args = parser.parse_args(["pki", *map(str, words)])
    code = args.run(args)
    assert isinstance(code, int)
    return code


@pytest.fixture
def group(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    directory = tmp_path / "pki"
    assert run("init", directory, "--group", "fsc.example.test") == 0
    capsys.readouterr()
    return directory


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["init"],
        ["init", "DIR"],
        ["init", "DIR", "--group", "g", "--algorithm", "dsa"],
        ["init", "DIR", "--group", "g", "--days", "many"],
        ["issue", "DIR", "--peer-id", PEER_ID, "--name", "Gemeente Voorbeeld"],
        ["csr", *HOLDER],
        ["csr", *HOLDER, "--out", "x", "--key", "k", "--algorithm", "rsa"],
        ["show"],
        ["destroy"],
    ],
)
def test_wrong_arguments_are_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(*words)
    assert stopped.value.code == 2
    assert "usage: klantenregister pki" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--peer-id", "12", "3 to 255"),
        ("--peer-id", "not_printable_string", "letters, digits"),
        ("--name", "a\tb c", "control"),
        ("--dns", "not a name", "not a DNS name"),
        ("--days", "0", "1 to 36500"),
        ("--days", "4000", r"at most 36(49|50) days"),
    ],
)
def test_a_certificate_that_would_not_work_is_not_issued(group: Path, option: str, value: str, says: str) -> None:
    before = sorted(group.iterdir())
    with pytest.raises(WrongUsage, match=says):
        run("issue", group, *HOLDER, option, value)
    assert sorted(group.iterdir()) == before


def test_nothing_is_overwritten(group: Path) -> None:
    root = (group / "root.pem").read_bytes()
    with pytest.raises(Failed, match=r"root\.pem: exists already"):
        run("init", group, "--group", "other")
    assert (group / "root.pem").read_bytes() == root
    run("issue", group, *HOLDER, "--out", "voorbeeld")
    key = (group / "voorbeeld.key").read_bytes()
    with pytest.raises(Failed, match="exists already"):
        run("issue", group, *HOLDER, "--out", "voorbeeld")
    assert (group / "voorbeeld.key").read_bytes() == key


def test_a_directory_without_ca_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"root\.pem: does not exist"):
        run("issue", tmp_path, *HOLDER)


@pytest.mark.parametrize("error", [Failed, WrongUsage])
def test_the_errors_carry_the_exit_codes(error: type[CommandError]) -> None:
    assert error.exit_code == {Failed: 1, WrongUsage: 2}[error]


@pytest.mark.parametrize("algorithm", ["ec", "rsa"])
def test_what_is_issued_is_trusted_in_every_mode(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], algorithm: str
) -> None:
    run("init", tmp_path, "--group", "g", "--algorithm", algorithm)
    assert "root.pem" in capsys.readouterr().out
    run("issue", tmp_path, *HOLDER, "--dns", "inway.voorbeeld.localhost", "--algorithm", algorithm)
    out = capsys.readouterr().out
    stem = tmp_path / "manager.voorbeeld.localhost"
    assert f"{stem}.pem" in out
    assert f"{stem}.key" in out
    pair = load_key_pair(Path(f"{stem}.pem"), Path(f"{stem}.key"))
    crls = [(tmp_path / name).read_bytes() for name in ("ca.crl", "root.crl")]
    trust = TrustStore.from_pem([load_trust_file(tmp_path / "root.pem")], crls=crls, mode=RevocationMode.HARD)
    trust.verify_chain(pair.certificate, pair.chain[1:], now=SystemClock().now())
    peer = describe(pair.certificate, SubjectRule())
    assert (peer.peer_id, peer.name) == (PEER_ID, "Gemeente Voorbeeld")
    assert peer.dns_names == ("manager.voorbeeld.localhost", "inway.voorbeeld.localhost")
    assert {path.name for path in tmp_path.iterdir() if path.stat().st_mode & 0o077} == {
        "root.pem",
        "ca.pem",
        "root.crl",
        "ca.crl",
        "manager.voorbeeld.localhost.pem",
    }


def test_out_is_a_name_in_the_directory_or_a_path(group: Path, tmp_path: Path) -> None:
    run("issue", group, *HOLDER, "--out", "voorbeeld")
    run("issue", group, *HOLDER, "--out", tmp_path / "elsewhere" / "voorbeeld.v2")
    assert (group / "voorbeeld.pem").exists()
    assert (tmp_path / "elsewhere" / "voorbeeld.v2.pem").exists()


def test_a_request_reuses_the_key_on_demand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("csr", *HOLDER, "--out", tmp_path / "first")
    run("csr", *HOLDER, "--out", tmp_path / "renewal", "--key", tmp_path / "first.key")
    assert "never leaves" in capsys.readouterr().out
    assert not (tmp_path / "renewal.key").exists()
    assert (tmp_path / "first.key").stat().st_mode & 0o777 == 0o600
    first, renewal = (x509.load_pem_x509_csr((tmp_path / f"{stem}.csr").read_bytes()) for stem in ("first", "renewal"))
    assert public_key_thumbprint(first.public_key()) == public_key_thumbprint(renewal.public_key())
    assert renewal.is_signature_valid
    assert renewal.subject.rfc4514_string().startswith("CN=manager.voorbeeld.localhost,O=Gemeente Voorbeeld")
    names = renewal.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["manager.voorbeeld.localhost"]


def test_the_help_says_why_to_reuse_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("csr", "--help")
    assert "same key keeps the FSC connection grants" in " ".join(capsys.readouterr().out.split())


def test_show_prints_one_json_document(group: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("issue", group, *HOLDER, "--out", "voorbeeld", "--days", "30")
    capsys.readouterr()
    assert run("show", "--json", group / "voorbeeld.pem", group / "root.pem") == 0
    leaf, ca, root = json.loads(capsys.readouterr().out)["certificates"]
    assert leaf["file"] == str(group / "voorbeeld.pem")
    assert (leaf["peer_id"], leaf["peer_name"]) == (PEER_ID, "Gemeente Voorbeeld")
    assert leaf["dns_names"] == ["manager.voorbeeld.localhost"]
    assert leaf["days_left"] in {29, 30}
    assert leaf["issuer"] == ca["subject"] == "fsc.example.test development CA"
    assert (ca["peer_id"], root["subject"]) == (None, root["issuer"])
    (certificate, _) = load_certificates(group / "voorbeeld.pem")
    assert leaf["public_key_thumbprint"] == public_key_thumbprint(certificate)
    assert leaf["certificate_thumbprint"] == certificate_thumbprint(certificate)


def test_show_is_readable_for_people(group: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("issue", group, *HOLDER, "--out", "voorbeeld", "--days", "30")
    capsys.readouterr()
    run("show", group / "voorbeeld.pem")
    leaf, ca = capsys.readouterr().out.split("\n\n")
    assert "days left" in leaf
    assert PEER_ID in leaf
    assert "none in subject.serialNumber" in ca
    assert "PRIVATE" not in leaf + ca


def test_show_names_what_is_no_certificate(group: Path, tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"root\.key: holds no readable certificate"):
        run("show", group / "root.key")
    with pytest.raises(Failed, match=r"none\.pem: does not exist"):
        run("show", tmp_path / "none.pem")


def test_show_says_that_a_certificate_has_expired(group: Path) -> None:
    (certificate,) = x509.load_pem_x509_certificates((group / "ca.pem").read_bytes())
    later = int(certificate.not_valid_after_utc.timestamp()) + 1
    assert pki.describe_certificate(group / "ca.pem", certificate, later).days_left == -1
