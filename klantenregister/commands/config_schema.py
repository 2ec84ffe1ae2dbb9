"""`klantenregister config-schema`: the JSON Schema of the configuration file, for editors and for checks elsewhere."""

import argparse
import json

from config.schema import json_schema


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "config-schema",
        help="print the JSON Schema of the configuration file",
        description="Print the JSON Schema (draft 2020-12) of the configuration file.",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the schema."""
    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return 0
