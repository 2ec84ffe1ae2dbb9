"""Names and addresses."""

import uuid
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fsc.names import (
    ManagerAddress,
    TransactionIdForm,
    hash_algorithm,
    hash_type,
    host_and_port,
    parse_content_hash,
    parse_domain_name,
    parse_grant_hash,
    parse_group_id,
    parse_inway_address,
    parse_manager_address,
    parse_service_name,
    parse_transaction_id,
)

HASH = "$1$3$53nGkZldmXI7-3R-W1yeSFywZ3Y162RR0wArpDtUk-yyClOIDxbVw_8-eCaPLROc18atdUtXJbuROylbP-etXg"


@pytest.mark.parametrize("text", ["", "a" * 101, "groep één", "group\n", "group:1", "gr oup"])
def test_a_malformed_group_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        parse_group_id(text)


@pytest.mark.parametrize("text", ["a", "a" * 100, "fsc.example/test_1-2"])
def test_a_group_id_is_kept(text: str) -> None:
    assert parse_group_id(text) == text


@pytest.mark.parametrize("text", ["", "a" * 101, "klant/interacties", "klant\n", "klant_é", "klant é"])
def test_a_malformed_service_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        parse_service_name(text)


@pytest.mark.parametrize("text", ["a", "a" * 100, "Klant-interacties_v1.0"])
def test_a_service_name_is_kept(text: str) -> None:
    assert parse_service_name(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "$1$3$",
        "1$3$abc",
        "$1$abc",
        "$a$3$abc",
        "$1$3$abc def",
        "$1$3$abc===",
        "$1$3$a=c",
        "$1$3$abc\n",
        "$-1$3$abc",
        "$1$3$" + "a" * 1024,
        "$1$١$abc",
    ],
)
def test_a_malformed_hash_is_refused(text: str) -> None:
    for parse in (parse_grant_hash, parse_content_hash):
        with pytest.raises(ValueError, match="is not a hash of the form"):
            parse(text)


@pytest.mark.parametrize("text", [HASH, "$1$4$+PQI7we01qIfEwq4O5UioLKzjGBgRva6F5+b/g==", "$2$6$abc"])
def test_a_hash_is_kept_as_it_is_spelled(text: str) -> None:
    assert parse_grant_hash(text) == text
    assert parse_content_hash(text) == text


def test_the_numbers_of_a_hash() -> None:
    assert (hash_algorithm("$2$6$abc"), hash_type("$2$6$abc")) == (2, 6)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must be https"),
        ("http://manager.example:8443", "must be https"),
        ("https://manager.example", "must be https"),
        ("https://user@manager.example:8443", "must be https"),
        ("https://user:password@manager.example:8443", "must be https"),
        ("https://manager.example:8443/v1", "must be https"),
        ("https://manager.example:8443?x", "must be https"),
        ("https://manager.example:8443#x", "must be https"),
        ("https://manager.example:8443 ", "must be https"),
        ("https://manager.example:8443\n", "must be https"),
        ("https://manager.\nexample:8443", "must be https"),
        ("https://manager.example:84a3", "must be https"),
        ("https://:8443", "must be https"),
        ("https://gemeenté.example:8443", "must be https"),
        ("https://" + "a" * 250 + ":8443", "must be https"),
        ("https://manager..example:8443", "host that cannot exist"),
        ("https://-manager.example:8443", "host that cannot exist"),
        ("https://" + "a" * 64 + ".example:8443", "host that cannot exist"),
        ("https://[::g]:8443", "must be https"),
        ("https://[1::2::3]:8443", "host that cannot exist"),
        ("https://manager.example:0", "port 0, which does not exist"),
        ("https://manager.example:65536", "port 65536, which does not exist"),
        ("https://manager.example:8444", "FSC allows 443 and 8443 only"),
    ],
)
def test_an_address_that_is_not_one_is_refused(text: str, problem: str) -> None:
    for parse in (parse_manager_address, parse_inway_address):
        with pytest.raises(ValueError, match=problem):
            parse(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://manager.example:8443", "https://manager.example:8443"),
        ("HTTPS://Manager.Example.:0443/", "https://manager.example:443"),
        ("https://manager_1:443", "https://manager_1:443"),
        ("https://192.0.2.1:8443", "https://192.0.2.1:8443"),
        ("https://[2001:DB8::0:1]:443", "https://[2001:db8::1]:443"),
    ],
)
def test_an_address_has_one_spelling(text: str, address: str) -> None:
    assert parse_manager_address(text) == address
    assert parse_inway_address(address) == address


def test_another_port_takes_permission() -> None:
    assert parse_inway_address("https://inway.localhost:9443", allow_any_port=True) == "https://inway.localhost:9443"


def test_where_an_address_leads() -> None:
    assert host_and_port(ManagerAddress("https://manager.example:8443")) == ("manager.example", 8443)
    assert host_and_port(ManagerAddress("https://[2001:db8::1]:443")) == ("2001:db8::1", 443)


@pytest.mark.parametrize(
    "text", ["", ".", "a..b", "-a.b", "a-.b", "a b", "*.example.nl", "\N{KELVIN SIGN}.nl", "x" * 64, "a." * 127 + "nl"]
)
def test_a_malformed_domain_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a domain name"):
        parse_domain_name(text)


def test_a_domain_name_has_one_spelling() -> None:
    assert parse_domain_name("Outway.Example.NL.") == "outway.example.nl"


@pytest.mark.parametrize("text", ["", "x", str(uuid.UUID(int=4 << 76 | 2 << 62))])
def test_a_transaction_id_is_a_uuid7_unless_the_group_says_otherwise(text: str) -> None:
    with pytest.raises(ValueError, match="UUID"):
        parse_transaction_id(text)


@pytest.mark.parametrize("text", ["", "x", "0633836483057b748000de4963503139"])
def test_a_group_may_take_any_uuid(text: str) -> None:
    with pytest.raises(ValueError, match="is not a UUID"):
        parse_transaction_id(text, TransactionIdForm.UUID)
    assert parse_transaction_id(str(uuid.UUID(int=4 << 76 | 2 << 62)), TransactionIdForm.UUID)


@pytest.mark.parametrize("text", ["", "x" * 256, "a\r\nb", "é", "a\x00"])
def test_a_group_may_take_any_text_that_fits_a_header(text: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        parse_transaction_id(text, TransactionIdForm.ANY)
    assert parse_transaction_id("order 12/2026", TransactionIdForm.ANY) == "order 12/2026"


@given(st.text(max_size=300))
def test_no_text_makes_a_parser_fail_otherwise(text: str) -> None:
    for parse in (
        parse_group_id,
        parse_service_name,
        parse_grant_hash,
        parse_manager_address,
        parse_domain_name,
        parse_transaction_id,
    ):
        with suppress(ValueError):
            parse(text)
