from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.identity import PeerId
from config import names


@pytest.mark.parametrize(
    ("parse", "good"),
    [
        (names.parse_group_id, "fsc/example_1.test-2"),
        (names.parse_subject_field, "subject.serialNumber"),
        (names.parse_service_name, "klant.inter_acties-1"),
        (names.parse_service_name, "abc"),
        (names.parse_label, "a-1"),
        (names.parse_application_id, "KISS.frontend_1"),
        (names.parse_peer_id_or_any, "00000001823288444000"),
        (names.parse_peer_id_or_any, "*"),
        (names.parse_rsin, "823288444"),
        (names.parse_scope, "mijn-taken.lezen"),
        (names.parse_scope, "beheer"),
        (names.parse_token, "!~secret"),
    ],
)
def test_good_names_pass_unchanged(parse: Callable[[str], str], good: str) -> None:
    assert parse(good) == good


@pytest.mark.parametrize(
    ("parse", "bad"),
    [
        (names.parse_group_id, ""),
        (names.parse_group_id, "fsc example"),
        (names.parse_group_id, "g" * 101),
        (names.parse_group_id, "group\n"),
        (names.parse_subject_field, "serialNumber"),
        (names.parse_service_name, "ab"),
        (names.parse_service_name, "a/b/c"),
        (names.parse_service_name, "s" * 101),
        (names.parse_label, "Voorbeeld"),
        (names.parse_label, "a" * 64),
        (names.parse_label, "a.b"),
        (names.parse_application_id, "a b"),
        (names.parse_peer_id_or_any, "**"),
        (names.parse_peer_id_or_any, "000\n"),
        (names.parse_rsin, "823288445"),
        (names.parse_rsin, "82328844"),
        (names.parse_rsin, "82328844४"),
        (names.parse_scope, "klantinteracties.schrijven"),
        (names.parse_token, ""),
        (names.parse_token, "two words"),
        (names.parse_token, "é"),
    ],
)
def test_bad_names_are_refused_with_a_remedy(parse: Callable[[str], str], bad: str) -> None:
    with pytest.raises(ValueError, match=r"[a-z]"):
        parse(bad)


def test_a_refused_token_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="visible ASCII") as refusal:
        names.parse_token("geheim woord")
    assert "geheim" not in str(refusal.value)


def test_a_misspelled_scope_is_recognised() -> None:
    with pytest.raises(ValueError, match=r'did you mean "klantinteracties\.lezen"'):
        names.parse_scope("klantinteractie.lezen")


def test_suggestion_names_the_nearest_else_all_of_a_few_else_nothing() -> None:
    assert names.suggestion("storge", ["storage", "cache"]) == ': did you mean "storage"?'
    assert names.suggestion("qqq", ["storage", "cache"]) == ": use one of cache, storage"
    assert names.suggestion("qqq", [f"name{number}" for number in range(40)]) == ""
    assert names.suggestion("qqq", []) == ""


@given(st.text(max_size=5_000))
def test_suggestion_never_repeats_what_was_given(given_text: str) -> None:
    assert names.suggestion(given_text, ["storage"]) in {': did you mean "storage"?', ": use one of storage"}


@given(st.integers(min_value=0, max_value=99_999_999))
def test_one_wrong_digit_never_makes_an_rsin_of_an_rsin(number: int) -> None:
    valid = [text for last in range(10) if _is_rsin(text := f"{number:08}{last}")]
    for text in valid:
        for place in range(9):
            for digit in set("0123456789") - {text[place]}:
                assert not _is_rsin(text[:place] + digit + text[place + 1 :])


def _is_rsin(text: str) -> bool:
    try:
        names.parse_rsin(text)
    except ValueError:
        return False
    return True


def test_a_star_means_every_peer() -> None:
    peer = PeerId("00000001823288444000")
    assert names.is_listed(peer, [peer])
    assert names.is_listed(peer, [names.ANY_PEER])
    assert not names.is_listed(peer, [PeerId("00000001950428139000")])
    assert not names.is_listed(peer, [])
