"""From a file and the environment to Settings, or to every problem at once. DESIGN section 3.

Steps: (1) read the file; (2) YAML to plain values; (3) the environment over them; (4) secrets from their files;
(5) unique names; (6) the models; (7) rules between settings, when every setting is right by itself.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from config.consistency import check_consistency
from config.draft import Draft
from config.duplicates import report_duplicates
from config.environment import overlay
from config.errors import ConfigError, Problem
from config.messages import report_errors
from config.models.fields import FOLDER
from config.secret_files import read_secret_files
from config.settings import Settings
from config.yaml_document import parse_yaml

MAX_FILE_BYTES: Final = 4_194_304


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """Read `path` and let `environ` override it; reads the secrets that it names, opens nothing else.

    Raises: ConfigError, with every problem.
    """
    folder = path.absolute().parent
    text = _read(path)
    document = parse_yaml(text, name=str(path))
    if document.value is not None and not isinstance(document.value, dict):
        raise ConfigError([Problem(str(path), "must hold keys with values, beginning with group: and tenants:")])
    draft = Draft(document.value or {}, document.lines)
    overlay(draft, Settings, environ)
    read_secret_files(draft, Settings, folder)
    report_duplicates(draft)
    settings = _validate(draft, folder)
    if settings is None or draft.problems:
        raise ConfigError(draft.problems)
    return settings


def _validate(draft: Draft, folder: Path) -> Settings | None:
    try:
        settings = Settings.model_validate(draft.value, context={FOLDER: folder})
    except ValidationError as error:
        report_errors(draft, Settings, error)
        return None
    for location, message in check_consistency(settings):
        draft.report(location, message)
    return settings


def _read(path: Path) -> str:
    """Read the text of the file.

    Raises: ConfigError.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise _unreadable(path, "there is no such file: check the path") from error
    except IsADirectoryError as error:
        raise _unreadable(path, "is a folder: name the file in it") from error
    except PermissionError as error:
        raise _unreadable(path, "may not be read by this user: check owner and permissions") from error
    except (OSError, ValueError) as error:
        raise _unreadable(path, "cannot be read: check that it is a file on a disk that works") from error
    if len(content) > MAX_FILE_BYTES:
        raise _unreadable(path, f"is larger than {MAX_FILE_BYTES} bytes: that is no configuration")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unreadable(path, f"is not UTF-8 text (line {line}): save it as UTF-8") from error


def _unreadable(path: Path, message: str) -> ConfigError:
    return ConfigError([Problem(str(path), message)])
