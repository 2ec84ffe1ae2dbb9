import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.body import MAX_BODY_BYTES, parse_body, render_body
from storage.errors import StoreUnavailable

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), json_values))
def test_every_json_object_comes_back(body: dict[str, object]) -> None:
    assert parse_body(render_body(body)) == body


def test_the_text_is_compact_and_unescaped() -> None:
    assert render_body({"naam": "Café 𝄞", "n": [1, None]}) == '{"naam":"Café 𝄞","n":[1,null]}'


def test_the_size_is_counted_in_bytes() -> None:
    around = len(render_body({"x": ""}))
    fits = {"x": "é" * ((MAX_BODY_BYTES - around) // 2)}
    assert parse_body(render_body(fits)) == fits
    with pytest.raises(ValueError, match="at most 15000000"):
        render_body({"x": "é" * (MAX_BODY_BYTES // 2)})


def test_a_body_nested_too_deep_is_refused() -> None:
    body: dict[str, object] = {}
    for _ in range(100_000):
        body = {"x": body}
    with pytest.raises(ValueError, match="nested too deep"):
        render_body(body)


def test_the_reason_shows_nothing_of_the_body() -> None:
    with pytest.raises(ValueError, match="a body holds only") as caught:
        render_body({"bsn": "999990019\ud800"})
    assert "999990019" not in f"{caught.value}{caught.value.__cause__}"


@pytest.mark.parametrize("text", ["", "{", '{"x":}', "[" * 100_000, "\0"], ids=lambda text: ascii(text[:10]))
def test_damaged_text_is_a_failure_of_the_store(text: str) -> None:
    with pytest.raises(StoreUnavailable, match="damaged"):
        parse_body(text)
