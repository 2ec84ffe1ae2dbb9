"""A tenant: one Peer that this installation is, with what it offers, accepts and wants. DESIGN section 3."""

from datetime import date

from pydantic import Field

from certs.identity import PeerId
from config.models.acceptance import AcceptRule
from config.models.fields import (
    ApplicationId,
    Days,
    FilePath,
    Label,
    OptionalBaseUrl,
    PeerAddressField,
    PeerIdField,
    PeerIdOrAny,
    PeerNameField,
    Properties,
    Rsin,
    Scope,
    Seconds,
    ServiceName,
    ServiceUrl,
    TcpListen,
    Token,
    UpstreamField,
)
from config.models.section import Section
from config.names import is_listed


class CertificateSettings(Section):
    """A certificate of the tenant with its private key."""

    cert: FilePath = Field(description="PEM file: the certificate, then its intermediates.")
    key: FilePath = Field(description="PEM file: the private key, not encrypted.")


class ServicePeerSettings(Section):
    """What some Peers may do with a Service of the register."""

    peer_ids: tuple[PeerIdOrAny, ...] = Field(min_length=1, description='Peer IDs in quotes; `"*"` is every Peer.')
    scopes: tuple[Scope, ...] = Field(default=(), description="What these Peers may do.")

    def covers(self, peer_id: PeerId) -> bool:
        """Decide whether this entry is about `peer_id`."""
        return is_listed(peer_id, self.peer_ids)


class ServiceSettings(Section):
    """A Service that the tenant offers."""

    name: ServiceName = Field(description="Name of the Service, unique for the tenant.")
    upstream: UpstreamField = Field(
        description="`register:<family>`, or `scheme://host[:port]` without a path for any other service."
    )
    publish: bool = Field(default=False, description="Publish the Service in the Directories of the Group.")
    public_base_url: OptionalBaseUrl = Field(
        default=None,
        description="Base of absolute URLs in answers to callers through the Inway; default: `inway_address`.",
    )
    peers: tuple[ServicePeerSettings, ...] = Field(
        default=(), description="What consuming Peers may do in the register; absent: nothing (403)."
    )
    delegator: PeerIdField | None = Field(
        default=None, description="Publish on behalf of this Peer, which must accept that; absent: for ourselves."
    )
    properties: Properties = Field(
        default={}, description="Properties of the publication grant: a JSON object of at most 1 MB."
    )


class OutwaySettings(Section):
    """The tenant's Outway."""

    listen: TcpListen = Field(
        description="`host:port` for the tenant's applications. Whoever reaches it may use the tenant's contracts."
    )


class ServiceReference(Section):
    """A Service of another Peer."""

    peer_id: PeerIdField = Field(description="Peer ID of the provider, in quotes.")
    name: ServiceName = Field(description="Name of the Service.")
    delegator: PeerIdField | None = Field(
        default=None, description="The Peer on whose behalf the provider offers the Service; absent: its own."
    )


class ConnectionSettings(Section):
    """A connection that the tenant wants; the program keeps exactly one valid contract for it."""

    name: Label = Field(description="Name of the connection; applications use it as the first label of the host name.")
    service: ServiceReference = Field(description="The Service to connect to.")
    delegator: PeerIdField | None = Field(
        default=None, description="Connect on behalf of this Peer, which must accept that; absent: for ourselves."
    )
    valid_days: Days = Field(default=365, description="Validity of each contract, in days.")
    properties: Properties = Field(
        default={}, description="Properties of the connection grant: a JSON object of at most 1 MB."
    )


class AdditionalClaimsSettings(Section):
    """A service of the tenant that adds claims to access tokens, or refuses them."""

    url: ServiceUrl = Field(
        description="Base URL, `/v1/additional-claims` is added: asked for each token, with the grant that it is for."
    )
    timeout_seconds: Seconds = Field(
        default=5, description="For one whole answer, in seconds; without an answer there is no token."
    )


class ApplicationSettings(Section):
    """An internal application, known by its token."""

    id: ApplicationId = Field(description="Name of the application, unique for the tenant.")
    token: Token = Field(description="The token that the application sends in `Authorization: Token <token>`.")
    scopes: tuple[Scope, ...] = Field(default=(), description="What the application may do.")
    expires_on: date | None = Field(
        default=None, description="The last day on which the token is good, `YYYY-MM-DD`; absent: it does not end."
    )


class TenantSettings(Section):
    """One Peer that this installation is."""

    peer_id: PeerIdField = Field(description="Peer ID, in quotes; must equal the certificate's.")
    name: PeerNameField = Field(description="Name of the Peer; must equal the certificate's.")
    slug: Label = Field(description="Short name of the tenant in paths and on the command line.")
    rsin: tuple[Rsin, ...] = Field(default=(), description="RSINs of the tenant, in quotes; the first is the main one.")
    directory: bool = Field(default=False, description="This tenant is a Directory of the Group.")
    certificates: tuple[CertificateSettings, ...] = Field(
        min_length=1,
        description="The newest valid one serves and signs; all are published, so that old signatures stay verifiable.",
    )
    manager_address: PeerAddressField = Field(description="How Peers reach the Manager: `https://host:port`.")
    inway_address: PeerAddressField = Field(description="How Peers reach the Inway: `https://host:port`.")
    public_base_url: OptionalBaseUrl = Field(
        default=None,
        description="Base of absolute URLs on the internal listener, and its host selects the tenant; "
        "default: `http://<listen.register>/t/<slug>`.",
    )
    services: tuple[ServiceSettings, ...] = Field(default=(), description="What the tenant offers.")
    accept: tuple[AcceptRule, ...] = Field(
        default=(), description="Rules for contracts that Peers offer; without a match a person decides."
    )
    additional_claims: AdditionalClaimsSettings | None = Field(
        default=None, description="A service that adds claims to the access tokens of the tenant; absent: none."
    )
    outway: OutwaySettings | None = Field(default=None, description="The tenant's Outway; absent: none.")
    connections: tuple[ConnectionSettings, ...] = Field(default=(), description="What the tenant wants to consume.")
    applications: tuple[ApplicationSettings, ...] = Field(default=(), description="Who may use the internal listener.")
    bsn_in_urls: bool = Field(
        default=True,
        description="Whether a person may be looked up with the BSN in a URL; false: only by `POST .../_zoek`.",
    )
