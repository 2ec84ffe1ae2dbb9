"""The reference of all settings, written from the models: `python -m config.document > docs/configuration.md`."""

import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from config.environment import PREFIX
from config.models.section import Section
from config.names import SCOPES
from config.schema import json_schema
from config.settings import Settings
from config.shape import FieldShape, shape_of

_SCOPES: Final = f"""
## Scopes

What a consuming Peer or an application may do in the register: {", ".join(f"`{scope}`" for scope in SCOPES)}.
"""

_LISTED_VALUES: Final = 8
_KINDS: Final = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "object"}

_INTRODUCTION: Final = f"""\
# Configuration

This page is written by `python -m config.document`; change the models in `config/models`, not this text.

One YAML file says everything. `klantenregister check-config FILE` checks it together with the certificates, keys and
CRLs that it names, and opens no connection. `klantenregister config-schema` prints its JSON Schema for editors.
A complete file with comments is `config/examples/klantenregister.yaml`.

- **Paths** are relative to the file, also inside `sqlite:///` and `unix:`. Four slashes make a SQLite path absolute.
- **Unknown keys** are errors. All problems are reported at once, each with its key, its line and what to do.
- **Text that looks like a number** (Peer IDs, RSINs) stands in quotes, so that no tool drops leading zeros.
- **YAML** is read as version 1.2: only `true` and `false` are booleans, `no` and `off` are text; numbers are those of
  JSON. Anchors and aliases work; tags, merge keys (`<<`) and double keys are errors. A key without a value counts as
  absent, except in an accept rule, where it is an error.
- **Environment**: every value can be set by a variable that begins with `{PREFIX}`, and the environment wins, also on
  reload. Levels are joined by two underscores: `{PREFIX}GROUP__ID=fsc.example.test`. Lists and objects are JSON:
  `{PREFIX}TENANTS='[...]'`. An item of a list in the file is named by its position from zero:
  `{PREFIX}TENANTS__0__NAME=...`. A variable with this prefix that means nothing is an error, so that a misspelling is
  noticed. (Kubernetes adds variables for each service: name none of them `kr`, or set `enableServiceLinks: false`.)
- **Secrets**: for each key marked *secret*, `<key>_file` names a file that holds it (one newline at its end is
  dropped). Giving both is an error; a form in the environment replaces the other form in the file.
- **Reload**: `SIGHUP` or a changed file applies what stands below `tenants`, and `group.trust_anchors` and
  `group.revocation`, without dropping a connection that is still trusted. A file with a problem is refused aloud and
  the old configuration stays. Everything else waits for a restart.
"""


def markdown() -> str:
    """Render the reference."""
    schema = json_schema()
    sections = {"Settings": schema, **schema["$defs"]}
    return _INTRODUCTION + "".join(_section(sections, Settings, "")) + _SCOPES


def _section(schemas: Mapping[str, Any], section: type[Section], path: str) -> Iterator[str]:
    """Render one section and, after it, those that it holds."""
    schema = schemas[section.__name__]
    yield f"\n## {f'`{path}`' if path else 'The file'}\n\n{inspect.getdoc(section)}\n\n"
    yield "| key | value | default | meaning |\n|---|---|---|---|\n"
    inner: list[tuple[type[Section], str]] = []
    for key, field in section.model_fields.items():
        shape = shape_of(section, key)
        assert shape is not None
        place = f"{path}.{key}" if path else key
        if shape.section is not None:
            place += "[]" if shape.is_list else ""
            inner.append((shape.section, place))
        kind = _kind(schemas, schema["properties"][key], shape)
        secret = ", *secret*" if key in section.secret_keys() else ""
        default = "**required**" if field.is_required() else _default(schema["properties"][key])
        yield f"| `{key}` | {kind}{secret} | {default} | {_cell(field.description or '')} |\n"
    for held, place in inner:
        yield from _section(schemas, held, place)


def _kind(schemas: Mapping[str, Any], schema: Mapping[str, Any], shape: FieldShape) -> str:
    if shape.section is not None:
        return "list of sections" if shape.is_list else "section"
    schema = next((option for option in schema.get("anyOf", ()) if option.get("type") != "null"), schema)
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if "enum" in schema and len(schema["enum"]) <= _LISTED_VALUES:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        items = _kind(schemas, schema["items"], FieldShape(None, is_list=False, is_scalar=True))
        return f"list of {items}"
    return _KINDS[schema["type"]]


def _default(schema: Mapping[str, Any]) -> str:
    default = schema.get("default")
    return "" if default is None or default in ([], {}) else f"`{json.dumps(default)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(markdown())
