"""`klantenregister trace`: one transaction as all its parties logged it, and which hops are missing."""

import argparse
from typing import Any
from urllib.parse import quote

from klantenregister.admin_client import add_options, client_of
from klantenregister.printing import instant, print_json, print_lines, print_table


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "trace",
        help="one transaction as all its parties logged it",
        description="Collect the records of one transaction from our own log and from those of the other parties, and "
        "name what is missing. Exit code 0 when both sides of every hop tell the same, 1 otherwise.",
    )
    parser.add_argument("transaction", metavar="TRANSACTION_ID", help="as Fsc-Transaction-Id of the answer has it")
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Collect and print."""
    client = client_of(arguments)
    path = client.tenant_path(arguments.tenant, f"/transactions/{quote(arguments.transaction, safe='')}")
    found = client.call("GET", path)
    if arguments.json:
        print_json(found)
    else:
        _print(found)
    return 0 if found["complete"] else 1


def _print(found: dict[str, Any]) -> None:
    headings = ("WHEN", "DIRECTION", "FROM", "TO", "SERVICE", "ON BEHALF OF", "LOGGED BY")
    print_table(headings, [_row(one) for one in found["records"]], empty="Nobody logged this transaction.")
    print_lines(f"Missing: {one}" for one in found["missing"])
    print_lines(f"Contradiction: {one}" for one in found["contradictions"])
    print_lines(f"No answer from {one['peer_id']}: {one['reason']}" for one in found["unanswered"])
    if found["complete"]:
        print_lines(["Complete: both sides of every hop logged it."])


def _row(record: dict[str, Any]) -> tuple[str, ...]:
    source, destination = record["source"], record["destination"]
    delegators = (source.get("delegator_peer_id"), destination.get("delegator_peer_id"))
    return (
        instant(record["created_at"]),
        record["direction"].removeprefix("DIRECTION_").lower(),
        source["outway_peer_id"],
        destination["service_peer_id"],
        record["service_name"],
        ", ".join(one for one in delegators if one),
        record["told_by"],
    )
