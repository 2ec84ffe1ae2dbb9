"""`klantenregister contracts request`: offer a Contract, after showing what it says."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from klantenregister.admin_client import add_options, client_of
from klantenregister.confirming import add_yes, confirm
from klantenregister.contract_text import review, short, what
from klantenregister.errors import WrongUsage
from klantenregister.printing import print_json, print_lines

_KINDS = ("connection", "service", "publish", "grants")
_MAX_FILE_BYTES = 1_048_576


def add_request(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the action."""
    parser = actions.add_parser(
        "request", help="offer a contract: for a connection, a service, a publication, or grants"
    )
    kinds = parser.add_argument_group("what for, one of")
    kinds.add_argument("--connection", metavar="NAME", help="a connection of the configuration")
    kinds.add_argument("--service", metavar="PEER_ID/NAME", help="any service of another Peer, to connect to")
    kinds.add_argument("--publish", metavar="NAME", help="a service of ours, to publish; needs --directory")
    kinds.add_argument("--grants", metavar="FILE", type=Path, help="grants as the standard writes them: a JSON list")
    parser.add_argument("--directory", metavar="PEER_ID", help="with --publish: where")
    parser.add_argument("--delegator", metavar="PEER_ID", help="on whose behalf we connect or publish")
    parser.add_argument("--service-delegator", metavar="PEER_ID", help="with --service: on whose behalf it is offered")
    parser.add_argument("--properties", metavar="JSON|@FILE", help="properties of the grant, or the file they are in")
    parser.add_argument(
        "--valid-days", type=int, metavar="DAYS", help="how long (default: 365); a connection has its own"
    )
    parser.add_argument("--not-before", metavar="ISO", help="from when, as 2027-01-01T00:00:00+01:00 (default: now)")
    add_yes(parser)
    add_options(parser)
    parser.set_defaults(run=_request)


def _request(arguments: argparse.Namespace) -> int:
    body = request_body(arguments)
    client = client_of(arguments)
    path = client.tenant_path(arguments.tenant, "/contracts")
    draft = client.call("POST", f"{path}/draft", body)
    confirm(arguments, lambda: review(draft), "Sign and offer this contract?")
    # What was looked at is what is signed: not a validity that moved on with the clock meanwhile.
    offered = client.call("POST", path, {**body, "not_before": draft["not_before"]})
    if arguments.json:
        print_json(offered)
    else:
        print_lines([f"offered {short(offered['content_hash'])}: {what(offered)}"])
    return 0


def request_body(arguments: argparse.Namespace) -> dict[str, Any]:
    """What to ask of the administration API. Raises: WrongUsage."""
    given = [kind for kind in _KINDS if getattr(arguments, kind) is not None]
    if len(given) != 1:
        raise WrongUsage("give one of --connection NAME, --service PEER_ID/NAME, --publish NAME and --grants FILE")
    kind = given[0]
    _check_fits(arguments, kind)
    body: dict[str, Any] = {kind: getattr(arguments, kind)}
    if kind == "service":
        body["service"] = _service(arguments.service, arguments.service_delegator)
    if kind == "grants":
        body["grants"] = _json_list(arguments.grants)
    for name in ("directory", "delegator", "valid_days"):
        if getattr(arguments, name) is not None:
            body[name] = getattr(arguments, name)
    if arguments.properties is not None:
        body["properties"] = _properties(arguments.properties)
    if arguments.not_before is not None:
        body["not_before"] = _instant(arguments.not_before)
    return body


_FITS = {
    "valid_days": ("service", "publish", "grants"),
    "directory": ("publish",),
    "delegator": ("service", "publish"),
    "service_delegator": ("service",),
    "properties": ("service", "publish"),
}


def _check_fits(arguments: argparse.Namespace, kind: str) -> None:
    for name, kinds in _FITS.items():
        if getattr(arguments, name) is not None and kind not in kinds:
            option, others = f"--{name.replace('_', '-')}", " or ".join(f"--{one}" for one in kinds)
            hint = ": a connection has its own in the configuration" if kind == "connection" else ""
            raise WrongUsage(f"{option} goes with {others}{hint}")
    if kind == "publish" and arguments.directory is None:
        raise WrongUsage("--publish needs --directory PEER_ID")


def _service(text: str, delegator: str | None) -> dict[str, str]:
    peer_id, slash, name = text.partition("/")
    if not slash:
        raise WrongUsage("--service has the form PEER_ID/NAME")
    return {"peer_id": peer_id, "name": name} | ({} if delegator is None else {"delegator": delegator})


def _properties(text: str) -> dict[str, Any]:
    value = _json("--properties", _text_of("--properties", Path(text[1:])) if text.startswith("@") else text)
    if not isinstance(value, dict):
        raise WrongUsage("--properties: must be a JSON object")
    return value


def _json_list(file: Path) -> list[Any]:
    value = _json("--grants", _text_of("--grants", file))
    if not isinstance(value, list):
        raise WrongUsage("--grants: the file must hold a JSON list of grants")
    return value


def _text_of(option: str, file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_FILE_BYTES + 1)
        if len(content) > _MAX_FILE_BYTES:
            raise WrongUsage(f"{option}: {file} is larger than {_MAX_FILE_BYTES} bytes")
        return content.decode()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise WrongUsage(f"{option}: {file} cannot be read: {reason}") from error


def _json(option: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WrongUsage(f"{option}: is not JSON: {error}") from error


def _instant(text: str) -> int:
    """Unix seconds; without an offset the time is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError) as error:
        raise WrongUsage("--not-before: must be a moment such as 2027-01-01T00:00:00+01:00") from error
