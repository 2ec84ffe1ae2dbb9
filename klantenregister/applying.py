"""Taking another configuration file into use while the program runs: what `klantenregister apply` asks for."""

import asyncio
from pathlib import Path
from typing import Protocol

from clock import Clock
from config.reload import diff
from config.settings import Settings
from gateway.admin.desired import ConfigurationRefused, Plan, TenantPlan
from gateway.manager.convergence import decisions_of
from gateway.state.contract_store import ContractStore
from gateway.state.tenant import NoValidCertificate, Tenant
from klantenregister.certificates import ServedPairs
from klantenregister.errors import CommandError
from klantenregister.hosting import Hosts
from klantenregister.preflight import check_files
from klantenregister.settings_file import read_settings
from klantenregister.stores import Stores
from klantenregister.tenants import load_tenants, load_trust


class Running(Protocol):
    """What applying needs of a running installation."""

    settings: Settings
    config: Path | None
    clock: Clock
    stores: Stores
    hosts: Hosts
    served: ServedPairs

    async def apply(self, settings: Settings) -> None:
        """Serve by `settings` from here on. Raises: WrongUsage, Failed."""

    def reloaded(self, settings: Settings) -> Settings:
        """What `settings` come to without a restart. Raises: WrongUsage."""


class Applier:
    """Compares a configuration with what an installation runs by, and lets it go by that one."""

    def __init__(self, installation: Running) -> None:
        self._installation = installation

    async def apply(self, file: Path, *, slug: str | None, plan_only: bool) -> Plan:
        """Compare `file` with what there is, then, unless `plan_only`, go by it: all of it or the tenant `slug`.

        Raises: ConfigurationRefused; then everything stays as it was.
        """
        installation = self._installation
        try:
            settings = await asyncio.to_thread(read_settings, file)
            now, served = installation.clock.now(), installation.served
            findings = await asyncio.to_thread(check_files, settings, now=now, served=served)
            if refused := (*findings.errors, *findings.refused):
                raise ConfigurationRefused("\n".join(map(str, refused)))
            if slug is not None:
                settings = with_tenant(installation.settings, settings, slug)
            plan = await self._plan(settings, tuple(map(str, findings.warnings)), slug)
            if not plan_only:
                await installation.apply(settings)
        except CommandError as error:
            raise ConfigurationRefused(str(error)) from error
        return plan

    async def _plan(self, settings: Settings, warnings: tuple[str, ...], slug: str | None) -> Plan:
        installation = self._installation
        running = installation.settings
        now, served = installation.clock.now(), installation.served
        wanted = installation.reloaded(settings)
        trust = await asyncio.to_thread(load_trust, wanted.group)
        tenants = (await asyncio.to_thread(load_tenants, wanted, trust, served, now=now)).tenants
        remain = {tenant.peer_id for tenant in tenants}
        return Plan(
            tenants=[await self._tenant_plan(one) for one in tenants if slug in (None, one.slug)],
            unhosted=tuple(one.slug for one in running.tenants if one.peer_id not in remain),
            needs_restart=diff(running, settings).needs_restart,
            warnings=warnings,
            serves_by=installation.config,
            now=now,
        )

    async def _tenant_plan(self, tenant: Tenant) -> TenantPlan:
        """What is to be done for `tenant` as it would be. Reads only, also when nobody hosts it yet."""
        installation = self._installation
        hosted = installation.hosts.get(tenant.peer_id)
        try:
            if hosted is not None:
                return TenantPlan(tenant.slug, await hosted.manager.upkeep.convergence.decisions(tenant))
            contracts = ContractStore(installation.stores.documents.for_tenant(tenant.peer_id), installation.clock.now)
            await contracts.load()
            return TenantPlan(tenant.slug, await decisions_of(tenant, contracts, installation.clock.now()))
        except NoValidCertificate as error:
            return TenantPlan(tenant.slug, (), str(error))


def with_tenant(running: Settings, wanted: Settings, slug: str) -> Settings:
    """What runs, with one tenant as `wanted` has it. Raises: ConfigurationRefused when it has none of that slug."""
    tenant = next((one for one in wanted.tenants if one.slug == slug), None)
    if tenant is None:
        known = ", ".join(one.slug for one in wanted.tenants) or "none"
        raise ConfigurationRefused(f"the configuration has no tenant {slug}; there are: {known}")
    others = running.tenants
    known_ids = [one.peer_id for one in others]
    if tenant.peer_id not in known_ids:
        return running.model_copy(update={"tenants": (*others, tenant)})
    place = known_ids.index(tenant.peer_id)
    return running.model_copy(update={"tenants": (*others[:place], tenant, *others[place + 1 :])})
