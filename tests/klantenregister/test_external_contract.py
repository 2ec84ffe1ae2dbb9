"""References to contracts outside FSC, from the configuration to the listing, the token and the logs of both sides.

Standard: FSC External contract.
"""

import json
from typing import Any

import pytest

from gateway.fsc.jws import parse_compact
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

CONNECTION = "delegation.connection.external_contract_reference"
PUBLICATION = "delegation.publication.external_contract_reference"
REFERENCE = {
    "reference": "https://contracts.example.test/1",
    "delegator_id": "12345678901234567890",
    "delegator_name": "Stichting Voorbeeld",
}
PATH, HOST = f"/{SERVICE}/api/v1/partijen", {"Host": f"{SERVICE}.localhost"}


async def test_a_reference_is_listed_put_in_the_token_and_logged_by_both_sides(
    federation: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    _, provider, consumer = federation.document["tenants"]
    provider["services"][0]["properties"] = {PUBLICATION: REFERENCE}
    consumer["connections"][0]["properties"] = {CONNECTION: REFERENCE, "other": {"not": "logged"}}

    async def shown(*words: str) -> Any:
        assert await command(*words, "--config", federation.config, "--tenant", CONSUMER.slug, "--json") == 0
        return json.loads(capsys.readouterr().out)

    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        [service] = (await shown("services"))["listed"]
        token = await federation.token(connection_grant(installation))
        answer = await plain(federation.ports["outway"], PATH, headers=HOST)
        assert answer.status == 200, answer.text
        transaction_id = answer.headers["Fsc-Transaction-Id"]
        [outgoing] = await shown("logs")
        url = federation.manager(PROVIDER, f"/v1/logs?transaction_ids={transaction_id}")
        logs = await federation.call(CONSUMER, PROVIDER, "GET", url)
        [incoming] = logs.json()["records"]

    assert service["properties"] == {PUBLICATION: REFERENCE}
    assert parse_compact(token).payload["prp"] == {CONNECTION: REFERENCE, "other": {"not": "logged"}}
    assert (outgoing["direction"], incoming["direction"]) == ("DIRECTION_OUTGOING", "DIRECTION_INCOMING")
    for record in (outgoing, incoming):
        assert record["transaction_id"] == transaction_id
        assert record["additional_data"] == {CONNECTION: REFERENCE}


@pytest.mark.parametrize(
    "malformed", ["text", {}, {**REFERENCE, "reference": 1}, {"reference": "1", "delegator_id": "2"}]
)
async def test_what_is_no_reference_is_agreed_and_used_as_any_property_and_not_logged(
    federation: Place, malformed: Any
) -> None:
    federation.document["tenants"][2]["connections"][0]["properties"] = {CONNECTION: malformed}
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        token = await federation.token(connection_grant(installation))
        answer = await plain(federation.ports["outway"], PATH, headers=HOST)
        assert answer.status == 200, answer.text
        logs = await federation.call(CONSUMER, PROVIDER, "GET", federation.manager(PROVIDER, "/v1/logs"))

    assert parse_compact(token).payload["prp"] == {CONNECTION: malformed}
    assert ["additional_data" in one for one in logs.json()["records"]] == [False]
