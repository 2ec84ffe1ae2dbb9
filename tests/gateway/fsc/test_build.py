"""Contents that we propose."""

import json
from pathlib import Path

import pytest

from gateway.errors import InvalidContract
from gateway.fsc.build import grant_data, has_form
from gateway.fsc.contract import parse_contract_content
from gateway.fsc.grants import DomainNameIdentification, Grant
from gateway.fsc.profile import HashProfile
from tests.gateway.fsc import samples

EXAMPLES = json.loads((Path(__file__).parents[2] / "vectors" / "fsc_core_example.json").read_text())["contents"]

ALL_GRANTS: list[Grant] = [
    samples.publication(),
    samples.delegated_publication(),
    samples.connection(),
    samples.connection_to_delegated_service(),
    samples.delegated_connection(),
]


@pytest.mark.parametrize(
    ("profile", "shape"),
    [
        (HashProfile.FSC_2_0, "union"),
        (HashProfile.FSC_2_0_RAWBYTES, "union"),
        (HashProfile.FSC_DEVELOP, "flat"),
        (HashProfile.FSC_1_1, "flat"),
    ],
)
def test_each_profile_writes_the_example_of_the_standard_in_its_shape(profile: HashProfile, shape: str) -> None:
    assert samples.content(profile=profile) == EXAMPLES[shape]["content"]


@pytest.mark.parametrize("profile", list(HashProfile))
@pytest.mark.parametrize("grant", ALL_GRANTS)
def test_what_is_written_is_read_back(grant: Grant, profile: HashProfile) -> None:
    content = samples.content(grant, profile=profile)
    assert parse_contract_content(json.loads(json.dumps(content))).content.grants == (grant,)


@pytest.mark.parametrize(
    ("grant", "members"),
    [
        (samples.publication(), {"type", "directory", "service"}),
        (samples.delegated_publication(), {"type", "directory", "service", "delegator"}),
        (samples.connection(), {"type", "outway", "service"}),
        (samples.delegated_connection(), {"type", "outway", "service", "delegator"}),
    ],
)
def test_no_member_is_written_without_a_value(grant: Grant, members: set[str]) -> None:
    assert set(grant_data(grant, HashProfile.FSC_2_0)) == members
    assert set(grant_data(grant.model_copy(update={"properties": {}}), HashProfile.FSC_2_0)) == members


def test_properties_are_written_as_they_are() -> None:
    properties = {"klantenregister.scopes": ["klantinteracties.lezen"], "n": 1.5}
    data = grant_data(samples.connection(properties=properties), HashProfile.FSC_2_0)
    assert data["properties"] == properties


def test_a_domain_name_is_written_in_the_shape_of_2_0_only() -> None:
    grant = samples.connection(DomainNameIdentification(domain_name="outway.example.nl"))
    assert grant_data(grant, HashProfile.FSC_2_0)["outway"]["identification"] == {
        "type": "OUTWAY_IDENTIFICATION_TYPE_DOMAIN_NAME",
        "domain_name": "outway.example.nl",
    }
    for profile in (HashProfile.FSC_DEVELOP, HashProfile.FSC_1_1):
        with pytest.raises(InvalidContract, match="use a public key thumbprint"):
            grant_data(grant, profile)


@pytest.mark.parametrize("profile", HashProfile)
def test_only_2_0_has_a_form_for_an_outway_by_domain_name(profile: HashProfile) -> None:
    by_name = samples.connection(DomainNameIdentification(domain_name="outway.example.nl"))
    assert has_form(by_name, profile) is (profile.fsc_version is not None)
    assert has_form(samples.connection(), profile)
    assert has_form(samples.publication(), profile)
