"""What may leave this package as an exception: one root, and a class for each thing a caller can act on.

    CertsError
    ├── InvalidSubject             the subject names no Peer by the Group's rule
    ├── InvalidTrustMaterial       Trust Anchors or CRLs that cannot be used at all
    ├── CustodyError               a file of ours: missing, unreadable, malformed, mismatched
    ├── IssueRefused               the development CA does not issue what was asked
    ├── PeerNotVerified            asked for the Peer of a connection that has none
    └── CertificateRefused         a certificate that a Peer presented, with the reason
        ├── MalformedCertificate
        ├── UntrustedCertificate
        ├── CertificateExpired
        ├── CertificateNotYetValid
        ├── CertificateRevoked
        ├── RevocationUnknown
        └── UnexpectedPeer

Texts are fit for a log and for a Peer: they name subjects, never key material.
"""


class CertsError(Exception):
    """Anything that went wrong with certificates, keys or trust."""


class InvalidSubject(CertsError):
    """The certificate's subject does not name a Peer by the Group's rule."""


class InvalidTrustMaterial(CertsError):
    """Trust Anchors or CRLs cannot be read, or are not fit to anchor trust."""


class CustodyError(CertsError):
    """A certificate, key or CRL file of ours cannot be used; the text names the file and the remedy."""


class IssueRefused(CertsError):
    """The development CA, or a certificate request, cannot be what was asked; the text says what would be."""


class PeerNotVerified(CertsError):
    """The connection is not one whose Peer was verified by this package."""


class CertificateRefused(CertsError):
    """A presented certificate is not accepted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class MalformedCertificate(CertificateRefused):
    """The certificate cannot be read."""


class UntrustedCertificate(CertificateRefused):
    """No chain leads from the certificate to a Trust Anchor of the Group."""


class CertificateExpired(CertificateRefused):
    """A certificate of the chain has expired."""


class CertificateNotYetValid(CertificateRefused):
    """A certificate of the chain is not valid yet."""


class CertificateRevoked(CertificateRefused):
    """The issuer revoked a certificate of the chain."""


class RevocationUnknown(CertificateRefused):
    """Revocation must be known (hard mode) and no usable CRL tells."""


class UnexpectedPeer(CertificateRefused):
    """The certificate is good, but it is another Peer's than the one meant."""
