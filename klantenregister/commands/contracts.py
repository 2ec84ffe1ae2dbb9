"""`klantenregister contracts`: see, accept, reject, revoke and request Contracts of a running installation."""

import argparse
import sys
from typing import Any
from urllib.parse import quote

from klantenregister.admin_client import AdminClient, add_options, client_of
from klantenregister.errors import Failed, WrongUsage
from klantenregister.printing import instant, print_json, print_lines, print_table

_STATES = ("proposed", "valid", "rejected", "revoked", "expired")
_SHORT = 12


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser("contracts", help="see, sign and request contracts")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the contracts of a tenant, newest first")
    listing.add_argument("--state", choices=_STATES, help="only those in this state")
    add_options(listing)
    listing.set_defaults(run=_list)
    show = actions.add_parser("show", help="one contract: what it allows, who signed, what is still being delivered")
    _add_hash(show)
    add_options(show)
    show.set_defaults(run=_show)
    for kind in ("accept", "reject", "revoke"):
        sign = actions.add_parser(kind, help=f"{kind} a contract in the name of the tenant")
        _add_hash(sign)
        sign.add_argument("--yes", action="store_true", help="do not ask for confirmation on a terminal")
        add_options(sign)
        sign.set_defaults(run=_sign, kind=kind)
    request = actions.add_parser("request", help="offer a contract for a service of another Peer")
    request.add_argument("--connection", metavar="NAME", help="a connection of the configuration")
    request.add_argument("--service", metavar="PEER_ID/NAME", help="any service")
    request.add_argument("--valid-days", type=int, metavar="DAYS", help="with --service: how long (default: 365)")
    add_options(request)
    request.set_defaults(run=_request)


def _add_hash(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "hash",
        metavar="HASH",
        help="content hash, in single quotes because of its $ signs; or its first characters as `list` shows them",
    )


def _list(arguments: argparse.Namespace) -> int:
    client = client_of(arguments)
    contracts = _all_contracts(client, arguments.tenant, arguments.state)
    if arguments.json:
        print_json(contracts)
        return 0
    rows = [
        (
            _short(one["content_hash"]),
            one["state"].lower(),
            _what(one),
            instant(one["not_after"]),
            _waiting_for(one),
        )
        for one in contracts
    ]
    print_table(("HASH", "STATE", "WHAT", "UNTIL", "WAITS FOR"), rows, empty="There are no contracts.")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    client = client_of(arguments)
    contract = _contract(client, arguments.tenant, arguments.hash)
    if arguments.json:
        print_json(contract)
    else:
        print_lines(_description(contract))
    return 0


def _sign(arguments: argparse.Namespace) -> int:
    client = client_of(arguments)
    contract = _contract(client, arguments.tenant, arguments.hash)
    if sys.stdin.isatty() and not arguments.yes and not arguments.json:
        print_lines(_description(contract))
        if not _confirmed(f"{arguments.kind.capitalize()} this contract? [y/N] "):
            raise Failed("nothing was signed")
    path = client.tenant_path(
        arguments.tenant, f"/contracts/{quote(contract['content_hash'], safe='')}/{arguments.kind}"
    )
    signed = client.call("POST", path)
    if arguments.json:
        print_json(signed)
    else:
        print_lines([f"{_short(signed['content_hash'])} is now {signed['state'].lower()}"])
    return 0


def _confirmed(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes", "j", "ja")
    except (EOFError, UnicodeDecodeError):
        return False


def _request(arguments: argparse.Namespace) -> int:
    if (arguments.connection is None) == (arguments.service is None):
        raise WrongUsage("give either --connection NAME or --service PEER_ID/NAME")
    if arguments.connection is not None:
        if arguments.valid_days is not None:
            raise WrongUsage("--valid-days goes with --service: a connection has its own in the configuration")
        body: dict[str, Any] = {"connection": arguments.connection}
    else:
        peer_id, slash, name = arguments.service.partition("/")
        if not slash:
            raise WrongUsage("--service has the form PEER_ID/NAME")
        body = {"service": {"peer_id": peer_id, "name": name}}
        if arguments.valid_days is not None:
            body["valid_days"] = arguments.valid_days
    client = client_of(arguments)
    offered = client.call("POST", client.tenant_path(arguments.tenant, "/contracts"), body)
    if arguments.json:
        print_json(offered)
    else:
        print_lines([f"offered {_short(offered['content_hash'])}: {_what(offered)}"])
    return 0


def _all_contracts(client: AdminClient, tenant: str | None, state: str | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = client.call("GET", client.tenant_path(tenant, "/contracts"), state=state, limit="1000", cursor=cursor)
        found += page["contracts"]
        cursor = page["next_cursor"]
        if not cursor:
            return found


def _contract(client: AdminClient, tenant: str | None, wanted: str) -> dict[str, Any]:
    """The Contract with this hash, or the only one whose hash begins so after its last $."""
    if not wanted.startswith("$"):
        hashes = [one["content_hash"] for one in _all_contracts(client, tenant)]
        fitting = [one for one in hashes if _characters(one).startswith(wanted.lstrip("-"))]
        if len(fitting) != 1:
            raise Failed(f"{len(fitting) or 'no'} contracts have a hash that begins with {wanted}: give more of it")
        wanted = fitting[0]
    contract: dict[str, Any] = client.call("GET", client.tenant_path(tenant, f"/contracts/{quote(wanted, safe='')}"))
    return contract


def _description(contract: dict[str, Any]) -> list[str]:
    lines = [
        f"Contract   {contract['content_hash']}",
        f"State      {contract['state'].lower()}",
        f"Valid      {instant(contract['not_before'])} until {instant(contract['not_after'])}",
        f"Created    {instant(contract['created_at'])}, hash profile {contract['hash_profile']}",
        f"Peers      {', '.join(contract['peer_ids'])}",
    ]
    for grant in contract["grants"]:
        lines.append(f"Grant      {_grant(grant['data'])}")
        lines.append(f"           {grant['grant_hash']}")
        if grant["data"].get("properties"):
            lines.append(f"           properties: {grant['data']['properties']}")
    for kind, peers in contract["signatures"].items():
        if peers:
            lines.append(f"{kind.capitalize():10} {', '.join(peers)}")
    if contract["missing_accepts"]:
        lines.append(f"Waits for  accept of {', '.join(contract['missing_accepts'])}")
    for one in contract["deliveries"]:
        why = f", last: {one['last_error']}" if one["last_error"] else ""
        lines.append(f"Delivering {one['action']} to {one['peer_id']}: attempt {one['attempts'] + 1}{why}")
    if contract["remark"]:
        lines.append(f"Remark     {contract['remark']}")
    return lines


def _what(contract: dict[str, Any]) -> str:
    return "; ".join(_grant(grant["data"]) for grant in contract["grants"])


def _grant(data: dict[str, Any]) -> str:
    service = f"{data['service']['peer_id']}/{data['service']['name']}"
    on_behalf = f" on behalf of {data['delegator']['peer_id']}" if "delegator" in data else ""
    if "directory" in data:
        return f"publish {service} at {data['directory']['peer_id']}{on_behalf}"
    return f"{data['outway']['peer_id']} may use {service}{on_behalf}"


def _waiting_for(contract: dict[str, Any]) -> str:
    if contract["state"] != "PROPOSED":
        return ""
    return ", ".join(contract["missing_accepts"])


def _short(content_hash: str) -> str:
    return _characters(content_hash)[:_SHORT]


def _characters(content_hash: str) -> str:
    """What is after the last $, without a dash at its beginning: on a command line that would be an option."""
    return content_hash.rpartition("$")[2].lstrip("-")
