"""The development CA: a root, an intermediate and the certificates of a Group, in memory or in a directory.

For development, the demo and tests. A real Group has a real CA: make a request for it with `make_csr`.

The directory holds `root.pem` (the Trust Anchor), `ca.pem` (the intermediate that issues), their keys, and a CRL of
each, so that every revocation mode can be tried. Keys have mode 0600. Nothing that exists is ever overwritten.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from cryptography import x509

from certs.custody import KeyPair, PrivateKey, key_pem, load_key_pair, load_private_key, write_new_file
from certs.errors import CustodyError, IssueRefused
from certs.issuing import (
    DAY_S,
    SKEW_S,
    Algorithm,
    Holder,
    generate_key,
    make_authority,
    make_crl,
    make_csr,
    make_leaf,
)

MAX_DAYS = 36_500
MAX_GROUP_NAME = 50


class DevelopmentAuthority:
    """A root and an intermediate that issue certificates, as of the instant `now`."""

    def __init__(self, root: KeyPair, intermediate: KeyPair, *, now: int) -> None:
        self.root = root
        self.intermediate = intermediate
        self.now = now
        self._revoked: dict[KeyPair, set[int]] = {root: set(), intermediate: set()}

    @classmethod
    def create(cls, name: str, *, now: int, algorithm: str = Algorithm.EC, days: int = 3650) -> Self:
        """Make a new root and intermediate.

        Raises: IssueRefused.
        """
        if not 1 <= len(name) <= MAX_GROUP_NAME or not name.isprintable():
            raise IssueRefused(f"the name of a Group has 1 to {MAX_GROUP_NAME} printable characters here")
        valid = {"not_before": now - SKEW_S, "not_after": now + _check_days(days) * DAY_S}
        kind = _parse_algorithm(algorithm)
        root = make_authority(f"{name} development root", generate_key(kind), issuer=None, **valid)
        intermediate = make_authority(f"{name} development CA", generate_key(kind), issuer=root, **valid)
        return cls(root, intermediate, now=now)

    def issue(
        self,
        *,
        peer_id: str,
        name: str,
        dns_names: Sequence[str],
        algorithm: str = Algorithm.EC,
        days: int = 365,
        not_before: int | None = None,
        private_key: PrivateKey | None = None,
        extra_subject: Sequence[x509.NameAttribute[str]] = (),
    ) -> KeyPair:
        """Issue a Peer's certificate with its chain.

        It is valid for `days` from `not_before`, by default a few minutes ago: an early one makes it expired, a late
        one not yet valid. `private_key` renews with the same key.
        Raises: IssueRefused.
        """
        holder = Holder(peer_id, name, tuple(dns_names), tuple(extra_subject))
        begin = self.now - SKEW_S if not_before is None else not_before
        end = (self.now if not_before is None else not_before) + _check_days(days) * DAY_S
        if end > self.intermediate.not_after:
            raise IssueRefused(
                f"{days} days is longer than the CA itself is valid: "
                f"at most {max(0, self.intermediate.not_after - self.now) // DAY_S} days"
            )
        key = private_key or generate_key(_parse_algorithm(algorithm))
        return make_leaf(holder, key, issuer=self.intermediate, not_before=begin, not_after=end)

    def revoke(self, certificate: x509.Certificate) -> None:
        """Put a certificate on the CRL of whichever of the two issued it, from the next CRL on."""
        issuer = self.root if certificate.issuer == self.root.certificate.subject else self.intermediate
        self._revoked[issuer].add(certificate.serial_number)

    def anchors_pem(self) -> bytes:
        """The Trust Anchor: the root."""
        return self.root.pem_chain()

    def crl_pem(self, *, next_update: int | None = None) -> bytes:
        """Make the CRL of the intermediate, which tells of Peers; by default it lasts as long as the CA."""
        return self._crl(self.intermediate, next_update)

    def root_crl_pem(self, *, next_update: int | None = None) -> bytes:
        """Make the CRL of the root, which tells of the intermediate."""
        return self._crl(self.root, next_update)

    def _crl(self, issuer: KeyPair, next_update: int | None) -> bytes:
        until = issuer.not_after if next_update is None else next_update
        this_update = min(self.now, until) - SKEW_S
        return make_crl(issuer, sorted(self._revoked[issuer]), this_update=this_update, next_update=until)


def create_group(
    directory: Path, name: str, *, now: int, algorithm: str = Algorithm.EC, days: int = 3650
) -> DevelopmentAuthority:
    """Make the CA of a Group in `directory`.

    Raises: IssueRefused; CustodyError, also when one of its files exists already.
    """
    authority = DevelopmentAuthority.create(name, now=now, algorithm=algorithm, days=days)
    public = {
        "root.pem": authority.root.pem_chain(),
        "ca.pem": authority.intermediate.pem_chain(),
        "root.crl": authority.root_crl_pem(),
        "ca.crl": authority.crl_pem(),
    }
    secret = {
        "root.key": key_pem(authority.root.private_key),
        "ca.key": key_pem(authority.intermediate.private_key),
    }
    _write_all(
        {directory / file: data for file, data in public.items()},
        {directory / file: data for file, data in secret.items()},
    )
    return authority


def load_group(directory: Path, *, now: int) -> DevelopmentAuthority:
    """Read the CA that `create_group` made.

    Raises: CustodyError.
    """
    root = load_key_pair(directory / "root.pem", directory / "root.key")
    intermediate = load_key_pair(directory / "ca.pem", directory / "ca.key")
    return DevelopmentAuthority(root, intermediate, now=now)


def issue(
    directory: Path,
    *,
    peer_id: str,
    name: str,
    dns_names: Sequence[str],
    now: int,
    algorithm: str = Algorithm.EC,
    days: int = 365,
    stem: Path | None = None,
) -> tuple[Path, Path]:
    """Issue a Peer's certificate from the CA in `directory`, and write it to `stem`.pem (with chain) and `stem`.key.

    A `stem` without a folder is placed in `directory`; the default is the first DNS name.
    Returns the two paths. Raises: IssueRefused, CustodyError.
    """
    pair = load_group(directory, now=now).issue(
        peer_id=peer_id, name=name, dns_names=dns_names, algorithm=algorithm, days=days
    )
    target = Path(dns_names[0].replace("*", "_")) if stem is None else stem
    if target == Path(target.name):
        target = directory / target
    cert_file, key_file = _with_suffix(target, ".pem"), _with_suffix(target, ".key")
    _write_all({cert_file: pair.pem_chain()}, {key_file: key_pem(pair.private_key)})
    return cert_file, key_file


def write_csr(
    stem: Path,
    *,
    peer_id: str,
    name: str,
    dns_names: Sequence[str],
    algorithm: str = Algorithm.EC,
    key_file: Path | None = None,
) -> tuple[Path, Path]:
    """Write a request for a real CA to `stem`.csr, for the key in `key_file` or for a new one in `stem`.key.

    Returns the paths of request and key. Raises: IssueRefused, CustodyError.
    """
    holder = Holder(peer_id, name, tuple(dns_names))
    csr_file = _with_suffix(stem, ".csr")
    if key_file is not None:
        _write_all({csr_file: make_csr(holder, load_private_key(key_file))}, {})
        return csr_file, key_file
    key = generate_key(_parse_algorithm(algorithm))
    new_key_file = _with_suffix(stem, ".key")
    _write_all({csr_file: make_csr(holder, key)}, {new_key_file: key_pem(key)})
    return csr_file, new_key_file


def _write_all(public: dict[Path, bytes], secret: dict[Path, bytes]) -> None:
    for path in (*public, *secret):
        if path.exists():
            raise CustodyError(f"{path}: exists already and is not overwritten: choose another name or directory")
    for path, data in secret.items():
        write_new_file(path, data, mode=0o600)
    for path, data in public.items():
        write_new_file(path, data)


def _with_suffix(stem: Path, suffix: str) -> Path:
    # Not Path.with_suffix: a stem such as manager.example has dots of its own.
    return stem.with_name(stem.name + suffix)


def _parse_algorithm(text: str) -> Algorithm:
    try:
        return Algorithm(text)
    except ValueError as error:
        raise IssueRefused(f"{text!r} is not a kind of key: choose {' or '.join(Algorithm)}") from error


def _check_days(days: int) -> int:
    if not 1 <= days <= MAX_DAYS:
        raise IssueRefused(f"a certificate is valid for 1 to {MAX_DAYS} days, not {days}")
    return days
