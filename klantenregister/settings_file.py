"""Reading the configuration for a command: every problem on a line of its own, exit code 2."""

import os
from pathlib import Path

from config.errors import ConfigError
from config.load import load_settings
from config.settings import Settings
from klantenregister.errors import WrongUsage


def read_settings(path: Path) -> Settings:
    """The settings of `path` and the environment. Raises: WrongUsage with every problem."""
    try:
        return load_settings(path, os.environ)
    except ConfigError as error:
        raise WrongUsage(f"{path}: the configuration is not right\n{error}") from error
