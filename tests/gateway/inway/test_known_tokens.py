from typing import cast

from gateway.inway import known_tokens
from gateway.inway.known_tokens import KnownToken, KnownTokens


def token() -> KnownToken:
    return cast(KnownToken, object())


def test_a_token_is_known_by_its_whole_value() -> None:
    tokens, one = KnownTokens(), token()
    tokens.put(b"a", one)
    assert tokens.get(b"a") is one
    assert tokens.get(b"A") is None


def test_the_first_known_are_forgotten_first(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(known_tokens, "MAX_TOKENS", 2)
    tokens, first = KnownTokens(), token()
    for value in (b"a", b"b", b"a", b"c"):
        tokens.put(value, first)
    assert [tokens.get(value) is None for value in (b"a", b"b", b"c")] == [False, True, False]


def test_their_size_together_is_bounded(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(known_tokens, "MAX_BYTES", 100)
    tokens = KnownTokens()
    for _ in range(5):
        tokens.put(b"a" * 60, token())
    tokens.put(b"b" * 40, token())
    assert tokens.get(b"a" * 60) is not None
    tokens.put(b"c", token())
    assert tokens.get(b"a" * 60) is None
    assert tokens.get(b"b" * 40) is not None
