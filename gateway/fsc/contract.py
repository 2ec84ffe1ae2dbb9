"""The content of a contract: read from what a Peer sent.

Standard: FSC Core, Contracts; schema `contractContent` of `manager.yaml`, with `fsc_version` of 2.0.

The schema decides here whether the content can be understood at all (400). Whether it is acceptable is for `rules`
(422): so names, dates, thumbprints and the `iv` are still plain texts and numbers in these types.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, TypeAlias

from pydantic import Field, StringConstraints, ValidationError

from certs.identity import PeerId
from gateway.errors import InvalidRequest, quoted
from gateway.fsc.grants import AnyGrant, Grant, GrantKind, WireModel
from gateway.fsc.jcs import MAX_NUMBER, JsonObject, json_pointer

MAX_GRANTS = 100
"""Grants in a contract that we make. How many we read is limited where the JSON is parsed."""

_MAX_PROBLEMS = 5
_UNION_TAGS = frozenset(kind.type_name for kind in GrantKind) | {
    "SERVICE_TYPE_SERVICE",
    "SERVICE_TYPE_DELEGATED_SERVICE",
    "OUTWAY_IDENTIFICATION_TYPE_PUBLIC_KEY_THUMBPRINT",
    "OUTWAY_IDENTIFICATION_TYPE_DOMAIN_NAME",
}

_Instant: TypeAlias = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
_Text: TypeAlias = Annotated[str, StringConstraints(max_length=255)]


class Validity(WireModel):
    """From when until when the contract may be used; Unix seconds, `not_after` itself excluded."""

    not_before: _Instant
    not_after: _Instant


class GrantItem(WireModel):
    """The wrapper that a grant has on the wire."""

    data: AnyGrant = Field(discriminator="type")


class ContractContent(WireModel):
    """What the parties agree on. Never written out again: hashes are taken over the JSON as received."""

    fsc_version: _Text | None = None
    iv: _Text
    group_id: _Text
    validity: Validity
    items: tuple[GrantItem, ...] = Field(alias="grants", strict=False)
    hash_algorithm: _Text
    created_at: _Instant

    @property
    def not_before(self) -> int:
        """The first second in which the contract may be used."""
        return self.validity.not_before

    @property
    def not_after(self) -> int:
        """The first second in which it may no longer be used."""
        return self.validity.not_after

    @cached_property
    def grants(self) -> tuple[Grant, ...]:
        """The grants, in the order of the contract."""
        return tuple(item.data for item in self.items)

    def peer_ids(self) -> frozenset[PeerId]:
        """Every Peer that is party to the contract."""
        return self._peer_ids

    def required_accepts(self) -> frozenset[PeerId]:
        """The Peers that must accept before the contract is valid."""
        return self._required_accepts

    # Worked out once: they are asked for at every request that a contract is needed for.

    @cached_property
    def _peer_ids(self) -> frozenset[PeerId]:
        return frozenset[PeerId]().union(*(grant.peer_ids() for grant in self.grants))

    @cached_property
    def _required_accepts(self) -> frozenset[PeerId]:
        return frozenset[PeerId]().union(*(grant.required_accepts() for grant in self.grants))


@dataclass(frozen=True, slots=True)
class ParsedContract:
    """A content in both its forms: `raw` to hash, store and pass on, `content` to reason about."""

    raw: JsonObject
    content: ContractContent


def parse_contract_content(value: object) -> ParsedContract:
    """Read the content of a contract from JSON that `parse_json` accepted, which has limited the number of grants.

    Raises: InvalidRequest, naming what is wrong by JSON pointer.
    """
    if not isinstance(value, dict):
        raise InvalidRequest("the contract content must be a JSON object")
    try:
        return ParsedContract(raw=value, content=ContractContent.model_validate(value))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        problems = "; ".join(_problem(one) for one in found[:_MAX_PROBLEMS])
        raise InvalidRequest(f"the contract content does not follow the schema: {problems}") from error


def _problem(error: Mapping[str, Any]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    path = tuple(step for step in error["loc"] if step not in _UNION_TAGS)
    match kind:
        case "missing":
            return f"{json_pointer(path)} is required"
        case "union_tag_not_found":
            return f"{json_pointer((*path, 'type'))} is required"
        case "union_tag_invalid":
            allowed, tag = context["expected_tags"], quoted(str(context["tag"]))
            return f"{json_pointer((*path, 'type'))} is {tag}, but must be one of {allowed}"
        case "value_error":
            return f"{json_pointer(path)} {context['error']}"
        case _:
            return f"{json_pointer(path)}: {error['msg']}"
