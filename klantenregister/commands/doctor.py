"""`klantenregister doctor`: what is wrong with an installation, or between it and another Peer, and the remedy."""

import argparse
from typing import Any, TypeAlias

from clock import SystemClock
from klantenregister.admin_client import AdminClient, add_options
from klantenregister.errors import NotRunning
from klantenregister.preflight import check_files
from klantenregister.printing import print_json, print_lines
from klantenregister.settings_file import read_settings

_Step: TypeAlias = dict[str, Any]
_MARKS = {"ok": "ok", "failed": "FAILED", "skipped": "skipped"}
_SECOND_MS = 1000


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "doctor",
        help="find what is wrong between a tenant and another Peer",
        description="Let the running installation examine itself and the Directories or, with PEER_ID, everything "
        "between it and that Peer: names, network, TLS, announcement, keys, contracts, tokens, Inway. Each step that "
        "fails tells its remedy. Exit code 0 when none does, 1 otherwise.",
    )
    parser.add_argument("peer_id", nargs="?", metavar="PEER_ID", help="the other Peer (default: the Directories)")
    parser.add_argument(
        "--call", metavar="PATH", help="also GET this path of each service; its organisation sees and logs the request"
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Examine and print."""
    settings = read_settings(arguments.config)
    client = AdminClient(settings)
    asked = {"peer_id": arguments.peer_id, "call": arguments.call}
    body = {name: value for name, value in asked.items() if value is not None}
    try:
        found = client.call("POST", client.tenant_path(arguments.tenant, "/diagnosis"), body)
    except NotRunning as error:
        problems = [str(one) for one in check_files(settings, now=SystemClock().now()).errors]
        found = {"ok": False, "steps": [_not_running(str(error)), *_offline(problems)]}
    if arguments.json:
        print_json(found)
    else:
        _print(found["steps"])
    return 0 if found["ok"] else 1


def _not_running(reason: str) -> _Step:
    return _step("program", "failed", reason, "start it with `klantenregister serve`, then ask again")


def _offline(problems: list[str]) -> list[_Step]:
    """What can be said without the program: whether it could start with these files."""
    if not problems:
        return [_step("configuration", "ok", "configuration, certificates and keys are in order", "")]
    remedy = "correct it; `klantenregister check-config` tells warnings too"
    return [_step("configuration", "failed", problem, remedy) for problem in problems]


def _step(name: str, outcome: str, seen: str, remedy: str) -> _Step:
    return {"name": name, "subject": "ours", "outcome": outcome, "seen": seen, "remedy": remedy, "took_ms": 0}


def _print(steps: list[_Step]) -> None:
    widths = [max(len(str(one[key])) for one in steps) for key in ("name", "subject")]
    for one in steps:
        took = f" ({one['took_ms'] / _SECOND_MS:.1f} s)" if one["took_ms"] >= _SECOND_MS else ""
        mark = _MARKS[one["outcome"]]
        print_lines([f"{mark:7}  {one['name']:{widths[0]}}  {one['subject']:{widths[1]}}  {one['seen']}{took}"])
        if one["remedy"]:
            print_lines([f"         -> {one['remedy']}"])
