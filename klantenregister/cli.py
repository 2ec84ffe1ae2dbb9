"""The command line: one subcommand a module, exit codes of DESIGN section 2, and never a traceback for a person."""

import argparse
import sys
from collections.abc import Sequence

from klantenregister import __version__
from klantenregister.commands import (
    accounts,
    check_config,
    config_schema,
    contracts,
    demo,
    hash,
    logs,
    peers,
    pki,
    serve,
    services,
)
from klantenregister.errors import CommandError

COMMANDS = (serve, demo, check_config, config_schema, pki, contracts, peers, services, logs, hash, accounts)
INTERRUPTED = 130


def build_parser() -> argparse.ArgumentParser:
    """The parser of all subcommands."""
    parser = argparse.ArgumentParser(
        prog="klantenregister",
        description="FSC federation gateway and klantregister: Manager, Inway, Outway and the VNG klant APIs.",
    )
    parser.add_argument("--version", action="version", version=f"klantenregister {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.register(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code: 0 done, 1 failed, 2 wrong usage or configuration."""
    arguments = build_parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except CommandError as error:
        sys.stderr.write(f"klantenregister: {error}\n")
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output has stopped reading; nothing is left to tell them.
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


if __name__ == "__main__":
    sys.exit(main())
