"""Managers that give an Outway a token which is none, or is for something else: nothing is sent on it."""

import base64
import json
from collections.abc import Callable

import pytest
from aiohttp import web

from gateway.fsc.jws import encode_base64url
from tests.gateway.dataplane import DataPlane, plane, refusal
from tests.gateway.material import STRANGER
from tests.hostile.forging import encode

__all__ = ["plane"]

FAILED = (502, "ERROR_CODE_TOKEN_REQUEST_FAILED")


def issued(token: object, **more: object) -> web.Response:
    """An answer of /token."""
    return web.json_response({"access_token": token, "token_type": "bearer", **more})


def changed(plane: DataPlane, **claims: object) -> str:
    """A token of the provider with other claims; the Outway has no key to see that they were not signed so."""
    header, payload, signature = plane.token().split(".")
    said = json.loads(base64.urlsafe_b64decode(payload + "=="))
    kept = {name: value for name, value in {**said, **claims}.items() if value is not None}
    return f"{header}.{encode(kept)}.{signature}"


TOKENS: dict[str, Callable[[DataPlane], object]] = {
    "no text": lambda plane: 5,
    "null": lambda plane: None,
    "empty": lambda plane: "",
    "nonsense": lambda plane: "token",
    "two parts": lambda plane: plane.token().rpartition(".")[0],
    "alg none": lambda plane: f"{encode({'alg': 'none', 'x5t#S256': 'A' * 43})}.{plane.token().split('.')[1]}.",
    "with a line break": lambda plane: plane.token() + "\r\nX-Injected: yes",
    "deep": lambda plane: f"{plane.token().partition('.')[0]}.{encode_base64url(b'[' * 100_000)}.AA",
    "expired": lambda plane: changed(plane, exp=plane.clock.now() - 1),
    "about to expire": lambda plane: changed(plane, exp=plane.clock.now() + 5),
    "another Group": lambda plane: changed(plane, gid="fsc.elsewhere.test"),
    "another issuer": lambda plane: changed(plane, iss=STRANGER),
    "another bearer": lambda plane: changed(plane, sub=STRANGER),
    "another Service": lambda plane: changed(plane, svc="another"),
    "another Grant": lambda plane: changed(plane, gth="$1$3$" + "A" * 86),
    "another certificate": lambda plane: changed(plane, cnf={"x5t#S256": "A" * 43}),
    "an audience without TLS": lambda plane: changed(plane, aud="http://127.0.0.1:80"),
    "an audience with a path": lambda plane: changed(plane, aud="https://127.0.0.1:443/admin"),
    "an audience with a user": lambda plane: changed(plane, aud="https://user:secret@127.0.0.1:443"),
    "no audience": lambda plane: changed(plane, aud=None),
}


@pytest.mark.parametrize("name", TOKENS)
async def test_a_token_that_is_not_the_one_asked_for_is_not_used(plane: DataPlane, name: str) -> None:
    plane.manager.answer = lambda: issued(TOKENS[name](plane))
    assert refusal(await plane.ask_outway(), "OUTWAY") == FAILED
    assert plane.service.received == []
    assert await plane.provider_records() == []


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(body=b""),
        lambda: web.Response(body=b"<html>"),
        lambda: web.json_response([]),
        lambda: web.json_response(None),
        lambda: web.json_response({}),
        lambda: web.Response(body=b'{"access_token":' + b"[" * 100_000),
        lambda: web.Response(body=b"\xff\xfe"),
        lambda: web.Response(text=" " * 3_000_000),
        lambda: web.Response(status=302, headers={"Location": "https://127.0.0.1:1/v1/token"}),
        lambda: web.Response(status=500, text="x" * 100_000),
        lambda: web.json_response({"error": ["a"], "error_description": {"b": 1}}, status=400),
        lambda: web.json_response({"error": "\x1b[31m", "error_description": "\r\n" * 1_000}, status=400),
        lambda: web.Response(status=401),
    ],
)
async def test_an_answer_that_holds_no_token_is_told(plane: DataPlane, answer: Callable[[], web.Response]) -> None:
    plane.manager.answer = answer
    said = await plane.ask_outway()
    assert refusal(said, "OUTWAY") == FAILED
    assert len(said.body) < 2_000
    assert all(character.isprintable() for character in json.loads(said.body)["message"])
    assert plane.service.received == []
