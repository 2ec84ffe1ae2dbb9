"""Access tokens that were verified, so that a token is verified once and not at every request. Bounded. No I/O.

What never changes is kept: that our Manager signed it, for this certificate, and what it says. What may change is
looked at on every request: the time, the Contract, and the tenant with its Services. When any is not as it was, the
token is verified as if it had never been seen.
"""

from dataclasses import dataclass
from typing import Final

from certs.thumbprint import CertificateThumbprint
from gateway.fsc.jcs import JsonObject
from gateway.fsc.names import GrantHash, ServiceName
from gateway.fsc.token import Authorization
from gateway.relay.origin import Origin
from gateway.relay.upstream import Upstream
from gateway.state.contracts import ContractRecord
from gateway.state.local_peer import LocalPeer
from gateway.state.tenant import Tenant
from gateway.state.transactions import PreparedRecord

MAX_TOKENS: Final = 32_768
MAX_PASSAGES: Final = 4_096
MAX_BYTES: Final = 64 * 2**20
"""Of all `Fsc-Authorization` values together; a token may carry 1 MB of properties."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Where the tokens of one Grant lead: what all of them share."""

    tenant: Tenant
    contract: ContractRecord
    grant_hash: GrantHash
    service_name: ServiceName
    properties: JsonObject | None
    prepared: PreparedRecord
    upstream: Origin | Upstream

    def still_stands(self, peer: LocalPeer) -> bool:
        """Whether the Contract and the tenant with its Services are as they were."""
        contracts = peer.contracts
        return (
            self.tenant is peer.tenant
            and contracts.is_current
            and contracts.view.by_grant(self.grant_hash) is self.contract
        )


@dataclass(frozen=True, slots=True)
class KnownToken:
    """A token that authorized a request, and where that went."""

    authorization: Authorization
    thumbprint: CertificateThumbprint
    """Of the certificate that it is bound to."""
    valid_from: int
    valid_until: int
    """Within these (Unix seconds, the second excluded) neither token nor Contract changes its state by itself."""
    passage: Passage

    def still_holds(self, peer: LocalPeer, thumbprint: CertificateThumbprint, now: int) -> bool:
        """Whether everything is as it was when the token was verified."""
        return (
            self.thumbprint == thumbprint
            and self.valid_from <= now < self.valid_until
            and self.passage.still_stands(peer)
        )


class KnownTokens:
    """The tokens of one Inway, by the value of `Fsc-Authorization`; the first known are forgotten first."""

    def __init__(self) -> None:
        self._tokens: dict[bytes, KnownToken] = {}
        self._passages: dict[GrantHash, Passage] = {}
        self._bytes = 0

    def passage(self, peer: LocalPeer, authorization: Authorization) -> Passage | None:
        """Where the tokens of this Grant lead, when one that says the same was seen and all is as it was."""
        passage = self._passages.get(authorization.grant_hash)
        fits = (
            passage is not None
            and passage.still_stands(peer)
            and passage.service_name == authorization.service_name
            and passage.properties == authorization.properties
        )
        return passage if fits else None

    def open_passage(self, passage: Passage) -> None:
        """Know where the tokens of a Grant lead."""
        while len(self._passages) >= MAX_PASSAGES:
            del self._passages[next(iter(self._passages))]
        self._passages[passage.grant_hash] = passage

    def get(self, value: bytes) -> KnownToken | None:
        """What is known of a token."""
        return self._tokens.get(value)

    def put(self, value: bytes, token: KnownToken) -> None:
        """Know a token from here on."""
        if self._tokens.pop(value, None) is None:
            self._bytes += len(value)
        self._tokens[value] = token
        while len(self._tokens) > MAX_TOKENS or self._bytes > MAX_BYTES:
            first = next(iter(self._tokens))
            del self._tokens[first]
            self._bytes -= len(first)


def validity(authorization: Authorization, contract: ContractRecord) -> tuple[int, int]:
    """From when and until when neither the token nor its Contract changes its state by itself."""
    return (
        max(authorization.not_before, contract.content.not_before),
        min(authorization.expires_at, contract.content.not_after),
    )
