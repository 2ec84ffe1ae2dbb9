"""The doctor: is this Peer in order, and does everything work between it and another Peer? Step by step.

Theory of operation. Steps run in the order in which one needs the other: name, connection, handshake, Manager, keys,
contract, token, Inway, service. A step that fails tells its remedy; the steps that need it are skipped and say so, the
others go on. Each has a few seconds, all together less than a minute, so that a person gets an answer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TypeVar

from certs.errors import CertsError
from certs.identity import PeerId
from gateway.errors import FscError
from gateway.fsc.names import ManagerAddress
from gateway.http.client import PeerUnreachable, describe_failure
from gateway.manager import probes
from gateway.manager.connection_check import CheckedConnection, check_connections
from gateway.manager.probes import Place, ProbeFailed, place_of
from gateway.manager.remedies import REMEDIES, failure_of
from gateway.state.access_tokens import OutwayToken
from gateway.state.contracts import ContractRecord
from gateway.state.local_peer import LocalPeer
from gateway.state.locate import PeerUnknown, manager_address_of
from storage.errors import StoreError

STEP_S = 8.0
ALL_S = 45.0
MAX_CONTRACTS = 5_000
MAX_CONNECTIONS = 20

_T = TypeVar("_T")


class Outcome(StrEnum):
    """How a step ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `name` is what was looked at, `subject` of whom; `remedy` is empty unless it failed."""

    name: str
    subject: str
    outcome: Outcome
    seen: str
    remedy: str = ""
    took_ms: int = 0


@dataclass(slots=True)
class _Examination:
    """The steps so far, and until when there is time."""

    deadline: float
    steps: list[Step] = field(default_factory=list)

    async def run(self, name: str, subject: str, work: Callable[[], Awaitable[tuple[_T, str]]]) -> _T | None:
        """Take a step; returns what `work` brought to light, None when it failed or there was no time left."""
        started = asyncio.get_running_loop().time()
        if started >= self.deadline:
            self.skip("no time is left: ask again", subject, name)
            return None
        try:
            async with asyncio.timeout_at(min(started + STEP_S, self.deadline)):
                found, seen = await work()
        except ProbeFailed as failed:
            self._fail(name, subject, str(failed), failed.remedy, started)
            return None
        except PeerUnknown as unknown:
            remedy = "let that Peer announce itself to a Directory of the Group, or send us a contract"
            self._fail(name, subject, str(unknown), remedy, started)
            return None
        except TimeoutError:
            self._fail(name, subject, "no answer in time", REMEDIES[failure_of(TimeoutError())], started)
            return None
        except (PeerUnreachable, CertsError, FscError, StoreError, OSError, EOFError) as error:
            self._fail(name, subject, describe_failure(error), REMEDIES[failure_of(error)], started)
            return None
        self.steps.append(Step(name, subject, Outcome.OK, seen, took_ms=_since(started)))
        return found

    async def look(self, name: str, subject: str, probe: Callable[[], Awaitable[str]]) -> bool:
        """Take a step that brings nothing to light but what it saw; returns whether all is well."""

        async def work() -> tuple[bool, str]:
            return True, await probe()

        return await self.run(name, subject, work) is not None

    async def judge(self, name: str, subject: str, probe: Callable[[], str]) -> bool:
        """Take a step that needs no waiting."""

        async def work() -> str:
            return probe()

        return await self.look(name, subject, work)

    def skip(self, because: str, subject: str, *names: str) -> None:
        """Name the steps that are not taken."""
        self.steps += [Step(name, subject, Outcome.SKIPPED, because) for name in names]

    def _fail(self, name: str, subject: str, seen: str, remedy: str, started: float) -> None:
        self.steps.append(Step(name, subject, Outcome.FAILED, seen, remedy, _since(started)))


async def diagnose(peer: LocalPeer, other: PeerId | None, *, call: str | None = None) -> tuple[Step, ...]:
    """Examine our own side, then `other`, or without one every Directory of the Group.

    `call` is a path: each Service that we may use is then asked for it, which its organisation sees and logs.
    """
    examination = _Examination(asyncio.get_running_loop().time() + ALL_S)
    if not await examination.judge("certificate", "ours", lambda: probes.own_certificate(peer)):
        examination.skip("without a certificate of ours nothing works", other or "the Directories", "everything else")
        return tuple(examination.steps)
    await examination.judge("revocation", "ours", lambda: probes.revocation_known(peer))
    await examination.judge("jwks", "ours", lambda: probes.own_keys(peer))
    await _own_listeners(peer, examination)
    directories = peer.tenant.group.directories
    for one in [other] if other is not None else [one for one in directories if one != peer.peer_id]:
        await _manager(peer, one, examination)
    if other is not None:
        await _announcements(peer, other, examination)
        await _connections(peer, other, call, examination)
    return tuple(examination.steps)


async def _own_listeners(peer: LocalPeer, examination: _Examination) -> None:
    """Reach ourselves by the addresses that others know, as they would."""
    tenant = peer.tenant
    manager = place_of(peer.peer_id, tenant.manager_address)
    if await _reach(peer, manager, "our Manager", examination):

        async def answers() -> str:
            return (await probes.manager_answers(peer, peer.peer_id, tenant.manager_address))[1]

        await examination.look("manager", "our Manager", answers)
    if not tenant.services:
        examination.skip("this tenant offers no services", "our Inway", "inway")
        return
    inway = place_of(peer.peer_id, tenant.inway_address)
    if await _reach(peer, inway, "our Inway", examination):
        await examination.look("inway", "our Inway", lambda: probes.inway_answers(peer, inway))


async def _reach(peer: LocalPeer, place: Place, subject: str, examination: _Examination) -> bool:
    """Name, connection and handshake, each needing the one before it."""
    found = await examination.run("dns", subject, lambda: probes.resolved(place))
    if found is None:
        examination.skip("its name was not resolved", subject, "tcp", "tls")
        return False
    if not await examination.look("tcp", subject, lambda: probes.connected(found)):
        examination.skip("nothing accepted a connection", subject, "tls")
        return False
    return await examination.look("tls", subject, lambda: probes.shaken_hands(peer, found))


async def _manager(peer: LocalPeer, other: PeerId, examination: _Examination) -> None:
    async def located() -> tuple[ManagerAddress, str]:
        address = await manager_address_of(peer, other)
        return address, f"its Manager is at {address}"

    rest = (
        ("manager", "clock", "announce", "jwks")
        if other in peer.tenant.group.directories
        else ("manager", "clock", "jwks")
    )
    address = await examination.run("address", other, located)
    if address is None:
        examination.skip("where its Manager is, nobody knows", other, "dns", "tcp", "tls", *rest)
        return
    if not await _reach(peer, place_of(other, address), other, examination):
        examination.skip("its Manager cannot be reached", other, *rest)
        return
    answer = await examination.run("manager", other, lambda: probes.manager_answers(peer, other, address))
    if answer is None:
        examination.skip("its Manager does not answer", other, *rest[1:])
        return
    await examination.judge("clock", other, lambda: probes.clocks_agree(answer, peer.clock.now()))
    if "announce" in rest:
        await examination.look("announce", other, lambda: probes.announced(peer, other, address))
    await examination.look("jwks", other, lambda: probes.keys_fetched(peer, other, address))


async def _announcements(peer: LocalPeer, other: PeerId, examination: _Examination) -> None:
    """Whether the Directories can tell `other` where we are."""
    for directory, address in peer.tenant.group.directories.items():
        if directory not in (peer.peer_id, other):
            await examination.look("announce", directory, partial(probes.announced, peer, directory, address))


async def _connections(peer: LocalPeer, other: PeerId, call: str | None, examination: _Examination) -> None:
    async def collected() -> tuple[list[ContractRecord], str]:
        return (records := await _records(peer, other)), f"{len(records)} with this Peer"

    records = await examination.run("contracts", other, collected)
    if records is None:
        return
    checked = check_connections(
        records,
        peer.tenant.connections,
        us=peer.peer_id,
        other=other,
        thumbprint=peer.signing_pair().public_key_thumbprint,
        now=peer.clock.now(),
    )
    if not checked:
        await examination.judge("contract", other, lambda: _no_connection(peer, other))
        return
    for one in checked[:MAX_CONNECTIONS]:
        await _connection(peer, one, call, examination)
    if len(checked) > MAX_CONNECTIONS:
        left = f"{len(checked) - MAX_CONNECTIONS} more connections"
        examination.skip("too many to examine at once", left, "contract")


def _no_connection(peer: LocalPeer, other: PeerId) -> str:
    if other in peer.tenant.group.directories:
        return "none for a connection, which a Directory does not need"
    raise ProbeFailed(
        "no contract lets one of us use a service of the other",
        "declare a connection in the configuration, or: `klantenregister contracts request`",
    )


async def _connection(peer: LocalPeer, checked: CheckedConnection, call: str | None, examination: _Examination) -> None:
    """Contract, token, Inway and, when it is asked for, the Service."""

    def contract() -> str:
        if checked.remedy:
            raise ProbeFailed(checked.seen, checked.remedy)
        return checked.seen

    steps = ("token", "inway") if call is None else ("token", "inway", "service")
    if not await examination.judge("contract", checked.what, contract):
        examination.skip("there is no valid contract", checked.what, *steps)
        return
    if checked.usable is None:
        examination.skip("the other Peer is the one that connects", checked.what, *steps)
        return
    grant, grant_hash = checked.usable
    token = await examination.run("token", checked.what, lambda: probes.token_given(peer, grant, grant_hash))
    if token is None:
        examination.skip("without a token there is no Inway to go to", checked.what, *steps[1:])
        return
    await _inway(peer, token, checked.what, call, examination)


async def _inway(peer: LocalPeer, token: OutwayToken, what: str, call: str | None, examination: _Examination) -> None:
    place = place_of(token.claims.service_peer_id, token.inway)
    good = await examination.look("inway", what, lambda: probes.inway_answers(peer, place))
    if call is None:
        return
    if good:
        await examination.look("service", what, lambda: probes.call_service(peer, token, call))
    else:
        examination.skip("its Inway does not answer as it should", what, "service")


async def _records(peer: LocalPeer, other: PeerId) -> list[ContractRecord]:
    """The Contracts with `other` whose validity has not ended, as many as are worth reading."""
    records: list[ContractRecord] = []
    async for record in peer.contracts.involving(other):
        records.append(record)
        if len(records) == MAX_CONTRACTS:
            break
    return records


def _since(started: float) -> int:
    return round((asyncio.get_running_loop().time() - started) * 1000)
