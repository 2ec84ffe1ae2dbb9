"""Access tokens that end all the time, from a Manager that takes long to give one: no request waits for it."""

import asyncio
import json
import time
from http.server import BaseHTTPRequestHandler

import pytest

from tests.e2e.neighbours import PlainServer
from tests.load.scene import IS_SOAK, Scene
from tests.load.traffic import percentile, summary, traffic

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

LIFE_S = 38
"""An Outway uses a token until 30 s before its end: this one for 8 s."""
GIVEN_AFTER_S = 2.0
LOAD_S = 180 if IS_SOAK else 10
CLIENTS = 4


class SlowClaims(PlainServer):
    """The service that adds claims to tokens, and lets its callers wait."""

    def __init__(self) -> None:
        self.asked = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                server.asked += 1
                time.sleep(GIVEN_AFTER_S)
                body = json.dumps({"add": {}}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                del format, args

        super().__init__(Handler)


async def test_no_request_waits_for_a_token_that_is_replaced(scene: Scene) -> None:
    claims = SlowClaims()
    try:
        brief = {"token_ttl_seconds": LIFE_S}
        more = {"additional_claims": {"url": claims.url, "timeout_seconds": 5}}
        async with (
            scene.running(scene.provider, group=brief, member=more),
            scene.running(scene.consumer),
            traffic(scene.outway(), CLIENTS, pause_s=0.02) as met,
        ):
            await met.wait_for_more(CLIENTS)  # these had to wait for the first
            first, count = claims.asked, len(met.attempts)
            await asyncio.sleep(LOAD_S)
    finally:
        claims.close()

    assert claims.asked > first, "no token was replaced"
    assert summary(met.failures) == {}
    after = met.attempts[count + CLIENTS :]
    assert percentile(after, 1) < GIVEN_AFTER_S * 3 / 4
