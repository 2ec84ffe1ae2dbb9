"""`klantenregister doctor`, against running installations with real faults."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.gateway.harness import eventually
from tests.klantenregister.running import (
    CONSUMER,
    DIRECTORY,
    PROVIDER,
    SERVICE,
    Place,
    agreed,
    command,
    free_port,
    serving,
)

UNKNOWN = "00000009999999999999"


class Examined:
    """What the doctor printed as JSON."""

    def __init__(self, code: int, printed: str) -> None:
        self.code = code
        self.found: Mapping[str, Any] = json.loads(printed)
        assert self.found["ok"] is (code == 0)
        for step in self.steps:
            assert set(step) == {"name", "subject", "outcome", "seen", "remedy", "took_ms"}
            assert bool(step["remedy"]) is (step["outcome"] == "failed")

    @property
    def steps(self) -> list[Mapping[str, Any]]:
        steps: list[Mapping[str, Any]] = self.found["steps"]
        return steps

    def outcomes(self, *, of: str) -> list[tuple[str, str]]:
        return [(step["name"], step["outcome"]) for step in self.steps if step["subject"] == of]

    def failed(self) -> list[Mapping[str, Any]]:
        return [step for step in self.steps if step["outcome"] == "failed"]


async def examined(
    place: Place, capsys: pytest.CaptureFixture[str], *words: str, tenant: str = CONSUMER.slug
) -> Examined:
    capsys.readouterr()
    code = await command("doctor", "--config", place.config, "--tenant", tenant, "--json", *words)
    return Examined(code, capsys.readouterr().out)


async def test_a_federation_in_order_is_found_so(federation: Place, capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        for slug in (DIRECTORY.slug, PROVIDER.slug, CONSUMER.slug):
            found = await examined(federation, capsys, tenant=slug)
            assert (found.code, found.failed()) == (0, [])
            steps = ("address", "dns", "tcp", "tls", "manager", "clock", "announce", "jwks")
            expected = [] if slug == DIRECTORY.slug else [(name, "ok") for name in steps]
            assert found.outcomes(of=DIRECTORY.peer_id) == expected

        found = await examined(federation, capsys, PROVIDER.peer_id)
        assert (found.code, found.failed()) == (0, [])
        assert found.outcomes(of=f"{PROVIDER.peer_id}/{SERVICE}") == [
            (name, "ok") for name in ("contract", "token", "inway")
        ]
        assert ("announce", "ok") in found.outcomes(of=DIRECTORY.peer_id)
        # The provider does not connect to the consumer: there is no token to ask for.
        found = await examined(federation, capsys, CONSUMER.peer_id, tenant=PROVIDER.slug)
        assert found.outcomes(of=f"{PROVIDER.peer_id}/{SERVICE} for {CONSUMER.peer_id}") == [
            ("contract", "ok"),
            ("token", "skipped"),
            ("inway", "skipped"),
        ]


async def test_a_service_is_called_only_when_that_is_asked_and_then_logged(
    federation: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    async def logged(slug: str) -> list[Any]:
        capsys.readouterr()
        assert await command("logs", "--config", federation.config, "--tenant", slug, "--json") == 0
        records: list[Any] = json.loads(capsys.readouterr().out)
        return records

    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        await examined(federation, capsys, PROVIDER.peer_id)
        assert await logged(PROVIDER.slug) == await logged(CONSUMER.slug) == []
        found = await examined(federation, capsys, PROVIDER.peer_id, "--call", f"/{SERVICE}/api/v1/partijen?page=1")
        assert found.code == 0
        (service,) = [step for step in found.steps if step["name"] == "service"]
        assert service["seen"].startswith("200, transaction ")
        (theirs,), (ours,) = await logged(PROVIDER.slug), await logged(CONSUMER.slug)
        assert theirs["transaction_id"] == ours["transaction_id"] == service["seen"].rpartition(" ")[2]


async def test_people_read_a_line_a_step_and_the_remedy_below(
    federation: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        capsys.readouterr()
        assert await command("doctor", UNKNOWN, "--config", federation.config, "--tenant", CONSUMER.slug) == 1
        lines = capsys.readouterr().out.splitlines()
    (place,) = [number for number, line in enumerate(lines) if line.startswith("FAILED   address")]
    assert f"the Manager address of Peer {UNKNOWN} is unknown" in lines[place]
    assert (
        lines[place + 1]
        == "         -> let that Peer announce itself to a Directory of the Group, or send us a contract"
    )
    assert lines[place + 2].startswith("skipped  dns")
    assert lines[0].startswith("ok       certificate")


async def test_without_a_contract_with_a_peer_there_is_something_to_ask(
    federation: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    federation.document["tenants"][2]["connections"] = []
    async with serving(federation.settings()):
        found = await examined(federation, capsys, PROVIDER.peer_id)
    (contract,) = [step for step in found.failed() if step["name"] == "contract"]
    assert "no contract lets one of us use a service" in contract["seen"]
    assert "contracts request" in contract["remedy"]


async def test_a_contract_that_waits_says_for_whom(federation: Place, capsys: pytest.CaptureFixture[str]) -> None:
    federation.document["tenants"][1]["accept"] = []
    async with serving(federation.settings()) as installation:
        provider = installation.hosts.get(PROVIDER.peer_id)  # type: ignore[arg-type]
        assert provider is not None
        await eventually(lambda: bool(provider.peer.contracts.view.waiting_for(provider.peer.peer_id)), within_s=10)
        ours = await examined(federation, capsys, PROVIDER.peer_id)
        theirs = await examined(federation, capsys, CONSUMER.peer_id, tenant=PROVIDER.slug)
    (waits,) = [step for step in ours.failed() if step["name"] == "contract"]
    assert f"waits for the accept of {PROVIDER.peer_id}" in waits["seen"]
    assert ours.outcomes(of=f"{PROVIDER.peer_id}/{SERVICE}")[1:] == [("token", "skipped"), ("inway", "skipped")]
    (decide,) = [step for step in theirs.failed() if step["name"] == "contract"]
    assert "klantenregister contracts accept '$1$" in decide["remedy"]


async def test_an_address_of_ours_where_nothing_listens(federation: Place, capsys: pytest.CaptureFixture[str]) -> None:
    provider = federation.document["tenants"][1]
    provider["inway_address"] = f"https://{PROVIDER.inway_host}:{free_port()}"
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        found = await examined(federation, capsys, tenant=PROVIDER.slug)
        assert found.outcomes(of="our Inway") == [("dns", "ok"), ("tcp", "failed"), ("tls", "skipped")]
        assert "nothing listens there" in found.failed()[0]["remedy"]
        # The consumer finds the same at the end of its way.
        found = await examined(federation, capsys, PROVIDER.peer_id, "--call", "/")
        steps = found.outcomes(of=f"{PROVIDER.peer_id}/{SERVICE}")
        assert steps == [("contract", "ok"), ("token", "ok"), ("inway", "failed"), ("service", "skipped")]
        assert "nothing listens there" in found.failed()[-1]["remedy"]


async def test_a_port_where_somebody_listens_who_speaks_no_tls(
    federation: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    federation.document["tenants"][1]["inway_address"] = f"https://{PROVIDER.inway_host}:{federation.ports['register']}"
    async with serving(federation.settings()):
        found = await examined(federation, capsys, tenant=PROVIDER.slug)
    assert found.outcomes(of="our Inway") == [("dns", "ok"), ("tcp", "ok"), ("tls", "failed")]
    assert "does not speak TLS" in found.failed()[0]["remedy"]


async def test_a_program_that_does_not_run_is_told_with_what_can_be_checked(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.write()
    found = await examined(place, capsys, tenant=PROVIDER.slug)
    assert found.outcomes(of="ours") == [("program", "failed"), ("configuration", "ok")]
    (place.folder / "pki" / f"{PROVIDER.slug}.key").unlink()
    found = await examined(place, capsys, tenant=PROVIDER.slug)
    assert found.outcomes(of="ours") == [("program", "failed"), ("configuration", "failed")]
    assert f"{PROVIDER.slug}.key" in found.failed()[1]["seen"]


@pytest.mark.parametrize("words", [("x",), (PROVIDER.peer_id,), (UNKNOWN, "--call", "path"), (UNKNOWN, "--call", "/#")])
async def test_what_cannot_be_examined_is_refused(
    place: Place, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    async with serving(place.settings()):
        assert await command("doctor", "--config", place.config, *words) == 1
    assert "klantenregister: " in capsys.readouterr().err
