"""`klantenregister peers`: the Peers that a tenant knows, the profile of their contracts, the version that they tell.

A Peer with which contracts will fail, because it speaks no hash profile that the Group allows, has a line of its own.
"""

import argparse
from typing import Any

from klantenregister.admin_client import add_options, client_of
from klantenregister.printing import instant, print_json, print_lines, print_table

_HEADINGS = ("PEER ID", "NAME", "MANAGER", "PROFILE", "VERSION", "KNOWN SINCE")


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
    print_table(_HEADINGS, [_row(one) for one in found], empty="No Peers are known yet.")
    print_lines(
        f"Peer {one['peer_id']} ({one['name']}): {one['version_problem']}" for one in found if one["version_problem"]
    )
    return 0


def _row(peer: dict[str, Any]) -> tuple[str, ...]:
    return (
        peer["peer_id"],
        peer["name"],
        peer["manager_address"],
        peer["hash_profile"] or "-",
        peer["fsc_version"] or "-",
        instant(peer["first_seen_at"]),
    )
