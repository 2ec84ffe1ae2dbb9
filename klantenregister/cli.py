"""The command line: one subcommand a module, exit codes of DESIGN section 2, and never a traceback for a person."""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module

from klantenregister import __version__
from klantenregister.errors import CommandError

COMMANDS = (
    "serve",
    "demo",
    "check-config",
    "config-schema",
    "pki",
    "apply",
    "contracts",
    "peers",
    "services",
    "logs",
    "trace",
    "doctor",
    "hash",
    "accounts",
)
INTERRUPTED = 130


def build_parser(names: Iterable[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of these subcommands; the modules of the others are not even loaded."""
    parser = argparse.ArgumentParser(
        prog="klantenregister",
        description="FSC federation gateway and klantregister: Manager, Inway, Outway and the VNG klant APIs.",
    )
    parser.add_argument("--version", action="version", version=f"klantenregister {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in names:
        import_module(f"klantenregister.commands.{name.replace('-', '_')}").register(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code: 0 done, 1 failed, 2 wrong usage or configuration."""
    words = sys.argv[1:] if argv is None else list(argv)
    chosen = words[:1] if words[:1] and words[0] in COMMANDS else COMMANDS
    arguments = build_parser(chosen).parse_args(words)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except CommandError as error:
        sys.stderr.write(f"klantenregister: {error}\n")
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output has stopped reading: what is left of it goes nowhere, at exit too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


if __name__ == "__main__":
    sys.exit(main())
