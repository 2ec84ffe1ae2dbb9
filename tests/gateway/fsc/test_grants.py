"""The four grants."""

import pytest
from pydantic import ValidationError

from gateway.fsc.grants import (
    DomainNameIdentification,
    Grant,
    GrantKind,
    Outway,
    PublicKeyIdentification,
    ServiceConnectionGrant,
)
from tests.gateway.fsc import samples
from tests.gateway.fsc.samples import CONSUMER, DELEGATOR, DIRECTORY, PROVIDER, SERVICE, SERVICE_DELEGATOR, THUMBPRINT

FLAT = {"peer_id": CONSUMER, "public_key_thumbprint": THUMBPRINT}
UNION = {"type": "OUTWAY_IDENTIFICATION_TYPE_PUBLIC_KEY_THUMBPRINT", "public_key_thumbprint": THUMBPRINT}


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        (GrantKind.SERVICE_PUBLICATION, (1, 2)),
        (GrantKind.SERVICE_CONNECTION, (2, 3)),
        (GrantKind.DELEGATED_SERVICE_CONNECTION, (3, 4)),
        (GrantKind.DELEGATED_SERVICE_PUBLICATION, (4, 5)),
    ],
)
def test_the_numbers_of_the_type_mappings(kind: GrantKind, numbers: tuple[int, int]) -> None:
    assert (kind.type_number, kind.hash_type) == numbers
    assert kind.type_name == f"GRANT_TYPE_{kind.name}"


@pytest.mark.parametrize(
    ("grant", "parties"),
    [
        (samples.publication(), {DIRECTORY, PROVIDER}),
        (samples.delegated_publication(), {DIRECTORY, PROVIDER, DELEGATOR}),
        (samples.connection(), {CONSUMER, PROVIDER}),
        (samples.connection_to_delegated_service(), {CONSUMER, PROVIDER, SERVICE_DELEGATOR}),
        (samples.delegated_connection(), {CONSUMER, PROVIDER, DELEGATOR}),
    ],
)
def test_everyone_a_grant_names_must_accept_it(grant: Grant, parties: set[str]) -> None:
    assert grant.peer_ids() == parties
    assert grant.required_accepts() == parties


@pytest.mark.parametrize(
    "grant",
    [
        samples.publication(),
        samples.delegated_publication(),
        samples.connection(),
        samples.connection_to_delegated_service(),
        samples.delegated_connection(),
    ],
)
def test_what_every_grant_tells(grant: Grant) -> None:
    assert (grant.service_peer_id, grant.service_name) == (PROVIDER, SERVICE)
    assert grant.kind.type_name == grant.model_dump()["type"]
    assert grant.delegator_peer_id == (DELEGATOR if grant.kind.name.startswith("DELEGATED") else None)


def test_what_a_connection_tells() -> None:
    grant = samples.connection_to_delegated_service()
    assert grant.outway_peer_id == CONSUMER
    assert grant.outway_identification == PublicKeyIdentification(public_key_thumbprint=THUMBPRINT)
    assert grant.service_delegator_peer_id == SERVICE_DELEGATOR
    assert samples.connection().service_delegator_peer_id is None


def test_what_a_publication_tells() -> None:
    assert samples.publication().directory_peer_id == DIRECTORY
    assert samples.publication().service.protocol == "PROTOCOL_TCP_HTTP_1.1"


def test_both_forms_of_an_outway_are_read_into_one() -> None:
    flat = Outway.model_validate(FLAT)
    union = Outway.model_validate({"peer_id": CONSUMER, "identification": UNION})
    assert flat == union
    assert flat.identification == PublicKeyIdentification(public_key_thumbprint=THUMBPRINT)


def test_an_outway_by_domain_name() -> None:
    identification = {"type": "OUTWAY_IDENTIFICATION_TYPE_DOMAIN_NAME", "domain_name": "outway.example.nl"}
    outway = Outway.model_validate({"peer_id": CONSUMER, "identification": identification})
    assert outway.identification == DomainNameIdentification(domain_name="outway.example.nl")


@pytest.mark.parametrize(
    ("outway", "problem"),
    [
        ({"peer_id": CONSUMER}, "Field required"),
        ({**FLAT, "identification": UNION}, "not both"),
        ({"peer_id": CONSUMER, "public_key_thumbprint": 1}, "a string"),
        ({"peer_id": CONSUMER, "public_key_thumbprint": None}, "a string"),
        ({"peer_id": CONSUMER, "identification": {"type": "OTHER"}}, "tag"),
        ({"peer_id": "1", "public_key_thumbprint": THUMBPRINT}, "3 to 255"),
        ("outway", "dictionary"),
    ],
)
def test_another_form_of_an_outway_is_refused(outway: object, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Outway.model_validate(outway)


def test_properties_may_be_absent_or_empty_and_the_difference_is_known() -> None:
    data = {"outway": FLAT, "service": {"type": "SERVICE_TYPE_SERVICE", "peer_id": PROVIDER, "name": SERVICE}}
    absent = ServiceConnectionGrant.model_validate(data)
    empty = ServiceConnectionGrant.model_validate({**data, "properties": {}})
    assert (absent.properties, absent.has_properties) == ({}, False)
    assert (empty.properties, empty.has_properties) == ({}, True)
    wrongs: tuple[object, ...] = (None, [], "x")
    for wrong in wrongs:
        with pytest.raises(ValidationError, match="dictionary"):
            ServiceConnectionGrant.model_validate({**data, "properties": wrong})


def test_a_grant_never_changes() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        samples.connection().outway = Outway.model_validate(FLAT)  # type: ignore[misc]
