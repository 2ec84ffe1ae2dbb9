"""The refusals of the token endpoint against the enumeration of the standard."""

import json
from pathlib import Path

from gateway.fsc.oauth import OAuthError, OAuthErrorCode, OAuthTemporarilyUnavailable

ENUMERATED = json.loads((Path(__file__).parents[2] / "vectors" / "manager_error_codes.json").read_text())


def test_the_token_endpoint_has_the_six_values() -> None:
    assert sorted(OAuthErrorCode) == sorted(ENUMERATED["token"])
    assert OAuthError.status == 400


def test_an_oauth_description_keeps_to_the_characters_of_the_rfc() -> None:
    error = OAuthError(OAuthErrorCode.INVALID_SCOPE, 'scope "x\\y"\n is é')
    assert error.body() == {"error": "invalid_scope", "error_description": "scope 'x'y'' is '"}


def test_who_cannot_issue_now_says_so_and_asks_to_come_back() -> None:
    error = OAuthTemporarilyUnavailable("the store is away")
    assert (error.status, error.body()["error"]) == (503, "temporarily_unavailable")
    assert error.headers["Retry-After"]
