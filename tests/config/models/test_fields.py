from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from config.addresses import BaseUrl, CrlUrl, TcpAddress, UnixAddress
from config.models import fields

FOLDER = Path("/etc/kr")


def parsed(annotation: Any, value: object) -> Any:
    return TypeAdapter(annotation).validate_python(value, context={fields.FOLDER: FOLDER})


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (fields.FilePath, "pki/a.pem", FOLDER / "pki/a.pem"),
        (fields.FilePath, "../a.pem", FOLDER / "../a.pem"),
        (fields.FilePath, "/run/a.pem", Path("/run/a.pem")),
        (fields.CrlSource, "ca.crl", FOLDER / "ca.crl"),
        (fields.CrlSource, "http://a.b/ca.crl", CrlUrl("http://a.b/ca.crl")),
        (fields.Listen, "unix:a.sock", UnixAddress(FOLDER / "a.sock")),
        (fields.Listen, "unix:/run/a.sock", UnixAddress(Path("/run/a.sock"))),
        (fields.Listen, "a:1", TcpAddress("a", 1)),
        (fields.SocketListen, "unix:a.sock", UnixAddress(FOLDER / "a.sock")),
        (fields.OptionalBaseUrl, "", None),
        (fields.OptionalBaseUrl, None, None),
        (fields.OptionalBaseUrl, "https://a.b", BaseUrl("https", "a.b")),
        (fields.Seconds, "5", 5),
        (fields.Days, 36_500, 36_500),
    ],
)
def test_values(annotation: Any, value: object, expected: object) -> None:
    assert parsed(annotation, value) == expected
    assert parsed(annotation, expected) == expected


@pytest.mark.parametrize(
    ("annotation", "value", "reason"),
    [
        (fields.FilePath, "", "path of a file"),
        (fields.FilePath, 5, "put it in quotes"),
        (fields.FilePath, True, "must be text"),
        (fields.FilePath, {}, "must be text"),
        (fields.TcpListen, 8443, "must be host:port"),
        (fields.TcpListen, "unix:a", "names no host|between|must be host:port"),
        (fields.SocketListen, "127.0.0.1:1", "must be a socket"),
        (fields.Listen, f"unix:{'a' * 200}", "at most 107 bytes"),
        (fields.PeerIdField, "*", "3 to 255 characters"),
        (fields.PeerIdField, 1823288444000, "leading zeros are kept"),
        (fields.Rsin, 823288444, "leading zeros are kept"),
        (fields.OptionalBaseUrl, "a.b", "like https://"),
        (fields.Seconds, False, "whole number"),
        (fields.Seconds, 86_401, "less than or equal"),
        (fields.Days, 0, "greater than or equal"),
    ],
)
def test_refusals(annotation: Any, value: object, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        parsed(annotation, value)


def test_without_a_folder_paths_stay_relative() -> None:
    assert TypeAdapter(fields.FilePath).validate_python("a.pem") == Path("a.pem")
