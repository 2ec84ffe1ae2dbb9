import pytest
from pydantic import ValidationError

from certs.identity import SubjectRule
from certs.revocation import RevocationMode
from config.models.group import GroupSettings


def test_the_subject_rule_is_that_of_certs() -> None:
    group = GroupSettings.model_validate(
        {"id": "g", "trust_anchors": ["a"], "peer_id": "subject.organizationIdentifier"}
    )
    assert group.subject_rule == SubjectRule("subject.organizationIdentifier", "subject.organizationName")


def test_modes_are_those_of_certs() -> None:
    for mode in RevocationMode:
        group = GroupSettings.model_validate({"id": "g", "trust_anchors": ["a"], "revocation": {"mode": mode.value}})
        assert group.revocation.mode is mode


def test_a_subject_field_that_certs_cannot_read_is_refused() -> None:
    with pytest.raises(ValidationError, match=r'did you mean "subject\.serialNumber"'):
        GroupSettings.model_validate({"id": "g", "trust_anchors": ["a"], "peer_id": "subject.serialnumber"})
