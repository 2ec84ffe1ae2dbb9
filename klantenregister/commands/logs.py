"""`klantenregister logs`: the transaction log of a tenant."""

import argparse
from typing import Any

from klantenregister.admin_client import add_options, client_of
from klantenregister.printing import instant, print_json, print_table


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser("logs", help="the transaction log of a tenant, newest first")
    parser.add_argument("--transaction", metavar="ID", help="only this transaction")
    parser.add_argument("--service", metavar="NAME", help="only this service")
    parser.add_argument("--grant", metavar="HASH", help="only this grant, in single quotes because of its $ signs")
    parser.add_argument("--limit", type=int, default=25, help="how many, 1..1000 (default: 25)")
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List them."""
    client = client_of(arguments)
    records = client.call(
        "GET",
        client.tenant_path(arguments.tenant, "/logs"),
        transaction_ids=arguments.transaction,
        service_name=arguments.service,
        grant_hash=arguments.grant,
        limit=str(arguments.limit),
    )["records"]
    if arguments.json:
        print_json(records)
        return 0
    rows = [_row(one) for one in records]
    print_table(("WHEN", "TRANSACTION", "DIRECTION", "FROM", "TO", "SERVICE"), rows, empty="Nothing was logged.")
    return 0


def _row(record: dict[str, Any]) -> tuple[str, ...]:
    return (
        instant(record["created_at"]),
        record["transaction_id"],
        record["direction"].removeprefix("DIRECTION_").lower(),
        record["source"]["outway_peer_id"],
        record["destination"]["service_peer_id"],
        record["service_name"],
    )
