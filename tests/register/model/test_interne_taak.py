from register.model.interne_taak import InterneTaak, StatusTaak, settled


def test_a_task_that_is_done_has_an_instant_and_another_has_none() -> None:
    done = InterneTaak("u", 1, status=StatusTaak.VERWERKT)
    assert settled(done, "now").afgehandeld_op == "now"
    assert settled(settled(done, "then"), "now").afgehandeld_op == "then"
    assert settled(InterneTaak("u", 1, afgehandeld_op="then"), "now").afgehandeld_op is None
