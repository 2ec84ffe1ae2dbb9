"""`klantenregister logs`, against a running installation."""

import json

import pytest

from tests.gateway.harness import eventually
from tests.klantenregister.running import (
    CONSUMER,
    PROVIDER,
    SERVICE,
    Place,
    agreed,
    command,
    connection_grant,
    plain,
    serving,
)


async def test_transactions_are_listed_newest_first_and_filtered(
    federation: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    path, host = f"/{SERVICE}/api/v1/partijen", {"Host": f"{SERVICE}.localhost"}
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        first, second = [
            (await plain(federation.ports["outway"], path, headers=host)).headers["Fsc-Transaction-Id"]
            for _ in range(2)
        ]
        ask = ("logs", "--config", federation.config, "--tenant")

        assert await command(*ask, CONSUMER.slug) == 0
        headings, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert headings == ["WHEN", "TRANSACTION", "DIRECTION", "FROM", "TO", "SERVICE"]
        assert [row[2:] for row in rows] == [
            [one, "outgoing", CONSUMER.peer_id, PROVIDER.peer_id, SERVICE] for one in (second, first)
        ]

        async def found(*words: str, tenant: str = PROVIDER.slug) -> list[str]:
            assert await command(*ask, tenant, "--json", *words) == 0
            return [one["transaction_id"] for one in json.loads(capsys.readouterr().out)]

        assert await found() == [second, first]
        assert await found("--transaction", first) == [first]
        assert await found("--service", SERVICE) == [second, first]
        assert await found("--service", "anders") == []
        assert await found("--grant", connection_grant(installation)) == [second, first]
        assert await found("--grant", "$1$3$" + "A" * 86) == []
        assert await found("--limit", "1") == [second]
        assert await command(*ask, CONSUMER.slug, "--service", "anders") == 0
        assert capsys.readouterr().out == "Nothing was logged.\n"


@pytest.mark.parametrize(
    ("words", "code"), [(["--limit", "0"], 1), (["--limit", "100000"], 1), (["--limit", "many"], 2)]
)
async def test_a_limit_that_is_none_is_told(
    place: Place, capsys: pytest.CaptureFixture[str], words: list[str], code: int
) -> None:
    async with serving(place.settings()):
        assert await command("logs", "--config", place.config, *words) == code

    assert "limit" in capsys.readouterr().err
