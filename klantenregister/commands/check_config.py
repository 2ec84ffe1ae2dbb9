"""`klantenregister check-config FILE`: is this configuration, with all that it names, fit to start with?

Reads only. Exit codes: 0 when it is (warnings included), 2 when it is not.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from clock import SystemClock
from config.errors import ConfigError, Problem
from config.load import load_settings
from klantenregister.preflight import Findings, check_files

_REFUSED = 2


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "check-config",
        help="check a configuration file and the certificates, keys and CRLs that it names",
        description="Check a configuration file, the KR_ variables of the environment, and the certificates, keys and "
        "CRLs that they name. Opens no connection and writes nothing. Exit code 2 when something is wrong.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the configuration file (YAML)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check, print and return the exit code."""
    file: Path = args.file
    findings = _check(file)
    if args.json:
        print(json.dumps(_as_json(file, findings), ensure_ascii=False))
    else:
        _print(file, findings)
    return _REFUSED if findings.errors else 0


def _check(file: Path) -> Findings:
    try:
        settings = load_settings(file, os.environ)
    except ConfigError as error:
        return Findings(error.problems, ())
    return check_files(settings, now=SystemClock().now())


def _print(file: Path, findings: Findings) -> None:
    """Errors go to stderr, all else to stdout."""
    for warning in findings.warnings:
        print(f"warning: {warning}")
    for error in findings.errors:
        print(error, file=sys.stderr)
    if findings.errors:
        print(f"{file}: {_count(findings.errors, 'problem')}", file=sys.stderr)
    else:
        print(f"{file}: in order, {_count(findings.warnings, 'warning')}")


def _count(problems: tuple[Problem, ...], what: str) -> str:
    return f"{len(problems) or 'no'} {what}{'' if len(problems) == 1 else 's'}"


def _as_json(file: Path, findings: Findings) -> dict[str, object]:
    return {
        "ok": not findings.errors,
        "file": str(file),
        "errors": [_problem_as_json(problem) for problem in findings.errors],
        "warnings": [_problem_as_json(problem) for problem in findings.warnings],
    }


def _problem_as_json(problem: Problem) -> dict[str, str]:
    return {"path": problem.path, "message": problem.message, "origin": problem.origin}
