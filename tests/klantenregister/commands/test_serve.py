"""`klantenregister serve`: how it refuses to start, and what a stranger can make it print; tests/e2e does the rest."""

import argparse
import contextlib
import json
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from klantenregister import cli
from klantenregister.commands import serve
from klantenregister.errors import WrongUsage
from klantenregister.hosting import ALL_ROLES, Role
from tests.e2e.federation import REPOSITORY, eventually, http_get
from tests.klantenregister.running import PROVIDER, Place, listens

# -- arguments


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("manager", {Role.MANAGER}),
        ("inway, outway", {Role.INWAY, Role.OUTWAY}),
        ("inway,inway", {Role.INWAY}),
        ("manager,inway,outway,register,console", ALL_ROLES),
    ],
)
def test_roles_are_read(text: str, roles: set[Role]) -> None:
    assert serve.parse_roles(text) == roles


@pytest.mark.parametrize("text", ["", "manager,", "Manager", "directory", "manager;inway"])
def test_what_is_no_role_is_refused_with_those_there_are(
    place: Place, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="choose from manager, inway, outway, register, console"):
        serve.parse_roles(text)
    with pytest.raises(SystemExit) as ended:
        cli.main(["serve", "--config", str(place.write()), "--roles", text])
    assert ended.value.code == 2
    assert "choose from manager" in capsys.readouterr().err


@pytest.mark.parametrize("workers", ["0", "-1"])
def test_less_than_one_process_is_wrong_usage(place: Place, capsys: pytest.CaptureFixture[str], workers: str) -> None:
    assert cli.main(["serve", "--config", str(place.write()), "--workers", workers]) == 2
    assert "--workers" in capsys.readouterr().err


def test_without_a_configuration_it_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["serve"])

    assert ended.value.code == 2
    assert "--config" in capsys.readouterr().err


# -- before anything is opened


def test_every_wrong_file_is_told_at_once_and_nothing_is_made(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.document["storage"] = "sqlite:///data/register.db"
    place.document["group"]["revocation"] = {"crl": ["pki/nothing.crl"]}
    (place.folder / "pki" / f"{PROVIDER.slug}.key").unlink()

    assert cli.main(["serve", "--config", str(place.write())]) == 2
    told = capsys.readouterr().err
    assert "group.revocation.crl[0]" in told
    assert f"{PROVIDER.slug}.key" in told
    assert "Traceback" not in told
    assert not (place.folder / "data").exists()
    assert not (place.folder / "master.key").exists()


def test_a_back_end_that_is_not_served_is_told_without_its_password(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.document["storage"] = "mongodb://admin:s3cret@db.example.test/klanten"

    assert cli.main(["serve", "--config", str(place.write())]) == 2
    told = capsys.readouterr().err
    assert "storage" in told
    assert "s3cret" not in told


def test_what_deserves_attention_is_printed_and_does_not_stop_it(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    (place.folder / "pki" / f"{PROVIDER.slug}.key").chmod(0o644)
    serve.check_before_start(place.settings())

    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("klantenregister: warning: ") for line in lines)
    assert any(f"{PROVIDER.slug}.key" in line for line in lines)
    assert any("nothing survives a restart" in line for line in lines)


def test_every_error_is_raised_in_one(place: Place) -> None:
    settings = place.settings()
    (place.folder / "pki" / "root.pem").write_text("nothing")
    (place.folder / "pki" / f"{PROVIDER.slug}.key").unlink()

    with pytest.raises(WrongUsage) as refused:
        serve.check_before_start(settings)
    assert len(str(refused.value).splitlines()) == 2


# -- as a process


@contextlib.contextmanager
def process(place: Place, log: Path, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`klantenregister serve`, ready; its end must be orderly."""
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            [sys.executable, "-m", "klantenregister", "serve", "--config", str(place.write()), *words],
            cwd=REPOSITORY,
            stderr=stderr,
        ) as started,
    ):
        try:
            port = place.ports["metrics"]
            eventually("it to be ready", lambda: http_get(port, "/health/ready")[0] == 200 or None)
            yield started
        finally:
            started.send_signal(signal.SIGTERM)
            code = started.wait(timeout=20)
    assert code == 0


def lines_of(log: Path) -> list[dict[str, object]]:
    """What was logged in JSON; the warnings before it began are left out."""
    return [
        json.loads(line) for line in log.read_text().splitlines() if not line.startswith("klantenregister: warning: ")
    ]


def client_hello(name: str) -> bytes:
    """What a client says first when it asks for `name`."""
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_whatever_a_stranger_sends_the_log_is_one_json_object_a_line(place: Place, tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    hello = client_hello("aaaaaa.localhost")
    assert b"aaaaaa" in hello
    with process(place, log, "--roles", "manager,inway"):
        for sent in (hello.replace(b"aaaaaa", b"\xff\xfe\x01\xff\xff\xff"), b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"):
            with socket.create_connection(("127.0.0.1", place.ports["manager"]), timeout=5) as stranger:
                stranger.sendall(sent)
                stranger.shutdown(socket.SHUT_WR)
                with contextlib.suppress(OSError):
                    stranger.recv(1_000)
        eventually("the name that is no text", lambda: "unraisable_error" in log.read_text() or None)
        assert not listens(place.ports["console"])

    lines = lines_of(log)
    assert [line["event"] for line in lines if line["event"] in ("serving", "stopping")] == ["serving", "stopping"]
    [stray] = [line for line in lines if line["event"] == "unraisable_error"]
    assert (stray["level"], stray["error"]) == ("warning", "UnicodeDecodeError")
    assert "Traceback" not in log.read_text()
    [serving] = [line for line in lines if line["event"] == "serving"]
    assert (serving["roles"], serving["tenants"]) == (["inway", "manager"], [PROVIDER.slug])


def test_a_signal_makes_it_read_its_configuration_again(place: Place, tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    with process(place, log) as started:
        started.send_signal(signal.SIGHUP)
        eventually("the reload", lambda: "configuration_applied" in log.read_text() or None)
