"""The error table against the enumerations of the standard."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import errors
from gateway.errors import ErrorDomain, FscError, quoted

ENUMERATED = json.loads((Path(__file__).parents[1] / "vectors" / "manager_error_codes.json").read_text())

STATUS = {
    "ERROR_CODE_INCORRECT_GROUP_ID": {422},
    "ERROR_CODE_PEER_NOT_PART_OF_CONTRACT": {422},
    "ERROR_CODE_SUBMITTING_PEER_NOT_PART_OF_CONTRACT": {422},
    "ERROR_CODE_RECEIVING_PEER_NOT_PART_OF_CONTRACT": {422},
    "ERROR_CODE_SIGNATURE_CONTRACT_CONTENT_HASH_MISMATCH": {422},
    "ERROR_CODE_PEER_CERTIFICATE_VERIFICATION_FAILED": {400},
    "ERROR_CODE_PEER_ID_SIGNATURE_MISMATCH": {422},
    "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED": {422},
    "ERROR_CODE_GRANT_COMBINATION_NOT_ALLOWED": {422},
    "ERROR_CODE_URL_PATH_CONTENT_HASH_MISMATCH": {422},
    "ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH": {422},
    "ERROR_CODE_UNKNOWN_ALGORITHM_SIGNATURE": {422},
    "ERROR_CODE_UNKNOWN_FSC_VERSION": {422},
    "ERROR_CODE_INCORRECT_PUBLIC_KEY_THUMBPRINT": {422},
    "ERROR_CODE_INVALID_CONTRACT": {422},
    "ERROR_CODE_TOO_MANY_PROPOSALS": {429},
    "ERROR_CODE_ACCESS_TOKEN_MISSING": {401},
    "ERROR_CODE_ACCESS_TOKEN_INVALID": {401},
    "ERROR_CODE_ACCESS_TOKEN_EXPIRED": {401},
    "ERROR_CODE_WRONG_GROUP_ID_IN_TOKEN": {403},
    "ERROR_CODE_SERVICE_NOT_FOUND": {404},
    "ERROR_CODE_SERVICE_UNREACHABLE": {502},
    "ERROR_CODE_METHOD_UNSUPPORTED": {405},
    "UNKNOWN_GRANT_HASH_IN_HEADER": {400},
    "ERROR_CODE_NO_VALID_GRANT": {400},
    "ERROR_CODE_TOKEN_REQUEST_FAILED": {502},
    "ERROR_CODE_INWAY_UNREACHABLE": {502},
    "TRANSACTION_LOG_WRITE_ERROR": {500},
    "INVALID_LOG_RECORD_ID": {400},
    "MISSING_LOG_RECORD_ID": {400},
    "ERROR_CODE_INVALID_REQUEST": {400},
    "ERROR_CODE_NOT_FOUND": {404},
    "ERROR_CODE_METHOD_NOT_ALLOWED": {405},
    "ERROR_CODE_REQUEST_TOO_LARGE": {413, 431},
    "ERROR_CODE_REQUEST_TIMEOUT": {408},
    "ERROR_CODE_UNSUPPORTED_MEDIA_TYPE": {415},
    "ERROR_CODE_INTERNAL_ERROR": {500},
    "ERROR_CODE_STORE_UNAVAILABLE": {503},
}


def rows() -> Iterator[type[FscError]]:
    families: list[type[FscError]] = [FscError]
    while families:
        for error in families.pop().__subclasses__():
            if "status" in vars(error):
                yield error
            families.append(error)


def test_every_row_has_the_status_of_the_standard() -> None:
    found: dict[str, set[int]] = {}
    for error in rows():
        found.setdefault(error.code, set()).add(error.status)
    assert found == STATUS


@pytest.mark.parametrize("domain", list(ErrorDomain))
def test_every_enumerated_code_is_a_row_of_its_domain_and_no_other_is(domain: ErrorDomain) -> None:
    found = [error.code for error in rows() if error.domain is domain and not error.own]
    assert sorted(found) == sorted(ENUMERATED[domain])


def test_a_code_outside_the_enumerations_is_marked_own() -> None:
    enumerated = {code for domain in ErrorDomain for code in ENUMERATED[domain]}
    assert {error.code for error in rows() if error.own} == set(STATUS) - enumerated


@pytest.mark.parametrize("error", list(rows()))
def test_a_row_is_named_as_its_code(error: type[FscError]) -> None:
    words = error.code.removeprefix("ERROR_CODE_").split("_")
    name = "RequestHeadersTooLarge" if error.status == 431 else "".join(word.capitalize() for word in words)
    assert error.__name__ == name


def test_the_body_names_the_domain_of_the_row() -> None:
    error = errors.ServiceNotFound("no such Service")
    assert error.body(ErrorDomain.OUTWAY) == {
        "message": "no such Service",
        "domain": "ERROR_DOMAIN_INWAY",
        "code": "ERROR_CODE_SERVICE_NOT_FOUND",
    }


@pytest.mark.parametrize("component", list(ErrorDomain))
def test_a_row_of_no_domain_takes_that_of_the_component_that_answers(component: ErrorDomain) -> None:
    assert errors.TransactionLogWriteError("full").body(component)["domain"] == component.value


@pytest.mark.parametrize(
    "error", [errors.AccessTokenMissing("m"), errors.AccessTokenInvalid("m"), errors.AccessTokenExpired("m")]
)
def test_a_refused_token_asks_for_a_bearer_token(error: FscError) -> None:
    assert error.response_headers() == {"WWW-Authenticate": "Bearer", "Fsc-Error-Code": error.code}


def test_a_refused_method_tells_what_is_allowed() -> None:
    error = errors.MethodNotAllowed("no DELETE here", allowed=("GET", "PUT"))
    assert error.response_headers()["Allow"] == "GET, PUT"
    assert "Allow" not in errors.NotFound("gone").response_headers()


def test_a_quotation_is_short_and_printable() -> None:
    assert quoted("a\r\nb\x00") == "'a��b�'"
    assert len(quoted("x" * 1000)) == 82
    assert quoted("gemeente") == "'gemeente'"
