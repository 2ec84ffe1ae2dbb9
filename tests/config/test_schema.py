from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from config.errors import ConfigError
from config.schema import json_schema
from tests.config.samples import document, load, tenant

EXAMPLE = Path(__file__).parents[2] / "config/examples/klantenregister.yaml"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_schema_names_its_dialect() -> None:
    assert json_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(
    "value",
    [
        document(),
        document(tenant(applications=[{"id": "x", "token_file": "t"}]), storage_file="s", cache="memory:"),
        document(tenant(public_base_url="", accept=[{"grants": ["service_connection"], "peers": ["*"]}])),
        document(listen={"register": "unix:r.sock", "admin": "unix:a.sock", "console": "[::1]:80"}),
    ],
)
def test_good_files_satisfy_it(validator: Draft202012Validator, value: dict[str, Any]) -> None:
    assert list(validator.iter_errors(value)) == []


def test_the_example_satisfies_it(validator: Draft202012Validator) -> None:
    assert list(validator.iter_errors(yaml.safe_load(EXAMPLE.read_text()))) == []


@pytest.mark.parametrize(
    "value",
    [
        {},
        document(unknown=1),
        document(storage="memory:", storage_file="x"),
        document(group={"token_ttl_seconds": 0}),
        document(group={"hash_profiles": ["fsc-3"]}),
        document(group={"revocation": {"mode": "on"}}),
        document(tenant(peer_id=1823288444000)),
        document(tenant(slug="Voorbeeld")),
        document(tenant(manager_address="http://a.b:1")),
        document(tenant(applications=[{"id": "x"}])),
        document(tenant(applications=[{"id": "x", "token": "t", "token_file": "t"}])),
        document(tenant(services=[{"name": "abc", "upstream": "ftp://a"}])),
        document(tenant(accept=[{"grants": ["service_connection"], "peers": ["*"], "services": None}])),
        document(listen={"admin": "127.0.0.1:1"}),
    ],
)
def test_what_it_refuses_the_program_refuses_too(
    validator: Draft202012Validator, tmp_path: Path, value: dict[str, Any]
) -> None:
    assert list(validator.iter_errors(value))
    with pytest.raises(ConfigError):
        load(tmp_path, value)


def test_every_key_is_described_and_every_default_is_what_a_user_writes(validator: Draft202012Validator) -> None:
    schema = json_schema()
    for holder in (schema, *schema["$defs"].values()):
        for key, value in holder.get("properties", {}).items():
            described = value.get("description") or schema["$defs"][value["$ref"].rpartition("/")[2]].get("description")
            assert described, key
            if "default" in value:
                assert (
                    list(validator.evolve(schema={**value, "$defs": schema["$defs"]}).iter_errors(value["default"]))
                    == []
                )
