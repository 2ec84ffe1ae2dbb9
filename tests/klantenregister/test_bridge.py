"""`klantenregister.bridge`: what the register believes of a token, and how it is reached without a socket."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.identity import PeerId
from clock import Clock, FixedClock, SystemClock
from gateway.fsc.claims import Claims, parse_claims
from gateway.fsc.jws import parse_compact
from gateway.fsc.signature import SignatureType
from gateway.fsc.token import Authorization
from gateway.manager.contracts import add_our_signature
from gateway.relay.upstream import RequestHead, UpstreamFailed
from klantenregister.bridge import SCOPES_PROPERTY, GatewayVerifier, RegisterUpstream, scopes_of
from klantenregister.installation import Installation
from register.access import FederatedCaller, FederatedCallerRefused
from tests.gateway.harness import eventually
from tests.klantenregister.running import (
    CONSUMER,
    DIRECTORY,
    PROVIDER,
    SERVICE,
    Place,
    agreed,
    connection_grant,
    hosted,
    plain,
    serving,
)

PATH = f"/{SERVICE}/api/v1/partijen"


def claims_with(properties: dict[str, Any] | None) -> Claims:
    payload: dict[str, Any] = {
        "gth": "$1$3$" + "A" * 86,
        "gid": "fsc.example.test",
        "sub": CONSUMER.peer_id,
        "iss": PROVIDER.peer_id,
        "svc": SERVICE,
        "aud": "https://inway.voorbeeld.localhost:443",
        "exp": 2,
        "nbf": 1,
        "cnf": {"x5t#S256": "A" * 43},
    }
    return parse_claims(payload if properties is None else {**payload, "prp": properties})


# -- the property


def test_without_the_property_nothing_is_narrowed() -> None:
    assert scopes_of(claims_with(None)) is None
    assert scopes_of(claims_with({"something": ["else"]})) is None


def test_the_property_is_what_is_left() -> None:
    assert scopes_of(claims_with({SCOPES_PROPERTY: ["bsn.zoeken", "x"]})) == frozenset({"bsn.zoeken", "x"})
    assert scopes_of(claims_with({SCOPES_PROPERTY: []})) == frozenset()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(JSON)
def test_a_property_that_is_no_list_of_text_leaves_nothing(value: Any) -> None:
    is_list_of_text = isinstance(value, list) and all(isinstance(one, str) for one in value)

    assert scopes_of(claims_with({SCOPES_PROPERTY: value})) == (frozenset(value) if is_list_of_text else frozenset())


# -- the verifier


def verifier(installation: Installation, clock: Clock | None = None) -> GatewayVerifier:
    return GatewayVerifier(installation.hosts.peer, clock or SystemClock())


async def refusal(
    installation: Installation, token: str, *, tenant: str = PROVIDER.peer_id, service: str = SERVICE, later_s: int = 0
) -> str:
    clock = FixedClock(SystemClock().now() + later_s)
    with pytest.raises(FederatedCallerRefused) as refused:
        await verifier(installation, clock).verify(f"Bearer {token}", tenant, service)
    assert token not in str(refused.value)
    return str(refused.value)


async def test_a_token_proves_who_calls_for_as_long_as_its_contract_is_valid(federation: Place) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        grant_hash = connection_grant(installation)
        token = await federation.token(grant_hash)

        caller = await verifier(installation).verify(f"Bearer {token}", PROVIDER.peer_id, SERVICE)
        assert caller == FederatedCaller(CONSUMER.peer_id, grant_hash)

        assert "another service" in await refusal(installation, token, service="anders")
        assert "not signed" in await refusal(installation, token, tenant=CONSUMER.peer_id)
        assert "not hosted" in await refusal(installation, token, tenant="00000000000000000001")
        assert "expired" in await refusal(installation, token, later_s=601)
        assert "clocks" in await refusal(installation, token, later_s=-3_600)
        assert await refusal(installation, "not.a.token")
        head, payload, signature = token.split(".")
        assert await refusal(installation, f"{head}.{payload}.{signature[:-8]}AAAAAAAA")
        with pytest.raises(FederatedCallerRefused):
            await verifier(installation).verify("", PROVIDER.peer_id, SERVICE)

        provider = hosted(installation, PROVIDER).peer
        record = provider.contracts.valid_by_grant(grant_hash, provider.clock.now())
        assert record is not None
        await add_our_signature(provider, record.content_hash, SignatureType.REVOKE, remark="test")
        assert "contract" in await refusal(installation, token)


@pytest.mark.parametrize(
    ("property_value", "statuses"),
    [
        (["klantinteracties.lezen"], (200, 403)),
        (["klantinteracties.aanmaken"], (403, 400)),
        ("klantinteracties.lezen", (403, 403)),
        ([], (403, 403)),
    ],
)
async def test_the_grant_narrows_what_the_policy_allows(
    federation: Place, property_value: object, statuses: tuple[int, int]
) -> None:
    federation.document["tenants"][2]["connections"][0]["properties"] = {SCOPES_PROPERTY: property_value}
    headers = {"Host": f"{SERVICE}.localhost"}
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        read = await plain(federation.ports["outway"], PATH, headers=headers)
        made = await plain(federation.ports["outway"], PATH, method="POST", headers=headers, body={})

    assert (read.status, made.status) == statuses


async def test_a_caller_without_a_policy_is_refused(federation: Place) -> None:
    federation.document["tenants"][1]["services"][0]["peers"][0]["peer_ids"] = [DIRECTORY.peer_id]
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        read = await plain(federation.ports["outway"], PATH, headers={"Host": f"{SERVICE}.localhost"})

    assert read.status == 403


# -- the register as a Service


async def chunks(*parts: bytes, breaks: bool = False) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    if breaks:
        raise ConnectionResetError("the caller is gone")


class Sending:
    """The register of a running installation behind the Inway, with a token for it."""

    def __init__(self, installation: Installation, token: str) -> None:
        arrival = installation.register.federated(PROVIDER.peer_id, SERVICE)
        assert arrival is not None
        self.upstream = RegisterUpstream(installation.register, arrival)
        self.token = token

    async def __call__(
        self, method: str, target: str, body: AsyncIterator[bytes] | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        sent = {"Fsc-Authorization": f"Bearer {self.token}", "Content-Type": "application/json", **headers}
        authorization = Authorization(parse_claims(parse_compact(self.token).payload))
        response = await self.upstream.send(RequestHead(method, target, tuple(sent.items())), body, authorization)
        read = b"".join([part async for part in response.body])
        await response.close()
        return response.status, dict(response.headers), read


async def test_the_register_is_a_service_without_a_socket(federation: Place) -> None:
    federation.document["limits"] = {"max_body_bytes": 20_000}
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        send = Sending(installation, await federation.token(connection_grant(installation)))

        status, headers, body = await send("GET", f"{PATH}?page=1")
        assert (status, headers["Content-Type"]) == (200, "application/json")
        assert b'"count":0' in body
        assert (await send("GET", f"{PATH}?nosuchfilter=1"))[0] == 400
        assert (await send("GET", "/contactmomenten/api/v1/contactmomenten"))[0] == 404
        assert (await send("GET", PATH, None, **{"Fsc-Authorization": ""}))[0] == 401
        head = await send("HEAD", PATH)
        assert (head[0], head[2]) == (200, b"")

        # A body arrives in any number of pieces, ...
        parts = (
            b'{"soortPartij": "organisatie", ',
            b'"indicatieActief": true, ',
            b'"partijIdentificatie": {"naam": "N"}}',
        )
        status, _, body = await send("POST", PATH, chunks(*parts))
        assert status == 201, body
        # ... is read no further than one piece beyond the limit, ...
        pieces = chunks(*[b"x" * 10_000] * 100)
        assert (await send("POST", PATH, pieces))[0] == 413
        assert len([piece async for piece in pieces]) == 97
        # ... and the register hears of it only when it is whole.
        with pytest.raises(UpstreamFailed):
            await send("POST", PATH, chunks(*parts, breaks=True))
        assert b'"count":1' in (await send("GET", PATH))[2]


async def test_a_service_that_is_not_offered_has_no_upstream(federation: Place) -> None:
    async with serving(federation.settings()) as installation:
        peer = hosted(installation, PROVIDER).peer

        [service] = peer.tenant.services
        assert isinstance(installation.upstream_of(peer, service), RegisterUpstream)
        directory = installation.hosts.peer(PeerId(DIRECTORY.peer_id))
        assert directory is not None
        assert installation.upstream_of(directory, service) is None


async def test_while_what_others_wrote_cannot_be_read_the_register_says_that_it_cannot_serve(federation: Place) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation))
        token = await federation.token(connection_grant(installation))
        headers = {"Fsc-Authorization": f"Bearer {token}"}
        url = f"/t/{PROVIDER.slug}{PATH}"
        before = await plain(federation.ports["register"], url, headers=headers)
        hosted(installation, PROVIDER).peer.contracts.is_current = False
        answer = await plain(federation.ports["register"], url, headers=headers)

    assert before.status == 200, before.text
    assert answer.status == 503
    assert answer.headers["Retry-After"]
