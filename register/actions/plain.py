"""Records whose changes follow from what they declare: their class, their references and what is theirs alone.

What a kind has of rules of its own is given with it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property
from types import NoneType
from typing import Any, Generic, TypeVar, get_args, get_type_hints

from register.actions import relations
from register.actions.change import Change, new_id
from register.errors import InvalidParam
from register.records.kinds import Kind
from register.records.unit import Unit

T = TypeVar("T")

Check = Callable[[Any], Iterable[InvalidParam]]
Prepare = Callable[[Any, Any, Change], Any]
"""The record before (None when it is new), the record with what was given, the change -> the record as it must be."""


@dataclass(frozen=True)
class Plain(Generic[T]):
    """Makes, changes and removes records of one kind."""

    kind: Kind[T]
    cls: type[T]
    check: Check = lambda _record: ()
    prepare: Prepare = lambda _before, after, _change: after
    apart: tuple[str, ...] = ()
    """Attributes that `prepare` reads itself."""

    async def create(self, unit: Unit, change: Change) -> T:
        """Stage a new record. Raises: ValidatieFout."""
        return await self._store(unit, None, self.fresh(change), change)

    def fresh(self, change: Change) -> T:
        """A record of which nothing is known yet."""
        made: Any = self.cls
        record: T = made(uuid=new_id(), created_ms=change.now_ms)
        return record

    async def update(self, unit: Unit, current: T, change: Change) -> T:
        """Stage the record with new values. Raises: ValidatieFout."""
        return await self._store(unit, current, current, change)

    async def remove(self, unit: Unit, record: T) -> None:
        """Stage its removal, and that of what cannot be without it."""
        await relations.remove(unit, self.kind, record)

    async def _store(self, unit: Unit, before: T | None, start: T, change: Change) -> T:
        after = await self.stage(unit, before, start, change)
        change.faults.check()
        return after

    async def stage(self, unit: Unit, before: T | None, start: T, change: Change, *, prefix: str = "") -> T:
        """Stage what becomes of `start`; what is wrong with it is in the faults of the change, under the prefix."""
        after: T = self.prepare(before, self._applied(start, change), change)
        change.faults.add_all(self.check(after), prefix=prefix)
        await relations.store(unit, self.kind, before, after, change.faults, prefix=prefix)
        return after

    def _applied(self, record: T, change: Change) -> T:
        """The record with the attributes given; a group of them as its class."""
        values: dict[str, Any] = {}
        for name, group in self._fields.items():
            if name not in change.given or name in self.apart:
                continue
            value = change.given[name]
            if group is not None:
                value = change.group(name, getattr(record, name), group)
            values[name] = tuple(value) if isinstance(value, list) else value
        changed: T = replace(record, **values)  # type: ignore[type-var]  # every record is a dataclass
        return changed

    @cached_property
    def _fields(self) -> Mapping[str, type[Any] | None]:
        """The fields of the record; with the class of those that are groups."""
        hints = get_type_hints(self.cls)
        return {each.name: _group(hints[each.name]) for each in fields(self.cls)}  # type: ignore[arg-type]


def _group(hint: Any) -> type[Any] | None:
    kinds = [each for each in (*get_args(hint), hint) if each is not NoneType]
    return next((each for each in kinds if isinstance(each, type) and is_dataclass(each)), None)
