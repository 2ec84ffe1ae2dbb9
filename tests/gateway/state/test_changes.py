"""`gateway.state.changes`: what is told between processes names what to read and never what was written."""

from dataclasses import fields

from gateway.state.changes import Change, Topic, tell_nobody


def test_a_change_names_and_does_not_hold() -> None:
    assert [field.name for field in fields(Change)] == ["topic", "id", "revision"]
    tell_nobody(Change(Topic.CONTRACT, "$1$1$x"))


def test_topics_are_told_apart_on_the_wire() -> None:
    assert len({topic.value for topic in Topic}) == len(Topic) == 5
