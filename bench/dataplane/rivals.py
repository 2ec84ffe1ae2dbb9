"""What the Inway is compared with: HAProxy with the full check, HAProxy that remembers tokens, nginx without any check.

They serve with the certificate of PROVIDER, trust the same anchor and verify the very tokens that our Manager gave.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.dataplane.federation import Federation
from bench.dataplane.processes import Program, free_ports, is_listening, started, tool
from bench.site import GROUP, PROVIDER, SERVICE
from certs.custody import key_pem, write_new_file

_HERE = Path(__file__).parent
BODY_BYTES = 1024
LARGE_BYTES = 1 << 20
DOWNLOAD_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Rival:
    """A running program, and the port of each of its ways to serve."""

    program: Program
    ports: dict[str, int]


@contextlib.contextmanager
def service(folder: Path, port: int, digest_port: int) -> Iterator[Program]:
    """The back end of every candidate."""
    folder.mkdir()
    files = folder / "files"
    files.mkdir()
    (files / "large").write_bytes(os.urandom(LARGE_BYTES))
    (files / "download").write_bytes(os.urandom(DOWNLOAD_BYTES))
    # The folder is readable by whom it was made by: workers stay who they are.
    user = "user root;" if os.geteuid() == 0 else ""
    items = [{"id": place, "name": f"item {place}", "description": "d" * 60} for place in range(8)]
    body = json.dumps({"items": items}).ljust(BODY_BYTES)
    config = _render(
        "nginx-service.conf.in", folder, folder=folder, service=port, digest=digest_port, body=body, user=user
    )
    with _nginx("service", config, folder, port) as program:
        yield program


@contextlib.contextmanager
def haproxy(federation: Federation, name: str, *, threads: int) -> Iterator[Rival]:
    """HAProxy as an Inway: `full` checks every request, `cached` every token once."""
    folder = federation.folder / name
    folder.mkdir()
    pair = federation.pair(PROVIDER)
    write_new_file(folder / "server.pem", pair.pem_chain() + key_pem(pair.private_key), mode=0o600)
    public = pair.private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    write_new_file(folder / "public.pem", public)
    (folder / "services.map").write_text(f"{SERVICE} bench\n", encoding="utf-8")
    ports = dict(zip(("full", "cached"), free_ports(2), strict=True))
    config = _render(
        "haproxy.cfg.in",
        folder,
        threads=threads,
        certificate=folder / "server.pem",
        trust_anchor=federation.pki / "root.pem",
        public_key=folder / "public.pem",
        algorithms="ES256" if federation.kind.is_curve else "RS256 RS512",
        group=GROUP,
        services=folder / "services.map",
        service=federation.service_port,
        **ports,
    )
    command = [tool("haproxy"), "-f", str(config), "-db"]
    with started(
        name, command, folder / "log", cwd=folder, is_ready=lambda: all(map(is_listening, ports.values()))
    ) as program:
        yield Rival(program, ports)


@contextlib.contextmanager
def nginx(federation: Federation, name: str, *, threads: int) -> Iterator[Rival]:
    """nginx with mutual TLS, without any check of tokens."""
    folder = federation.folder / name
    folder.mkdir()
    (port,) = free_ports(1)
    config = _render(
        "nginx-proxy.conf.in",
        folder,
        folder=folder,
        threads=threads,
        certificate=federation.pki / f"{PROVIDER.slug}.pem",
        key=federation.pki / f"{PROVIDER.slug}.key",
        trust_anchor=federation.pki / "root.pem",
        service=federation.service_port,
        port=port,
    )
    with _nginx(name, config, folder, port) as program:
        yield Rival(program, {"mtls": port})


@contextlib.contextmanager
def _nginx(name: str, config: Path, folder: Path, port: int) -> Iterator[Program]:
    command = [tool("nginx"), "-c", str(config), "-e", "stderr", "-p", str(folder)]
    with started(name, command, folder / "log", cwd=folder, is_ready=lambda: is_listening(port)) as program:
        yield program


def _render(template: str, target: Path, **values: object) -> Path:
    text = (_HERE / template).read_text(encoding="utf-8").format(**values)
    rendered = target / template.removesuffix(".in")
    rendered.write_text(text, encoding="utf-8")
    return rendered
