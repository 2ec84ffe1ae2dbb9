import errno
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.addresses import UnixAddress
from config.errors import ConfigError
from config.load import MAX_FILE_BYTES, load_settings
from tests.config.samples import document, load, other_tenant, tenant, write


def problems(folder: Path, content: str | dict[str, Any], **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        load(folder, content, **environ)
    return [str(problem) for problem in refusal.value.problems]


# The file itself


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"kr\.yaml: there is no such file"):
        load_settings(tmp_path / "kr.yaml", {})


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder: name the file in it"):
        load_settings(tmp_path, {})


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "file.yaml/below"])
def test_a_path_that_no_system_knows(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.yaml").touch()
    with pytest.raises(ConfigError, match=r"cannot be read|no such file"):
        load_settings(tmp_path / name, {})


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, document())

    # Permissions do not stop root, as whom the tests may run.
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ConfigError, match="may not be read by this user"):
        load_settings(path, {})


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "kr.yaml"
    path.write_bytes(b"group:\n  id: \xff\n")
    with pytest.raises(ConfigError, match=r"is not UTF-8 text \(line 2\)"):
        load_settings(path, {})


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "kr.yaml"
    path.write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    with pytest.raises(ConfigError, match="is larger than"):
        load_settings(path, {})


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "kr.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(document()).encode())
    assert load_settings(path, {}).group.id == "fsc.example.test"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}"])
def test_an_empty_file_lacks_the_group(tmp_path: Path, text: str) -> None:
    [problem] = problems(tmp_path, text)
    assert problem.startswith("group: is required: The Group that all tenants belong to.")


@pytest.mark.parametrize("text", ["[]", "text", "5", "- group: 1"])
def test_a_file_that_is_no_mapping(tmp_path: Path, text: str) -> None:
    [problem] = problems(tmp_path, text)
    assert "must hold keys with values, beginning with group: and tenants:" in problem


# What it makes of a good one


def test_paths_are_taken_from_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        tmp_path,
        document(group={"revocation": {"crl": ["ca.crl"]}}, storage="sqlite:///x.db", keys={"master_file": "m"}),
    )
    monkeypatch.chdir(tmp_path.parent)
    value = load_settings(Path(tmp_path.name) / "klantenregister.yaml", {})
    assert value.group.trust_anchors == (tmp_path / "pki/root.pem",)
    assert value.group.revocation.crl == (tmp_path / "ca.crl",)
    assert value.storage.get_secret_value() == f"sqlite:///{tmp_path}/x.db"
    assert value.keys.master_file == tmp_path / "m"
    assert value.listen.admin == UnixAddress(tmp_path / "data/admin.sock")
    assert value.tenants[0].certificates[0].cert == tmp_path / "pki/voorbeeld.pem"


def test_secrets_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "kiss.token").write_text("s3cret\n")
    (tmp_path / "cache.url").write_text("redis://host/1\n")
    value = load(
        tmp_path, document(tenant(applications=[{"id": "kiss", "token_file": "kiss.token"}]), cache_file="cache.url")
    )
    assert value.tenants[0].applications[0].token.get_secret_value() == "s3cret"
    assert value.cache.get_secret_value() == "redis://host/1"


def test_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / "storage.url").write_text("memory:")
    value = load(
        tmp_path,
        document(group={"token_ttl_seconds": 5, "allow_any_port": False}),
        KR_GROUP__TOKEN_TTL_SECONDS="60",
        KR_GROUP__ALLOW_ANY_PORT="true",
        KR_GROUP__HASH_PROFILES='["fsc-1.1", "fsc-2.0"]',
        KR_STORAGE_FILE="storage.url",
        KR_TENANTS__0__NAME="Gemeente Elders",
        KR_REGISTER_URL="",
        HOME="/root",
    )
    assert value.group.token_ttl_seconds == 60
    assert value.group.allow_any_port
    assert value.group.hash_profiles == ("fsc-1.1", "fsc-2.0")
    assert value.storage.get_secret_value() == "memory:"
    assert value.tenants[0].name == "Gemeente Elders"


def test_everything_can_come_from_the_environment(tmp_path: Path) -> None:
    whole = document(tenant(), other_tenant())
    value = load(tmp_path, "", KR_GROUP=json.dumps(whole["group"]), KR_TENANTS=json.dumps(whole["tenants"]))
    assert value == load(tmp_path, whole)


def test_a_file_that_a_yaml_1_1_library_wrote(tmp_path: Path) -> None:
    value = document(tenant(slug="no"), other_tenant(rsin=["001234572"], directory=True), storage="sqlite:///x.db")
    written = yaml.safe_dump(value)
    assert "peer_id: 00000001823288444000" in written
    assert load(tmp_path, written) == load(tmp_path, value)


def test_text_that_yaml_1_1_would_change_stays_as_written(tmp_path: Path) -> None:
    text = yaml.safe_dump(document()).replace("slug: voorbeeld", "slug: off")
    assert load(tmp_path, text).tenants[0].slug == "off"


# What it makes of a bad one


def test_all_kinds_of_problem_are_told_at_once_with_their_origin(tmp_path: Path) -> None:
    text = """\
group:
  id: fsc example
  trust_anchors: [pki/root.pem]
storge: x
tenants:
  - {peer_id: 1823288444000, name: Gemeente Voorbeeld, slug: a, certificates: [{cert: a, key: b}],
     manager_address: "https://m.a:8443", inway_address: "https://i.a:443",
     applications: [{id: kiss, token_file: missing}]}
  - {peer_id: "00000001823288444000", name: Gemeente Voorbeeld, slug: a}
"""
    found = problems(tmp_path, text, KR_GROUP__TOKEN_TTL_SECONDS="soon", KR_CASHE="x")
    assert [(line.partition(": ")[0], line.rpartition(" [")[2]) for line in found] == [
        ("KR_CASHE", "environment]"),
        ("tenants[0].applications[0].token_file", "line 8]"),
        ("tenants[1].slug", "line 9]"),
        ("group.id", "line 2]"),
        ("group.token_ttl_seconds", "environment variable KR_GROUP__TOKEN_TTL_SECONDS]"),
        ("tenants[0].peer_id", "line 6]"),
        ("tenants[1].certificates", "line 9]"),
        ("tenants[1].manager_address", "line 9]"),
        ("tenants[1].inway_address", "line 9]"),
        ("storge", "line 4]"),
    ]


def test_rules_between_settings_are_told_beside_duplicates(tmp_path: Path) -> None:
    found = problems(tmp_path, document(tenant(), tenant(slug="b")))
    assert [line.partition(": ")[0] for line in found] == [
        "tenants[1].peer_id",
        "tenants[1].manager_address",
        "tenants[1].inway_address",
    ]


def test_both_forms_of_a_secret(tmp_path: Path) -> None:
    [problem] = problems(tmp_path, document(storage="memory:", storage_file="x"))
    assert problem == "storage_file: storage is given too: keep one of the two [line 1]"


def test_an_unknown_variable_is_refused(tmp_path: Path) -> None:
    [problem] = problems(tmp_path, document(), KR_GROUP__IDD="x")
    assert problem == 'KR_GROUP__IDD: this variable is no setting: did you mean "KR_GROUP__ID"? [environment]'


def test_loading_writes_nothing(tmp_path: Path) -> None:
    load(tmp_path, document())
    assert [path.name for path in tmp_path.iterdir()] == ["klantenregister.yaml"]


keys = st.sampled_from(
    [
        *(
            "group",
            "id",
            "trust_anchors",
            "listen",
            "storage",
            "storage_file",
            "tenants",
            "slug",
            "peer_id",
            "services",
        ),
        *(
            "name",
            "applications",
            "token",
            "token_file",
            "accept",
            "peers",
            "connections",
            "service",
            "properties",
            "x",
        ),
    ]
)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["a.pem", "*"])
)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5), max_leaves=20
)


def assert_loaded_or_refused(folder: Path, text: str, environ: dict[str, str]) -> None:
    try:
        load(folder, text, **environ)
    except ConfigError as error:
        refusal = error
    else:
        return
    assert refusal.problems
    assert all(problem.message and str(problem).isprintable() for problem in refusal.problems)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(whole=st.dictionaries(keys, trees, max_size=5), first=st.dictionaries(keys, trees, max_size=5))
def test_any_tree_is_loaded_or_refused_with_problems(tmp_path: Path, whole: Any, first: Any) -> None:
    for value in (whole, document(tenant(**first)), {**document(), **whole}):
        text = json.dumps(value).replace("NaN", ".nan").replace("Infinity", ".inf")
        assert_loaded_or_refused(tmp_path, text, {})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_any_bytes_are_loaded_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "kr.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        load_settings(path, {})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(environ=st.dictionaries(st.from_regex(r"KR_[A-Z0-9_]{0,20}", fullmatch=True), st.text(max_size=20)))
def test_any_environment_is_applied_or_refused(tmp_path: Path, environ: dict[str, str]) -> None:
    assert_loaded_or_refused(tmp_path, json.dumps(document()), environ)
