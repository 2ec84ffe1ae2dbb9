from register.http.messages import json_response


def test_json_is_written_as_utf_8() -> None:
    response = json_response(201, {"naam": "Yılmaz 🙂", "leeg": None}, headers={"Location": "x"})
    assert response.status == 201
    assert response.headers == {"Content-Type": "application/json", "Location": "x"}
    assert response.body == '{"naam":"Yılmaz 🙂","leeg":null}'.encode()
