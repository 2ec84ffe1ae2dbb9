"""The program as an operator meets it: how it starts, refuses to start, reloads, is administered, and stops."""

import base64
import json
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from certs.authority import DevelopmentAuthority, load_group
from certs.custody import key_pem
from clock import SystemClock
from tests.e2e.calls import at_register, plain, search
from tests.e2e.federation import (
    CONSUMER,
    PROVIDER,
    REPOSITORY,
    SERVICE,
    Federation,
    Program,
    eventually,
    http_get,
    run_command,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

DEMO = [sys.executable, "-m", "klantenregister", "demo"]


def test_the_demo_finds_a_person_and_says_so_in_its_last_line() -> None:
    done = subprocess.run(
        [*DEMO, "--once", "--json"], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["ok"] is True
    assert report["lookup"] == {"status": 200, "count": 1}
    assert report["log"] == {"outgoing": 1, "incoming": 1}
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", report["transaction_id"]
    )
    assert report["grant_hash"].startswith("$1$3$")
    assert set(report["seconds"]) == {"start", "contract", "request"}
    assert "Traceback" not in done.stderr


def test_the_demo_stays_up_its_curl_line_works_and_it_stops_cleanly() -> None:
    with subprocess.Popen(DEMO, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        seen = []
        for line in demo.stdout:
            seen.append(line.strip())
            if line.startswith("Ctrl-C"):
                break
        [curl] = [line for line in seen if line.startswith("curl")]
        pasted = subprocess.run(shlex.split(curl), capture_output=True, text=True, timeout=20, check=True)
        demo.send_signal(signal.SIGINT)
        code, errors = demo.wait(timeout=20), demo.stderr.read()

    assert json.loads(pasted.stdout)["count"] == 1
    assert (code, errors) == (0, "")


def _refused(program: Program) -> str:
    """Start it, which must fail with exit code 2; what it says, which must be short and no traceback."""
    program.write()
    done = run_command("serve", "--config", str(program.config))
    assert done.returncode == 2, done.stderr
    return _clear(done.stderr)


def _clear(text: str) -> str:
    assert "Traceback" not in text
    assert len(text.strip().splitlines()) <= 3
    return text


def test_an_unknown_key_is_refused_with_a_suggestion(own_federation: Federation) -> None:
    provider = own_federation.provider
    provider.settings["tenants"][0]["servises"] = []

    assert "tenants[0].servises" in (said := _refused(provider))
    assert "services" in said


def test_a_missing_configuration_is_told(tmp_path: Path) -> None:
    done = run_command("serve", "--config", str(tmp_path / "nothing.yaml"))

    assert done.returncode == 2
    assert "nothing.yaml" in _clear(done.stderr)


def test_a_missing_key_file_is_told(own_federation: Federation) -> None:
    (own_federation.directory / "pki" / f"{PROVIDER.slug}.key").unlink()

    assert f"{PROVIDER.slug}.key" in _refused(own_federation.provider)


def test_a_key_of_another_certificate_is_told(own_federation: Federation) -> None:
    pki = own_federation.directory / "pki"
    (pki / f"{PROVIDER.slug}.key").write_bytes((pki / f"{CONSUMER.slug}.key").read_bytes())

    assert f"{PROVIDER.slug}.key" in _refused(own_federation.provider)


def test_an_expired_certificate_is_told(own_federation: Federation) -> None:
    pki = own_federation.directory / "pki"
    long_ago = load_group(pki, now=SystemClock().now() - 40 * 86_400)
    provider = own_federation.provider.member
    pair = long_ago.issue(
        peer_id=provider.peer_id, name=provider.name, dns_names=[provider.manager_host, provider.inway_host], days=1
    )
    (pki / f"{PROVIDER.slug}.pem").write_bytes(pair.pem_chain())
    (pki / f"{PROVIDER.slug}.key").write_bytes(key_pem(pair.private_key))

    assert "expired" in _refused(own_federation.provider)


def test_a_certificate_of_another_group_is_told(own_federation: Federation) -> None:
    pki = own_federation.directory / "pki"
    provider = own_federation.provider.member
    pair = DevelopmentAuthority.create("elsewhere", now=SystemClock().now()).issue(
        peer_id=provider.peer_id, name=provider.name, dns_names=[provider.manager_host, provider.inway_host]
    )
    (pki / f"{PROVIDER.slug}.pem").write_bytes(pair.pem_chain())
    (pki / f"{PROVIDER.slug}.key").write_bytes(key_pem(pair.private_key))

    assert "certificates" in _refused(own_federation.provider)


@pytest.mark.parametrize("listener", ["manager", "inway", "register", "console", "metrics"])
def test_a_port_in_use_is_told(own_federation: Federation, listener: str) -> None:
    provider = own_federation.provider
    provider.write()
    with socket.create_server(("127.0.0.1", provider.ports[listener])):
        done = run_command("serve", "--config", str(provider.config))

    assert done.returncode == 1, done.stderr
    said = _clear(done.stderr)
    assert f"listen.{listener}" in said
    assert str(provider.ports[listener]) in said


def test_a_second_start_of_the_same_installation_is_told(federation: Federation) -> None:
    done = run_command("serve", "--config", str(federation.provider.config))

    assert done.returncode == 1
    assert "in use" in _clear(done.stderr)


def test_a_changed_file_is_applied_and_a_wrong_one_refused(own_federation: Federation) -> None:
    federation, provider = own_federation, own_federation.provider
    federation.start()
    federation.connection()
    right = provider.settings["tenants"][0]

    # Wrong: refused aloud, the old one stays.
    provider.settings["tenants"] = [{**right, "peer_id": "another"}]
    provider.write()
    eventually("the refusal", lambda: True if "configuration_refused" in provider.log.read_text() else None)
    assert search(federation.consumer, "999990019").status == 200

    # Right, and without the policy for the consumer: refused from now on, over the connection that exists.
    provider.settings["tenants"] = [{**right, "services": [{**right["services"][0], "peers": []}]}]
    provider.write()
    eventually("the new policy", lambda: True if search(federation.consumer, "999990019").status == 403 else None)

    # Back again, at once because of the signal.
    provider.settings["tenants"] = [right]
    provider.write()
    assert provider.process is not None
    provider.process.send_signal(signal.SIGHUP)
    eventually("the old policy", lambda: True if search(federation.consumer, "999990019").status == 200 else None)


def test_a_certificate_is_replaced_by_overwriting_its_files(own_federation: Federation) -> None:
    federation, provider = own_federation, own_federation.provider
    federation.start()
    grant_hash = federation.connection()
    pki = federation.directory / "pki"
    renewed = load_group(pki, now=SystemClock().now()).issue(
        peer_id=PROVIDER.peer_id,
        name=PROVIDER.name,
        dns_names=[PROVIDER.manager_host, PROVIDER.inway_host],
    )
    (pki / f"{PROVIDER.slug}.key").write_bytes(key_pem(renewed.private_key))
    (pki / f"{PROVIDER.slug}.pem").write_bytes(renewed.pem_chain())

    def serves_renewed() -> bool | None:
        keys = _jwks(federation)
        return True if renewed.thumbprint in keys and len(keys) == 2 else None

    eventually("the renewed certificate to be published beside the old one", serves_renewed)
    assert search(federation.consumer, "999990019").status == 200
    provider.restart()
    assert serves_renewed()
    assert federation.connection() == grant_hash


def _jwks(federation: Federation) -> set[str]:
    from tests.e2e.calls import as_peer, key_pair

    answer = as_peer(
        federation, key_pair(federation, CONSUMER), "GET", f"{federation.provider.manager}/v1/.well-known/jwks.json"
    )
    return {key["x5t#S256"] for key in answer.json()["keys"]}


def test_the_command_line_shows_the_running_installation(federation: Federation) -> None:
    [peer] = [one for one in federation.consumer.ask("peers") if one["peer_id"] == PROVIDER.peer_id]
    services = federation.consumer.ask("services")
    [contract] = federation.consumer.contracts(state="valid")
    shown = federation.consumer.ask("contracts", "show", contract["content_hash"].rpartition("$")[2][:10])

    assert peer["manager_address"] == federation.provider.manager
    assert [(one["name"], one["peer"]["id"]) for one in services["listed"]] == [(SERVICE, PROVIDER.peer_id)]
    assert shown["content"]["grants"][0]["data"]["service"]["name"] == SERVICE
    assert sorted(contract["signatures"]["accept"]) == sorted([CONSUMER.peer_id, PROVIDER.peer_id])
    text = federation.consumer.run("contracts", "list").stdout
    assert f"{CONSUMER.peer_id} may use {PROVIDER.peer_id}/{SERVICE}" in text


def test_commands_say_what_is_wrong(federation: Federation, tmp_path: Path) -> None:
    unknown = federation.consumer.run("contracts", "show", "$1$1$" + "A" * 86)
    nobody = federation.consumer.run("contracts", "list", "--tenant", "nobody")
    wrong = federation.consumer.run("contracts", "request", "--connection", "nothing")
    stopped = run_command("peers", "--config", str(_configuration_of_nothing(federation, tmp_path)))

    for done, text in (
        (unknown, "no contract"),
        (nobody, "elders"),
        (wrong, SERVICE),
        (stopped, "klantenregister serve"),
    ):
        assert done.returncode == 1
        assert text in _clear(done.stderr)
    assert federation.consumer.run("contracts", "request").returncode == 2
    assert run_command("no-such-command").returncode == 2


def _configuration_of_nothing(federation: Federation, folder: Path) -> Path:
    settings = json.loads(federation.consumer.config.read_text())
    settings["listen"]["admin"] = f"unix:{folder}/nobody.sock"
    settings["group"]["trust_anchors"] = [str(federation.directory / "pki" / "root.pem")]
    file = folder / "nothing.yaml"
    file.write_text(json.dumps(settings), encoding="utf-8")
    return file


def test_nobody_signs_in_on_the_console_listener_before_there_is_an_account(own_federation: Federation) -> None:
    provider = own_federation.provider
    provider.start()
    password = "correct horse battery staple"

    def tenants(name: str, secret: str) -> int:
        credentials = base64.b64encode(f"{name}:{secret}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        return plain("GET", provider.ports["console"], "/admin/v1/tenants", headers=headers).status

    assert plain("GET", provider.ports["console"], "/admin/v1/tenants").status == 401
    assert tenants("beheer", password) == 401
    assert provider.run("accounts", "add", "beheer", text="short\n").returncode == 1
    assert provider.run("accounts", "add", "beheer", text=f"{password}\n").returncode == 0
    assert tenants("beheer", password) == 200
    assert tenants("beheer", "another password") == 401
    assert provider.run("accounts", "remove", "beheer").returncode == 0
    assert tenants("beheer", password) == 401


def test_health_tells_whether_it_can_serve(federation: Federation) -> None:
    port = federation.provider.ports["metrics"]

    assert http_get(port, "/health/live")[0] == 200
    assert http_get(port, "/health/ready")[0] == 200


def test_the_admin_socket_is_for_its_owner_alone(federation: Federation) -> None:
    socket_file = federation.directory / f"{PROVIDER.slug}.sock"

    assert socket_file.stat().st_mode & 0o777 == 0o600


def test_a_credential_of_nobody_opens_nothing(federation: Federation) -> None:
    answer = at_register(federation.provider, "GET", "/partijen", token="somebody-elses-token")

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Token"
