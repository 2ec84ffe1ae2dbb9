from register.model.actor import Actor, ActorGegevens, check_actor


def test_an_email_address_has_the_form_of_one() -> None:
    for address, faults in (("", 0), ("j@x.nl", 0), ("geen", 1)):
        actor = Actor("u", 1, actor_identificatie=ActorGegevens(emailadres=address))
        assert len(list(check_actor(actor))) == faults
    assert list(check_actor(Actor("u", 1))) == []
