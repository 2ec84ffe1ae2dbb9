"""Requests and answers through Outway and Inway, both relays at once, from an application to a Service."""

import pytest

from tests.gateway.dataplane import GET, DataPlane
from tests.gateway.echo import answering
from tests.gateway.wire import Message, Wire

# -- method, path and query


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "//",
        "//a//b/",
        "/a/../b",
        "/a/./b/.",
        "/..",
        "/%2F%2f",
        "/%2e%2e/",
        "/caf%C3%A9%c3%a9",
        "/a%20b+c",
        "/a;b=c,d:e@f!$&'()*",
        "/?",
        "/?a=b&&c",
        "/?a=%26&a=%20+&=",
        "/?a?b/../c",
        "/a?q=%E2%82%AC&url=https://elsewhere.test/%2F",
        '/{}|^`"<>\\',
        "/" + "x" * 4000,
    ],
)
async def test_path_and_query_arrive_byte_for_byte(plane: DataPlane, application: Wire, target: str) -> None:
    answer = await application.ask(f"GET {target} HTTP/1.1\r\nHost: klant.outway\r\n\r\n".encode())
    assert answer.status == 200
    assert plane.service.received[0].head.start == f"GET {target} HTTP/1.1"


@pytest.mark.parametrize("method", ["HEAD", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "QUERY"])
async def test_every_method_arrives(plane: DataPlane, application: Wire, method: str) -> None:
    answer = await application.ask(f"{method} / HTTP/1.1\r\nHost: klant.outway\r\n\r\n".encode())
    assert answer.status == 200
    assert plane.service.received[0].head.method == method


# -- headers


async def test_nothing_is_added_to_a_request_but_what_the_standard_says(plane: DataPlane, application: Wire) -> None:
    await application.ask(GET)
    names = plane.service.received[0].head.names()
    assert sorted(names) == [
        "fsc-authorization",
        "fsc-transaction-id",
        "host",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
    ]


@pytest.mark.parametrize("body", [b"", b"ok"])
async def test_nothing_is_added_to_an_answer_but_the_transaction_id(
    plane: DataPlane, application: Wire, body: bytes
) -> None:
    plane.service.behaviour = answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    answer = await application.ask(GET)
    assert answer.body == body
    assert sorted(answer.head.names()) == ["content-length", "fsc-transaction-id"]


async def test_date_server_and_content_type_of_the_service_are_kept(plane: DataPlane, application: Wire) -> None:
    plane.service.behaviour = answering(
        b"HTTP/1.1 200 Prima\r\nDate: Mon, 01 Jan 2001 00:00:00 GMT\r\nServer: its/1\r\nContent-Type: x/y\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    answer = await application.ask(GET)
    assert answer.head.start == "HTTP/1.1 200 Prima"
    assert answer.head.get("Date") == "Mon, 01 Jan 2001 00:00:00 GMT"
    assert answer.head.get("Server") == "its/1"
    assert answer.head.get("Content-Type") == "x/y"


async def test_repeated_headers_arrive_in_order_both_ways(plane: DataPlane, application: Wire) -> None:
    plane.service.behaviour = answering(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nSet-Cookie: a=3\r\nContent-Length: 0\r\n\r\n"
    )
    answer = await application.ask(b"GET / HTTP/1.1\r\nHost: klant.x\r\nX-Many: 1\r\nx-many: 2\r\nX-Many: 1\r\n\r\n")
    assert answer.head.all("Set-Cookie") == ["a=1", "b=2", "a=3"]
    assert plane.service.received[0].head.all("X-Many") == ["1", "2", "1"]


async def test_cookies_are_not_kept_between_requests(plane: DataPlane, application: Wire) -> None:
    plane.service.behaviour = answering(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nContent-Length: 0\r\n\r\n")
    for _ in range(2):
        await application.ask(GET)
    assert [message.head.get("Cookie") for message in plane.service.received] == [None, None]


async def test_what_is_about_one_connection_stays_on_it_both_ways(plane: DataPlane, application: Wire) -> None:
    plane.service.behaviour = answering(
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
        b"Proxy-Authenticate: Basic\r\nUpgrade: h2c\r\nX-End: 2\r\nContent-Length: 0\r\n\r\n"
    )
    answer = await application.ask(
        b"GET / HTTP/1.1\r\nHost: klant.x\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
        b"TE: trailers\r\nProxy-Authorization: Basic eA==\r\nProxy-Connection: keep-alive\r\nUpgrade: h2c\r\n"
        b"X-End: 2\r\n\r\n"
    )
    dropped = {"x-hop", "keep-alive", "te", "proxy-authorization", "proxy-connection", "proxy-authenticate", "upgrade"}
    for head in (answer.head, plane.service.received[0].head):
        assert not dropped & set(head.names())
        assert head.get("X-End") == "2"


async def test_utf8_in_headers_arrives_both_ways(plane: DataPlane, application: Wire) -> None:
    plane.service.behaviour = answering(b"HTTP/1.1 200 OK\r\nX-Name: caf\xc3\xa9\r\nContent-Length: 0\r\n\r\n")
    answer = await application.ask(b"GET / HTTP/1.1\r\nHost: klant.x\r\nX-Name: caf\xc3\xa9\r\n\r\n")
    for head in (answer.head, plane.service.received[0].head):
        assert head.get("X-Name") == b"caf\xc3\xa9".decode("latin-1")


async def test_other_bytes_in_headers_arrive_both_ways(plane: DataPlane, application: Wire) -> None:
    plane.service.behaviour = answering(b"HTTP/1.1 200 OK\r\nX-Name: caf\xe9\x80\r\nContent-Length: 0\r\n\r\n")
    answer = await application.ask(b"GET / HTTP/1.1\r\nHost: klant.x\r\nX-Name: caf\xe9\x80\r\n\r\n")
    for head in (answer.head, plane.service.received[0].head):
        assert head.get("X-Name") == b"caf\xe9\x80".decode("latin-1")


# -- answers of every kind


async def test_a_redirect_is_the_applications_to_follow(plane: DataPlane, application: Wire) -> None:
    plane.service.behaviour = answering(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
    answer = await application.ask(GET)
    assert (answer.status, answer.head.get("Location")) == (302, "/elsewhere")
    assert len(plane.service.received) == 1


async def test_the_length_that_a_head_request_asks_for_is_told(plane: DataPlane, application: Wire) -> None:
    plane.service.behaviour = answering(b'HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nETag: "x"\r\n\r\n')
    for _ in range(2):
        answer = await application.ask(b"HEAD / HTTP/1.1\r\nHost: klant.x\r\n\r\n")
        assert (answer.status, answer.head.get("Content-Length")) == (200, "12345")
        assert "transfer-encoding" not in answer.head.names()


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 12345\r\n\r\n",
    ],
)
async def test_an_answer_that_never_has_a_body(plane: DataPlane, application: Wire, said: bytes) -> None:
    plane.service.behaviour = answering(said)
    for _ in range(2):
        await application.send(GET)
        head = await application.head()
        assert said.decode().startswith(f"{head.start}\r\n")
        assert "transfer-encoding" not in head.names()
    assert plane.service.connections == 1


@pytest.mark.parametrize(("version", "told"), [(b"HTTP/1.1", [103]), (b"HTTP/1.0", [])])
async def test_hints_are_for_clients_that_know_them(
    plane: DataPlane, application: Wire, version: bytes, told: list[int]
) -> None:
    plane.service.behaviour = answering(
        b"HTTP/1.1 100 Continue\r\n\r\n"
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    )
    await application.send(GET.replace(b"HTTP/1.1", version))
    heads = [await application.head()]
    while heads[-1].status < 200:
        heads.append(await application.head())
    assert [head.status for head in heads] == [*told, 200]
    assert await application.body(heads[-1]) == b"ok"
    assert [head.get("Link") for head in heads[:-1]] == ["</a>"] * len(told)


async def test_an_answer_that_ends_with_its_connection(plane: DataPlane, application: Wire) -> None:
    async def behave(request: Message, wire: Wire) -> None:
        await answering(b"HTTP/1.0 200 OK\r\n\r\nall there is")(request, wire)
        await wire.close()

    plane.service.behaviour = behave
    for _ in range(2):
        answer = await application.ask(GET)
        assert (answer.status, answer.body) == (200, b"all there is")


async def test_an_application_of_http_1_0(plane: DataPlane, application: Wire) -> None:
    plane.service.behaviour = answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    await application.send(GET.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert "transfer-encoding" not in (await application.head()).names()
    assert await application.some() == b"ok"
    assert await application.is_closed_by_peer()
