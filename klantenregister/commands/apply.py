"""`klantenregister apply FILE`: let a running installation go by this configuration, and wait until it is so.

Exit codes: 0 when everything declared is served (or with `--plan` when the difference was told), 1 when something is
refused or still open, 2 when the configuration is not right.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from clock import SystemClock
from klantenregister.admin_client import AdminClient
from klantenregister.contract_text import short
from klantenregister.errors import WrongUsage
from klantenregister.preflight import check_files
from klantenregister.printing import instant, print_json, print_lines
from klantenregister.settings_file import read_settings

_WAIT_S = 30
_LONGEST_WAIT_S = 86_400
_LOOK_EVERY_S = 1.0

Declaration: TypeAlias = dict[str, Any]


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "apply",
        help="let the running installation go by a configuration, and converge to what it declares",
        description="Let the running installation go by FILE: offer, renew, replace and revoke contracts until there "
        "is exactly one for each connection and publication. Applying twice changes nothing.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a whole configuration (YAML)")
    parser.add_argument("--plan", action="store_true", help="only show the difference; change nothing")
    parser.add_argument(
        "--wait",
        type=_seconds,
        default=_WAIT_S,
        metavar="SECONDS",
        help=f"how long to wait until everything is agreed (default: {_WAIT_S}; 0: do not, open is then no failure)",
    )
    parser.add_argument("--tenant", metavar="SLUG", help="apply this tenant alone")
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="configuration that names the admin socket (default: FILE itself)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check, apply, tell, wait. Raises: WrongUsage, Failed."""
    file: Path = arguments.file.absolute()
    settings = read_settings(file)
    findings = check_files(settings, now=SystemClock().now())
    if findings.errors:
        raise WrongUsage("\n".join(str(error) for error in findings.errors))
    client = AdminClient(settings if arguments.config is None else read_settings(arguments.config))
    body: dict[str, Any] = {"file": str(file), "plan": arguments.plan}
    if arguments.tenant is not None:
        body["tenant"] = arguments.tenant
    plan = client.call("POST", "/apply", body)
    if not arguments.json:
        print_lines(plan_lines(plan, file, plan_only=arguments.plan))
    if arguments.plan:
        if arguments.json:
            print_json(plan)
        return 0
    slugs = [tenant["slug"] for tenant in plan["tenants"] if not tenant["problem"]]
    now = _waited(client, slugs, arguments.wait)
    done = {slug: [one for one in declared if not one["settled"]] for slug, declared in now.items()}
    failed = any(tenant["problem"] for tenant in plan["tenants"]) or any(
        one["action"] == "refused" or arguments.wait > 0 for declared in done.values() for one in declared
    )
    if arguments.json:
        print_json({**plan, "ok": not failed, "now": now})
    else:
        print_lines(open_lines(done))
        if not failed:
            print_lines(["applied"])
    return 1 if failed else 0


def plan_lines(plan: dict[str, Any], file: Path, *, plan_only: bool) -> Iterator[str]:
    """The difference, for a person."""
    for warning in plan["warnings"]:
        yield f"warning: {warning}"
    for key in plan["needs_restart"]:
        yield f"warning: {key} differs: it keeps its value until a restart"
    serves_by = plan["serves_by"]
    if not plan_only and serves_by is not None and Path(serves_by).resolve() != file.resolve():
        yield f"warning: the program was started with {serves_by}: a restart or reload goes back to that one"
    for slug in plan["unhosted"]:
        yield f"tenant {slug}: not hosted any more; its contracts stay as they are"
    for tenant in plan["tenants"]:
        yield f"tenant {tenant['slug']}"
        if tenant["problem"]:
            yield f"  problem   {tenant['problem']}"
        elif not tenant["declarations"]:
            yield "  nothing is declared"
        for declaration in tenant["declarations"]:
            yield from declaration_lines(declaration, tenant["slug"])


def declaration_lines(declaration: Declaration, slug: str) -> Iterator[str]:
    """One declaration: what there is, what is done, and what a person may do."""
    label, contract = declaration["declaration"], declaration["contract"]
    yield f"  {declaration['action']:9} {label}: {_contract_text(declaration, contract)}"
    for ended in declaration["revoked"]:
        yield f"  {'revoke':9} {label}: {_short_text(ended)}"
    for outgoing in declaration["revoked_later"]:
        yield f"  {'revoke':9} {label}: {_short_text(outgoing)}, once its replacement is valid"
    for duplicate in declaration["duplicates"]:
        command = f"klantenregister contracts revoke {short(duplicate['content_hash'])} --tenant {slug}"
        yield f"  {'duplicate':9} {label}: {_short_text(duplicate)}; it is not ours to end: {command}"
    if declaration["action"] == "refused" and label.startswith("connection "):
        command = f"klantenregister contracts request --connection {label.removeprefix('connection ')} --tenant {slug}"
        yield f"  {'':9} change the declaration, or ask again: {command}"


def open_lines(unsettled: dict[str, list[Declaration]]) -> Iterator[str]:
    """What is not as declared in the end."""
    for slug, declarations in unsettled.items():
        for one in declarations:
            contract = one["contract"]
            why = "refused" if one["action"] == "refused" else "still open"
            proposed = contract is not None and contract["state"] == "PROPOSED"
            waits = f", waits for {', '.join(contract['waits_for'])}" if proposed else ""
            yield f"{why}: tenant {slug}, {one['declaration']}: {_contract_text(one, contract)}{waits}"


def _waited(client: AdminClient, slugs: Iterable[str], wait_s: int) -> dict[str, list[Declaration]]:
    """How the tenants are once nothing changes any more, or when the time is over."""
    ends_at = time.monotonic() + wait_s
    while True:
        now = {slug: client.call("POST", f"/tenants/{quote(slug, safe='')}/desired")["declarations"] for slug in slugs}
        declared = [one for declarations in now.values() for one in declarations]
        if all(one["settled"] or one["action"] == "refused" for one in declared) or time.monotonic() >= ends_at:
            return now
        sys.stdout.flush()
        time.sleep(_LOOK_EVERY_S)


def _contract_text(declaration: Declaration, contract: dict[str, Any] | None) -> str:
    match declaration["action"]:
        case "offer":
            return "there is no contract"
        case "revoke":
            return "not declared any more"
        case "refused" if contract:
            return f"{_short_text(contract)} by {', '.join(contract['ended_by'])}"
        case "renew" if contract:
            return f"{_short_text(contract)}; it gets a successor"
        case "replace" if contract:
            return f"{_short_text(contract)} is not what is declared now"
        case _:
            return _short_text(contract) if contract else "there is no contract"


def _short_text(contract: dict[str, Any]) -> str:
    return f"{short(contract['content_hash'])} {contract['state'].lower()} until {instant(contract['not_after'])}"


def _seconds(text: str) -> int:
    if not (text.isdecimal() and text.isascii()) or int(text) > _LONGEST_WAIT_S:
        raise argparse.ArgumentTypeError(f"must be a whole number of seconds, 0 to {_LONGEST_WAIT_S}")
    return int(text)
