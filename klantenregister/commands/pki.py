"""`klantenregister pki`: a development CA, requests for a real one, and what a certificate says.

The certificates follow the Dutch profile: subject.serialNumber is the Peer ID, subject.organizationName the Peer name.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from certs.authority import create_group, issue, write_csr
from certs.custody import load_certificates
from certs.errors import CertsError, InvalidSubject, IssueRefused, MalformedCertificate
from certs.identity import PeerId, PeerName, SubjectRule, dns_names_of, identity_of, readable_subject
from certs.issuing import DAY_S, Algorithm
from certs.thumbprint import CertificateThumbprint, PublicKeyThumbprint, certificate_thumbprint, public_key_thumbprint
from clock import SystemClock
from klantenregister.errors import Failed, WrongUsage

Actions: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_CA_DAYS = 3650
_LEAF_DAYS = 365


@dataclass(frozen=True, slots=True)
class Description:
    """What `pki show` prints of one certificate. Instants are ISO 8601; Peer ID and name None: it names no Peer."""

    file: str
    subject: str
    peer_id: PeerId | None
    peer_name: PeerName | None
    dns_names: tuple[str, ...]
    issuer: str
    not_before: str
    not_after: str
    days_left: int
    certificate_thumbprint: CertificateThumbprint
    public_key_thumbprint: PublicKeyThumbprint


def register(commands: Actions) -> None:
    """Add `pki` and its four subcommands."""
    pki = commands.add_parser("pki", help="development CA, certificate requests, and what a certificate says")
    actions = pki.add_subparsers(metavar="ACTION", required=True)
    _add_init(actions)
    _add_issue(actions)
    _add_csr(actions)
    _add_show(actions)
    pki.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do what was asked; every failure is one clear text."""
    try:
        args.action(args, SystemClock().now())
    except IssueRefused as error:
        raise WrongUsage(str(error)) from error
    except CertsError as error:
        raise Failed(str(error)) from error
    return 0


def describe_certificate(file: Path, certificate: x509.Certificate, now: int) -> Description:
    """State what a certificate says.

    Raises: CertsError when it cannot be read.
    """
    try:
        identity = identity_of(certificate, SubjectRule())
    except InvalidSubject:
        identity = None
    try:
        end = certificate.not_valid_after_utc
        return Description(
            file=str(file),
            subject=readable_subject(certificate.subject),
            peer_id=identity.peer_id if identity else None,
            peer_name=identity.name if identity else None,
            dns_names=dns_names_of(certificate),
            issuer=readable_subject(certificate.issuer),
            not_before=certificate.not_valid_before_utc.isoformat(),
            not_after=end.isoformat(),
            days_left=(int(end.timestamp()) - now) // DAY_S,
            certificate_thumbprint=certificate_thumbprint(certificate),
            public_key_thumbprint=public_key_thumbprint(certificate),
        )
    except (ValueError, UnsupportedAlgorithm) as error:
        raise MalformedCertificate(f"{file}: holds a certificate that cannot be read: ask its CA") from error


def _init(args: argparse.Namespace, now: int) -> None:
    create_group(args.directory, args.group, now=now, algorithm=args.algorithm, days=args.days)
    print(f"Made the development CA of {args.group} in {args.directory}:")
    print("  root.pem  the Trust Anchor, for group.trust_anchors")
    print("  ca.pem    the intermediate that issues")
    print("  ca.crl    its CRL, and root.crl that of the root, for group.revocation.crl")
    print(f"Next: klantenregister pki issue {args.directory} --peer-id ID --name NAME --dns NAME")


def _issue(args: argparse.Namespace, now: int) -> None:
    cert_file, key_file = issue(
        args.directory,
        peer_id=args.peer_id,
        name=args.name,
        dns_names=args.dns,
        now=now,
        algorithm=args.algorithm,
        days=args.days,
        stem=args.out,
    )
    print(f"certificate  {cert_file}")
    print(f"private key  {key_file}")


def _csr(args: argparse.Namespace, _now: int) -> None:
    csr_file, key_file = write_csr(
        args.out,
        peer_id=args.peer_id,
        name=args.name,
        dns_names=args.dns,
        algorithm=args.algorithm,
        key_file=args.key,
    )
    print(f"request      {csr_file}  (send this one to the CA)")
    print(f"private key  {key_file}  (never leaves this machine)")


def _show(args: argparse.Namespace, now: int) -> None:
    found = [
        describe_certificate(file, certificate, now) for file in args.files for certificate in load_certificates(file)
    ]
    if args.json:
        print(
            json.dumps({"certificates": [asdict(description) for description in found]}, ensure_ascii=False, indent=2)
        )
    else:
        print("\n\n".join(_as_text(description) for description in found))


def _as_text(shown: Description) -> str:
    left = f"{shown.days_left} days left" if shown.days_left >= 0 else "EXPIRED"
    rows = {
        "file": shown.file,
        "subject": shown.subject,
        "Peer ID": shown.peer_id or "none in subject.serialNumber",
        "Peer name": shown.peer_name or "none",
        "DNS names": ", ".join(shown.dns_names) or "none",
        "issuer": shown.issuer,
        "valid": f"{shown.not_before} to {shown.not_after} ({left})",
        "certificate thumbprint": shown.certificate_thumbprint,
        "public key thumbprint": shown.public_key_thumbprint,
    }
    return "\n".join(f"{label:<24}{value}" for label, value in rows.items())


def _add_init(actions: Actions) -> None:
    parser = actions.add_parser(
        "init",
        help="make a development CA",
        description="Make the root and intermediate CA of a development Group. Nothing that exists is overwritten.",
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="where its files go; made when absent")
    parser.add_argument("--group", required=True, metavar="NAME", help="stands in the names of the CA certificates")
    _add_key_options(parser, days=_CA_DAYS)
    parser.set_defaults(action=_init)


def _add_issue(actions: Actions) -> None:
    parser = actions.add_parser(
        "issue",
        help="issue a Peer's certificate from the development CA",
        description="Issue a certificate with its chain (STEM.pem) and a new private key (STEM.key, mode 0600).",
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="the directory that `pki init` made")
    _add_holder_options(parser)
    parser.add_argument(
        "--out", type=Path, metavar="STEM", help="a bare name is placed in DIR; default: the first DNS name"
    )
    _add_key_options(parser, days=_LEAF_DAYS)
    parser.set_defaults(action=_issue)


def _add_csr(actions: Actions) -> None:
    parser = actions.add_parser(
        "csr",
        help="make a certificate signing request for a real CA",
        description="Make a request (STEM.csr) for a new private key (STEM.key, mode 0600), or for an existing one. "
        "Renewing with the same key keeps the FSC connection grants of an Outway working, because contracts name its "
        "public key; with a new key new contracts are needed.",
    )
    _add_holder_options(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="STEM", help="path of the files, without extension")
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument("--key", type=Path, metavar="FILE", help="reuse this private key: FSC grants keep working")
    keys.add_argument("--algorithm", choices=list(Algorithm), default=Algorithm.EC, help="kind of key; default: ec")
    parser.set_defaults(action=_csr)


def _add_show(actions: Actions) -> None:
    parser = actions.add_parser("show", help="say what certificates hold: Peer, names, validity, thumbprints")
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="CERT", help="PEM file; all certificates in it are shown"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(action=_show)


def _add_holder_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--peer-id", required=True, metavar="ID", help="Peer ID (OIN), becomes subject.serialNumber")
    parser.add_argument("--name", required=True, help="Peer name, becomes subject.organizationName")
    parser.add_argument("--dns", required=True, action="append", metavar="NAME", help="DNS name; repeat for more")


def _add_key_options(parser: argparse.ArgumentParser, *, days: int) -> None:
    parser.add_argument("--algorithm", choices=list(Algorithm), default=Algorithm.EC, help="kind of key; default: ec")
    parser.add_argument("--days", type=int, default=days, help=f"validity; default: {days}")
