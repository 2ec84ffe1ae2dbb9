import pytest
from pydantic import ValidationError

from config.models.transaction_log import TransactionLogMode, TransactionLogSettings


def test_it_is_durable_and_kept_for_ever_unless_told_otherwise() -> None:
    settings = TransactionLogSettings()
    assert (settings.mode, settings.retention_days) == (TransactionLogMode.DURABLE, None)


@pytest.mark.parametrize("value", [{"mode": "on"}, {"mode": False}, {"retention_days": 0}, {"retention_days": "x"}])
def test_anything_else_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TransactionLogSettings.model_validate(value)
