import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from certs.authority import DevelopmentAuthority
from certs.custody import KeyPair, key_pem
from config.load import load_settings
from klantenregister.preflight import Findings, check_files
from tests.config.samples import document, tenant, write

NOW = 1_800_000_000
DAY = 86_400
PEER_ID = "00000001823288444000"
NAME = "Gemeente Voorbeeld"
HOSTS = ("manager.voorbeeld.example.test", "inway.voorbeeld.example.test")


class Place:
    """A folder with a Group's CA, the certificates of one tenant, and the configuration that names them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = DevelopmentAuthority.create("fsc.example.test", now=NOW)
        (folder / "pki").mkdir()
        self.write("root.pem", self.authority.anchors_pem())
        self.write("root.crl", self.authority.root_crl_pem())
        self.write("ca.crl", self.authority.crl_pem())
        self.group: dict[str, Any] = {"revocation": {"mode": "soft", "crl": ["pki/root.crl", "pki/ca.crl"]}}
        self.issue()

    def write(self, name: str, data: bytes, mode: int = 0o600) -> None:
        path = self.folder / "pki" / name
        path.write_bytes(data)
        path.chmod(mode)

    def issue(self, stem: str = "voorbeeld", **changes: Any) -> KeyPair:
        pair = self.authority.issue(**{"peer_id": PEER_ID, "name": NAME, "dns_names": HOSTS, **changes})
        self.write(f"{stem}.pem", pair.pem_chain())
        self.write(f"{stem}.key", key_pem(pair.private_key))
        return pair

    def check(self, *stems: str, now: int = NOW, group: dict[str, Any] | None = None, **changes: Any) -> Findings:
        certificates = [{"cert": f"pki/{stem}.pem", "key": f"pki/{stem}.key"} for stem in stems or ("voorbeeld",)]
        value = document(
            tenant(**{"certificates": certificates, **changes.pop("tenant", {})}),
            group={**self.group, **(group or {})},
            **changes,
        )
        return check_files(load_settings(write(self.folder, value), {}), now=now)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def lines(findings: Findings) -> tuple[list[str], list[str]]:
    return [str(problem) for problem in findings.errors], [str(problem) for problem in findings.warnings]


def only_error(findings: Findings) -> str:
    errors, _ = lines(findings)
    assert len(errors) == 1, errors
    return errors[0]


def only_warning(findings: Findings) -> str:
    errors, warnings = lines(findings)
    assert errors == []
    assert len(warnings) == 1, warnings
    return warnings[0]


def test_what_is_in_order_has_no_findings(place: Place) -> None:
    assert lines(place.check()) == ([], [])


def test_nothing_is_written(place: Place) -> None:
    def content() -> dict[Path, str]:
        files = [path for path in place.folder.rglob("*") if path.is_file()]
        return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    place.check()
    before = content()
    place.check()
    assert content() == before


# Trust Anchors and CRLs


@pytest.mark.parametrize(
    ("group", "path"),
    [
        ({"trust_anchors": ["pki/root.pem", "pki/none.pem"]}, "group.trust_anchors[1]: "),
        ({"trust_anchors": ["pki/ca.crl"]}, "group.trust_anchors[0]: "),
        ({"trust_anchors": ["pki/voorbeeld.key"]}, "group.trust_anchors[0]: "),
        ({"trust_anchors": ["pki"]}, "group.trust_anchors[0]: "),
        ({"revocation": {"crl": ["pki/none.crl"]}}, "group.revocation.crl[0]: "),
        ({"revocation": {"crl": ["pki/root.crl", "pki/root.pem"]}}, "group.revocation.crl[1]: "),
    ],
)
def test_trust_files_that_cannot_be_used(place: Place, group: dict[str, Any], path: str) -> None:
    assert only_error(place.check(group=group)).startswith(path)


def test_revocation_off_is_worth_a_warning(place: Place) -> None:
    assert only_warning(place.check(group={"revocation": {"mode": "off"}})).startswith("group.revocation.mode: revoked")


def test_a_missing_crl_is_shown_in_soft_and_refused_in_hard(place: Place) -> None:
    only_ca: dict[str, Any] = {"revocation": {"mode": "soft", "crl": ["pki/ca.crl"]}}
    assert "there is no CRL of" in only_warning(place.check(group=only_ca))
    only_ca["revocation"]["mode"] = "hard"
    errors, _ = lines(place.check(group=only_ca))
    assert any(error.startswith("group.revocation.crl: there is no CRL of") for error in errors)


def test_a_stale_crl_is_shown_in_soft_and_refused_in_hard(place: Place) -> None:
    place.write("ca.crl", place.authority.crl_pem(next_update=NOW - 1))
    assert "is stale: fetch the newest" in only_warning(place.check())
    hard = {"revocation": {"mode": "hard", "crl": ["pki/root.crl", "pki/ca.crl"]}}
    errors, _ = lines(place.check(group=hard))
    assert any("is stale: fetch the newest" in error for error in errors)


def test_hard_with_all_crls_is_in_order(place: Place) -> None:
    assert lines(place.check(group={"revocation": {"mode": "hard", "crl": ["pki/root.crl", "pki/ca.crl"]}})) == ([], [])


@pytest.mark.parametrize("mode", ["hard", "soft"])
def test_of_a_crl_behind_a_url_nothing_is_said_without_asking_for_it(place: Place, mode: str) -> None:
    url = {"revocation": {"mode": mode, "crl": ["http://crl.example.test/root.crl", "pki/ca.crl"]}}
    assert lines(place.check(group=url)) == ([], [])


def test_a_crl_of_another_group_is_worth_a_warning(place: Place) -> None:
    stranger = DevelopmentAuthority.create("other", now=NOW)
    place.write("other.crl", stranger.crl_pem())
    crls = ["pki/root.crl", "pki/ca.crl", "pki/other.crl"]
    warning = only_warning(place.check(group={"revocation": {"mode": "hard", "crl": crls}}))
    assert "no certificate here verifies the CRL of" in warning


def test_an_own_certificate_that_is_revoked(place: Place) -> None:
    place.authority.revoke(place.issue().certificate)
    place.write("ca.crl", place.authority.crl_pem())
    # The other Peers refuse it; the other tenants of this installation are served.
    assert "was revoked by" in only_warning(place.check())


# Certificates of a tenant


def spoil_missing(place: Place) -> None:
    (place.folder / "pki/voorbeeld.key").unlink()


def spoil_not_pem(place: Place) -> None:
    place.write("voorbeeld.pem", b"geheim")


def spoil_other_key(place: Place) -> None:
    place.issue("other")
    (place.folder / "pki/other.key").rename(place.folder / "pki/voorbeeld.key")


def spoil_authority(place: Place) -> None:
    place.authority = DevelopmentAuthority.create("other", now=NOW)
    place.issue()


def spoil_without_chain(place: Place) -> None:
    pair = place.issue()
    place.write("voorbeeld.pem", KeyPair(pair.chain[:1], pair.private_key).pem_chain())


def spoil_peer_id(place: Place) -> None:
    place.issue(peer_id="00000000000000000010")


def spoil_name(place: Place) -> None:
    place.issue(name="Gemeente Anders")


def spoil_host(place: Place) -> None:
    place.issue(dns_names=["manager.voorbeeld.example.test", "*.inway.voorbeeld.example.test"])


def spoil_expired(place: Place) -> None:
    place.issue(not_before=NOW - 20 * DAY, days=10)


def spoil_future(place: Place) -> None:
    place.issue(not_before=NOW + DAY)


@pytest.mark.parametrize(
    ("spoil", "path", "message"),
    [
        (spoil_missing, "tenants[0].certificates[0]", "does not exist"),
        (spoil_not_pem, "tenants[0].certificates[0]", "holds no readable certificate"),
        (spoil_other_key, "tenants[0].certificates[0]", "is not the private key of"),
        (spoil_authority, "tenants[0].certificates[0]", "check group.trust_anchors and the intermediates"),
        (spoil_without_chain, "tenants[0].certificates[0]", "check group.trust_anchors and the intermediates"),
        (spoil_peer_id, "tenants[0].certificates[0]", f"is for Peer ID 00000000000000000010, not {PEER_ID}"),
        (spoil_name, "tenants[0].certificates[0]", f'is for the name "Gemeente Anders", not "{NAME}"'),
        (spoil_host, "tenants[0].certificates[0]", "DNS name inway.voorbeeld.example.test of inway_address"),
        (spoil_expired, "tenants[0].certificates", "none of the certificates is valid now"),
        (spoil_future, "tenants[0].certificates", "none of the certificates is valid now"),
    ],
)
def test_a_certificate_that_cannot_serve(place: Place, spoil: Callable[[Place], None], path: str, message: str) -> None:
    spoil(place)
    error = only_error(place.check())
    assert error.startswith(f"{path}: ")
    assert message in error
    assert "geheim" not in error


def test_all_problems_are_told_at_once(place: Place) -> None:
    place.issue("second", peer_id="00000000000000000010", name="Gemeente Anders", dns_names=["x.example.test"])
    errors, _ = lines(place.check("voorbeeld", "second", "third"))
    assert [error.partition(": ")[0] for error in errors] == ["tenants[0].certificates[1]"] * 4 + [
        "tenants[0].certificates[2]"
    ]


def test_a_wildcard_covers_one_label(place: Place) -> None:
    place.issue(dns_names=["*.voorbeeld.example.test"])
    assert lines(place.check()) == ([], [])


def test_a_subject_without_the_fields_of_the_group(place: Place) -> None:
    error = only_error(place.check(group={"peer_id": "subject.organizationIdentifier"}))
    assert "subject.organizationIdentifier exactly once" in error


def test_rotation_old_and_new_beside_each_other(place: Place) -> None:
    place.issue("old", not_before=NOW - 400 * DAY, days=365)
    place.issue("next", not_before=NOW + 10 * DAY)
    warning = only_warning(place.check("old", "voorbeeld", "next"))
    assert warning.startswith("tenants[0].certificates[0]: expired on ")


def test_the_last_certificate_expires_soon(place: Place) -> None:
    place.issue(days=29)
    assert ", in 29 days: renew it with the same key" in only_warning(place.check())
    place.issue(days=31)
    assert lines(place.check()) == ([], [])


def test_a_successor_takes_the_warning_away(place: Place) -> None:
    place.issue(days=10)
    place.issue("next", not_before=NOW + 5 * DAY, days=365)
    assert lines(place.check("voorbeeld", "next")) == ([], [])


# Permissions, keys, advice


def test_loose_permissions_warn_and_do_not_refuse(place: Place) -> None:
    (place.folder / "pki/voorbeeld.key").chmod(0o644)
    warning = only_warning(place.check())
    assert warning.startswith("tenants[0].certificates[0].key: ")
    assert "chmod 600" in warning


def test_the_master_key(place: Place) -> None:
    place.write("master.key", b"geheim", mode=0o640)
    findings = place.check(keys={"master_file": "pki/master.key"})
    assert only_error(findings).startswith("keys.master_file: ")
    assert [warning.path for warning in findings.warnings] == ["keys.master_file"]
    assert "geheim" not in str(findings)


@pytest.mark.parametrize("key", ["storage", "cache"])
def test_a_store_that_has_no_back_end(place: Place, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise ValueError("there is no back end for this")

    monkeypatch.setattr(f"klantenregister.preflight.parse_{key}_url", refuse)
    assert only_error(place.check()) == f"{key}: there is no back end for this"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"storage": "memory:"}, "storage"),
        ({"tenants": []}, "tenants"),
        (
            {"tenant": {"services": [{"name": "abc", "upstream": "http://a", "publish": True}]}},
            "tenants[0].services[0].publish",
        ),
        (
            {"tenant": {"connections": [{"name": "a", "service": {"peer_id": "abc", "name": "brp"}}]}},
            "tenants[0].outway",
        ),
        ({"tenant": {"applications": [{"id": "a", "token": "geheim"}]}}, "tenants[0].applications[0].token"),
    ],
)
def test_advice(place: Place, change: dict[str, Any], path: str) -> None:
    warning = only_warning(place.check(**change))
    assert warning.startswith(f"{path}: ")
    assert "geheim" not in warning
