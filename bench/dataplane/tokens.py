"""Access tokens of the bench: the one that PROVIDER's Manager gave, others like it, and those that must be refused.

What is not from the Manager is signed here with PROVIDER's own key, over claims that differ from the Manager's.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from bench.dataplane.federation import Federation
from bench.site import CONSUMER, PROVIDER
from certs.thumbprint import CertificateThumbprint
from clock import SystemClock
from gateway.fsc.claims import Claims, parse_claims
from gateway.fsc.jws import parse_compact
from gateway.fsc.names import GroupId, ServiceName
from gateway.fsc.token import issue_token

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes tokens like `given`, which the Manager issued."""

    federation: Federation
    given: str

    def write_one(self) -> Path:
        """A file with the token of the Manager."""
        return self._write("one", [self.given])

    def write_many(self, count: int) -> Path:
        """A file with `count` different tokens, a line each."""
        claims = self._claims()
        ages = (replace(claims, expires_at=claims.expires_at - place % 600) for place in range(count))
        return self._write("many", [self._sign(one) for one in ages])

    def bad(self) -> dict[str, str]:
        """Tokens that must not pass, by what is wrong with them."""
        claims, now = self._claims(), SystemClock().now()
        head, payload, signature = self.given.split(".")
        other = CertificateThumbprint("A" * 43)
        return {
            "bad signature": f"{head}.{payload}.{signature[:20]}{'B' if signature[20] == 'A' else 'A'}{signature[21:]}",
            "changed claims": f"{head}.{self._sign(replace(claims, not_before=0)).split('.')[1]}.{signature}",
            "bound to another certificate": self._sign(replace(claims, certificate_thumbprint=other)),
            "expired": self._sign(replace(claims, expires_at=now - 10)),
            "not valid yet": self._sign(replace(claims, not_before=now + _DAY_S, expires_at=now + 2 * _DAY_S)),
            "of another Group": self._sign(replace(claims, group_id=GroupId("another.group.test"))),
            "unknown service": self._sign(replace(claims, service_name=ServiceName("unknown"))),
            "signed by the caller": self._sign(claims, own=False),
        }

    def _claims(self) -> Claims:
        return parse_claims(parse_compact(self.given).payload)

    def _sign(self, claims: Claims, *, own: bool = True) -> str:
        pair = self.federation.pair(PROVIDER)
        key = pair.private_key if own else self.federation.pair(CONSUMER).private_key
        return issue_token(claims, key, pair.thumbprint)

    def _write(self, name: str, tokens: list[str]) -> Path:
        file = self.federation.folder / f"{name}.tokens"
        file.write_text("".join(f"{token}\n" for token in tokens), encoding="ascii")
        return file
