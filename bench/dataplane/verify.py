"""Before its speed is believed: a candidate refuses what an Inway must refuse, and lets through what it must."""

from collections.abc import Iterator, Mapping

from bench.dataplane.calls import Answer, ask
from bench.dataplane.federation import INWAY_HOST, STRANGER, Federation
from bench.dataplane.processes import BenchFailed
from bench.dataplane.rivals import BODY_BYTES
from bench.dataplane.tokens import Tokens
from bench.site import CONSUMER, Member

_TRANSACTION = "0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6"
_TARGET = "/api/v1/items"


def verify(name: str, federation: Federation, port: int, tokens: Tokens) -> None:
    """Try it. Raises: BenchFailed with everything that `name` did wrong."""
    faults = list(_faults(federation, port, tokens))
    if faults:
        raise BenchFailed(f"{name} is no Inway: {'; '.join(faults)}")


def _faults(federation: Federation, port: int, tokens: Tokens) -> Iterator[str]:
    def call(
        token: str | None,
        transaction: str | None = _TRANSACTION,
        *,
        member: Member | None = CONSUMER,
        body: bytes = b"",
    ) -> Answer:
        headers = _headers(token, transaction)
        method, caller = "POST" if body else "GET", federation.caller(member)
        return ask(caller, INWAY_HOST, port, method, _TARGET, headers=headers, body=body or None)

    answer = call(tokens.given)
    if answer.status != 200 or len(answer.body) != BODY_BYTES:
        yield f"a good GET: {answer.status} {answer.body[:100]!r}"
    if (status := call(tokens.given, body=b"x" * 5000).status) != 200:
        yield f"a good POST: {status}"
    for fault, token in tokens.bad().items():
        yield from _passed(f"token {fault}", call(token))
        yield from _passed(f"token {fault}, once more", call(token))
    yield from _passed("the token on another Peer's connection", call(tokens.given, member=STRANGER))
    yield from _passed("no token", call(None))
    yield from _passed("no transaction id", call(tokens.given, None))
    yield from _passed("a transaction id that is no UUIDv7", call(tokens.given, _TRANSACTION.replace("-7", "-4")))
    answer = call(tokens.given, member=None)
    if answer.status not in {0, 400}:
        yield f"no client certificate: {answer.status}"


def _passed(what: str, answer: Answer) -> Iterator[str]:
    if not 400 <= answer.status < 500:
        yield f"{what}: {answer.status} {answer.body[:100]!r}"


def _headers(token: str | None, transaction: str | None) -> Mapping[str, str]:
    given = {"Fsc-Authorization": None if token is None else f"Bearer {token}", "Fsc-Transaction-Id": transaction}
    return {name: value for name, value in given.items() if value is not None}
