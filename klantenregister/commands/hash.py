"""`klantenregister hash FILE`: the content hash and the grant hashes of a contract, by each hash profile.

For whoever compares hashes between implementations. The file is hashed as it is and is not checked against the rules.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.errors import FscError, quoted
from gateway.fsc.contract import ParsedContract, parse_contract_content
from gateway.fsc.hashes import ContractHashes, compute_all, compute_hashes
from gateway.fsc.jcs import JsonObject, parse_json
from gateway.fsc.names import HASH_ALGORITHM
from gateway.fsc.profile import HashProfile
from klantenregister.errors import Failed

_WRAPPERS = ("content", "contract_content")


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the program."""
    parser = commands.add_parser(
        "hash",
        help="compute the content hash and grant hashes of a contract",
        description="Compute the content hash and every grant hash of a contract, by each hash profile that its "
        "fsc_version leaves possible. A shell needs single quotes around a hash: it has dollar signs.",
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        type=Path,
        help="JSON: the bare content of a contract, or a whole contract as GET or POST /contracts or "
        "`contracts show --json` has it",
    )
    parser.add_argument(
        "--profile", choices=[profile.value for profile in HashProfile], help="only this one, whatever the fsc_version"
    )
    parser.add_argument(
        "--expect", metavar="HASH", help="tell which profile gives this content or grant hash; fails when none does"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the hashes.

    Raises: Failed.
    """
    path: Path = args.file
    try:
        contract = parse_contract_content(_content(parse_json(path.read_bytes())))
        hashes = _compute(contract, args.profile)
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}") from error
    except FscError as error:
        raise Failed(f"{path} cannot be hashed: {error.message}") from error
    matching = None if args.expect is None else _matching(hashes, args.expect)
    sys.stdout.write(_as_json(hashes, matching) if args.json else _as_text(contract, hashes, matching))
    return 1 if matching == [] else 0


def _content(document: JsonObject) -> object:
    """The content in `document`. What `contracts show` prints has grants of its own beside the content."""
    return next((document[name] for name in _WRAPPERS if name in document), document)


def _compute(contract: ParsedContract, profile: str | None) -> Sequence[ContractHashes]:
    content = contract.content
    if content.hash_algorithm != HASH_ALGORITHM:
        raise Failed(f"hash_algorithm {quoted(content.hash_algorithm)} is unknown; FSC knows {HASH_ALGORITHM} only")
    if profile is not None:
        return (compute_hashes(contract, HashProfile(profile)),)
    hashes = compute_all(contract, tuple(HashProfile))
    if not hashes:
        version = quoted(content.fsc_version or "")
        raise Failed(f"no hash profile is for fsc_version {version}; choose one with --profile")
    return hashes


def _matching(hashes: Sequence[ContractHashes], expected: str) -> list[JsonObject]:
    """Where the expected hash is found: the profile and what it is the hash of."""
    found: list[JsonObject] = []
    for one in hashes:
        named = {"content": one.content_hash} | {f"grant {index}": two for index, two in enumerate(one.grant_hashes)}
        found += [{"profile": one.profile, "of": name} for name, known in named.items() if known == expected]
    return found


def _as_json(hashes: Sequence[ContractHashes], matching: list[JsonObject] | None) -> str:
    found = [
        {"profile": one.profile, "content_hash": one.content_hash, "grant_hashes": one.grant_hashes} for one in hashes
    ]
    document: JsonObject = {"hashes": found}
    if matching is not None:
        document["matching"] = matching
    return json.dumps(document, indent=2) + "\n"


def _as_text(contract: ParsedContract, hashes: Sequence[ContractHashes], matching: list[JsonObject] | None) -> str:
    lines = []
    for one in hashes:
        lines += [f"profile {one.profile}", f"  content  {one.content_hash}"]
        for index, (grant, grant_hash) in enumerate(zip(contract.content.grants, one.grant_hashes, strict=True)):
            lines.append(f"  grant {index}  {grant_hash}  {grant.kind.type_name}")
    if matching is not None:
        lines += [f"expected: the hash of {one['of']} by profile {one['profile']}" for one in matching]
        lines += [] if matching else ["expected: no profile gives this hash"]
    return "\n".join(lines) + "\n"
