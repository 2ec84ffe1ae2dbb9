"""Every failure on the way to a Peer has a name and a remedy."""

import asyncio
import errno
import socket
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

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
from gateway.fsc.oauth import OAuthErrorCode
from gateway.http.client import PeerUnreachable
from gateway.manager.remedies import REMEDIES, Failure, failure_of, inway_remedy, manager_remedy, token_remedy
from gateway.state.tenant import NoValidCertificate

KEY = ConnectionKey("peer.test", 443, True, True, None, None, None)


def verification(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    return error


def alert(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] (_ssl.c:1000)")
    error.reason = reason
    return error


def caused(outer: BaseException, inner: BaseException) -> BaseException:
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), Failure.NAME_UNKNOWN),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), Failure.NAME_UNRESOLVED),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), Failure.REFUSED),
        (OSError(errno.EHOSTUNREACH, "No route to host"), Failure.NO_ROUTE),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), Failure.NO_ROUTE),
        (TimeoutError(), Failure.TIMEOUT),
        (ConnectionResetError(), Failure.CLOSED),
        (aiohttp.ServerDisconnectedError(), Failure.CLOSED),
        (asyncio.IncompleteReadError(b"", 1), Failure.CLOSED),
        (alert("WRONG_VERSION_NUMBER"), Failure.NOT_TLS),
        (alert("TLSV1_ALERT_UNKNOWN_CA"), Failure.WE_ARE_UNTRUSTED),
        (alert("TLSV13_ALERT_CERTIFICATE_REQUIRED"), Failure.WE_ARE_UNTRUSTED),
        (alert("SSLV3_ALERT_CERTIFICATE_EXPIRED"), Failure.WE_ARE_EXPIRED),
        (alert("SSLV3_ALERT_CERTIFICATE_REVOKED"), Failure.WE_ARE_REVOKED),
        (alert("TLSV1_UNRECOGNIZED_NAME"), Failure.NAME_NOT_SERVED),
        (alert("UNEXPECTED_EOF_WHILE_READING"), Failure.CLOSED),
        (alert("SOMETHING_NEW"), Failure.OTHER),
        (verification(10), Failure.EXPIRED),
        (verification(9), Failure.NOT_YET_VALID),
        (verification(20), Failure.UNTRUSTED),
        (verification(62), Failure.WRONG_NAME),
        (caused(verification(50), UnexpectedPeer("x")), Failure.WRONG_PEER),
        (caused(verification(50), UntrustedCertificate("x")), Failure.UNTRUSTED),
        (caused(verification(50), CertificateExpired("x")), Failure.EXPIRED),
        (caused(verification(50), CertificateNotYetValid("x")), Failure.NOT_YET_VALID),
        (caused(verification(50), CertificateRevoked("x")), Failure.REVOKED),
        (caused(verification(50), RevocationUnknown("x")), Failure.REVOCATION_UNKNOWN),
        (caused(verification(50), MalformedCertificate("x")), Failure.UNREADABLE),
        (caused(verification(50), InvalidSubject("x")), Failure.UNREADABLE),
        (NoValidCertificate("x"), Failure.WE_HAVE_NO_CERTIFICATE),
        (CertsError("x"), Failure.OTHER),
        (ValueError("x"), Failure.OTHER),
        (caused(PeerUnreachable("x"), TimeoutError()), Failure.TIMEOUT),
        (
            caused(PeerUnreachable("x"), aiohttp.ClientConnectorCertificateError(KEY, verification(62))),
            Failure.WRONG_NAME,
        ),
        (
            caused(PeerUnreachable("x"), aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "refused"))),
            Failure.REFUSED,
        ),
        (
            caused(PeerUnreachable("x"), aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "unknown"))),
            Failure.NAME_UNKNOWN,
        ),
    ],
)
def test_every_failure_has_its_name(error: BaseException, failure: Failure) -> None:
    assert failure_of(error) is failure


def test_an_error_that_is_its_own_cause_ends() -> None:
    one, other = ValueError(), ValueError()
    one.__cause__, other.__cause__ = other, one
    assert failure_of(one) is Failure.OTHER


def test_every_failure_has_one_sentence_and_no_two_have_the_same() -> None:
    assert set(REMEDIES) == set(Failure)
    assert len(set(REMEDIES.values())) == len(Failure)
    assert all(text and "\n" not in text and not text.endswith(".") for text in REMEDIES.values())


def test_what_a_manager_answers_has_a_remedy() -> None:
    texts = [manager_remedy(status) for status in (404, 421, 403, 500, 302)]
    assert len(set(texts)) == 5
    assert manager_remedy(401) == manager_remedy(403)
    assert manager_remedy(503) == manager_remedy(500)


@pytest.mark.parametrize("error", [*OAuthErrorCode, "temporarily_unavailable"])
def test_every_refusal_of_a_token_has_a_remedy_of_its_own(error: str) -> None:
    assert token_remedy(error) != token_remedy("") == token_remedy("made_up")


@pytest.mark.parametrize(
    ("status", "code", "part"),
    [
        (404, "ERROR_CODE_SERVICE_NOT_FOUND", "does not offer this service"),
        (502, "ERROR_CODE_SERVICE_UNREACHABLE", "the service behind it does not"),
        (403, "ERROR_CODE_WRONG_GROUP_ID_IN_TOKEN", "group.id"),
        (401, "ERROR_CODE_ACCESS_TOKEN_INVALID", "does not accept the token"),
        (401, "ERROR_CODE_OF_SOMEBODY", "for this code"),
        (502, "", "a proxy before the Inway"),
        (200, "", "no FSC Inway"),
    ],
)
def test_what_an_inway_answers_has_a_remedy(status: int, code: str, part: str) -> None:
    assert part in inway_remedy(status, code)
