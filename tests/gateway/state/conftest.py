"""The federation that these tests play in."""

from tests.gateway.dataplane import plane as plane
