"""`klantenregister services`: what a tenant offers, and what the Directories of the Group list."""

import argparse
import sys

from klantenregister.admin_client import add_options, client_of
from klantenregister.printing import print_json, print_lines, print_table, printable


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser("services", help="services that a tenant offers, and those in the Directories")
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List them."""
    client = client_of(arguments)
    found = client.call("GET", client.tenant_path(arguments.tenant, "/services"))
    if arguments.json:
        print_json(found)
        return 0
    offered = [(one["name"], one["upstream"], "yes" if one["publish"] else "no") for one in found["offered"]]
    print_table(("OFFERED", "UPSTREAM", "PUBLISH"), offered, empty="This tenant offers no services.")
    print_lines([""])
    listed = [(one["name"], one["peer"]["id"], one["peer"]["name"], one["directory"]) for one in found["listed"]]
    print_table(("LISTED", "PEER ID", "PEER", "DIRECTORY"), listed, empty="The Directories list no services.")
    differing = [
        f"Peer {one['peer_id']} ({one['name']}): {one['version_problem']}" for one in found["version_problems"]
    ]
    for problem in (*differing, *found["problems"]):
        sys.stderr.write(f"klantenregister: {printable(problem)}\n")
    return 1 if found["problems"] else 0
