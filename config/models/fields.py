"""The types of the fields: text in the file, a parsed value in the model, and the JSON Schema of the text.

A relative path is taken from the folder in the validation context (`context={FOLDER: path}`); without a context it
stays as it is.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    JsonValue,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
)

from certs.identity import SUBJECT_FIELDS, PeerId, PeerName, parse_peer_id, parse_peer_name
from config import addresses, names, stores
from config.properties import frozen_properties

FOLDER: Final = "folder"
"""The key of the validation context that holds the folder of the configuration file."""

T = TypeVar("T")

_PARSED: Final = (
    addresses.TcpAddress,
    addresses.UnixAddress,
    addresses.PeerAddress,
    addresses.RegisterUpstream,
    addresses.HttpUpstream,
    addresses.BaseUrl,
    addresses.CrlUrl,
    Path,
)


def _by(parse: Callable[[str], T]) -> PlainValidator:
    """Validate by parsing the text form; a parsed value is parsed again, which changes nothing."""

    def validate(value: object) -> T:
        if isinstance(value, (str, *_PARSED)):
            return parse(str(value))
        if isinstance(value, int | float) and not isinstance(value, bool):
            parse(str(value))
            raise ValueError("must be text: put it in quotes, so that leading zeros are kept")
        raise ValueError("must be text")

    return PlainValidator(validate)


def _text_schema(**keywords: JsonValue) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **keywords})


def _resolved(path: Path, info: ValidationInfo) -> Path:
    return Path(info.context[FOLDER]) / path if info.context else path


def _resolved_source(source: addresses.CrlSource, info: ValidationInfo) -> addresses.CrlSource:
    return _resolved(source, info) if isinstance(source, Path) else source


def _resolved_socket(address: addresses.ListenAddress, info: ValidationInfo) -> addresses.ListenAddress:
    if isinstance(address, addresses.TcpAddress):
        return address
    resolved = addresses.UnixAddress(_resolved(address.path, info))
    addresses.check_socket_path(resolved)
    return resolved


def _admin_socket(text: str) -> addresses.UnixAddress:
    if not text.startswith("unix:"):
        raise ValueError("must be a socket (unix:path): who may open that file may administer everything")
    return addresses.parse_unix_address(text)


def _storage(url: SecretStr, info: ValidationInfo) -> SecretStr:
    folder = Path(info.context[FOLDER]) if info.context else None
    return SecretStr(stores.parse_storage(url.get_secret_value(), folder))


def _cache(url: SecretStr) -> SecretStr:
    return SecretStr(stores.parse_cache(url.get_secret_value()))


def _token(token: SecretStr) -> SecretStr:
    return SecretStr(names.parse_token(token.get_secret_value()))


def _optional_token(token: SecretStr) -> SecretStr:
    return _token(token) if token.get_secret_value() else token


def _absent_when_empty(value: object) -> object:
    return None if value == "" else value


def _not_a_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a whole number")
    return value


FilePath: TypeAlias = Annotated[Path, _by(addresses.parse_path), AfterValidator(_resolved), _text_schema()]
CrlSource: TypeAlias = Annotated[
    addresses.CrlSource, _by(addresses.parse_crl_source), AfterValidator(_resolved_source), _text_schema()
]

PeerIdField: TypeAlias = Annotated[PeerId, _by(parse_peer_id), _text_schema(minLength=3, maxLength=255)]
PeerIdOrAny: TypeAlias = Annotated[PeerId, _by(names.parse_peer_id_or_any), _text_schema(minLength=1, maxLength=255)]
PeerNameField: TypeAlias = Annotated[PeerName, _by(parse_peer_name), _text_schema(minLength=3, maxLength=255)]
SubjectField: TypeAlias = Annotated[str, _by(names.parse_subject_field), _text_schema(enum=list(SUBJECT_FIELDS))]
GroupId: TypeAlias = Annotated[str, _by(names.parse_group_id), _text_schema(pattern=names.GROUP_ID)]
ServiceName: TypeAlias = Annotated[str, _by(names.parse_service_name), _text_schema(pattern=names.SERVICE_NAME)]
Label: TypeAlias = Annotated[str, _by(names.parse_label), _text_schema(pattern=names.LABEL)]
ApplicationId: TypeAlias = Annotated[str, _by(names.parse_application_id), _text_schema(pattern=names.APPLICATION_ID)]
Rsin: TypeAlias = Annotated[str, _by(names.parse_rsin), _text_schema(pattern="^[0-9]{9}$")]
Scope: TypeAlias = Annotated[str, _by(names.parse_scope), _text_schema(enum=list(names.SCOPES))]

TcpListen: TypeAlias = Annotated[
    addresses.TcpAddress, _by(addresses.parse_tcp_address), PlainSerializer(str), _text_schema(pattern=":[0-9]{1,5}$")
]
Listen: TypeAlias = Annotated[
    addresses.ListenAddress,
    _by(addresses.parse_listen_address),
    AfterValidator(_resolved_socket),
    PlainSerializer(str),
    _text_schema(pattern="^unix:.|:[0-9]{1,5}$"),
]
SocketListen: TypeAlias = Annotated[
    addresses.UnixAddress,
    _by(_admin_socket),
    AfterValidator(_resolved_socket),
    PlainSerializer(str),
    _text_schema(pattern="^unix:."),
]
PeerAddressField: TypeAlias = Annotated[
    addresses.PeerAddress,
    _by(addresses.parse_peer_address),
    PlainSerializer(str),
    _text_schema(pattern="^https://[^/:]+:[0-9]{1,5}$"),
]
UpstreamField: TypeAlias = Annotated[
    addresses.Upstream,
    _by(addresses.parse_upstream),
    PlainSerializer(str),
    _text_schema(pattern="^(register:|https?://)"),
]
ServiceUrl: TypeAlias = Annotated[
    addresses.BaseUrl, _by(addresses.parse_base_url), PlainSerializer(str), _text_schema(pattern="^https?://")
]
OptionalBaseUrl: TypeAlias = Annotated[
    Annotated[
        addresses.BaseUrl, _by(addresses.parse_base_url), PlainSerializer(str), _text_schema(pattern="^(https?://|$)")
    ]
    | None,
    BeforeValidator(_absent_when_empty),
]

StorageUrl: TypeAlias = Annotated[SecretStr, AfterValidator(_storage)]
CacheUrl: TypeAlias = Annotated[SecretStr, AfterValidator(_cache)]
Token: TypeAlias = Annotated[SecretStr, AfterValidator(_token)]
OptionalToken: TypeAlias = Annotated[SecretStr, AfterValidator(_optional_token)]
Properties: TypeAlias = Annotated[Mapping[str, JsonValue], AfterValidator(frozen_properties), PlainSerializer(dict)]

Count: TypeAlias = Annotated[int, Field(ge=1, le=2**31 - 1), BeforeValidator(_not_a_boolean)]
Seconds: TypeAlias = Annotated[int, Field(ge=1, le=86_400), BeforeValidator(_not_a_boolean)]
Days: TypeAlias = Annotated[int, Field(ge=1, le=36_500), BeforeValidator(_not_a_boolean)]
