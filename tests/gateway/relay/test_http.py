from tests.gateway.dataplane import *
async def test_smoke(plane: DataPlane) -> None:
    a = await plane.ask_inway(plane.authorized())
    print(a, plane.service.received)
    a = await plane.ask_outway()
    print(a, plane.service.received)
    assert 0
