"""The files that the settings name, checked before anything listens: certificates, keys, CRLs and their permissions.

Reads; never binds, connects or writes. `check-config` shows what it finds and `serve` refuses to start on an error.
Standard: FSC Core, TLS configuration and Peer identification; DESIGN sections 3 and 9.
Units: `now` is whole Unix seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from certs.custody import (
    KeyPair,
    load_crl_file,
    load_or_create_master_key,
    load_trust_file,
    loose_permissions,
    newest_valid,
)
from certs.errors import CustodyError
from certs.expiry import day, ending_anchors, ending_pairs
from certs.revocation import CrlState, RevocationMode
from certs.trust import TrustStore
from config.errors import Location, Problem, path_text
from config.settings import GroupSettings, Settings, TenantSettings
from klantenregister.certificates import NOTHING_SERVED, ServedPairs, read_entry
from storage.urls import parse_cache_url, parse_storage_url

_SHORT_TOKEN_CHARACTERS: Final = 20


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong, and what only deserves attention. `refused`: certificates that do not replace the present one."""

    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    refused: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Report:
    """Findings while the checks run."""

    now: int
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    refused: list[Problem] = field(default_factory=list)

    def error(self, location: Location, message: object) -> None:
        self.errors.append(Problem(path_text(location), str(message)))

    def warn(self, location: Location, message: object) -> None:
        self.warnings.append(Problem(path_text(location), str(message)))

    def refuse(self, location: Location, message: object) -> None:
        self.refused.append(Problem(path_text(location), str(message)))


def check_files(settings: Settings, *, now: int, served: ServedPairs = NOTHING_SERVED) -> Findings:
    """Check every file that the settings name, and what in the settings themselves deserves attention.

    `served` is what a running program serves with; it goes on with that where the files hold nothing better.
    """
    report = _Report(now)
    for location, message in _advice(settings):
        report.warn(location, message)
    _check_stores(settings, report)
    _check_master_key(settings.keys.master_file, report)
    trust = _load_trust(settings.group, report)
    for index, tenant in enumerate(settings.tenants):
        _check_tenant(("tenants", index), tenant, settings.group, trust, served, report)
    if trust is not None:
        # A list that nobody verifies is strange only when every issuer was met on the way.
        issuers_known = bool(settings.tenants) and not report.errors
        _check_crls(settings.group, trust, report, issuers_known=issuers_known)
    return Findings(tuple(report.errors), tuple(report.warnings), tuple(report.refused))


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
    trust = TrustStore.from_pem(anchors, crls=crls, mode=_mode_here(group))
    for ending in ending_anchors(trust.anchors, report.now):
        report.warn(("group", "trust_anchors"), ending.text)
    return trust


def _mode_here(group: GroupSettings) -> RevocationMode:
    """Without a connection the lists behind URLs are not known, and then their absence proves nothing."""
    mode = group.revocation.mode
    return RevocationMode.SOFT if mode is RevocationMode.HARD and _has_urls(group) else mode


def _has_urls(group: GroupSettings) -> bool:
    return not all(isinstance(source, Path) for source in group.revocation.crl)


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
    here: Location,
    tenant: TenantSettings,
    group: GroupSettings,
    trust: TrustStore | None,
    served: ServedPairs,
    report: _Report,
) -> None:
    pairs: list[KeyPair] = []
    for index, files in enumerate(tenant.certificates):
        location = (*here, "certificates", index)
        _warn_if_loose((*location, "key"), files.key, report)
        entry = read_entry(tenant, files, served, group.subject_rule, trust, now=report.now)
        for problem in entry.problems:
            say = report.refuse if entry.goes_on else report.error
            say(location, problem)
        for warning in entry.warnings:
            report.warn(location, warning)
        pairs.extend(entry.pairs)
        _remark(location, entry.pairs, report)
    if pairs:
        _check_serving((*here, "certificates"), pairs, report)


def _remark(location: Location, pairs: tuple[KeyPair, ...], report: _Report) -> None:
    """Say of a good entry what its operator should know."""
    if pairs and pairs[0].not_after < report.now:
        ended = day(pairs[0].not_after)
        report.warn(location, f"expired on {ended}: remove it when nothing it signed is valid any more")
    if len(pairs) > 1:
        report.warn(
            location,
            f"serves from {day(pairs[0].not_before)}; until then the one before it does, which these files do not hold "
            "any more: list both, or a start before that day is refused",
        )


def _check_serving(location: Location, pairs: list[KeyPair], report: _Report) -> None:
    """Check that one certificate serves now, and that one will in thirty days."""
    if newest_valid(pairs, report.now) is None:
        report.error(location, "none of the certificates is valid now: renew one with the same key")
    elif (ending := ending_pairs(pairs, report.now)) is not None:
        report.warn(location, ending.text)
