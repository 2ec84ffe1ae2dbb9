import argparse
import json

import pytest

from config.schema import json_schema
from klantenregister.commands import config_schema


def test_the_schema_is_printed_as_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    config_schema.register(parser.add_subparsers())
    args = parser.parse_args(["config-schema"])
    assert args.run(args) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()
