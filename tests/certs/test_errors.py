"""The tree in the module's docstring is the tree."""

import inspect

import pytest

from certs import errors


def every_error() -> list[type[Exception]]:
    return [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]


@pytest.mark.parametrize("kind", every_error())
def test_one_root_for_all(kind: type[Exception]) -> None:
    assert issubclass(kind, errors.CertsError)


def test_the_docstring_names_every_error() -> None:
    assert errors.__doc__ is not None
    assert [kind.__name__ for kind in every_error() if kind.__name__ not in errors.__doc__] == []


def test_a_refusal_carries_its_reason() -> None:
    refusal = errors.CertificateRevoked("revoked by its issuer")
    assert (refusal.reason, str(refusal)) == ("revoked by its issuer", "revoked by its issuer")
