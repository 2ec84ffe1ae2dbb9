"""The connections that are open now, so that those of a Peer that is not believed any more can be cut.

Standard: FSC Core, TLS configuration: a Peer is authenticated for as long as its certificate is believed.

Theory of operation. A handshake that succeeds puts its connection here itself (`certs.handshake`), on listeners and in
outgoing pools alike, so no transport can forget to. A connection leaves by being forgotten: nothing here keeps it.
What is revoked, expired or no longer under a Trust Anchor at `recheck` is cut at once, with the requests under way on
it: whoever holds a key that its issuer revoked may be anybody, and an answer of some minutes, or a WebSocket of a day,
would go to them.
"""

import logging
from collections.abc import Sequence
from typing import Protocol
from weakref import WeakSet

from cryptography import x509

from certs.errors import CertificateRefused
from certs.revocation import Chain

_log = logging.getLogger(__name__)


class OpenConnection(Protocol):
    """One that can be cut."""

    chain: Chain
    """What was verified in its handshake, leaf first."""

    def cut(self, refusal: CertificateRefused) -> None:
        """Let nothing in or out any more."""


class ChainVerifier(Protocol):
    """Decides whether a certificate is believed: a `certs.trust.TrustStore`."""

    def verify_chain(self, leaf: x509.Certificate, intermediates: Sequence[x509.Certificate], *, now: int) -> Chain:
        """The chain to a Trust Anchor. Raises: CertificateRefused."""
        ...


class OpenConnections:
    """Those that were opened and not forgotten."""

    def __init__(self) -> None:
        self._open: WeakSet[OpenConnection] = WeakSet()

    def add(self, connection: OpenConnection) -> None:
        """Look after a connection whose handshake has just succeeded."""
        self._open.add(connection)

    def recheck(self, trust: ChainVerifier, now: int) -> int:
        """Cut every connection whose certificate `trust` does not believe at `now`; returns how many."""
        refusals: dict[x509.Certificate, CertificateRefused | None] = {}
        cut = 0
        for connection in tuple(self._open):
            leaf = connection.chain[0]
            if leaf not in refusals:
                refusals[leaf] = _refusal_of(connection.chain, trust, now)
            refusal = refusals[leaf]
            if refusal is not None:
                self._open.discard(connection)
                connection.cut(refusal)
                cut += 1
        return cut


def _refusal_of(chain: Chain, trust: ChainVerifier, now: int) -> CertificateRefused | None:
    try:
        trust.verify_chain(chain[0], chain[1:], now=now)
    except CertificateRefused as refusal:
        _log.warning("open_connections_refused", extra={"reason": refusal.reason})
        return refusal
    return None
