"""Reading the figures of a running installation: certificates, revocation, Contracts, deliveries and requests.

Everything is at hand in memory. Very many Contracts are looked at in parts, so that requests go on meanwhile.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

from cryptography import x509

from certs.custody import KeyPair, newest_valid
from certs.expiry import ends_at
from certs.thumbprint import certificate_thumbprint
from certs.trust import TrustStore
from clock import Clock
from gateway.admin.revocation import RevocationReport
from gateway.errors import ErrorDomain
from gateway.fsc.state import ContractState
from gateway.relay.settings import RelayCounters
from gateway.state.local_peer import LocalPeer
from klantenregister import __version__
from klantenregister.figures import Figure, FigureKind, Merge
from klantenregister.hosting import Hosts

_AT_A_TIME = 500
"""Contracts that are looked at before others have a turn."""

_EXPIRY: Final = "Seconds until the certificate ends; below zero when it has ended."
_EXPIRY_AT: Final = "Unix time at which the certificate ends."


class Site(Protocol):
    """A component that relays."""

    component: ErrorDomain
    counters: RelayCounters


async def figures_of(
    hosts: Hosts, trust: TrustStore, revocation: RevocationReport, sites: Iterable[Site], clock: Clock
) -> tuple[Figure, ...]:
    """Everything that this process tells about what it serves."""
    now = clock.now()
    peers = [one.peer for one in hosts.all()]
    figures = [
        *_about_program(now),
        *_of_anchors(trust, now),
        *_of_revocation(revocation, now),
        *request_figures(sites),
    ]
    for peer in peers:
        figures += _of_certificates(peer, now)
        figures += await _of_contracts(peer, now)
        figures += _of_deliveries(peer, now)
    return tuple(figures)


def _about_program(now: int) -> Iterator[Figure]:
    build = {"version": __version__, "python": ".".join(map(str, sys.version_info[:3]))}
    yield _gauge("build_info", "The program that runs; always 1.", 1, build)
    yield _gauge("clock_timestamp_seconds", "Unix time as this machine has it.", now)


def _of_certificates(peer: LocalPeer, now: int) -> Iterator[Figure]:
    """The leaf of every pair, and every intermediate once."""
    tenant = peer.tenant
    signing = newest_valid(tenant.key_pairs, now)
    intermediates: dict[x509.Certificate, None] = {}
    for pair in (*tenant.key_pairs, *tenant.replaced_pairs):
        state = _use(pair, signing, tenant.replaced_pairs, now)
        yield from _expiry(pair.certificate, {"tenant": tenant.slug, "role": "leaf", "state": state}, now)
        intermediates |= dict.fromkeys(pair.chain[1:])
    for certificate in intermediates:
        yield from _expiry(certificate, {"tenant": tenant.slug, "role": "intermediate", "state": "issuing"}, now)


def _use(pair: KeyPair, signing: KeyPair | None, replaced: Iterable[KeyPair], now: int) -> str:
    if pair == signing:
        return "serving"
    if pair in replaced:
        return "replaced"
    return "waiting" if pair.not_before > now else "earlier"


def _of_anchors(trust: TrustStore, now: int) -> Iterator[Figure]:
    for anchor in trust.anchors:
        yield from _expiry(anchor, {"tenant": "", "role": "anchor", "state": "trusted"}, now)


def _expiry(certificate: x509.Certificate, labels: Mapping[str, str], now: int) -> Iterator[Figure]:
    named = {**labels, "thumbprint": certificate_thumbprint(certificate)}
    end = ends_at(certificate)
    yield _figure("certificate_expiry_seconds", _EXPIRY, end - now, named)
    yield _gauge("certificate_expiry_timestamp_seconds", _EXPIRY_AT, end, named)


def _of_revocation(report: RevocationReport, now: int) -> Iterator[Figure]:
    yield _gauge(
        "revocation_mode", "How revocation is looked at; 1 for the mode that is in use.", 1, {"mode": report.mode}
    )
    for one in report.issuers:
        labels = {"issuer": one.issuer, "state": one.state}
        yield _gauge("crl", "The CRLs of an issuer, by what they are worth; always 1.", 1, labels)
        if one.next_update is not None:
            left = one.next_update - now
            yield _gauge("crl_next_update_seconds", "Seconds until the CRL is stale.", left, {"issuer": one.issuer})


async def _of_contracts(peer: LocalPeer, now: int) -> list[Figure]:
    states: Counter[ContractState] = Counter()
    for number, record in enumerate(peer.contracts.view.alive()):
        states[record.state(now)] += 1
        if number % _AT_A_TIME == _AT_A_TIME - 1:
            await asyncio.sleep(0)
    said = "Contracts that have not ended, by state."
    slug = peer.tenant.slug
    return [
        _gauge("contracts", said, states[state], {"tenant": slug, "state": state.name.lower()})
        for state in (ContractState.PROPOSED, ContractState.VALID)
    ]


def _of_deliveries(peer: LocalPeer, now: int) -> Iterator[Figure]:
    tenant = {"tenant": peer.tenant.slug}
    owed, retried, oldest = peer.contracts.agenda.owed()
    yield _gauge("deliveries_owed", "Signatures of ours that another Peer has not confirmed.", owed, tenant)
    yield _gauge("deliveries_retried", "Of those: tried at least once, in vain.", retried, tenant)
    said = "Age in seconds of the oldest Contract with a signature that is owed; 0 when none is."
    yield _gauge("deliveries_oldest_seconds", said, 0 if oldest is None else max(0, now - oldest), tenant)


def request_figures(sites: Iterable[Site]) -> Iterator[Figure]:
    """What the components of this process relayed."""
    for site in sites:
        component, counted = {"component": site.component.name.lower()}, site.counters
        for digit, number in enumerate(counted.answers):
            if digit:
                labels = {**component, "status": f"{digit}xx"}
                yield _counted("requests", "Requests answered, by status class.", number, labels)
        yield _counted(
            "requests_refused", "Requests that were answered with an error of ours.", counted.refused, component
        )
        yield _counted("requests_cut", "Requests without a whole answer.", counted.cut, component)
        yield _counted("connections", "Connections accepted.", counted.connections, component)
        said = "Connections that are open."
        yield _gauge("connections_open", said, counted.open_connections, component, merge=Merge.SUM)


def _counted(name: str, said: str, value: float, labels: Mapping[str, str]) -> Figure:
    return Figure(f"klantenregister_{name}", said, FigureKind.COUNTER, value, tuple(labels.items()), merge=Merge.SUM)


def _gauge(
    name: str, said: str, value: float, labels: Mapping[str, str] | None = None, *, merge: Merge = Merge.FIRST
) -> Figure:
    return _figure(f"klantenregister_{name}", said, value, labels or {}, merge=merge)


def _figure(name: str, said: str, value: float, labels: Mapping[str, str], *, merge: Merge = Merge.FIRST) -> Figure:
    return Figure(name, said, FigureKind.GAUGE, value, tuple(labels.items()), merge=merge)
