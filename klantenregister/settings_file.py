"""Reading the configuration for a command: every problem on a line of its own, exit code 2."""

import os
from collections.abc import Mapping
from pathlib import Path

from config.draft import Draft
from config.environment import overlay
from config.errors import ConfigError
from config.load import load_settings
from config.settings import Settings
from config.shape import mappings_in
from config.yaml_document import parse_yaml
from klantenregister.errors import WrongUsage


def read_settings(path: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of `path` and `environ`. Raises: WrongUsage with every problem."""
    try:
        return load_settings(path, environ)
    except ConfigError as error:
        raise WrongUsage(f"{path}: the configuration is not right\n{error}") from error


def secret_files(path: Path, environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """The files that `path` and `environ` name with `<key>_file`, there or not; none when it cannot be read at all."""
    try:
        document = parse_yaml(path.read_text(encoding="utf-8-sig"), name=str(path))
    except (OSError, UnicodeDecodeError, ConfigError):
        return ()
    draft = Draft(document.value, document.lines)
    overlay(draft, Settings, environ)
    named = (
        mapping.get(f"{key}_file")
        for section, mapping, _ in mappings_in(Settings, draft.value)
        for key in section.secret_keys()
    )
    folder = path.absolute().parent
    return tuple(folder / name for name in named if isinstance(name, str) and name.isprintable())
