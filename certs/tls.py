"""TLS contexts: one for each of our Peers as server, as client, and the listener that chooses by SNI name.

Standard: FSC Core, TLS configuration; NCSC TLS guidelines, "good" settings: 1.3 preferred, 1.2 with ECDHE and AEAD.
A context is made of one key pair and one trust store and never changes: rotation is making a new one and letting the
listener's `select` return it. Connections that exist keep the context they were made with.
"""

import os
import ssl
from collections.abc import Callable

from certs.custody import KeyPair, key_pem
from certs.errors import CustodyError, PeerNotVerified
from certs.handshake import Clock, GroupContext, PeerConnection, PeerContext, PeerPolicy
from certs.identity import PeerCertificate, PeerId, SubjectRule, describe
from certs.trust import TrustStore

# The TLS 1.3 suites of OpenSSL are the three "good" ones; security level 2 keeps out keys and digests below 112 bits.
TLS12_CIPHERS = (
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=2"
)
ALPN_PROTOCOLS = ("http/1.1",)


def server_context(pair: KeyPair, trust: TrustStore, rule: SubjectRule, *, clock: Clock) -> PeerContext:
    """Make the context with which one of our Peers answers; it demands a certificate of the Group.

    Raises: CustodyError, InvalidSubject, MalformedCertificate.
    """
    context = PeerContext(ssl.PROTOCOL_TLS_SERVER, describe(pair.certificate, rule), PeerPolicy(trust, rule, clock))
    _harden(context)
    context.load_verify_locations(cadata=trust.anchors_pem())
    load_pair(context, pair)
    return context


def client_context(
    pair: KeyPair,
    trust: TrustStore,
    rule: SubjectRule,
    *,
    expected_peer: PeerId | None,
    check_host_name: bool = True,
    clock: Clock,
) -> PeerContext:
    """Make the context with which one of our Peers calls another.

    A server that is not `expected_peer` is refused before a byte of a request is sent, whatever its host name; None
    is for a caller that does not know yet whom it will meet, and looks at `peer_of` itself.
    Standard: RFC 6125 (DNS names of the subject alternative name only), relaxed by `check_host_name` False.
    Raises: CustodyError, InvalidSubject, MalformedCertificate.
    """
    policy = PeerPolicy(trust, rule, clock, expected_peer)
    context = PeerContext(ssl.PROTOCOL_TLS_CLIENT, describe(pair.certificate, rule), policy)
    context.check_hostname = check_host_name
    context.hostname_checks_common_name = False
    _harden(context)
    context.load_verify_locations(cadata=trust.anchors_pem())
    load_pair(context, pair)
    return context


def sni_listener(select: Callable[[str | None], PeerContext | None]) -> GroupContext:
    """Make the context of a listener that serves many Peers, told apart by the name the client asks for.

    `select` is asked at every handshake, with the name in lower case or None when the client sent none; when it
    returns None the handshake fails with the alert unrecognized_name. After the handshake `context_of` is the very
    context that `select` returned and `server_name_of` the name it was asked for. One listener serves for the life of
    the program: it holds the session keys, so that rotation does not end sessions.
    A TLS 1.2 session belongs to the name that it was made under: OpenSSL resumes it under that name and does not tell
    the name that the resumption asks for. TLS 1.3 takes the name that is asked for.
    Standard: RFC 6066 section 3.
    """
    listener = GroupContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(listener)

    def choose(connection: ssl.SSLObject, server_name: str | None, _: ssl.SSLContext) -> int | None:
        name = None if server_name is None else server_name.lower()
        chosen = select(name)
        if chosen is None or not isinstance(connection, PeerConnection):
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = chosen
        connection.server_name = name
        return None

    listener.sni_callback = choose
    return listener


def peer_of(ssl_object: object) -> PeerCertificate:
    """Return the verified Peer at the other end; `ssl_object` is the transport's extra info of that name.

    Raises: PeerNotVerified when the connection is not one of ours, or its handshake has not succeeded; on a listener
    InvalidSubject when the certificate at the other end is trusted but names no Peer.
    """
    connection = _verified(ssl_object)
    if connection.peer is None:
        assert connection.misnamed is not None
        raise connection.misnamed
    return connection.peer


def context_of(ssl_object: object) -> PeerContext:
    """Return the context that served the connection; its `owner` is our Peer.

    Raises: PeerNotVerified.
    """
    context = _verified(ssl_object).context
    assert isinstance(context, PeerContext)
    return context


def server_name_of(ssl_object: object) -> str | None:
    """Return the name by which a listener chose the context, lower case; None when it was not chosen by name.

    Raises: PeerNotVerified.
    """
    return _verified(ssl_object).server_name


def load_pair(context: ssl.SSLContext, pair: KeyPair) -> None:
    """Give a context our certificate, chain and private key, without leaving the key on disk.

    Raises: CustodyError.
    """
    try:
        # ssl reads keys from files only: this one is in memory, has no name and is gone when it is closed.
        with os.fdopen(os.memfd_create("key pair", os.MFD_CLOEXEC), "wb") as file:
            file.write(key_pem(pair.private_key) + pair.pem_chain())
            file.flush()
            context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
    except (ssl.SSLError, OSError) as error:
        raise CustodyError(f"{pair!r} cannot be used for TLS: {error.strerror or error}") from error


def _verified(ssl_object: object) -> PeerConnection:
    if not isinstance(ssl_object, PeerConnection) or (ssl_object.peer is None and ssl_object.misnamed is None):
        raise PeerNotVerified("the connection has no verified Peer: it was not made with a context of certs.tls")
    return ssl_object


def _harden(context: GroupContext) -> None:
    # A listener and the contexts it switches to get all of this alike: OpenSSL takes some of it from the one and some
    # from the other.
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers(TLS12_CIPHERS)
    if context.protocol is ssl.PROTOCOL_TLS_SERVER:
        # Each ticket costs part of the handshake, and one is all that a client needs to come back.
        context.num_tickets = 1
    context.set_alpn_protocols(ALPN_PROTOCOLS)
