"""Whether declared values satisfy a condition, in plain Python."""

from collections.abc import Mapping
from dataclasses import dataclass

from storage.documents import AnyElement, AnyOf, Condition, Contains, Eq, In, Range, Scalar
from storage.fields import bounds_of, order_key


@dataclass(frozen=True, slots=True)
class DeclaredValues:
    """What a document holds at the declared paths."""

    scalars: Mapping[str, Scalar]
    arrays: Mapping[str, tuple[Scalar, ...]]


def matches(condition: Condition, values: DeclaredValues) -> bool:
    """Decide whether the condition holds."""
    match condition:
        case Eq(field, value):
            return equal(values.scalars[field], value)
        case In(field, wanted):
            return any(equal(values.scalars[field], value) for value in wanted)
        case Range(field):
            return _within(condition, values.scalars[field])
        case Contains(field, text):
            return contains_folded(values.scalars[field], text.casefold())
        case AnyElement(field, wanted):
            return any(equal(element, value) for element in values.arrays[field] for value in wanted)
        case AnyOf(conditions):
            return any(matches(one, values) for one in conditions)


def equal(left: Scalar, right: Scalar) -> bool:
    """Equal and of one type: true is not 1, but 1.0 is."""
    return order_key(left) == order_key(right)


def contains_folded(value: Scalar | bytes, folded: str) -> bool:
    """Whether a text value, case-folded, contains the already folded text; other values never do."""
    return isinstance(value, str) and folded in value.casefold()


def _within(condition: Range, value: Scalar) -> bool:
    if value is None or any(order_key(bound)[0] != order_key(value)[0] for bound in bounds_of(condition)):
        return False
    key = order_key(value)
    return (
        (condition.gt is None or key > order_key(condition.gt))
        and (condition.gte is None or key >= order_key(condition.gte))
        and (condition.lt is None or key < order_key(condition.lt))
        and (condition.lte is None or key <= order_key(condition.lte))
    )
