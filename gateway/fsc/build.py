"""Write the content of a contract that we propose, in exactly the shape of a hash profile.

Standard: FSC Core, Contracts; the shapes of the generations differ, see `profile`. Members outside the schema and
optional members without a value are never written: another Peer may drop them before it hashes.
"""

from collections.abc import Sequence
from uuid import UUID

from certs.identity import PeerId
from gateway.errors import InvalidContract
from gateway.fsc.grants import (
    ConnectionGrant,
    DelegatedService,
    Grant,
    OnBehalf,
    PublicationGrant,
    PublicKeyIdentification,
)
from gateway.fsc.hashes import is_by_domain_name
from gateway.fsc.jcs import JsonObject
from gateway.fsc.names import HASH_ALGORITHM, GroupId
from gateway.fsc.profile import HashProfile


def build_content(
    *,
    iv: UUID,
    group_id: GroupId,
    not_before: int,
    not_after: int,
    grants: Sequence[Grant],
    created_at: int,
    profile: HashProfile,
) -> JsonObject:
    """Compose the content of a contract, ready to be hashed, signed and sent.

    Units: instants are Unix seconds.
    Raises: InvalidContract when the profile has no form for a grant.
    """
    content: JsonObject = {
        "iv": str(iv),
        "group_id": group_id,
        "validity": {"not_before": not_before, "not_after": not_after},
        "grants": [{"data": grant_data(grant, profile)} for grant in grants],
        "hash_algorithm": HASH_ALGORITHM,
        "created_at": created_at,
    }
    if profile.fsc_version is not None:
        content["fsc_version"] = profile.fsc_version
    return content


def has_form(grant: Grant, profile: HashProfile) -> bool:
    """Whether `grant_data` can write the grant in the shape of the profile."""
    return profile.fsc_version is not None or not is_by_domain_name(grant)


def grant_data(grant: Grant, profile: HashProfile) -> JsonObject:
    """Write one grant in the shape of the profile, without the `data` wrapper.

    Raises: InvalidContract when the profile has no form for it.
    """
    data: JsonObject = {"type": grant.kind.type_name}
    if isinstance(grant, ConnectionGrant):
        data["outway"] = _outway(grant, profile)
        data["service"] = _connected_service(grant)
    elif isinstance(grant, PublicationGrant):
        data["directory"] = _peer(grant.directory_peer_id)
        data["service"] = {
            "peer_id": grant.service_peer_id,
            "name": grant.service_name,
            "protocol": grant.service.protocol,
        }
    if isinstance(grant, OnBehalf):
        data["delegator"] = _peer(grant.delegator_peer_id)
    if grant.properties:
        data["properties"] = grant.properties
    return data


def _outway(grant: ConnectionGrant, profile: HashProfile) -> JsonObject:
    identification = grant.outway_identification
    if profile.fsc_version is not None:
        return {"peer_id": grant.outway_peer_id, "identification": identification.model_dump()}
    if isinstance(identification, PublicKeyIdentification):
        return {
            "peer_id": grant.outway_peer_id,
            "public_key_thumbprint": identification.public_key_thumbprint,
        }
    raise InvalidContract(
        f"hash profile {profile} cannot identify an Outway by domain name; use a public key thumbprint"
    )


def _connected_service(grant: ConnectionGrant) -> JsonObject:
    service: JsonObject = {
        "type": grant.service.type,
        "peer_id": grant.service_peer_id,
        "name": grant.service_name,
    }
    if isinstance(grant.service, DelegatedService):
        service["delegator"] = _peer(grant.service.delegator.peer_id)
    return service


def _peer(peer_id: PeerId) -> JsonObject:
    return {"peer_id": peer_id}
