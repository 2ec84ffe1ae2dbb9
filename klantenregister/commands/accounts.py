"""`klantenregister accounts`: who may sign in on the console listener."""

import argparse
import getpass
import sys
from urllib.parse import quote

from gateway.admin.accounts import Role
from klantenregister.admin_client import add_options, client_of
from klantenregister.errors import Failed
from klantenregister.printing import instant, print_json, print_lines, print_table


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser("accounts", help="who may sign in on the console listener")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="every account")
    add_options(listing, tenant=False)
    listing.set_defaults(run=_list)
    add = actions.add_parser("add", help="make an account; the password is asked, or read from standard input")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--role", choices=[role.value for role in Role], default=Role.ADMIN.value)
    add_options(add, tenant=False)
    add.set_defaults(run=_add)
    remove = actions.add_parser("remove", help="remove an account")
    remove.add_argument("name", metavar="NAME")
    add_options(remove, tenant=False)
    remove.set_defaults(run=_remove)


def _list(arguments: argparse.Namespace) -> int:
    accounts = client_of(arguments).call("GET", "/accounts")["accounts"]
    if arguments.json:
        print_json(accounts)
        return 0
    rows = [(one["name"], one["role"], instant(one["created_at"])) for one in accounts]
    print_table(("NAME", "ROLE", "SINCE"), rows, empty="There are no accounts: nobody can sign in yet.")
    return 0


def _add(arguments: argparse.Namespace) -> int:
    client = client_of(arguments)
    body = {"name": arguments.name, "password": _password(), "role": arguments.role}
    account = client.call("POST", "/accounts", body)
    if arguments.json:
        print_json(account)
    else:
        print_lines([f"account {account['name']} with role {account['role']} can sign in"])
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    client_of(arguments).call("DELETE", f"/accounts/{quote(arguments.name, safe='')}")
    if arguments.json:
        print_json({"removed": arguments.name})
    else:
        print_lines([f"account {arguments.name} is removed"])
    return 0


def _password() -> str:
    try:
        if not sys.stdin.isatty():
            return sys.stdin.readline().rstrip("\r\n")
        password = getpass.getpass("Password: ")
        again = getpass.getpass("Again: ")
    except (EOFError, UnicodeDecodeError) as error:
        raise Failed("no password could be read: nothing was made") from error
    if again != password:
        raise Failed("the two passwords differ: nothing was made")
    return password
