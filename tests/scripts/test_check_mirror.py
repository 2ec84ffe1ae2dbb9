from pathlib import Path

from scripts.check_mirror import find_faults, main, twin_of


def _write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_the_twin_lies_at_the_same_place_below_tests() -> None:
    assert twin_of("gateway/fsc/token.py") == "tests/gateway/fsc/test_token.py"


def test_a_module_without_a_twin_is_a_fault(tmp_path: Path) -> None:
    _write(tmp_path, "certs/tls.py", "certs/trust.py", "certs/__init__.py", "tests/certs/test_trust.py")
    assert [fault.partition(":")[0] for fault in find_faults(tmp_path, {})] == ["certs/tls.py"]


def test_a_test_of_the_same_name_elsewhere_is_no_twin(tmp_path: Path) -> None:
    _write(tmp_path, "gateway/inway/handler.py", "tests/gateway/outway/test_handler.py")
    assert len(list(find_faults(tmp_path, {}))) == 1


def test_an_exception_needs_no_twin(tmp_path: Path) -> None:
    _write(tmp_path, "storage/log.py")
    assert list(find_faults(tmp_path, {"storage/log.py": "a port"})) == []


def test_an_exception_that_is_none_any_more_is_a_fault(tmp_path: Path) -> None:
    _write(tmp_path, "storage/log.py", "tests/storage/test_log.py")
    faults = list(find_faults(tmp_path, {"storage/log.py": "a port", "storage/gone.py": "a port"}))
    assert [fault.partition(":")[0] for fault in faults] == ["storage/gone.py", "storage/log.py"]


def test_a_fault_makes_the_command_fail(tmp_path: Path) -> None:
    assert main(tmp_path) == 1  # nothing is there, so every exception of ours is stale
