"""`klantenregister.health`: what an orchestrator is told."""

from aiohttp.test_utils import TestClient, TestServer

from certs.revocation import CrlState, RevocationMode, RevocationStatus
from gateway.admin.revocation import RevocationReport, SourceReport, revocation_view
from klantenregister.figures import Figure, FigureKind
from klantenregister.health import health_app
from klantenregister.hosting import ALL_ROLES
from storage.errors import StoreUnavailable
from storage.memory import MemoryDocuments
from tests.klantenregister.running import Place, plain, serving

REVOCATION = RevocationReport(
    RevocationMode.HARD,
    (RevocationStatus("the CA", CrlState.STALE, 7),),
    (SourceReport("http://crl.test/ca.crl", 1, None, "answered 500: check the URL"),),
)


class Doors:
    """A program that is open or not, and whose store answers or not."""

    def __init__(self) -> None:
        self.is_open = False
        self.store_serves = True

    async def ping(self) -> None:
        if not self.store_serves:
            raise StoreUnavailable("gone: /secret/path")

    def app(self) -> TestServer:
        return TestServer(
            health_app(
                is_open=lambda: self.is_open,
                ping=self.ping,
                revocation=lambda: REVOCATION,
                warnings=lambda: ["a certificate expires"],
                figures_now=self.figures,
            )
        )

    async def figures(self) -> list[Figure]:
        return [Figure("doors", "Doors.", FigureKind.GAUGE, 2)]


async def test_it_is_ready_only_while_it_is_open_and_its_store_serves() -> None:
    doors = Doors()
    async with TestClient(doors.app()) as client:

        async def ready() -> tuple[int, str]:
            answer = await client.get("/health/ready")
            body = await answer.json()
            return answer.status, body.get("reason", body["status"])

        assert await ready() == (503, "starting or stopping")
        doors.is_open = True
        assert await ready() == (200, "ready")
        doors.store_serves = False
        assert await ready() == (503, "the store cannot serve")
        live = await client.get("/health/live")
        assert (live.status, await live.json()) == (200, {"status": "live"})


async def test_stale_revocation_is_shown_and_no_reason_not_to_be_ready() -> None:
    doors = Doors()
    doors.is_open = True
    async with TestClient(doors.app()) as client:
        answer = await client.get("/health/ready")
        assert (answer.status, (await answer.json())["revocation"]) == (200, revocation_view(REVOCATION))


async def test_what_ends_soon_is_shown_and_no_reason_not_to_be_ready() -> None:
    doors = Doors()
    doors.is_open = True
    async with TestClient(doors.app()) as client:
        answer = await client.get("/health/ready")
        assert (answer.status, (await answer.json())["warnings"]) == (200, ["a certificate expires"])


async def test_metrics_are_served_beside_it_also_when_it_is_not_ready() -> None:
    async with TestClient(Doors().app()) as client:
        answer = await client.get("/metrics")
        assert answer.status == 200
        assert "doors 2.0" in await answer.text()


async def test_an_installation_says_when_its_store_is_gone_and_when_it_is_back(place: Place) -> None:
    async with serving(place.settings(), ALL_ROLES) as installation:
        documents = installation.stores.documents
        assert isinstance(documents, MemoryDocuments)
        statuses = []
        for available in (True, False, True):
            documents.available = available
            statuses.append((await plain(place.ports["metrics"], "/health/ready")).status)
        installation.is_open = False
        statuses.append((await plain(place.ports["metrics"], "/health/ready")).status)

    assert statuses == [200, 503, 200, 503]
