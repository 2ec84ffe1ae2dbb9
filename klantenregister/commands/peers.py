"""`klantenregister peers`: the Peers that a tenant knows."""

import argparse

from klantenregister.admin_client import add_options, client_of
from klantenregister.printing import instant, print_json, print_table


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser("peers", help="the Peers that a tenant knows")
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List them."""
    client = client_of(arguments)
    found = []
    cursor = None
    while True:
        page = client.call("GET", client.tenant_path(arguments.tenant, "/peers"), limit="1000", cursor=cursor)
        found += page["peers"]
        cursor = page["next_cursor"]
        if not cursor:
            break
    if arguments.json:
        print_json(found)
        return 0
    rows = [(one["peer_id"], one["name"], one["manager_address"], instant(one["first_seen_at"])) for one in found]
    print_table(("PEER ID", "NAME", "MANAGER", "KNOWN SINCE"), rows, empty="No Peers are known yet.")
    return 0
