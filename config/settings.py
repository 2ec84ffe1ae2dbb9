"""The whole configuration as one frozen value. DESIGN section 3 fixes every key.

This is the module to import models from; `config.models` holds them by part. As `config.load` makes it, paths are
absolute and secrets are read.
"""

from pydantic import Field, SecretStr

from config.addresses import BaseUrl, TcpAddress
from config.models.acceptance import AcceptRule, PdpSettings
from config.models.fields import CacheUrl, OptionalBaseUrl, StorageUrl
from config.models.group import DirectorySettings, GroupSettings, RevocationSettings
from config.models.installation import KeysSettings, LimitsSettings, ListenSettings, TimeoutSettings
from config.models.section import Section
from config.models.tenant import (
    AdditionalClaimsSettings,
    ApplicationSettings,
    CertificateSettings,
    ConnectionSettings,
    OutwaySettings,
    ServicePeerSettings,
    ServiceReference,
    ServiceSettings,
    TenantSettings,
)
from config.models.transaction_log import TransactionLogMode, TransactionLogSettings

__all__ = [
    "AcceptRule",
    "AdditionalClaimsSettings",
    "ApplicationSettings",
    "CertificateSettings",
    "ConnectionSettings",
    "DirectorySettings",
    "GroupSettings",
    "KeysSettings",
    "LimitsSettings",
    "ListenSettings",
    "OutwaySettings",
    "PdpSettings",
    "RevocationSettings",
    "ServicePeerSettings",
    "ServiceReference",
    "ServiceSettings",
    "Settings",
    "TenantSettings",
    "TimeoutSettings",
    "TransactionLogMode",
    "TransactionLogSettings",
]

DEFAULT_STORAGE = "sqlite:///data/klantenregister.db"
DEFAULT_CACHE = "memory:"


class Settings(Section):
    """Everything that the configuration says."""

    group: GroupSettings = Field(description="The Group that all tenants belong to.")
    storage: StorageUrl = Field(
        default=SecretStr(DEFAULT_STORAGE),
        json_schema_extra={"default": DEFAULT_STORAGE},
        description="Document store: `sqlite:///file` (four slashes: absolute), `mongodb://host/database`, "
        "`couchdb+https://user:pw@host/prefix`, or `memory:` (lost at the end).",
    )
    cache: CacheUrl = Field(
        default=SecretStr(DEFAULT_CACHE),
        json_schema_extra={"default": DEFAULT_CACHE},
        description="Cache and invalidation between replicas: `memory:` or `redis://host:port/database`.",
    )
    keys: KeysSettings = Field(default=KeysSettings(), description="Keys of the installation itself.")
    listen: ListenSettings = Field(default=ListenSettings(), description="Where the program listens.")
    limits: LimitsSettings = Field(default=LimitsSettings(), description="How much a caller may send.")
    timeouts: TimeoutSettings = Field(default=TimeoutSettings(), description="How long the program waits.")
    transaction_log: TransactionLogSettings = Field(
        default=TransactionLogSettings(), description="The records of what passes Inways and Outways."
    )
    register_url: OptionalBaseUrl = Field(
        default=None,
        description="Where `register:<family>` is called when this process has no register role; `/t/<slug>` is added.",
    )
    tenants: tuple[TenantSettings, ...] = Field(default=(), description="The Peers that this installation is.")

    def public_base_url(self, tenant: TenantSettings) -> BaseUrl:
        """The base of absolute URLs on the internal listener."""
        if tenant.public_base_url is not None:
            return tenant.public_base_url
        register = self.listen.register
        host, port = (register.host, register.port) if isinstance(register, TcpAddress) else ("localhost", None)
        return BaseUrl("http", host, port, f"/t/{tenant.slug}")

    def service_base_url(self, tenant: TenantSettings, service: ServiceSettings) -> BaseUrl:
        """The base of absolute URLs in answers to callers through the Inway."""
        inway = tenant.inway_address
        return service.public_base_url or BaseUrl("https", inway.host, inway.port)
