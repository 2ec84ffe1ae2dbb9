"""The files that the settings name, checked before anything listens: certificates, keys, CRLs and their permissions.

Reads; never binds, connects or writes. `check-config` shows what it finds and `serve` refuses to start on an error.
Standard: FSC Core, TLS configuration and Peer identification; DESIGN sections 3 and 9.
Units: `now` is whole Unix seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from certs.custody import (
    KeyPair,
    load_crl_file,
    load_key_pair,
    load_or_create_master_key,
    load_trust_file,
    loose_permissions,
    newest_valid,
)
from certs.errors import CertificateRefused, CertificateRevoked, CertsError, CustodyError, RevocationUnknown
from certs.identity import PeerCertificate, describe
from certs.trust import CrlState, RevocationMode, TrustStore
from config.errors import Location, Problem, path_text
from config.settings import GroupSettings, Settings, TenantSettings
from storage.urls import parse_cache_url, parse_storage_url

EXPIRY_WARNING_S: Final = 30 * 86_400
_SHORT_TOKEN_CHARACTERS: Final = 20


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong, and what only deserves attention."""

    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


@dataclass(slots=True)
class _Report:
    """Findings while the checks run."""

    now: int
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def error(self, location: Location, message: object) -> None:
        self.errors.append(Problem(path_text(location), str(message)))

    def warn(self, location: Location, message: object) -> None:
        self.warnings.append(Problem(path_text(location), str(message)))


def check_files(settings: Settings, *, now: int) -> Findings:
    """Check every file that the settings name, and what in the settings themselves deserves attention."""
    report = _Report(now)
    for location, message in _advice(settings):
        report.warn(location, message)
    _check_stores(settings, report)
    _check_master_key(settings.keys.master_file, report)
    trust = _load_trust(settings.group, report)
    for index, tenant in enumerate(settings.tenants):
        _check_tenant(("tenants", index), tenant, settings.group, trust, report)
    if trust is not None:
        # A list that nobody verifies is strange only when every issuer was met on the way.
        issuers_known = bool(settings.tenants) and not report.errors
        _check_crls(settings.group, trust, report, issuers_known=issuers_known)
    _check_crl_urls(settings.group, report)
    return Findings(tuple(report.errors), tuple(report.warnings))


def _advice(settings: Settings) -> Iterator[tuple[Location, str]]:
    if settings.group.revocation.mode is RevocationMode.OFF:
        yield ("group", "revocation", "mode"), "revoked certificates are not noticed: choose soft or hard"
    if settings.storage.get_secret_value() == "memory:":
        yield ("storage",), "nothing survives a restart: choose another store, except for tests"
    if not settings.tenants:
        yield ("tenants",), "there is none, so nothing is served: add one"
    for index, tenant in enumerate(settings.tenants):
        yield from _tenant_advice(("tenants", index), tenant, settings.group)


def _tenant_advice(here: Location, tenant: TenantSettings, group: GroupSettings) -> Iterator[tuple[Location, str]]:
    if tenant.connections and tenant.outway is None:
        yield (*here, "outway"), "there is none, so no application can use the connections: add one"
    for place, service in enumerate(tenant.services):
        if service.publish and not group.directories:
            yield (*here, "services", place, "publish"), "there is nowhere to publish: name group.directories"
    for place, application in enumerate(tenant.applications):
        if len(application.token.get_secret_value()) < _SHORT_TOKEN_CHARACTERS:
            yield (*here, "applications", place, "token"), "is short enough to guess: use 32 random characters or more"


def _check_stores(settings: Settings, report: _Report) -> None:
    """Check that there is a back end for the URLs, which the configuration itself cannot know."""
    try:
        parse_storage_url(settings.storage.get_secret_value())
    except ValueError as error:
        report.error(("storage",), error)
    try:
        parse_cache_url(settings.cache.get_secret_value())
    except ValueError as error:
        report.error(("cache",), error)


def _check_master_key(path: Path, report: _Report) -> None:
    # Absent is fine, the first start makes it; asking for it here would make it now.
    if not path.exists():
        return
    try:
        load_or_create_master_key(path)
    except CustodyError as error:
        report.error(("keys", "master_file"), error)
    _warn_if_loose(("keys", "master_file"), path, report)


def _warn_if_loose(location: Location, path: Path, report: _Report) -> None:
    warning = loose_permissions(path)
    if warning is not None:
        report.warn(location, warning)


def _load_trust(group: GroupSettings, report: _Report) -> TrustStore | None:
    """Read anchors and CRLs; None when one of them is wrong, because every chain would then fail for that reason."""
    known_errors = len(report.errors)
    anchors, crls = [], []
    for index, path in enumerate(group.trust_anchors):
        try:
            anchors.append(load_trust_file(path))
        except CustodyError as error:
            report.error(("group", "trust_anchors", index), error)
    for index, source in enumerate(group.revocation.crl):
        try:
            if isinstance(source, Path):
                crls.append(load_crl_file(source))
        except CustodyError as error:
            report.error(("group", "revocation", "crl", index), error)
    if len(report.errors) > known_errors:
        return None
    return TrustStore.from_pem(anchors, crls=crls, mode=_mode_here(group))


def _mode_here(group: GroupSettings) -> RevocationMode:
    """Without a connection the lists behind URLs are not known, and then their absence proves nothing."""
    mode = group.revocation.mode
    return RevocationMode.SOFT if mode is RevocationMode.HARD and _has_urls(group) else mode


def _has_urls(group: GroupSettings) -> bool:
    return not all(isinstance(source, Path) for source in group.revocation.crl)


def _check_crl_urls(group: GroupSettings, report: _Report) -> None:
    """What is not fetched protects nobody: said aloud in `soft`, refused in `hard`, where nobody could connect."""
    if _has_urls(group) and group.revocation.mode is not RevocationMode.OFF:
        say = report.error if group.revocation.mode is RevocationMode.HARD else report.warn
        say(
            ("group", "revocation", "crl"),
            "this version reads CRLs from files only: download each one to a file, and again before it ends",
        )


def _check_crls(group: GroupSettings, trust: TrustStore, report: _Report, *, issuers_known: bool) -> None:
    """Refused in `hard`, tolerated and shown otherwise."""
    silent = {CrlState.CURRENT}
    silent |= {CrlState.MISSING} if _has_urls(group) else set()
    silent |= set() if issuers_known else {CrlState.UNVERIFIED}
    for status in trust.revocation_status(report.now):
        if status.state in silent:
            continue
        say = report.error if _is_refused(status.state, group.revocation.mode) else report.warn
        say(("group", "revocation", "crl"), _CRL_SENTENCES[status.state].format(issuer=status.issuer))


def _is_refused(state: CrlState, mode: RevocationMode) -> bool:
    return mode is RevocationMode.HARD and state in {CrlState.STALE, CrlState.MISSING}


_CRL_SENTENCES: Final = {
    CrlState.STALE: "the CRL of {issuer} is stale: fetch the newest from the issuer",
    CrlState.MISSING: "there is no CRL of {issuer}: add it, or revoked certificates of this issuer are not noticed",
    CrlState.UNVERIFIED: "no certificate here verifies the CRL of {issuer}: check that it belongs to this Group",
}


def _check_tenant(
    here: Location, tenant: TenantSettings, group: GroupSettings, trust: TrustStore | None, report: _Report
) -> None:
    pairs: list[KeyPair] = []
    for index, files in enumerate(tenant.certificates):
        location = (*here, "certificates", index)
        _warn_if_loose((*location, "key"), files.key, report)
        try:
            pair = load_key_pair(files.cert, files.key)
        except CustodyError as error:
            report.error(location, error)
            continue
        pairs.append(pair)
        if pair.not_after < report.now:
            report.warn(
                location, f"expired on {_day(pair.not_after)}: remove it when nothing it signed is valid any more"
            )
            continue
        _check_certificate(location, pair, tenant, group, report)
        if trust is not None:
            _check_chain(location, pair, trust, report)
    if pairs:
        _check_serving((*here, "certificates"), pairs, report)


def _check_serving(location: Location, pairs: list[KeyPair], report: _Report) -> None:
    """Check that one certificate serves now, and that one will in thirty days."""
    if newest_valid(pairs, report.now) is None:
        report.error(location, "none of the certificates is valid now: renew one with the same key")
    elif all(pair.not_after < report.now + EXPIRY_WARNING_S for pair in pairs):
        last = max(pair.not_after for pair in pairs)
        days = (last - report.now) // 86_400
        report.warn(location, f"the last one expires on {_day(last)}, in {days} days: renew it with the same key")


def _check_certificate(
    location: Location, pair: KeyPair, tenant: TenantSettings, group: GroupSettings, report: _Report
) -> None:
    """Check that the certificate is this tenant's and names both of its hosts."""
    try:
        held = describe(pair.certificate, group.subject_rule)
    except CertsError as error:
        report.error(location, error)
        return
    if held.peer_id != tenant.peer_id:
        report.error(location, f"is for Peer ID {held.peer_id}, not {tenant.peer_id}: name the right file or peer_id")
    if held.name != tenant.name:
        report.error(location, f'is for the name "{held.name}", not "{tenant.name}": the two must be equal')
    for key, address in (("manager_address", tenant.manager_address), ("inway_address", tenant.inway_address)):
        if not _covers(held, address.host):
            report.error(location, f"does not hold the DNS name {address.host} of {key}: have it issued with that name")


def _covers(held: PeerCertificate, host: str) -> bool:
    """Standard: RFC 6125 6.4.3, a wildcard stands for exactly one label, the first."""
    wildcard = f"*.{host.partition('.')[2]}"
    return host in held.dns_names or wildcard in held.dns_names


def _check_chain(location: Location, pair: KeyPair, trust: TrustStore, report: _Report) -> None:
    # A certificate that waits for its first day is checked as it will be on that day.
    at = max(report.now, pair.not_before)
    try:
        trust.verify_chain(pair.certificate, pair.chain[1:], now=at)
    except CertificateRevoked as error:
        report.error(location, f"{error}: have a new one issued")
    except RevocationUnknown as error:
        report.error(location, f"{error}: add the issuer's current CRL to group.revocation.crl")
    except CertificateRefused as error:
        report.error(location, f"{error}: check group.trust_anchors and the intermediates in the file")


def _day(instant: int) -> str:
    return datetime.fromtimestamp(instant, UTC).date().isoformat()
