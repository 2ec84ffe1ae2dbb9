"""The transaction log: whether it is written, and how long it is kept.

Standard: FSC Logging, which a Group may leave out; then `mode` is `off`.
"""

from enum import StrEnum

from pydantic import Field

from config.models.fields import Days
from config.models.section import Section


class TransactionLogMode(StrEnum):
    """What becomes of the record of a request."""

    DURABLE = "durable"
    OFF = "off"


class TransactionLogSettings(Section):
    """The records of what passes Inways and Outways."""

    mode: TransactionLogMode = Field(
        default=TransactionLogMode.DURABLE,
        description="`durable`: nothing passes before its record survives a power cut. `off`: nothing is written, for "
        "a Group without FSC Logging; what was written before can still be read.",
    )
    retention_days: Days | None = Field(
        default=None, description="Records older than this are deleted; absent: they are kept for ever."
    )
