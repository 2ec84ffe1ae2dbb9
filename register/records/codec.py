"""Records as JSON bodies and back, by what their dataclass declares.

A sealed field (`register.model.sealing`) is encrypted in the body, and beside it stands the blind index by which it is
found.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

from register.model.sealing import SEALED, index_of
from register.privacy import TenantKeys
from storage.documents import JsonObject

T = TypeVar("T")


@dataclass(frozen=True)
class Codec(Generic[T]):
    """Writes and reads records of one class, which has a field `uuid` that sealed values are bound to."""

    cls: type[T]

    def encode(self, record: T, keys: TenantKeys) -> JsonObject:
        """The body."""
        uuid: str = getattr(record, "uuid")  # noqa: B009 - every record has one
        return _encode(record, uuid, keys)

    def decode(self, body: Mapping[str, Any], keys: TenantKeys) -> T:
        """The record; fields that the body is older than have their default."""
        read: Callable[[Any, str, TenantKeys], T] = _reader(self.cls)
        return read(body, body["uuid"], keys)


def _encode(record: Any, uuid: str, keys: TenantKeys) -> JsonObject:
    body: JsonObject = {}
    for each in fields(record):
        value, purpose = getattr(record, each.name), each.metadata.get(SEALED)
        if purpose is None:
            body[each.name] = _plain(value, uuid, keys)
        elif value:
            body[each.name] = keys.encrypt(purpose, uuid, value)
            body[index_of(each.name)] = keys.blind_index(purpose, value)
    return body


def _plain(value: Any, uuid: str, keys: TenantKeys) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(each, uuid, keys) for each in value]
    if is_dataclass(value):
        return _encode(value, uuid, keys)
    return dict(value) if isinstance(value, Mapping) else value


_Reader = Callable[[Any, str, TenantKeys], Any]
_readers: dict[Any, _Reader] = {}


def _reader(kind: Any) -> _Reader:
    """How a value of this type is read; worked out once."""
    if kind not in _readers:
        _readers[kind] = _make_reader(kind)
    return _readers[kind]


def _make_reader(kind: Any) -> _Reader:
    if get_origin(kind) in (Union, UnionType):
        [inner] = [each for each in get_args(kind) if each is not NoneType]
        read = _reader(inner)
        return lambda value, uuid, keys: None if value is None else read(value, uuid, keys)
    if get_origin(kind) is tuple:
        each = _reader(get_args(kind)[0])
        return lambda value, uuid, keys: tuple([each(one, uuid, keys) for one in value])
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return lambda value, _uuid, _keys: kind(value)
    if isinstance(kind, type) and is_dataclass(kind):
        return _record_reader(kind)
    return lambda value, _uuid, _keys: value


def _record_reader(cls: Any) -> _Reader:
    hints = get_type_hints(cls)
    known = [(each.name, _reader(hints[each.name]), each.metadata.get(SEALED)) for each in fields(cls)]

    def read(body: Mapping[str, Any], uuid: str, keys: TenantKeys) -> Any:
        return cls(
            **{
                name: keys.decrypt(purpose, uuid, body[name]) if purpose else read_one(body[name], uuid, keys)
                for name, read_one, purpose in known
                if name in body
            }
        )

    return read
