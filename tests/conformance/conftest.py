"""The suites are no test modules by name: pytest is told to explain their assertions too."""

import pytest

pytest.register_assert_rewrite(
    "tests.conformance.cache",
    "tests.conformance.documents_find",
    "tests.conformance.documents_life",
    "tests.conformance.documents_model",
    "tests.conformance.documents_write",
    "tests.conformance.log_life",
    "tests.conformance.log_model",
    "tests.conformance.log_use",
)
