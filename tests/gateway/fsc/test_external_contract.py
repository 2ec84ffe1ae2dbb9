"""The external contract extension."""

from typing import Any

import pytest

from gateway.fsc.external_contract import CONNECTION_REFERENCE, MAX_LENGTH, logged_reference

REFERENCE = {"reference": "2026/123", "delegator_id": "KVK 12345678", "delegator_name": "Stichting Voorbeeld"}


def test_the_reference_is_logged_under_its_key() -> None:
    assert CONNECTION_REFERENCE == "delegation.connection.external_contract_reference"
    properties = {CONNECTION_REFERENCE: REFERENCE, "other": 1}
    assert logged_reference(properties) == {CONNECTION_REFERENCE: REFERENCE}


def test_members_that_the_extension_lacks_are_not_logged() -> None:
    properties = {CONNECTION_REFERENCE: {**REFERENCE, "bsn": "999990123"}}
    assert logged_reference(properties) == {CONNECTION_REFERENCE: REFERENCE}


@pytest.mark.parametrize("properties", [None, {}, {"other": REFERENCE}, {CONNECTION_REFERENCE: None}])
def test_without_a_reference_nothing_is_logged(properties: dict[str, Any] | None) -> None:
    assert logged_reference(properties) == {}


@pytest.mark.parametrize("name", sorted(REFERENCE))
@pytest.mark.parametrize("value", [None, 1, {}, "x" * (MAX_LENGTH + 1)])
def test_what_is_not_a_reference_is_not_logged(name: str, value: Any) -> None:
    assert logged_reference({CONNECTION_REFERENCE: {**REFERENCE, name: value}}) == {}


@pytest.mark.parametrize("value", ["text", [REFERENCE], 1])
def test_what_is_no_object_is_not_logged(value: Any) -> None:
    assert logged_reference({CONNECTION_REFERENCE: value}) == {}
