from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.errors import NotFound
from register.http.pages import DEFAULT_SIZE, MAX_SIZE, PageRequest, check_exists, envelope, parse_page


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("1", 1),
        ("500", 500),
        ("501", 500),
        ("999999999", 500),
        ("0", 100),
        ("-1", 100),
        ("x", 100),
        ("", 100),
        ("1.5", 100),
        ("99999999999999999999", 100),
        ("٣", 100),
        (" 5", 100),
    ],
)
def test_a_page_size_never_fails(size: str, expected: int) -> None:
    assert parse_page({"pageSize": size}).size == expected


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.0", "last", "²", "9" * 30])
def test_a_page_that_makes_no_sense_is_not_found(number: str) -> None:
    with pytest.raises(NotFound):
        parse_page({"page": number})


@pytest.mark.parametrize("given_", [{}, {"page": ""}, {"page": "1"}])
def test_the_first_page_is_the_default(given_: dict[str, str]) -> None:
    assert parse_page(given_) == PageRequest(1, DEFAULT_SIZE)


@given(st.dictionaries(st.sampled_from(["page", "pageSize"]), st.text(max_size=12)))
def test_any_text_gives_a_page_or_not_found(given_: dict[str, str]) -> None:
    try:
        page = parse_page(given_)
    except NotFound:
        return
    assert page.number >= 1
    assert 1 <= page.size <= MAX_SIZE


def test_a_page_beyond_the_end_does_not_exist_but_the_first_always_does() -> None:
    check_exists(PageRequest(1, 10), 0)
    check_exists(PageRequest(2, 10), 11)
    with pytest.raises(NotFound):
        check_exists(PageRequest(2, 10), 10)


@given(st.integers(0, 60), st.integers(1, 20))
def test_following_next_visits_every_result_once_and_previous_leads_back(count: int, size: int) -> None:
    page = PageRequest(1, size)
    seen: list[int] = []
    trail: list[int] = []
    while True:
        results = [{"n": each} for each in range(count)[page.offset : page.offset + page.size]]
        body = envelope(page, count, results, "https://x.test/lijst", {"pageSize": str(size), "q": "é&="})
        seen.extend(each["n"] for each in body["results"])
        trail.append(page.number)
        assert (body["previous"] is None) == (page.number == 1)
        if body["next"] is None:
            break
        parameters = parse_qs(urlsplit(body["next"]).query)
        assert parameters["q"] == ["é&="]
        page = PageRequest(int(parameters["page"][0]), int(parameters["pageSize"][0]))
    assert seen == list(range(count))
    assert trail == list(range(1, len(trail) + 1))
