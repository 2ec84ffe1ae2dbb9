from dataclasses import dataclass, fields

from register.model.sealing import SEALED, index_of, sealed


@dataclass
class Ding:
    bsn: str = sealed("ding")


def test_a_sealed_field_says_for_what_and_is_not_shown() -> None:
    [one] = fields(Ding)
    assert one.metadata[SEALED] == "ding"
    assert repr(Ding("999990019")).endswith("Ding()")
    assert index_of("bsn") == "bsn_index"
