"""The suites are no test modules by name: pytest is told to explain their assertions too."""

import pytest

pytest.register_assert_rewrite(
    "tests.conformance.cache",
    "tests.conformance.documents",
    "tests.conformance.documents_find",
    "tests.conformance.documents_model",
    "tests.conformance.log",
    "tests.conformance.log_model",
)
