import pytest
from pydantic import Field, SecretStr, ValidationError

from config.models.section import Section


class _Inner(Section):
    secret: SecretStr
    number: int = 1


class _Outer(Section):
    inner: _Inner | None = None
    text: str = Field(default="x")
    password: SecretStr = SecretStr("p")


def test_a_key_without_a_value_is_a_key_that_is_not_there() -> None:
    assert _Outer.model_validate({"inner": None, "text": None}) == _Outer()
    with pytest.raises(ValidationError, match="Field required"):
        _Inner.model_validate({"secret": None})


def test_unknown_keys_are_refused_and_values_kept_out_of_the_error() -> None:
    with pytest.raises(ValidationError) as refusal:
        _Outer.model_validate({"unknown": "geheim"})
    assert "geheim" not in str(refusal.value)


def test_secrets_are_known_by_their_type() -> None:
    assert _Outer.secret_keys() == ("password",)
    assert _Inner.secret_keys() == ("secret",)


def test_schema_offers_the_file_form_of_each_secret() -> None:
    schema = _Outer.model_json_schema()
    inner = schema["$defs"]["_Inner"]
    assert schema["properties"]["password_file"]["type"] == "string"
    assert schema["allOf"] == [{"not": {"allOf": [{"required": ["password"]}, {"required": ["password_file"]}]}}]
    assert inner["required"] == []
    assert inner["allOf"] == [{"oneOf": [{"required": ["secret"]}, {"required": ["secret_file"]}]}]
