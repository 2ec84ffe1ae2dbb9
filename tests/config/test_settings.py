from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from config.addresses import BaseUrl, TcpAddress, UnixAddress
from config.settings import Settings
from tests.config.samples import FOLDER_PATH, document, settings, tenant


def test_defaults_are_those_of_the_design() -> None:
    value = settings()
    assert value.group.peer_id == "subject.serialNumber"
    assert value.group.peer_name == "subject.organizationName"
    assert value.group.hash_profiles == ("fsc-2.0",)
    assert value.group.directories == ()
    assert value.group.revocation.mode == "soft"
    assert value.group.token_ttl_seconds == 600
    assert not value.group.allow_any_port
    assert value.storage.get_secret_value() == f"sqlite:///{FOLDER_PATH}/data/klantenregister.db"
    assert value.cache.get_secret_value() == "memory:"
    assert value.keys.master_file == FOLDER_PATH / "data/master.key"
    assert value.listen.manager == TcpAddress("0.0.0.0", 8443)
    assert value.listen.inway == TcpAddress("0.0.0.0", 443)
    assert value.listen.register == TcpAddress("127.0.0.1", 8000)
    assert value.listen.console == TcpAddress("127.0.0.1", 8080)
    assert value.listen.admin == UnixAddress(FOLDER_PATH / "data/admin.sock")
    assert value.listen.metrics == TcpAddress("127.0.0.1", 9100)
    assert value.limits.max_body_bytes == 10 * 1024 * 1024
    assert value.register_url is None
    [first] = value.tenants
    assert not first.directory
    assert first.outway is None
    assert (first.services, first.accept, first.connections, first.applications, first.rsin) == ((), (), (), (), ())


def test_a_section_that_is_given_in_part_keeps_the_other_defaults() -> None:
    value = settings(listen={"console": "127.0.0.1:1"})
    assert value.listen.console == TcpAddress("127.0.0.1", 1)
    assert value.listen.admin == UnixAddress(FOLDER_PATH / "data/admin.sock")


def test_settings_cannot_be_changed() -> None:
    value: Any = settings()
    with pytest.raises(ValidationError, match="frozen"):
        value.register_url = None
    with pytest.raises(ValidationError, match="frozen"):
        value.tenants[0].slug = "x"


def test_base_url_of_the_internal_listener() -> None:
    value = settings(tenant(), listen={"register": "[::1]:8000"})
    assert str(value.public_base_url(value.tenants[0])) == "http://[::1]:8000/t/voorbeeld"
    value = settings(tenant(public_base_url="https://klant.example.test/"))
    assert value.public_base_url(value.tenants[0]) == BaseUrl("https", "klant.example.test")


@pytest.mark.parametrize("empty", ["", None])
def test_base_url_for_callers_through_the_inway(empty: str | None) -> None:
    service = {"name": "klanten", "upstream": "register:klanten"}
    value = settings(
        tenant(services=[{**service, "public_base_url": empty}, {**service, "public_base_url": "https://a.b/x"}])
    )
    [first] = value.tenants
    bases = [str(value.service_base_url(first, service)) for service in first.services]
    assert bases == ["https://inway.voorbeeld.example.test:443", "https://a.b/x"]


def test_secrets_are_in_no_text_form() -> None:
    value = settings(
        tenant(applications=[{"id": "x", "token": "geheim-token"}]),
        storage="mongodb://user:geheim@host/db",
        cache="redis://:geheim@host/0",
    )
    for text in (repr(value), str(value), repr(value.model_dump()), value.model_dump_json()):
        assert "geheim" not in text


def test_equal_files_give_equal_settings() -> None:
    connection = {"name": "brp", "service": {"peer_id": "abc", "name": "brp"}, "properties": {"a": [1]}}
    assert settings(tenant(connections=[connection])) == settings(tenant(connections=[connection]))
    assert settings(tenant(connections=[connection])) != settings(
        tenant(connections=[{**connection, "properties": {}}])
    )


def test_validating_settings_again_changes_nothing() -> None:
    value = settings(group={"revocation": {"crl": ["a.crl", "http://a.b/c.crl"]}}, register_url="http://a.b:1")
    assert Settings.model_validate(value, context={"folder": Path("/elsewhere")}) == value


def test_a_file_without_tenants_is_allowed() -> None:
    assert Settings.model_validate({**document(), "tenants": None}).tenants == ()
