from register.families.klantinteracties.digitale_adressen import DIGITALE_ADRESSEN
from register.families.klantinteracties.partij_identificatoren import PARTIJ_IDENTIFICATOREN
from register.families.klantinteracties.partijen import PARTIJEN


def test_a_resource_knows_its_parameters_and_which_may_hold_a_bsn() -> None:
    assert PARTIJEN.sensitive == {"partijIdentificator__objectId", "subIdentificatorVan__objectId"}
    assert PARTIJ_IDENTIFICATOREN.sensitive == {"partijIdentificatorObjectId"}
    assert DIGITALE_ADRESSEN.sensitive <= set(DIGITALE_ADRESSEN.parameters)
    assert len(DIGITALE_ADRESSEN.identified_by) == 1


def test_no_parameter_is_declared_twice() -> None:
    for resource in (PARTIJEN, PARTIJ_IDENTIFICATOREN, DIGITALE_ADRESSEN):
        assert len(resource.parameters) == sum(len(each.parameters) for each in resource.filters)
