"""Where our own certificates, private keys and trust files live, and how they are read and made.

Files are an operator's work, so every refusal names the file and the remedy. A private key is never part of a text,
a repr or an exception.
"""

import base64
import binascii
import os
import secrets
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from certs.crl import parse_crls
from certs.errors import CustodyError, InvalidTrustMaterial
from certs.identity import readable_name
from certs.thumbprint import CertificateThumbprint, PublicKeyThumbprint, certificate_thumbprint, public_key_thumbprint
from certs.trust import MIN_RSA_BITS, parse_anchors

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

MASTER_KEY_BYTES = 32
CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


@dataclass(frozen=True, slots=True, repr=False)
class KeyPair:
    """A certificate of ours with its private key.

    Shape: `chain` is the leaf first, each next one the issuer of the one before it, without a self-signed root.
    """

    chain: tuple[x509.Certificate, ...]
    private_key: PrivateKey = field(compare=False)
    # What follows is read from the certificate once: a Manager asks for it at every signature.
    thumbprint: CertificateThumbprint = field(init=False, compare=False)
    """The certificate's `x5t#S256`."""
    public_key_thumbprint: PublicKeyThumbprint = field(init=False, compare=False)
    """The thumbprint that contracts carry."""
    not_before: int = field(init=False, compare=False)
    """First second of validity."""
    not_after: int = field(init=False, compare=False)
    """Last second of validity."""

    def __post_init__(self) -> None:
        read = {
            "thumbprint": certificate_thumbprint(self.certificate),
            "public_key_thumbprint": public_key_thumbprint(self.certificate),
            "not_before": int(self.certificate.not_valid_before_utc.timestamp()),
            "not_after": int(self.certificate.not_valid_after_utc.timestamp()),
        }
        for name, value in read.items():
            object.__setattr__(self, name, value)

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate of the key."""
        return self.chain[0]

    def pem_chain(self) -> bytes:
        """Render the chain as a PEM bundle, leaf first; no key."""
        return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in self.chain)

    def __repr__(self) -> str:
        return f"<KeyPair {readable_name(self.certificate)}, certificate {self.thumbprint}>"


def load_key_pair(cert_file: Path, key_file: Path) -> KeyPair:
    """Read a certificate with its issuers, and the private key of the first.

    The order of the certificates in the file does not matter; a self-signed root is left out.
    Shape: PEM; key EC P-256, P-384, P-521 or RSA of at least 2048 bits, not encrypted.
    Raises: CustodyError.
    """
    certificates = list(dict.fromkeys(load_certificates(cert_file)))
    key = load_private_key(key_file)
    leaves = [certificate for certificate in certificates if _holds_key(certificate, key)]
    if not leaves:
        raise CustodyError(f"{key_file}: is not the private key of a certificate in {cert_file}: pair the right files")
    if len(leaves) > 1:
        raise CustodyError(f"{cert_file}: holds {len(leaves)} certificates of the same key: keep one per file")
    return KeyPair(_order_chain(leaves[0], certificates, cert_file), key)


def load_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Read every certificate of a PEM file, in the file's order.

    Raises: CustodyError.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(_read(path)))
    except ValueError as error:
        raise CustodyError(f"{path}: holds no readable certificate in PEM: expected BEGIN CERTIFICATE") from error


def load_private_key(key_file: Path) -> PrivateKey:
    """Read a private key.

    Raises: CustodyError.
    """
    data = _read(key_file)
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError as error:
        raise CustodyError(
            f"{key_file}: is encrypted: store it unencrypted with mode 0600 (openssl pkey -in OLD -out NEW)"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CustodyError(f"{key_file}: is not a private key in PEM: expected BEGIN PRIVATE KEY") from error
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= MIN_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, CURVES):
        return key
    raise CustodyError(
        f"{key_file}: is a kind of key that FSC signatures cannot use: "
        f"make an EC key on P-256, P-384 or P-521, or an RSA key of at least {MIN_RSA_BITS} bits"
    )


def key_pem(key: PrivateKey) -> bytes:
    """Render a private key as unencrypted PKCS#8 in PEM, for a file that only its owner reads."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load_trust_file(path: Path) -> bytes:
    """Read a PEM bundle of Trust Anchors, and check that it can be used.

    Raises: CustodyError.
    """
    data = _read(path)
    try:
        parse_anchors(data)
    except InvalidTrustMaterial as error:
        raise CustodyError(f"{path}: {error}") from error
    return data


def load_crl_file(path: Path) -> bytes:
    """Read a CRL (PEM or DER), and check that it is one.

    Raises: CustodyError.
    """
    data = _read(path)
    try:
        parse_crls(data)
    except InvalidTrustMaterial as error:
        raise CustodyError(f"{path}: {error}") from error
    return data


def loose_permissions(path: Path) -> str | None:
    """Say what is wrong when others than the owner may use a secret file; None when nothing is, or it is not there."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None
    if mode & 0o077 == 0:
        return None
    return f"{path}: mode {mode:04o} lets others than its owner use a secret: chmod 600 {path}"


def newest_valid(pairs: Iterable[KeyPair], now: int) -> KeyPair | None:
    """Choose the pair that serves: of those valid now the one with the latest not_before, then the latest not_after."""
    return next(iter(valid_pairs(pairs, now)), None)


def valid_pairs(pairs: Iterable[KeyPair], now: int) -> tuple[KeyPair, ...]:
    """The pairs that are valid now, the one that serves first."""
    valid = [pair for pair in pairs if pair.not_before <= now <= pair.not_after]
    return tuple(sorted(valid, key=lambda pair: (pair.not_before, pair.not_after), reverse=True))


def load_or_create_master_key(path: Path) -> bytes:
    """Read the installation's master key, or make it at first start.

    Shape: the file holds the base64 text of 32 random bytes, mode 0600.
    Durability: a key that was returned is on disk; of several processes that start at once one makes it, all return it.
    Raises: CustodyError; also for a file that holds anything else, because replacing it would lose what it encrypted.
    """
    if not path.exists():
        _publish_new(path, base64.b64encode(secrets.token_bytes(MASTER_KEY_BYTES)) + b"\n")
    try:
        key = base64.b64decode(_read(path).strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != MASTER_KEY_BYTES:
        raise CustodyError(
            f"{path}: is not a master key (base64 of {MASTER_KEY_BYTES} bytes): restore it from backup; "
            "without the right key nothing that it encrypted can be read"
        )
    return key


def write_new_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file that must not exist yet; its directory is made when absent.

    Durability: on disk when this returns.
    Raises: CustodyError when the file exists or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        _sync_directory(path.parent)
    except FileExistsError as error:
        raise CustodyError(f"{path}: exists already and is not overwritten: choose another name") from error
    except OSError as error:
        raise CustodyError(f"{path}: cannot be written ({_cause(error)}): check the directory and its owner") from error


def _publish_new(path: Path, data: bytes) -> None:
    """Give `path` its content in one step, unless another process was first."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_new_file(temporary, data, mode=0o600)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
        finally:
            temporary.unlink()
        _sync_directory(path.parent)
    except OSError as error:
        raise CustodyError(f"{path}: cannot be made ({_cause(error)}): check the directory and its owner") from error


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise CustodyError(f"{path}: does not exist: check the path") from error
    except OSError as error:
        raise CustodyError(f"{path}: cannot be read ({_cause(error)}): check its owner and mode") from error


def _cause(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _holds_key(certificate: x509.Certificate, key: PrivateKey) -> bool:
    try:
        return public_key_thumbprint(certificate) == public_key_thumbprint(key.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return False


def _order_chain(
    leaf: x509.Certificate, certificates: Sequence[x509.Certificate], path: Path
) -> tuple[x509.Certificate, ...]:
    chain = [leaf]
    remaining = [certificate for certificate in certificates if certificate != leaf]
    while (issuer := next((c for c in remaining if _is_issued_by(chain[-1], c)), None)) is not None:
        remaining.remove(issuer)
        chain.append(issuer)
    if remaining:
        strangers = ", ".join(readable_name(certificate) for certificate in remaining)
        raise CustodyError(
            f"{path}: holds certificates outside the chain of {readable_name(leaf)}: remove {strangers}, "
            "or add the certificate that links them"
        )
    if len(chain) > 1 and _is_issued_by(chain[-1], chain[-1]):
        chain.pop()
    return tuple(chain)


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
