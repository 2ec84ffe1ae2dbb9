"""What holds for every test: the chosen store, the servers that are there, generated examples, and no skips in CI."""

import os
import socket
from functools import cache
from urllib.parse import urlsplit

import pytest
from hypothesis import settings

from tests.service_urls import SERVICE_URLS

STORES = ("sqlite", "mongodb", "couchdb")
_PROBE_TIMEOUT_S = 0.5

# A property decides itself what an example may cost: no deadline, which a busy machine would make a coin toss.
settings.register_profile("default", max_examples=50, deadline=None)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, print_blob=True)
settings.register_profile("soak", settings.get_profile("default"), max_examples=5_000)
_PROFILES = ("default", "ci", "soak")

# What the developer has set for a program of theirs must not configure the programs that the tests start.
for _name in [name for name in os.environ if name.startswith("KR_")]:
    del os.environ[_name]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("klantenregister")
    group.addoption("--store", choices=STORES, help="the back end under test; suites of the other ones are left out")
    group.addoption("--fail-on-skip", action="store_true", help="a skipped test fails the run")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "store(*names): says something of these back ends only: sqlite, mongodb, couchdb"
    )
    profile = os.environ.get("HYPOTHESIS_PROFILE", "default")
    if profile not in _PROFILES:
        raise pytest.UsageError(f"HYPOTHESIS_PROFILE={profile} is unknown; choose from {', '.join(_PROFILES)}")
    settings.load_profile(profile)


@pytest.fixture(scope="session")
def store(pytestconfig: pytest.Config) -> str:
    """The back end that whole-program tests run on: `--store`, and SQLite when nothing is said."""
    chosen: str | None = pytestconfig.getoption("--store")
    return chosen or "sqlite"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what says nothing of the chosen store, so that it does not count as skipped."""
    chosen: str | None = config.getoption("--store")
    if chosen is None:
        return
    left_out = [item for item in items if not _concerns(item, chosen)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if _concerns(item, chosen)]


def _concerns(item: pytest.Item, chosen: str) -> bool:
    named = {name for mark in item.iter_markers("store") for name in mark.args}
    named |= {name for mark in item.iter_markers("service") for name in mark.args if name in STORES}
    return not named or chosen in named


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, aloud, what needs a server that is not there."""
    for mark in item.iter_markers("service"):
        for name in mark.args:
            if not _is_listening(SERVICE_URLS[name]):
                # Aloud, and a failure in CI (--fail-on-skip), where `make services` has started every server.
                pytest.skip(f"{name} does not answer at {SERVICE_URLS[name]}: run `make services` first")


@cache
def _is_listening(url: str) -> bool:
    address = urlsplit(url)
    try:
        with socket.create_connection((address.hostname, address.port), timeout=_PROBE_TIMEOUT_S):
            return True
    except OSError:
        return False


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if exitstatus == pytest.ExitCode.OK and _forbidden_skips(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if count := _forbidden_skips(config):
        terminalreporter.section("skips", red=True, bold=True)
        terminalreporter.write_line(f"{count} skipped: --fail-on-skip makes that a failure")


def _forbidden_skips(config: pytest.Config) -> int:
    if not config.getoption("--fail-on-skip"):
        return 0
    reporter = config.pluginmanager.getplugin("terminalreporter")
    return len(reporter.getreports("skipped")) if isinstance(reporter, pytest.TerminalReporter) else 0
