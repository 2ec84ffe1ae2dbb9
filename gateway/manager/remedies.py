"""What went wrong on the way to another Peer, and the one sentence that tells what to do about it. Pure.

Every failure has a name, so that what a person reads does not depend on the words of a library.
"""

import errno
import socket
import ssl
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType

import aiohttp

from certs.errors import (
    CertificateExpired,
    CertificateNotYetValid,
    CertificateRevoked,
    CertsError,
    InvalidSubject,
    MalformedCertificate,
    RevocationUnknown,
    UnexpectedPeer,
    UntrustedCertificate,
)
from gateway.state.tenant import NoValidCertificate


class Failure(StrEnum):
    """Why a Peer could not be reached."""

    NAME_UNKNOWN = "name-unknown"
    NAME_UNRESOLVED = "name-unresolved"
    REFUSED = "refused"
    NO_ROUTE = "no-route"
    TIMEOUT = "timeout"
    CLOSED = "closed"
    NOT_TLS = "not-tls"
    NAME_NOT_SERVED = "name-not-served"
    WRONG_NAME = "wrong-name"
    WRONG_PEER = "wrong-peer"
    UNTRUSTED = "untrusted"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    REVOKED = "revoked"
    REVOCATION_UNKNOWN = "revocation-unknown"
    UNREADABLE = "unreadable"
    WE_ARE_UNTRUSTED = "we-are-untrusted"
    WE_ARE_EXPIRED = "we-are-expired"
    WE_ARE_REVOKED = "we-are-revoked"
    WE_HAVE_NO_CERTIFICATE = "we-have-no-certificate"
    OTHER = "other"


REMEDIES: Mapping[Failure, str] = MappingProxyType(
    {
        Failure.NAME_UNKNOWN: "DNS does not know this name: correct the address, or let its owner add the name to DNS",
        Failure.NAME_UNRESOLVED: "DNS gave no answer: check the name servers of this machine, then try again",
        Failure.REFUSED: "nothing listens there: check host and port, and whether the program at that side runs",
        Failure.NO_ROUTE: "no route leads there: check the network, and the routing from this machine to that address",
        Failure.TIMEOUT: "nothing answers: a firewall probably drops it; have this route opened on both sides",
        Failure.CLOSED: "the other side hung up: it may refuse our certificate; its log tells why",
        Failure.NOT_TLS: "what answers there does not speak TLS 1.2 or newer: check the port, and any proxy before it",
        Failure.NAME_NOT_SERVED: "no Peer is served under this name there: its address is wrong or its tenant is gone",
        Failure.WRONG_NAME: "its certificate does not hold this DNS name: let that Peer have one issued with the name",
        Failure.WRONG_PEER: "another Peer answers there: check the address, DNS and any load balancer",
        Failure.UNTRUSTED: "no Trust Anchor of the Group vouches for its certificate: compare group.trust_anchors, "
        "and let that Peer serve its intermediate certificates",
        Failure.EXPIRED: "its certificate has expired: that Peer must renew it, with the same key",
        Failure.NOT_YET_VALID: "its certificate is not valid yet: compare the clocks, or let that Peer wait with it",
        Failure.REVOKED: "its certificate was revoked: that Peer needs a new one",
        Failure.REVOCATION_UNKNOWN: "no current CRL tells of its certificate: fetch the CRL of its issuer again",
        Failure.UNREADABLE: "its certificate does not follow the rules of the Group: let that Peer have it corrected",
        Failure.WE_ARE_UNTRUSTED: "that Peer does not trust our certificate: it must have our issuer among its Trust "
        "Anchors, and we must serve our intermediate certificates",
        Failure.WE_ARE_EXPIRED: "that Peer finds our certificate expired: renew it, or compare the clocks",
        Failure.WE_ARE_REVOKED: "that Peer finds our certificate revoked: have a new one issued",
        Failure.WE_HAVE_NO_CERTIFICATE: "renew our certificate with the same key, and put it in tenants[].certificates",
        Failure.OTHER: "see what was seen, and the log of the other side",
    }
)

_REFUSALS: tuple[tuple[type[CertsError], Failure], ...] = (
    (NoValidCertificate, Failure.WE_HAVE_NO_CERTIFICATE),
    (UnexpectedPeer, Failure.WRONG_PEER),
    (CertificateExpired, Failure.EXPIRED),
    (CertificateNotYetValid, Failure.NOT_YET_VALID),
    (CertificateRevoked, Failure.REVOKED),
    (RevocationUnknown, Failure.REVOCATION_UNKNOWN),
    (UntrustedCertificate, Failure.UNTRUSTED),
    (MalformedCertificate, Failure.UNREADABLE),
    (InvalidSubject, Failure.UNREADABLE),
)

# OpenSSL's verification errors (x509_vfy.h).
_VERIFICATION: Mapping[int, Failure] = MappingProxyType(
    {
        2: Failure.UNTRUSTED,
        9: Failure.NOT_YET_VALID,
        10: Failure.EXPIRED,
        18: Failure.UNTRUSTED,
        19: Failure.UNTRUSTED,
        20: Failure.UNTRUSTED,
        21: Failure.UNTRUSTED,
        62: Failure.WRONG_NAME,
        64: Failure.WRONG_NAME,
    }
)

# What the other side says in an alert, as parts of OpenSSL's reasons.
_ALERTS: tuple[tuple[str, Failure], ...] = (
    ("ALERT_UNKNOWN_CA", Failure.WE_ARE_UNTRUSTED),
    ("ALERT_BAD_CERTIFICATE", Failure.WE_ARE_UNTRUSTED),
    ("ALERT_CERTIFICATE_UNKNOWN", Failure.WE_ARE_UNTRUSTED),
    ("ALERT_UNSUPPORTED_CERTIFICATE", Failure.WE_ARE_UNTRUSTED),
    ("CERTIFICATE_REQUIRED", Failure.WE_ARE_UNTRUSTED),
    ("ALERT_CERTIFICATE_EXPIRED", Failure.WE_ARE_EXPIRED),
    ("ALERT_CERTIFICATE_REVOKED", Failure.WE_ARE_REVOKED),
    ("UNRECOGNIZED_NAME", Failure.NAME_NOT_SERVED),
    ("WRONG_VERSION_NUMBER", Failure.NOT_TLS),
    ("HTTP_REQUEST", Failure.NOT_TLS),
    ("PROTOCOL_VERSION", Failure.NOT_TLS),
    ("UNSUPPORTED_PROTOCOL", Failure.NOT_TLS),
    ("RECORD_LAYER_FAILURE", Failure.NOT_TLS),
    ("UNEXPECTED_EOF", Failure.CLOSED),
)

_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN})


def failure_of(error: BaseException) -> Failure:
    """The name of what went wrong, from whatever was raised and what caused that; the innermost reason counts."""
    found = [failure for one in _causes(error) if (failure := _named(one)) is not Failure.OTHER]
    return found[-1] if found else Failure.OTHER


def manager_remedy(status: int) -> str:
    """What to do when a Manager answers a harmless question with this status."""
    match status:
        case 404:
            return "no FSC Manager answers at this path: check the address, it is that of a Manager without a path"
        case 421:
            return "that server does not serve this name: its address is wrong, or a proxy hides the name (SNI)"
        case 401 | 403:
            return "it does not let us in: a proxy before it may have ended TLS and lost our certificate"
        case _ if status >= 500:
            return "it has a fault of its own: its log tells which"
        case _:
            return "it is no FSC Manager, or one of another version: compare what it should answer to GET /v1/peer"


_TOKEN_REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "invalid_grant": "the contract is not valid at that side: compare `contracts show` on both sides, and wait for "
        "deliveries or request a new contract",
        "invalid_scope": "that side does not know this grant or does not offer the service: compare the grant hashes "
        "and hash profiles, and ask whether the service is configured",
        "unauthorized_client": "the grant is for another key or name than our certificate has: serve with that key "
        "again, or request a new contract",
        "invalid_client": "that side takes us for another Peer: compare the Peer ID of our certificate and the grant's",
        "invalid_request": "that side does not read our request: compare the versions of FSC",
        "unsupported_grant_type": "that side does not give tokens by client_credentials: compare the versions of FSC",
        "temporarily_unavailable": "that side cannot give tokens now: try again later",
    }
)


def token_remedy(error: str) -> str:
    """What to do when a Manager refuses a token with this OAuth error."""
    return _TOKEN_REMEDIES.get(error, "see what the Manager said, and its log")


_INWAY_REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "ERROR_CODE_ACCESS_TOKEN_MISSING": "a proxy between us and the Inway may have removed Fsc-Authorization",
        "ERROR_CODE_ACCESS_TOKEN_INVALID": "the Inway does not accept the token: let it and its Manager share their "
        "keys and contracts, and compare the clocks",
        "ERROR_CODE_ACCESS_TOKEN_EXPIRED": "compare the clocks of both sides",
        "ERROR_CODE_WRONG_GROUP_ID_IN_TOKEN": "the Inway is in another Group: compare group.id on both sides",
        "ERROR_CODE_SERVICE_NOT_FOUND": "the Inway does not offer this service: let its Peer configure it there",
        "ERROR_CODE_SERVICE_UNREACHABLE": "the Inway works, the service behind it does not: tell its organisation",
        "TRANSACTION_LOG_WRITE_ERROR": "the Inway cannot write its transaction log: tell its organisation",
    }
)


def inway_remedy(status: int, code: str) -> str:
    """What to do when an Inway, or the Service behind it, answers so; `code` is `Fsc-Error-Code`, empty without."""
    if code in _INWAY_REMEDIES:
        return _INWAY_REMEDIES[code]
    if code:
        return "see the log of the Inway for this code"
    if status >= 500:
        return "the answer is not the Inway's own: the service, or a proxy before the Inway, is down"
    return "what answers there is no FSC Inway: check inway_address at that side, and any proxy before it"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and what caused it, outermost first; the HTTP library keeps causes in members of its own."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [getattr(one, "os_error", None), getattr(one, "certificate_error", None), one.__cause__]


def _named(error: BaseException) -> Failure:
    match error:
        case CertsError():
            return next((failure for kind, failure in _REFUSALS if isinstance(error, kind)), Failure.OTHER)
        case aiohttp.ClientConnectorError() | aiohttp.ClientConnectorCertificateError():
            return Failure.OTHER  # it poses as its cause, without what that tells
        case ssl.SSLCertVerificationError():
            return _VERIFICATION.get(error.verify_code, Failure.OTHER)
        case ssl.SSLError():
            return _by_reason(error.reason or str(error))
        case socket.gaierror():
            temporary = error.errno == socket.EAI_AGAIN
            return Failure.NAME_UNRESOLVED if temporary else Failure.NAME_UNKNOWN
        case TimeoutError():
            return Failure.TIMEOUT
        case ConnectionRefusedError():
            return Failure.REFUSED
        case ConnectionError() | aiohttp.ServerDisconnectedError() | EOFError():
            return Failure.CLOSED
        case OSError():
            return Failure.NO_ROUTE if error.errno in _NO_ROUTE else Failure.OTHER
        case _:
            return Failure.OTHER


def _by_reason(reason: str) -> Failure:
    words = reason.upper().replace(" ", "_")
    return next((failure for part, failure in _ALERTS if part in words), Failure.OTHER)
