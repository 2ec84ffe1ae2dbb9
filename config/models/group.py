"""The Group: what all Peers of the federation agreed on.

Standard: FSC Core, Group rules (Group ID, Trust Anchors, subject fields, Directories, revocation); FSC.md 1, 2 and 5.2.
"""

from typing import Literal, TypeAlias

from pydantic import Field

from certs.identity import SubjectRule
from certs.revocation import RevocationMode
from config.models.fields import CrlSource, FilePath, GroupId, PeerAddressField, PeerIdField, Seconds, SubjectField
from config.models.section import Section

HashProfileName: TypeAlias = Literal["fsc-2.0", "fsc-2.0-rawbytes", "fsc-develop", "fsc-1.1"]


class DirectorySettings(Section):
    """A Directory of the Group."""

    peer_id: PeerIdField = Field(description="Peer ID of the Directory, in quotes.")
    manager_address: PeerAddressField = Field(description="Its Manager: `https://host:port`.")


class RevocationSettings(Section):
    """How revoked certificates are found. A revoked certificate is refused in `soft` and in `hard`."""

    mode: RevocationMode = Field(
        default=RevocationMode.SOFT,
        description="A missing or stale CRL is tolerated and shown by `soft`, refused by `hard`; `off` looks at none.",
    )
    crl: tuple[CrlSource, ...] = Field(
        default=(), description="CRLs, one per issuer: files (PEM or DER) or http(s) URLs."
    )
    refresh_seconds: Seconds = Field(
        default=300,
        description="CRLs behind URLs are asked for again, and open connections checked again, at least this often.",
    )


class GroupSettings(Section):
    """The Group that all tenants belong to."""

    id: GroupId = Field(description="Group ID.")
    trust_anchors: tuple[FilePath, ...] = Field(
        min_length=1, description="PEM files with the root certificates that the Group trusts."
    )
    peer_id: SubjectField = Field(
        default="subject.serialNumber", description="Subject field of a certificate that is the Peer ID."
    )
    peer_name: SubjectField = Field(
        default="subject.organizationName", description="Subject field of a certificate that is the Peer's name."
    )
    hash_profiles: tuple[HashProfileName, ...] = Field(
        default=("fsc-2.0",),
        min_length=1,
        description="Contract hash generations: the first one creates contracts, all of them are accepted.",
    )
    directories: tuple[DirectorySettings, ...] = Field(
        default=(), description="The Directories: where Services are published and Peers are found."
    )
    revocation: RevocationSettings = Field(
        default=RevocationSettings(), description="How revoked certificates are found."
    )
    token_ttl_seconds: Seconds = Field(default=600, description="Life of an access token, in seconds.")
    allow_any_port: bool = Field(
        default=False, description="Allow other ports than 443 and 8443 in addresses of Peers: for tests and demos."
    )

    @property
    def subject_rule(self) -> SubjectRule:
        """Which subject fields name a Peer, as `certs` takes it."""
        return SubjectRule(self.peer_id, self.peer_name)
