"""Instants as the records have them: ISO 8601 text in UTC with `Z`, which sorts by time."""

from datetime import UTC, datetime


def parse_moment(text: str) -> str | None:
    """The instant when `text` is one in ISO 8601, else None. Without an offset it is taken for UTC."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return None if len(text) <= len("2026-01-01") else _text(moment)


def moment_at(now_ms: int) -> str:
    """The instant of a Unix time in milliseconds."""
    return _text(datetime.fromtimestamp(now_ms / 1000, UTC))


def _text(moment: datetime) -> str:
    return moment.isoformat().removesuffix("+00:00") + "Z"
