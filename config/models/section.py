"""The base of every section of the file."""

from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, SecretStr, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Section(BaseModel):
    """One mapping of the file: frozen, no unknown keys, defaults parsed like what the user writes."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        revalidate_instances="always",
        hide_input_in_errors=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _settle_empty(cls, data: Any) -> Any:
        """A key without a value counts as a key that is not there."""
        if isinstance(data, dict):
            return {key: value for key, value in data.items() if value is not None}
        return data

    @classmethod
    def secret_keys(cls) -> tuple[str, ...]:
        """Name the keys that may also be given as `<key>_file`."""
        return tuple(key for key, field in cls.model_fields.items() if field.annotation is SecretStr)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe the mapping as users write it: with the `_file` form of each secret."""
        schema = handler(core_schema)
        own = handler.resolve_ref_schema(schema)
        for key in cls.secret_keys():
            file_key = f"{key}_file"
            own["properties"][file_key] = {"type": "string", "description": f"File that holds `{key}`."}
            forms: list[JsonSchemaValue] = [{"required": [key]}, {"required": [file_key]}]
            if key in own.get("required", ()):
                own["required"].remove(key)
                own.setdefault("allOf", []).append({"oneOf": forms})
            else:
                own.setdefault("allOf", []).append({"not": {"allOf": forms}})
        return schema
