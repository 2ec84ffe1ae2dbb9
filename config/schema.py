"""The JSON Schema of the configuration file, as users write it: for editors and for checks before delivery."""

from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from config import addresses
from config.models.section import Section
from config.settings import Settings

_WRITTEN_AS_TEXT: Final = (addresses.TcpAddress, addresses.UnixAddress)


class _FileSchema(GenerateJsonSchema):
    """Titles say nothing that the keys do not, and a default is what a user would write."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def encode_default(self, dft: Any) -> Any:
        return str(dft) if isinstance(dft, _WRITTEN_AS_TEXT) else super().encode_default(dft)

    def nullable_schema(self, schema: Any) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        if schema.get("default") is None or isinstance(schema["default"], Section):
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def json_schema() -> dict[str, Any]:
    """Describe the file in JSON Schema.

    Standard: JSON Schema draft 2020-12.
    """
    schema = Settings.model_json_schema(schema_generator=_FileSchema, mode="validation")
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": "Configuration of klantenregister",
        **{key: value for key, value in schema.items() if key != "title"},
    }
