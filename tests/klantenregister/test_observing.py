"""`klantenregister.observing`: the figures say what is so, and name nobody."""

from dataclasses import dataclass, field, replace

from certs.revocation import CrlState, RevocationMode, RevocationStatus
from certs.thumbprint import certificate_thumbprint
from gateway.admin.revocation import RevocationReport
from gateway.errors import ErrorDomain
from gateway.manager.contracts import offer
from gateway.relay.settings import RelayCounters
from klantenregister.figures import Figure, Merge
from klantenregister.observing import figures_of
from tests.gateway.harness import (
    DAY_S,
    FOREIGN,
    PROVIDER,
    Federation,
    authority,
    connection,
    federation,
    key_pair,
    make_group,
)

TRUST = make_group().trust
NO_LISTS = RevocationReport(RevocationMode.OFF, (), ())


@dataclass
class Site:
    component: ErrorDomain = ErrorDomain.INWAY
    counters: RelayCounters = field(default_factory=RelayCounters)


async def figures(group: Federation, report: RevocationReport = NO_LISTS, *sites: Site) -> list[Figure]:
    return list(await figures_of(group.hosts, TRUST, report, sites, group.clock))


def value(found: list[Figure], name: str, **labels: str) -> float:
    (one,) = [one for one in found if one.name == name and labels.items() <= dict(one.labels).items()]
    return one.value


async def test_every_certificate_tells_how_long_it_has() -> None:
    async with federation() as group:
        now = group.clock.now()
        old, new = key_pair(PROVIDER, days=10, not_before=now - DAY_S), key_pair(PROVIDER, days=20)
        coming = key_pair(PROVIDER, days=30, not_before=now + DAY_S)
        hosted = await group.host(PROVIDER, key_pairs=(old,))
        hosted.use(replace(hosted.peer.tenant, key_pairs=(new, coming)))

        found = await figures(group)

        for pair, state in ((old, "replaced"), (new, "serving"), (coming, "waiting")):
            labels = {"tenant": hosted.slug, "role": "leaf", "state": state, "thumbprint": pair.thumbprint}
            assert value(found, "certificate_expiry_seconds", **labels) == pair.not_after - now
            assert value(found, "klantenregister_certificate_expiry_timestamp_seconds", **labels) == pair.not_after
        intermediate = certificate_thumbprint(authority().intermediate.certificate)
        assert value(found, "certificate_expiry_seconds", role="intermediate", thumbprint=intermediate) > 0
        assert value(found, "certificate_expiry_seconds", role="anchor") > 0

        group.clock.advance(40 * DAY_S)
        over = await figures(group)
        assert value(over, "certificate_expiry_seconds", thumbprint=new.thumbprint) < 0


async def test_contracts_are_counted_and_what_is_owed_grows_older() -> None:
    async with federation() as group:
        hosted = await group.host(PROVIDER)
        before = await figures(group)
        now, grant = group.clock.now(), connection(key_pair(FOREIGN), FOREIGN, PROVIDER)
        await offer(hosted.peer, (grant,), not_before=now, not_after=now + DAY_S, created_at=now, remark="")
        group.clock.advance(100)
        after = await figures(group)

        for found, number in ((before, 0), (after, 1)):
            assert value(found, "klantenregister_contracts", tenant=hosted.slug, state="proposed") == number
            assert value(found, "klantenregister_contracts", tenant=hosted.slug, state="valid") == 0
            assert value(found, "klantenregister_deliveries_owed", tenant=hosted.slug) == number
        assert value(before, "klantenregister_deliveries_oldest_seconds") == 0
        assert value(after, "klantenregister_deliveries_oldest_seconds") >= 100


async def test_requests_are_told_by_status_class_and_add_up_over_processes() -> None:
    async with federation() as group:
        site = Site()
        site.counters.answers[2], site.counters.answers[5] = 7, 1
        site.counters.refused, site.counters.open_connections = 3, 2
        found = await figures(group, NO_LISTS, site)

        assert value(found, "klantenregister_requests", component="inway", status="2xx") == 7
        assert value(found, "klantenregister_requests", component="inway", status="5xx") == 1
        assert value(found, "klantenregister_requests_refused", component="inway") == 3
        assert value(found, "klantenregister_connections_open", component="inway") == 2
        assert {one.merge for one in found if dict(one.labels).get("component")} == {Merge.SUM}


async def test_revocation_is_told_for_each_issuer() -> None:
    async with federation() as group:
        now = group.clock.now()
        report = RevocationReport(
            RevocationMode.HARD,
            (RevocationStatus("a CA", CrlState.STALE, now - 5), RevocationStatus("another", CrlState.MISSING, None)),
            (),
        )
        found = await figures(group, report)

        assert value(found, "klantenregister_revocation_mode", mode="hard") == 1
        assert value(found, "klantenregister_crl", issuer="a CA", state="stale") == 1
        assert value(found, "klantenregister_crl", issuer="another", state="missing") == 1
        assert value(found, "klantenregister_crl_next_update_seconds", issuer="a CA") == -5
