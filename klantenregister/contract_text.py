"""What commands tell a person about a Contract, from what the administration API answers. Pure."""

import json
from collections.abc import Iterator
from typing import Any

from klantenregister.printing import instant

_SHORT = 12


def short(content_hash: str) -> str:
    """Enough of a hash to name the Contract by."""
    return characters(content_hash)[:_SHORT]


def characters(content_hash: str) -> str:
    """What is after the last $, without a dash at its beginning: on a command line that would be an option."""
    return content_hash.rpartition("$")[2].lstrip("-")


def what(contract: dict[str, Any]) -> str:
    """What a Contract allows, on one line."""
    return "; ".join(_grant(grant["data"]) for grant in contract["grants"])


def description(contract: dict[str, Any]) -> list[str]:
    """A Contract with everything in it, who signed, and what is still being delivered."""
    lines = [f"Contract   {contract['content_hash']}", f"State      {contract['state'].lower()}", *_terms(contract)]
    for kind, peers in contract["signatures"].items():
        if peers:
            lines.append(f"{kind.capitalize():10} {', '.join(peers)}")
    if contract["state"] == "PROPOSED" and contract["missing_accepts"]:
        lines.append(f"Waits for  accept of {', '.join(contract['missing_accepts'])}")
    for one in contract["deliveries"]:
        why = f", last: {one['last_error']}" if one["last_error"] else ""
        lines.append(f"Delivering {one['action']} to {one['peer_id']}: attempt {one['attempts'] + 1}{why}")
    if contract["made_for"]:
        lines.append(f"Made for   {contract['made_for']}")
    if contract["remark"]:
        lines.append(f"Remark     {contract['remark']}")
    return lines


def review(contract: dict[str, Any]) -> list[str]:
    """What one is about to sign, of a Contract that exists or of a draft: all of it, whose keys, and the warnings."""
    lines = description(contract) if "content_hash" in contract else ["New contract", *_terms(contract)]
    for key in contract["keys"]:
        identified = key.get("public_key_thumbprint") or f"domain name {key['domain_name']}"
        lines.append(f"Key        {identified}: {key['whose']}")
    return [*lines, *(f"WARNING    {warning}" for warning in contract["warnings"])]


def _terms(contract: dict[str, Any]) -> Iterator[str]:
    days = (contract["not_after"] - contract["not_before"]) // 86_400
    yield f"Valid      {instant(contract['not_before'])} until {instant(contract['not_after'])} ({days} days)"
    yield f"Created    {instant(contract['created_at'])}, hash profile {contract['hash_profile']}"
    names = contract["peer_names"]
    for index, peer_id in enumerate(contract["peer_ids"]):
        yield f"{'' if index else 'Peers':10} {peer_id} {names.get(peer_id, '(unknown to us)')}"
    for grant in contract["grants"]:
        yield f"Grant      {_grant(grant['data'])}"
        if "grant_hash" in grant:
            yield f"           {grant['grant_hash']}"
        if grant["data"].get("properties"):
            yield f"           properties: {json.dumps(grant['data']['properties'], ensure_ascii=False)}"


def _grant(data: dict[str, Any]) -> str:
    offered = data["service"]
    service = f"{offered['peer_id']}/{offered['name']}"
    if "delegator" in offered:
        service += f" (offered on behalf of {offered['delegator']['peer_id']})"
    on_behalf = f" on behalf of {data['delegator']['peer_id']}" if "delegator" in data else ""
    if "directory" in data:
        return f"publish {service} at {data['directory']['peer_id']}{on_behalf}"
    return f"{data['outway']['peer_id']} may use {service}{on_behalf}"
