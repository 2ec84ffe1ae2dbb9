import subprocess
import sys

import pytest
from pydantic import ValidationError

from config.addresses import TcpAddress
from config.models.installation import LimitsSettings, ListenSettings, TimeoutSettings


def test_the_register_listener_is_a_value_like_the_others() -> None:
    assert ListenSettings.model_validate({"register": "127.0.0.1:1"}).register == TcpAddress("127.0.0.1", 1)


def test_importing_the_models_warns_of_nothing() -> None:
    command = [sys.executable, "-W", "error", "-c", "import config.models.installation"]
    assert subprocess.run(command, capture_output=True, check=False).stderr == b""


@pytest.mark.parametrize("key", list(LimitsSettings.model_fields))
def test_a_limit_of_nothing_is_refused(key: str) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        LimitsSettings.model_validate({key: 0})


@pytest.mark.parametrize("key", list(TimeoutSettings.model_fields))
def test_a_timeout_is_at_most_a_day(key: str) -> None:
    assert getattr(TimeoutSettings.model_validate({key: 86_400}), key) == 86_400
    with pytest.raises(ValidationError, match="less than or equal to 86400"):
        TimeoutSettings.model_validate({key: 86_401})
