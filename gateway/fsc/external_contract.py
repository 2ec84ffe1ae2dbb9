"""The external contract extension: the reference that stands in for FSC delegation when the Delegator is no Peer.

Standard: FSC External contract, Properties and Transaction log.
"""

from gateway.fsc.jcs import JsonObject

CONNECTION_REFERENCE = "delegation.connection.external_contract_reference"
"""The property of a ServiceConnectionGrant, and the key under which it is logged."""

MAX_LENGTH = 8192
"""Characters of a member that is logged: any text is a reference, but it is written with every request."""

_MEMBERS = ("reference", "delegator_id", "delegator_name")


def logged_reference(properties: JsonObject | None) -> JsonObject:
    """What the transaction log keeps of the properties of a connection: the reference under its key, or nothing.

    Properties are unsanitised. What is not a reference of the extension is not logged, nor are members it lacks.
    """
    value = (properties or {}).get(CONNECTION_REFERENCE)
    if not isinstance(value, dict):
        return {}
    members = {name: value.get(name) for name in _MEMBERS}
    if not all(isinstance(text, str) and len(text) <= MAX_LENGTH for text in members.values()):
        return {}
    return {CONNECTION_REFERENCE: members}
