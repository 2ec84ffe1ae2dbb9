"""What the CRLs at hand say of a chain, and what is known of each issuer's.

Standard: RFC 5280 section 6.3. The modes are of our own: "soft" (refuse what is revoked, tolerate what is unknown) is
no flag of OpenSSL.
Units: `now` is whole Unix seconds.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final, TypeAlias

from cryptography import x509

from certs.crl import RevocationList
from certs.errors import CertificateRevoked, RevocationUnknown
from certs.identity import readable_name, readable_subject

Chain: TypeAlias = tuple[x509.Certificate, ...]
"""Leaf first, then each issuer, the Trust Anchor last."""

FOR_EVER: Final = sys.maxsize


class RevocationMode(StrEnum):
    """What a Group demands to know of revocation."""

    OFF = "off"
    """No CRL is looked at."""
    SOFT = "soft"
    """A revoked certificate is refused; a missing or stale CRL is tolerated, and shown."""
    HARD = "hard"
    """A revoked certificate is refused, and so is one of which no usable CRL tells."""


class CrlState(StrEnum):
    """How far the CRLs of one issuer can be relied on."""

    CURRENT = "current"
    STALE = "stale"
    MISSING = "missing"
    UNVERIFIED = "unverified"
    """There is a list in this name, but no known certificate of the issuer verifies it (yet)."""


@dataclass(frozen=True, slots=True)
class RevocationStatus:
    """The state of one issuer's CRLs, for health and console. `next_update` is that of the newest list, if any."""

    issuer: str
    state: CrlState
    next_update: int | None


class Revocation:
    """The CRLs of a Group, which may be replaced at any moment, and the issuers whose signatures make them count."""

    def __init__(self, lists: Iterable[RevocationList], mode: RevocationMode) -> None:
        self.mode = mode
        self._lists = tuple(lists)
        self._issuers: dict[x509.Certificate, None] = {}
        self._genuine: dict[tuple[RevocationList, x509.Certificate], bool] = {}

    def use(self, lists: Iterable[RevocationList]) -> None:
        """Go by these lists from here on."""
        self._lists = tuple(lists)
        self._genuine = {pair: known for pair, known in self._genuine.items() if pair[0] in self._lists}

    def meet(self, issuers: Iterable[x509.Certificate]) -> None:
        """Know certificates of CAs that lead to a Trust Anchor: what they signed counts. Any thread may."""
        for issuer in issuers:
            self._issuers.setdefault(issuer)

    def issuers_of(self, crl: RevocationList) -> tuple[x509.Certificate, ...]:
        """The known CAs whose signature is under `crl`; none means that it does not count."""
        return tuple(issuer for issuer in tuple(self._issuers) if self._is_genuine(crl, issuer))

    def check(self, chain: Chain, now: int) -> int:
        """Check that no certificate of a verified chain is revoked by its issuer, the anchor excepted.

        Returns the last second at which the same lists say the same.
        Standard: RFC 5280 section 6.3.3.
        Raises: CertificateRevoked, RevocationUnknown.
        """
        if self.mode is RevocationMode.OFF:
            return FOR_EVER
        self.meet(chain[1:])
        until = FOR_EVER
        for certificate, issuer in pairwise(chain):
            # 1. The lists that the issuer itself signed; any other is as good as missing.
            lists = self._lists_of(issuer)
            # 2. Listed is revoked, in a stale list as well: revocation does not lapse.
            if any(certificate.serial_number in crl.serial_numbers for crl in lists):
                raise CertificateRevoked(
                    f"the certificate of {readable_name(certificate)} was revoked by {readable_name(issuer)}"
                )
            # 3. Not listed is good only by a list that is current and covers this certificate.
            if self.mode is RevocationMode.HARD:
                until = min(until, _known_until(lists, certificate, issuer, now))
        return until

    def status(self, now: int) -> tuple[RevocationStatus, ...]:
        """Show the CRLs of every issuer met so far; nothing when mode is off."""
        if self.mode is RevocationMode.OFF:
            return ()
        shown = [_status_of(readable_name(issuer), self._lists_of(issuer), now) for issuer in tuple(self._issuers)]
        strangers = [
            RevocationStatus(readable_subject(crl.issuer), CrlState.UNVERIFIED, crl.next_update)
            for crl in self._lists
            if not self.issuers_of(crl)
        ]
        return (*shown, *strangers)

    def _lists_of(self, issuer: x509.Certificate) -> list[RevocationList]:
        return [crl for crl in self._lists if self._is_genuine(crl, issuer)]

    def _is_genuine(self, crl: RevocationList, issuer: x509.Certificate) -> bool:
        # A CRL can be megabytes: its signature is verified once, not at every handshake.
        known = self._genuine.get((crl, issuer))
        if known is None:
            known = self._genuine[crl, issuer] = crl.is_signed_by(issuer)
        return known


def _known_until(
    lists: Sequence[RevocationList], certificate: x509.Certificate, issuer: x509.Certificate, now: int
) -> int:
    """Until when these lists, none of which names `certificate`, say that it is good. Raises: RevocationUnknown."""
    current = [crl for crl in lists if crl.is_current(now)]
    covering = [crl.next_update or now for crl in current if crl.covers(certificate)]
    if covering:
        return max(covering)
    lack = "does not cover it" if current else "is stale" if lists else "is missing"
    raise RevocationUnknown(
        f"whether the certificate of {readable_name(certificate)} is revoked is unknown: "
        f"the CRL of {readable_name(issuer)} {lack}"
    )


def _status_of(issuer: str, lists: Sequence[RevocationList], now: int) -> RevocationStatus:
    if not lists:
        return RevocationStatus(issuer, CrlState.MISSING, None)
    newest = max(lists, key=lambda crl: crl.next_update or 0)
    return RevocationStatus(issuer, CrlState.CURRENT if newest.is_current(now) else CrlState.STALE, newest.next_update)
