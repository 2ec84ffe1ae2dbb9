"""`klantenregister contracts`: see, accept, reject, revoke and request Contracts of a running installation."""

import argparse
from typing import Any, NoReturn
from urllib.parse import quote

from klantenregister.admin_client import AdminClient, add_options, client_of
from klantenregister.confirming import add_yes, confirm
from klantenregister.contract_text import characters, description, review, short, what
from klantenregister.errors import Failed, WrongUsage
from klantenregister.printing import instant, print_json, print_lines, print_table
from klantenregister.requesting import add_request

_CONTENT_HASH = "$1$1$"
_QUOTING = "a whole hash goes in single quotes: within others a shell replaces what begins with a $"
_STATES = ("proposed", "valid", "rejected", "revoked", "expired")


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser("contracts", help="see, sign and request contracts")
    actions: argparse._SubParsersAction[argparse.ArgumentParser] = parser.add_subparsers(
        title="actions", metavar="ACTION", required=True, parser_class=_ActionParser
    )
    listing = actions.add_parser("list", help="the contracts of a tenant, newest first")
    listing.add_argument("--state", choices=_STATES, help="only those in this state")
    add_options(listing)
    listing.set_defaults(run=_list)
    show = actions.add_parser("show", help="one contract: what it allows, who signed, what is still being delivered")
    _add_hash(show)
    add_options(show)
    show.set_defaults(run=_show)
    explain = actions.add_parser(
        "explain", help="which accept rule did what with a contract, and what is left to decide"
    )
    _add_hash(explain)
    add_options(explain)
    explain.set_defaults(run=_explain)
    for kind in ("accept", "reject", "revoke"):
        sign = actions.add_parser(kind, help=f"{kind} a contract in the name of the tenant")
        _add_hash(sign)
        add_yes(sign)
        add_options(sign)
        sign.set_defaults(run=_sign, kind=kind)
    deliveries = actions.add_parser("deliveries", help="the signatures that other Peers have not confirmed yet")
    add_options(deliveries)
    deliveries.set_defaults(run=_deliveries)
    retry = actions.add_parser("retry", help="try at once what is still to be delivered")
    _add_hash(retry, optional=True)
    retry.add_argument("--all", action="store_true", help="of every contract")
    retry.add_argument("--peer", metavar="PEER_ID", help="only what is owed to this Peer")
    add_options(retry)
    retry.set_defaults(run=_retry)
    add_request(actions)


class _ActionParser(argparse.ArgumentParser):
    """The parser of one action, which knows what a shell leaves of a hash in the wrong quotes: nothing, or its end."""

    def error(self, message: str) -> NoReturn:
        """Refuse the usage; about a hash, tell how it is quoted."""
        super().error(f"{message}; {_QUOTING}" if message.endswith("HASH") else message)


def _add_hash(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    parser.add_argument(
        "hash",
        metavar="HASH",
        nargs="?" if optional else None,
        help="content hash, in single quotes because of its $ signs; or its first characters as `list` shows them",
    )


def _list(arguments: argparse.Namespace) -> int:
    client = client_of(arguments)
    contracts = _all(client, arguments.tenant, "contracts", arguments.state)
    if arguments.json:
        print_json(contracts)
        return 0
    rows = [
        (
            short(one["content_hash"]),
            one["state"].lower(),
            what(one),
            instant(one["not_after"]),
            _waiting_for(one),
            one["made_for"],
        )
        for one in contracts
    ]
    print_table(("HASH", "STATE", "WHAT", "UNTIL", "WAITS FOR", "MADE FOR"), rows, empty="There are no contracts.")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    client = client_of(arguments)
    contract = _contract(client, arguments.tenant, arguments.hash)
    if arguments.json:
        print_json(contract)
    else:
        print_lines(description(contract))
    return 0


def _explain(arguments: argparse.Namespace) -> int:
    client = client_of(arguments)
    content_hash = _contract(client, arguments.tenant, arguments.hash)["content_hash"]
    path = client.tenant_path(arguments.tenant, f"/contracts/{quote(content_hash, safe='')}/explanation")
    explanation = client.call("GET", path)
    if arguments.json:
        print_json(explanation)
    else:
        print_lines(_explanation(explanation))
    return 0


def _explanation(explanation: dict[str, Any]) -> list[str]:
    lines = [f"Contract   {explanation['content_hash']}", f"State      {explanation['state'].lower()}"]
    if not explanation["rules"]:
        lines.append("Rules      there are none")
    for rule in explanation["rules"]:
        why = f": {rule['reason']}" if rule["reason"] else ""
        passed = "" if rule["tried"] else " (not tried)"
        lines.append(f"Rule {rule['number']:<5} to {rule['action']} {rule['verdict']}{why}{passed}")
    lines.append(f"Now        {explanation['reason']}")
    if explanation["signed_by_us"]:
        lines.append(f"We signed  {', '.join(explanation['signed_by_us'])}")
    if explanation["remark"]:
        lines.append(f"Remark     {explanation['remark']}")
    if explanation["for_a_person"]:
        lines.append(f"For you    {explanation['for_a_person']}")
    return lines


def _sign(arguments: argparse.Namespace) -> int:
    client = client_of(arguments)
    contract = _contract(client, arguments.tenant, arguments.hash)
    confirm(arguments, lambda: review(contract), f"{arguments.kind.capitalize()} this contract?")
    path = client.tenant_path(
        arguments.tenant, f"/contracts/{quote(contract['content_hash'], safe='')}/{arguments.kind}"
    )
    signed = client.call("POST", path)
    if arguments.json:
        print_json(signed)
    else:
        said = "was signed so already: it is" if signed["signatures"] == contract["signatures"] else "is now"
        print_lines([f"{short(signed['content_hash'])} {said} {signed['state'].lower()}"])
    return 0


def _deliveries(arguments: argparse.Namespace) -> int:
    owed = _all(client_of(arguments), arguments.tenant, "deliveries")
    if arguments.json:
        print_json(owed)
        return 0
    rows = [
        (
            short(one["content_hash"]),
            one["action"],
            one["peer_id"],
            str(one["attempts"]),
            instant(one["next_at"]),
            one["last_error"],
        )
        for one in owed
    ]
    headings = ("HASH", "ACTION", "TO", "ATTEMPTS", "NEXT TRY", "LAST ERROR")
    print_table(headings, rows, empty="Everything is delivered.")
    return 0


def _retry(arguments: argparse.Namespace) -> int:
    if (arguments.hash is None) != arguments.all:
        raise WrongUsage("give either HASH or --all")
    client = client_of(arguments)
    if arguments.all:
        path = client.tenant_path(arguments.tenant, "/deliveries/retry")
        tried = client.call("POST", path, peer_id=arguments.peer)
        said = f"contracts with something to deliver, tried now: {tried['contracts']}"
    else:
        content_hash = _contract(client, arguments.tenant, arguments.hash)["content_hash"]
        path = client.tenant_path(arguments.tenant, f"/contracts/{quote(content_hash, safe='')}/retry")
        tried = client.call("POST", path, peer_id=arguments.peer)
        said = f"of {short(content_hash)} still to be delivered, tried now: {len(tried['deliveries'])}"
    if arguments.json:
        print_json(tried)
    else:
        print_lines([said])
    return 0


def _all(client: AdminClient, tenant: str | None, name: str, state: str | None = None) -> list[dict[str, Any]]:
    """Every page of the contracts or the deliveries of a tenant."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = client.call("GET", client.tenant_path(tenant, f"/{name}"), state=state, limit="1000", cursor=cursor)
        found += page[name]
        cursor = page["next_cursor"]
        if not cursor:
            return found


def _contract(client: AdminClient, tenant: str | None, wanted: str) -> dict[str, Any]:
    """The Contract with this content or grant hash, or the only one with a hash that begins so after its last $."""
    if not wanted.startswith(_CONTENT_HASH):
        begin = characters(wanted)
        fitting = [one for one in _all(client, tenant, "contracts") if begin and _has_hash(one, begin)]
        if not fitting:
            raise Failed(f"no contract has a hash that begins with '{wanted}': see `contracts list`; {_QUOTING}")
        if len(fitting) > 1:
            raise Failed(f"{len(fitting)} contracts have a hash that begins with '{wanted}': give more of it")
        wanted = fitting[0]["content_hash"]
    contract: dict[str, Any] = client.call("GET", client.tenant_path(tenant, f"/contracts/{quote(wanted, safe='')}"))
    return contract


def _has_hash(contract: dict[str, Any], begin: str) -> bool:
    hashes = (contract["content_hash"], *(grant["grant_hash"] for grant in contract["grants"]))
    return any(characters(one).startswith(begin) for one in hashes)


def _waiting_for(contract: dict[str, Any]) -> str:
    if contract["state"] != "PROPOSED":
        return ""
    return ", ".join(contract["missing_accepts"])
