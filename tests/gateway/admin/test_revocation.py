"""`GET /revocation`: what is known, as it is at the moment of the question."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from certs.revocation import CrlState, RevocationMode, RevocationStatus
from gateway.admin.problems import render_problems
from gateway.admin.revocation import RevocationReport, SourceReport, revocation_operations, revocation_view

STALE = RevocationReport(
    RevocationMode.HARD,
    (RevocationStatus("the CA", CrlState.STALE, 7),),
    (SourceReport("http://crl.test/ca.crl", 1, 5, "answered 500: check the URL"),),
)
WELL = RevocationReport(RevocationMode.OFF, (), ())


def test_the_view_says_all_of_it() -> None:
    assert revocation_view(STALE) == {
        "mode": "hard",
        "issuers": [{"issuer": "the CA", "state": "stale", "next_update": 7}],
        "sources": [
            {"source": "http://crl.test/ca.crl", "lists": 1, "read_at": 5, "problem": "answered 500: check the URL"}
        ],
    }
    assert revocation_view(WELL) == {"mode": "off", "issuers": [], "sources": []}


@pytest.mark.parametrize(("path", "status"), [("/admin/v1/revocation", 200), ("/admin/v1/revocation?x=1", 400)])
async def test_it_is_asked_anew_at_each_request(path: str, status: int) -> None:
    reports = iter([STALE, WELL])
    app = web.Application(middlewares=[render_problems])
    app.add_routes([one.route for one in revocation_operations(lambda: next(reports))])
    async with TestClient(TestServer(app)) as client:
        for expected in (STALE, WELL):
            answer = await client.get(path)
            assert answer.status == status
            if status == 200:
                assert await answer.json() == revocation_view(expected)
