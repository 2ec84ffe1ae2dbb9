"""Secrets from files: `<key>_file` in place of `<key>`, read once, never repeated in a message."""

from pathlib import Path
from typing import Final

from pydantic import JsonValue

from config.draft import Draft
from config.errors import Location
from config.models.section import Section
from config.shape import mappings_in

MAX_SECRET_BYTES: Final = 65_536


def read_secret_files(draft: Draft, root: type[Section], folder: Path) -> None:
    """Replace every `<key>_file` in `draft` by the `<key>` that the file holds; paths are relative to `folder`."""
    for section, mapping, location in list(mappings_in(root, draft.value)):
        for key in section.secret_keys():
            file_key = f"{key}_file"
            if mapping.get(file_key) is not None:
                _read_one(draft, location, key, folder)
            elif file_key in mapping:
                draft.remove((*location, file_key))


def _read_one(draft: Draft, location: Location, key: str, folder: Path) -> None:
    file_location: Location = (*location, f"{key}_file")
    secret_location: Location = (*location, key)
    try:
        if draft.at(secret_location) is not None:
            raise ValueError(f"{key} is given too: keep one of the two")
        secret = _read(draft.at(file_location), folder)
    except ValueError as error:
        draft.report(file_location, str(error))
    else:
        draft.replace(secret_location, secret, draft.origin_of(file_location))
    draft.remove(file_location)


def _read(name: JsonValue, folder: Path) -> str:
    """Read one secret.

    Raises: ValueError, which says why there is none and what to do.
    """
    if not isinstance(name, str) or not name or not name.isprintable():
        raise ValueError("must be the path of a file, as text")
    path = folder / name
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
        text = content.decode()
    except FileNotFoundError as error:
        raise ValueError(f"there is no file {path}: make it, or correct the path") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read: check that it is a file that this user may read") from error
    if len(content) > MAX_SECRET_BYTES:
        raise ValueError(f"{path} holds more than {MAX_SECRET_BYTES} bytes: that is no secret")
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret.strip():
        raise ValueError(f"{path} is empty")
    return secret
