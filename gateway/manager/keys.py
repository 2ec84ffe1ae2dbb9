"""The certificates other Peers sign with: found in their JWKS, checked against the Group's Trust Anchors, kept.

Standard: FSC Core, Signatures; specs decision in FSC.md 5.3. A thumbprint names one certificate for ever, so what was
verified once is kept in the store; validity and revocation are checked again at every use.
"""

from cryptography import x509

from certs.errors import CertsError
from certs.identity import PeerCertificate, PeerId, describe
from certs.thumbprint import CertificateThumbprint
from gateway.errors import InvalidRequest, SignatureVerificationFailed
from gateway.fsc.jcs import parse_json
from gateway.fsc.jwks import find_chain
from gateway.fsc.names import ManagerAddress
from gateway.fsc.signature import check_signer
from gateway.http.client import PeerUnreachable
from gateway.state.local_peer import LocalPeer
from gateway.state.locate import call_manager

MAX_DEPTH = 16
PATH = "/v1/.well-known/jwks.json"


async def signing_certificate(
    peer: LocalPeer, signer: PeerId, thumbprint: CertificateThumbprint, address: ManagerAddress | None
) -> PeerCertificate:
    """The certificate of `signer` with this thumbprint, trusted now.

    Raises: SignatureVerificationFailed, PeerIdSignatureMismatch.

    Order: what we kept, else the JWKS fetched over mTLS from that very Peer, at `address` or (None) where its Manager
    is found; then chain, validity, revocation and Peer ID, whichever way it came. A certificate of our own is one that
    we remember.
    """
    if signer == peer.peer_id:
        return _our_own(peer, thumbprint)
    chain = await peer.peers.certificate_chain(signer, thumbprint)
    if chain is not None:
        return _trusted(peer, signer, chain)
    chain = await _published_chain(peer, signer, thumbprint, address)
    certificate = _trusted(peer, signer, chain)
    await peer.peers.remember_chain(signer, thumbprint, chain)
    return certificate


async def _published_chain(
    peer: LocalPeer, signer: PeerId, thumbprint: CertificateThumbprint, address: ManagerAddress | None
) -> tuple[x509.Certificate, ...]:
    try:
        if address is None:
            answer = await call_manager(peer, signer, "GET", PATH)
        else:
            answer = await peer.client.call(signer, "GET", f"{address}{PATH}")
    except PeerUnreachable as error:
        raise SignatureVerificationFailed(f"the keys of peer {signer} cannot be fetched: {error}") from error
    if answer.status != 200:
        raise SignatureVerificationFailed(f"the keys of peer {signer} cannot be fetched: {PATH} says {answer.status}")
    try:
        chain = find_chain(parse_json(answer.body, max_depth=MAX_DEPTH), thumbprint)
    except InvalidRequest as error:
        raise SignatureVerificationFailed(f"the keys of peer {signer} are not readable: {error}") from error
    if chain is None:
        raise SignatureVerificationFailed(
            f"unable to retrieve certificate with thumbprint {thumbprint} from manager of peer {signer}"
        )
    return chain


def _our_own(peer: LocalPeer, thumbprint: CertificateThumbprint) -> PeerCertificate:
    certificate = peer.certificates.get(thumbprint)
    if certificate is None:
        raise SignatureVerificationFailed(f"peer {peer.peer_id}, which we are, never signed with {thumbprint}")
    return describe(certificate, peer.tenant.group.subject_rule)


def _trusted(peer: LocalPeer, signer: PeerId, chain: tuple[x509.Certificate, ...]) -> PeerCertificate:
    group = peer.tenant.group
    try:
        group.trust.verify_chain(chain[0], chain[1:], now=peer.clock.now())
        certificate = describe(chain[0], group.subject_rule)
    except CertsError as error:
        raise SignatureVerificationFailed(f"the signing certificate of peer {signer} is refused: {error}") from error
    check_signer(certificate, signer)
    return certificate
