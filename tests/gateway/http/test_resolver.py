"""Names under `.localhost` are this machine; all others are the system's business."""

import pytest

from gateway.http.resolver import LocalhostResolver, is_localhost

OURS = ("localhost", "LocalHost", "localhost.", "a.localhost", "a.b.LOCALHOST", "a.localhost.")


@pytest.mark.parametrize("host", OURS)
def test_names_of_this_machine(host: str) -> None:
    assert is_localhost(host)


@pytest.mark.parametrize("host", ["", "localhost.example.test", "mylocalhost", "example.test", "localhost..", "local"])
def test_names_of_others(host: str) -> None:
    assert not is_localhost(host)


async def test_a_name_of_this_machine_needs_no_hosts_file() -> None:
    resolver = LocalhostResolver()
    (found,) = await resolver.resolve("nobody.wrote.this.down.localhost", 8443)
    assert (found["host"], found["port"]) == ("127.0.0.1", 8443)
    assert found["hostname"] == "nobody.wrote.this.down.localhost"
    await resolver.close()


async def test_an_unknown_name_is_an_error() -> None:
    resolver = LocalhostResolver()
    with pytest.raises(OSError, match=r".+"):
        await resolver.resolve("does-not-exist.invalid", 443)
